"""One step of any kind: begun, performed, its failures dealt with, finished."""

import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from definitions.expressions import holds
from definitions.schema import ANY_ERROR, NOT_NEEDED, Step
from domain.errors import ExpressionFailed, OutcomeUnknown
from domain.steps import StepOutput
from domain.ticket import EventKind
from workflows.interpreter.blocks import run_call, run_foreach, run_parallel, run_repeat
from workflows.interpreter.handlers import admit, run_handler
from workflows.interpreter.journal import Failure
from workflows.interpreter.people import ask_manual, ask_review
from workflows.interpreter.runtime import StepFailure
from workflows.interpreter.scope import Scope
from workflows.interpreter.sequence import NotReached, Performed, Run, Sequence, SopFinished
from workflows.interpreter.waits import run_wait

SKIPPED: Final = "skipped"
"""The outcome of a step that an operator, or the fast track, left out."""
FAILED: Final = "failed"
"""The outcome of a step whose failure took a route."""
STARTED: Final = "started"
"""What a step that does not hold the run answers for the time being."""


_KINDS: Final[Mapping[str, Callable[[Run, Step, Sequence], Awaitable[Performed]]]] = {
    "handler": run_handler,
    "review": ask_review,
    "manual": ask_manual,
    "wait": run_wait,
    "call": run_call,
    "parallel": run_parallel,
    "foreach": run_foreach,
    "repeat": run_repeat,
}


async def perform(run: Run, step: Step, sequence: Sequence) -> Performed:
    """Does what the step says, however often it takes; a finished one only answers what it came to."""
    journal, key = run.journal, sequence.scope.key(step.id)
    await _recall(run, step, sequence)
    if key in journal.finished:
        performed = Performed(journal.finished[key], journal.routes.get(key))
        _keep(run, step, sequence, performed)
        return performed
    if sequence.scope.recalling:
        if step.is_async and (key in journal.started or key in journal.failures):
            # Its fallback, or the new try that an operator wanted, still runs when everything else is done.
            return _failed_in_background(run, step, sequence)
        raise NotReached
    await run.runtime.checkpoint()
    current, because = step, ""
    while True:
        try:
            performed = await _attempt(run, current, sequence, because)
        except StepFailure as failure:
            if current is step and step.fallback is not None and _may_replace(run, step, failure):
                current, because = _instead(step, sequence.scope), f"{step.name}: {failure.message}"
                continue
            rescued = await _after_failure(run, current, sequence, failure)
            if rescued is None:
                continue
            if rescued.output.outcome == SKIPPED and (what := _matters(run, step)):
                run.runtime.demand_caution(f"the {what} {key} was skipped")
            performed = rescued
        if performed.output.outcome != STARTED:
            journal.failures.pop(key, None)
            _finish(run, step, sequence, performed)
        return performed


async def _recall(run: Run, step: Step, sequence: Sequence) -> None:
    """Shows again what the steps inside came to, in the tries that are over."""
    if step.call is None and next(step.sequences(), None) is None:
        return
    journal, key = run.journal, sequence.scope.key(step.id)
    # A block around it that is over may have left it in the middle, by a route to `finish`.
    was_left = sequence.scope.recalling and key in journal.started
    is_over = was_left or key in journal.finished or key in journal.failures
    for occurrence in range(1, journal.occurrence(key) + is_over):
        with contextlib.suppress(NotReached, SopFinished, StepFailure, ExpressionFailed):
            await _KINDS[step.kind](run, step, sequence.recalled(occurrence))


async def replace_failed(run: Run) -> None:
    """Runs the fallbacks of background steps that failed, in the order in which these began."""
    began = {key: place for place, key in enumerate(run.journal.started)}
    # A run that is continued meets them in another order, and each may change what the next one is asked.
    run.to_replace.sort(key=lambda each: began.get(each[1].scope.key(each[0].id), -1))
    while run.to_replace:
        step, sequence = run.to_replace.pop(0)
        await perform(run, step.model_copy(update={"is_async": False}), sequence.resumed())


async def _attempt(run: Run, step: Step, sequence: Sequence, because: str) -> Performed:
    """One try. Notes a failure, once, and raises it."""
    journal, key = run.journal, sequence.scope.key(step.id)
    if key in journal.failures:
        if step.is_async:
            return _failed_in_background(run, step, sequence)
        raise StepFailure(journal.failures[key].code, journal.failures[key].message)
    try:
        if because:
            return await run_handler(run, step, sequence, because)
        return await _begin(run, step, sequence)
    except ExpressionFailed as error:
        failure = StepFailure(error.code, str(error))
    except StepFailure as error:
        failure = error
    _note_failure(run, key, step, failure)
    if step.is_async:
        # One that cannot even begin holds the run as little as one that fails later.
        await run.runtime.warn(key, step, failure)
        return _failed_in_background(run, step, sequence)
    raise failure


