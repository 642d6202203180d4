"""What a person is shown: the request that a question of the interpreter becomes."""

from domain.review import PlannedEffect, ReviewRequest
from domain.steps import effect_digest
from domain.task import OpsTask
from workflows.interpreter import PlannedCall, Question
from workflows.run_state import TicketRun


def digest_of_effect(call: PlannedCall, task: OpsTask) -> str:
    """What an approval of the call is bound to."""
    return effect_digest(call.spec.name, task, call.inputs)


def review_of(question: Question, run: TicketRun, number: int, evidence: tuple[str, ...]) -> ReviewRequest:
    """The `number`th review of the ticket, with the ticket's facts as evidence before any more."""
    deadline_at = None
    if question.deadline:
        deadline_at = run.stopwatch.deadline(run.stopwatch.elapsed(run.now) + question.deadline)
    return ReviewRequest(
        review_id=f"R{number}-{run.task.task_id}",
        task_id=run.task.task_id,
        kind=question.kind,
        step_id=question.step_id,
        question=question.text,
        role=question.role,
        group=question.group or run.task.assigned_group,
        choices=question.choices,
        evidence=(
            f"ticket: {run.task.title}",
            f"dispatched to {run.pinned.answer.group}: {run.pinned.answer.evidence.reason}",
            f"risk {run.risk}" + "".join(f"; {reason}" for reason in run.risk_reasons),
            *([f"before this: {question.because}"] if question.because else []),
            *evidence,
        ),
        effects=tuple(
            PlannedEffect(
                step_id=call.key,
                handler=call.spec.name,
                digest=digest_of_effect(call, run.task),
                inputs=dict(call.inputs),
            )
            for call in question.ahead
        ),
        four_eyes=question.four_eyes,
        opened_at=run.now,
        deadline_at=deadline_at,
        on_late=question.on_late,
        quorum=question.quorum,
        form=dict(question.form),
    )
