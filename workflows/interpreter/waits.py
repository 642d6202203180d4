"""Steps that wait: for a while, until an instant, or for an event from outside."""

from datetime import UTC, datetime
from typing import Any

from definitions.expressions import evaluate
from definitions.schema import LATE, Step
from domain.duration import format_duration
from domain.lifecycle import TicketState
from domain.steps import StepOutput
from domain.ticket import EventKind
from workflows.interpreter.runtime import StepFailure, TicketEnded
from workflows.interpreter.sequence import Performed, Run, Sequence


async def run_wait(run: Run, step: Step, sequence: Sequence) -> Performed:
    """Waits as the step says. Its time counts from its begin, also in a run that was continued."""
    wait, key = step.wait, sequence.scope.key(step.id)
    assert wait is not None  # noqa: S101 - the kind of the step says so
    since = run.journal.started[key]
    if wait.event is not None:
        by = f", at most {format_duration(wait.deadline)}" if wait.deadline else ""
        _say(run, key, f"{step.name}: waits for {wait.event}{by}")
        data = await run.runtime.wait_for_event(key, wait.event, since, wait.deadline)
        if data is not None:
            return Performed(StepOutput(outcome="received", summary=f"{wait.event} came", data=data))
        missing = f"{wait.event} did not come in time"
        if wait.on_late == "go_on":
            return Performed(StepOutput(outcome=LATE, summary=missing))
        if wait.on_late == "reject":
            raise TicketEnded(TicketState.REJECTED, f"{step.name}: {missing}")
        raise StepFailure("event_missing", missing)
    if key not in run.journal.dues:
        run.journal.dues[key] = (
            since + wait.duration if wait.duration else _instant(evaluate(wait.until or "", sequence.facts))
        )
    due = run.journal.dues[key]
    in_full = wait.duration is None or wait.control
    if due > run.runtime.now and (in_full or not run.runtime.on_fast_track):
        _say(run, key, f"{step.name}: waits until {due:%Y-%m-%d %H:%M:%S} UTC")
        await run.runtime.wait_until(key, due, in_full=in_full)
    is_cut = not in_full and run.runtime.on_fast_track and due > run.runtime.now
    return Performed(StepOutput(outcome="elapsed", summary="not waited out: fast track" if is_cut else ""))


def _say(run: Run, key: str, summary: str) -> None:
    place = run.journal.place(key, run.journal.occurrence(key))
    if place not in run.journal.told:
        run.journal.told[place] = run.runtime.now
        run.runtime.note(EventKind.WAITING, summary, step_id=key)


def _instant(value: Any) -> datetime:
    """An instant that an expression gave. Raises `StepFailure` for what is none."""
    try:
        instant = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        instant = None
    if not isinstance(instant, datetime) or instant.tzinfo is None:
        raise StepFailure("expression_failed", "until: expected an instant with its zone")
    return instant.astimezone(UTC)