async def _begin(run: Run, step: Step, sequence: Sequence) -> Performed:
    key = sequence.scope.key(step.id)
    if key not in run.journal.started:
        if step.when is not None and not holds(step.when, sequence.facts):
            return Performed(StepOutput(outcome=NOT_NEEDED, summary=f"{step.when} is false"))
        # What a check refuses does not run as if it had passed: a control stays, whatever the SOP says.
        if step.optional and run.runtime.on_fast_track and _matters(run, step) != "control":
            summary = f"{step.name}: optional, and the ticket is on the fast track"
            run.runtime.note(EventKind.STEP_SKIPPED, summary, step_id=key)
            return Performed(StepOutput(outcome=SKIPPED, summary="optional: left out on the fast track"))
        run.journal.started[key] = run.runtime.now
        run.runtime.note(EventKind.STEP_STARTED, step.name, step_id=key)
    if not step.is_async:
        return await _KINDS[step.kind](run, step, sequence)
    call = await admit(run, step, sequence)

    async def follow() -> None:
        try:
            output = await run.runtime.call(call)
        except StepFailure as failure:
            _note_failure(run, key, step, failure)
            await run.runtime.warn(key, step, failure)
            _failed_in_background(run, step, sequence)
        else:
            _finish(run, step, sequence, Performed(output))

    run.in_background(follow())
    return Performed(StepOutput(outcome=STARTED, summary="runs on in the background"))


def _failed_in_background(run: Run, step: Step, sequence: Sequence) -> Performed:
    if step.fallback is not None:
        run.to_replace.append((step, sequence))
    return Performed(StepOutput(outcome=STARTED))


async def _after_failure(run: Run, step: Step, sequence: Sequence, failure: StepFailure) -> Performed | None:
    """What follows a failure: a route, a route of a step around, or an operator. None: try again."""
    journal, key = run.journal, sequence.scope.key(step.id)
    routes = step.on_error or {}
    if failure.code in routes or (ANY_ERROR in routes and not _is_open(run, step, failure)):
        output = StepOutput(outcome=FAILED, summary=failure.message, data={"code": failure.code})
        return Performed(output, routes.get(failure.code, routes.get(ANY_ERROR)))
    if sequence.scope.catches(failure.code):
        raise failure
    choice = await run.runtime.failed(key, step, failure)
    journal.failures.pop(key, None)
    if choice == "retry":
        journal.occurrences[key] = journal.occurrence(key) + 1
        if key in journal.started:
            # A wait that is tried again begins anew; a step that has not begun asks its condition again.
            journal.started[key] = run.runtime.now
            journal.dues.pop(key, None)
        return None
    return Performed(StepOutput(outcome=SKIPPED, summary="skipped by an operator"))


def _matters(run: Run, step: Step) -> str:
    """What is missing when the step, or one inside it, is left out: a control, an effect, or nothing."""
    if step.review or step.manual:
        return "control"
    spec = run.spec(step.handler) if step.handler else None
    if spec is not None:
        human_or_control = spec.control or spec.human is not None
        return "control" if human_or_control else "effect" if spec.effect.gated else ""
    called = run.pinned.called.get(step.call or "")
    inner = [*(called.steps if called else ()), *(each for _, steps in step.sequences() for each in steps)]
    missing = [what for each in inner if (what := _matters(run, each))]
    return "control" if "control" in missing else missing[0] if missing else ""


def _is_open(run: Run, step: Step, failure: StepFailure) -> bool:
    """Whether the effect may have taken place although the step failed."""
    if failure.code != OutcomeUnknown.code or step.handler is None:
        return False
    spec = run.spec(step.handler)
    return spec.effect.gated and spec.resolver is None


def _may_replace(run: Run, step: Step, failure: StepFailure) -> bool:
    """An effect that may have taken place is replaced by a person only, who looks first."""
    return not _is_open(run, step, failure) or run.spec(step.fallback or "").human is not None


def _note_failure(run: Run, key: str, step: Step, failure: StepFailure) -> None:
    run.journal.failures[key] = Failure(code=failure.code, message=failure.message)
    run.runtime.note(EventKind.STEP_FAILED, f"{step.name}: {failure.message}", step_id=key, code=failure.code)


def _finish(run: Run, step: Step, sequence: Sequence, performed: Performed) -> None:
    """Keeps what the step came to and says so in the timeline."""
    key, output = sequence.scope.key(step.id), performed.output
    run.journal.finished[key] = output
    if step.handler is not None and not (step.compensate and step.compensate.handler):
        run.journal.given.pop(run.journal.place(key, run.journal.occurrence(key)), None)
    if performed.route is not None:
        run.journal.routes[key] = performed.route
    _keep(run, step, sequence, performed)
    if output.outcome in (SKIPPED, FAILED):
        return
    kind = EventKind.STEP_NOT_NEEDED if output.outcome == NOT_NEEDED else EventKind.STEP_DONE
    summary = f"{step.name}: {output.summary or output.outcome}"
    run.runtime.note(kind, summary, step_id=key, outcome=output.outcome)


def _keep(run: Run, step: Step, sequence: Sequence, performed: Performed) -> None:
    """Shows the result to later steps, and remembers what undoes it."""
    sequence.scope.results[step.id] = performed.output
    if step.handler is None or step.compensate is None or step.compensate.handler is None:
        return
    # The first declared outcome is the one in which the effect took place.
    if performed.output.outcome == run.spec(step.handler).outcomes[0]:
        run.to_undo[sequence.scope.key(step.id)] = (step, sequence)


def _instead(step: Step, scope: Scope) -> Step:
    """The step with its fallback in place of its handler: another id, so another idempotency key."""
    without = dict.fromkeys(("fallback", "when", "compensate"))
    instead = {"id": scope.fallback_id(step), "handler": step.fallback, "is_async": False}
    return step.model_copy(update={**without, **instead})
