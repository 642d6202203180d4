"""The end of a ticket whose SOP is being rolled out: hands what happened to a shadow run.

Nothing that goes wrong here reaches the ticket: its timeline says so, and that is all.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

from temporalio import workflow
from temporalio.common import Priority, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.workflow import ParentClosePolicy

from activities.messages import Opening
from definitions.migration import step_at
from definitions.shadow import effects_of, handler_of, standing_in
from domain.lifecycle import TicketState
from domain.outcomes import NO_PERSON, TOUCHES
from domain.review import DecidedReview
from domain.shadow import RunAccount
from domain.steps import StepOutput
from domain.ticket import EventKind
from workflows.interpreter import Journal
from workflows.run_state import TicketRun
from workflows.shadow_contract import SHADOW_TYPE, ShadowAnswer, ShadowInput, shadow_id
from workflows.snapshot import EventsSnapshot, ReviewsSnapshot

_LONGEST: Final = timedelta(days=1)
"""A shadow run that cannot end, because the candidate or opsloop has a fault, is ended."""
_LAST: Final = Priority(priority_key=5)
"""Real tickets go first."""
_DEADLINE: Final = "deadline"


async def start_shadow(
    run: TicketRun,
    *,
    effects: dict[str, str],
    journal: Journal,
    reviews: ReviewsSnapshot,
    events: EventsSnapshot,
) -> None:
    """Starts the shadow run that a rollout wants of this ticket, if any. Raises nothing.

    A ticket that somebody cancelled tells nothing of its SOP, and has none.
    """
    opening = run.opening
    if (
        opening is None
        or opening.shadow is None
        or opening.rollout is None
        or run.state is TicketState.CANCELLED
    ):
        return
    task_id = run.task.task_id
    try:
        given = _given(run, opening, effects=effects, journal=journal, reviews=reviews, events=events)
        await workflow.start_child_workflow(
            SHADOW_TYPE,
            given,
            id=shadow_id(task_id, opening.shadow.digest),
            parent_close_policy=ParentClosePolicy.ABANDON,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            execution_timeout=_LONGEST,
            priority=_LAST,
            static_summary=f"{opening.shadow.sop.name} {opening.shadow.version} in shadow",
        )
    except WorkflowAlreadyStartedError:
        return
    except Exception as error:
        run.note(EventKind.SHADOW, f"the shadow run could not be started: {type(error).__name__}")
        return
    run.note(
        EventKind.SHADOW, f"version {opening.rollout.version} runs in shadow", rollout=opening.rollout.rollout
    )


def _given(
    run: TicketRun,
    opening: Opening,
    *,
    effects: dict[str, str],
    journal: Journal,
    reviews: ReviewsSnapshot,
    events: EventsSnapshot,
) -> ShadowInput:
    shadow, place = opening.shadow, opening.rollout
    assert shadow is not None and place is not None  # noqa: S101 - `start_shadow` has looked
    pinned = opening.sop
    stands = standing_in(pinned, shadow)
    came: dict[str, list[dict[str, Any]]] = {}
    for name, data in _events(opening, journal, events):
        came.setdefault(name, []).append(data)
    return ShadowInput(
        placement=place,
        candidate=shadow,
        task=opening.answer.applied_to(run.task),
        opened_at=min(journal.started.values(), default=run.opened_at),
        started=journal.started,
        clock=run.clock,
        real=RunAccount(
            sop=pinned.sop.id,
            version=pinned.version,
            digest=pinned.digest,
            state=run.state,
            risk=run.risk,
            touches=_touches(run, reviews),
            effects=effects_of(effects, pinned, stands),
            skipped=tuple(run.steps_skipped),
        ),
        standing_in=stands,
        answers=tuple(_answer(each, opening) for each in reviews.decided),
        events={name: tuple(data) for name, data in came.items()},
        results=_results(effects, journal),
    )


def _answer(decided: DecidedReview, opening: Opening) -> ShadowAnswer:
    request = decided.request
    found = step_at(opening.sop, request.step_id)
    return ShadowAnswer(
        kind=request.kind,
        step_id=request.step_id,
        handler=handler_of(opening.sop, request.step_id) if found and found[1].handler else "",
        verb=decided.verb,
        choice=decided.choice,
        form=decided.form,
        late=decided.late,
        by=decided.by,
        at=decided.at,
    )


def _events(
    opening: Opening, journal: Journal, events: EventsSnapshot
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Events that steps waited for, and those that nobody waited for."""
    for key, output in journal.finished.items():
        found = step_at(opening.sop, key)
        wait = found[1].wait if found else None
        if wait is not None and wait.event is not None and output.outcome == "received":
            yield wait.event, output.data
    for each in events.inbox:
        yield each.name, each.data


def _results(effects: dict[str, str], journal: Journal) -> dict[str, StepOutput]:
    return {digest: journal.finished[key] for key, digest in effects.items() if key in journal.finished}


def _touches(run: TicketRun, reviews: ReviewsSnapshot) -> int:
    """Acts of people: approvals and refusals, and commands to the run as far as it knows them still."""
    answers = sum(max(1, len(each.request.approvals)) for each in reviews.decided if each.by != _DEADLINE)
    commands = TOUCHES - {EventKind.REVIEW_APPROVED, EventKind.REVIEW_DECIDED}
    return answers + sum(each.kind in commands and each.actor not in NO_PERSON for each in run.events)
