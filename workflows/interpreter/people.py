"""Steps that a person does: decisions, work by hand, and handlers that are people."""

from definitions.schema import LATE, Step
from domain.handlers import HumanTask
from domain.lifecycle import TicketState
from domain.review import ReviewKind, Verb
from domain.steps import StepOutput
from workflows.interpreter.runtime import Question, TicketEnded
from workflows.interpreter.sequence import Performed, Run, Sequence


async def ask_review(run: Run, step: Step, sequence: Sequence) -> Performed:
    """A decision that the SOP asks for."""
    spec = step.review
    assert spec is not None  # noqa: S101 - the kind of the step says so
    human = HumanTask(kind="review", **spec.model_dump())
    return await ask(run, step, sequence, human)


async def ask_manual(run: Run, step: Step, sequence: Sequence) -> Performed:
    """Work by hand that the SOP asks for."""
    spec = step.manual
    assert spec is not None  # noqa: S101 - the kind of the step says so
    human = HumanTask(kind="manual", question=spec.instructions, **spec.model_dump(exclude={"instructions"}))
    return await ask(run, step, sequence, human)


async def ask(run: Run, step: Step, sequence: Sequence, human: HumanTask, because: str = "") -> Performed:
    """Asks and waits. A no takes the route `on_reject`, or ends the ticket: raises `TicketEnded`."""
    by_hand = human.kind == "manual"
    key = sequence.scope.key(step.id)
    occurrence = run.journal.occurrence(key)
    decided = await run.runtime.ask(
        Question(
            key=key if occurrence == 1 else f"{key}/{occurrence}",
            kind=ReviewKind.MANUAL if by_hand else ReviewKind.STEP,
            step_id=key,
            text=human.question,
            role=human.role,
            group=human.group,
            deadline=human.deadline,
            on_late=human.on_late,
            choices=tuple(each for each in step.branch or () if each != LATE) if step.handler is None else (),
            quorum=human.quorum,
            four_eyes=human.four_eyes and not by_hand,
            form=human.form,
            because=because,
            # Whoever works by hand confirms their own work, and approves nothing beyond it.
            ahead=() if by_hand else sequence.effects_ahead(step),
        )
    )
    if decided.late:
        return Performed(StepOutput(outcome=LATE, summary="nobody answered in time; nothing is approved"))
    if decided.verb is Verb.REJECT:
        if step.on_reject is None:
            raise TicketEnded(TicketState.REJECTED, decided.refusal)
        data = {"by": decided.by, "reason": decided.reason}
        return Performed(StepOutput(outcome="rejected", summary=decided.refusal, data=data), step.on_reject)
    outcome = decided.choice or ("done" if by_hand else "approved")
    verb = "done" if by_hand else outcome
    data = {**decided.form, "by": decided.by}
    return Performed(StepOutput(outcome=outcome, summary=f"{verb} by {decided.by}", data=data))
