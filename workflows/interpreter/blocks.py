"""Steps that hold other steps: side by side, for each item, again and again, or of another SOP."""

import asyncio
from collections.abc import Awaitable, Iterable, Mapping
from typing import Any, Final

from definitions.expression_values import as_json
from definitions.expressions import evaluate, holds, render
from definitions.schema import Step
from domain.fields import EXPECTED, fits
from domain.steps import StepOutput
from workflows.interpreter.runtime import StepFailure, TicketEnded
from workflows.interpreter.scope import Scope
from workflows.interpreter.sequence import NotReached, Performed, Run, Sequence, SopFinished

MOST_ITEMS: Final = 500


async def run_parallel(run: Run, step: Step, sequence: Sequence) -> Performed:
    """All sequences at the same time; done when every one is."""
    scope = sequence.scope.inside(step)
    branches = (step.parallel or {}).values()
    await _together(run, (Sequence(run, steps, scope).walk() for steps in branches))
    return Performed(StepOutput(summary=f"{len(branches)} sequences done"))


async def run_foreach(run: Run, step: Step, sequence: Sequence) -> Performed:
    """The steps once for each item, a few items at a time."""
    spec = step.foreach
    assert spec is not None  # noqa: S101 - the kind of the step says so
    place = _place(run, step, sequence.scope)
    # Kept, because a list may depend on the clock, and a run that is continued walks through it again.
    if place not in run.journal.given:
        run.journal.given[place] = _items(spec.items, sequence.facts)
    items = run.journal.given[place]
    at_once = asyncio.Semaphore(spec.limit)
    scopes = [
        sequence.scope.round(step, f"{place}.{number}", {spec.item: item})
        for number, item in enumerate(items, start=1)
    ]

    async def one(scope: Scope) -> None:
        async with at_once:
            await Sequence(run, spec.steps, scope).walk()

    await _together(run, (one(scope) for scope in scopes))
    results = [
        {each.id: scope.results[each.id].outcome for each in spec.steps if each.id in scope.results}
        for scope in scopes
    ]
    return Performed(
        StepOutput(summary=f"{len(items)} items done", data={"count": len(items), "results": results})
    )


def _items(source: str, facts: Mapping[str, Any]) -> list[Any]:
    items = evaluate(source, facts)
    if not isinstance(items, list | tuple):
        raise StepFailure("expression_failed", f"{source!r} is not a list")
    if len(items) > MOST_ITEMS:
        raise StepFailure("input_invalid", f"{len(items)} items; a foreach takes at most {MOST_ITEMS}")
    return [as_json(item) for item in items]


async def run_repeat(run: Run, step: Step, sequence: Sequence) -> Performed:
    """Round after round, until the condition holds."""
    spec = step.repeat
    assert spec is not None  # noqa: S101 - the kind of the step says so
    place = _place(run, step, sequence.scope)
    for number in range(1, spec.limit + 1):
        scope = sequence.scope.round(step, f"{place}.{number}", {})
        rounds = Sequence(run, spec.steps, scope)
        await rounds.walk()
        # Kept, because a condition may look at the clock, and a run that is continued asks again.
        verdict = f"{place}.{number}"
        if verdict not in run.journal.verdicts:
            if scope.recalling:
                raise NotReached
            run.journal.verdicts[verdict] = holds(spec.until, rounds.facts)
        if run.journal.verdicts[verdict]:
            sequence.scope.results.update(_in_time(run, sequence.scope.key(step.id), scope))
            return Performed(StepOutput(summary=f"after {number} rounds", data={"rounds": number}))
        if spec.every is not None and number < spec.limit and not scope.recalling:
            pause = f"{place}.{number}.pause"
            await run.runtime.wait_until(
                pause, run.journal.dues.setdefault(pause, run.runtime.now + spec.every)
            )
    raise StepFailure("repeat_exhausted", f"{spec.until} did not hold after {spec.limit} rounds")


def _in_time(run: Run, loop: str, scope: Scope) -> dict[str, StepOutput]:
    """What the last round shows to later steps, however often they are walked to: not what came after it."""
    results = dict(scope.results.maps[0])
    if loop not in run.journal.finished:
        return results
    order = {key: place for place, key in enumerate(run.journal.finished)}
    return {name: each for name, each in results.items() if order.get(scope.key(name), 0) < order[loop]}


async def run_call(run: Run, step: Step, sequence: Sequence) -> Performed:
    """Another SOP as one step."""
    sop = run.pinned.called.get(step.call or "")
    if sop is None:
        raise StepFailure("definition_invalid", f"there is no SOP {step.call!r}")
    place = _place(run, step, sequence.scope)
    if place not in run.journal.given:
        inputs = render(step.inputs, sequence.facts)
        for name, kind in sop.inputs.items():
            if not fits(kind, inputs.get(name)):
                raise StepFailure("input_invalid", f"{step.call} needs {name}: expected {EXPECTED[kind]}")
        run.journal.given[place] = inputs
    inputs = run.journal.given[place]
    try:
        await Sequence(run, sop.steps, sequence.scope.called(step, place, sop, inputs)).walk()
    except SopFinished:
        return Performed(StepOutput(summary=f"{sop.name} finished early"))
    return Performed(StepOutput(summary=f"{sop.name} done"))


def _place(run: Run, step: Step, scope: Scope) -> str:
    """What keys of the steps inside begin with: another for each deliberate new try."""
    key = scope.key(step.id)
    return run.journal.place(key, scope.recalled_try or run.journal.occurrence(key))


async def _together(run: Run, walks: Iterable[Awaitable[None]]) -> None:
    """Waits for all. One that ends the ticket ends the others where they wait, never in an effect."""

    async def one(walk: Awaitable[None]) -> Exception | None:
        try:
            await walk
        except TicketEnded as end:
            run.runtime.abandon(end)
            return end
        except (StepFailure, SopFinished, NotReached) as stop:
            return stop
        return None

    stops: list[Any] = [stop for stop in await asyncio.gather(*(one(walk) for walk in walks)) if stop]
    for kind in (TicketEnded, StepFailure, SopFinished, NotReached):
        for stop in stops:
            if isinstance(stop, kind):
                raise stop
