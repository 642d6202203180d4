"""Whether a running ticket can move to another version of its SOP: its finished steps must still stand.

The ticket walks the new version from the top over its journal. That is only sound when every finished step
means the same there, leads to the same place, and has nothing new before it that would now run too late.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from definitions.book import PinnedSop
from definitions.schema import ANY_ERROR, NOT_NEEDED, Sop, Step, all_sequences, all_steps, routes_of
from domain.steps import StepOutput

_FREE: Final = frozenset(
    {"name", "timeout", "retry", "fallback", "async", "compensate", "branch", "on_error", "on_reject"}
)
"""What may change of a finished step. Of its routes, the one that was taken may not."""
_BLOCKS: Final = ("parallel", "foreach", "repeat")


def objections_to(
    old: PinnedSop, new: PinnedSop, finished: Mapping[str, StepOutput], started: Collection[str]
) -> list[str]:
    """Why a ticket with this journal cannot move; empty when every finished step still stands."""
    if old.sop.id != new.sop.id:
        return [f"{new.sop.name} is another SOP than {old.sop.name}"]
    problems = [
        problem for key, output in finished.items() for problem in _of_finished(old, new, key, output)
    ]
    begun = [key for key in started if key not in finished]
    return [
        *problems,
        *_given_anew(old, new, finished, begun),
        *_too_late(old, new, finished, started),
    ]


def step_at(pinned: PinnedSop, key: str) -> tuple[Sop, Step] | None:
    """The step that a key of the journal belongs to, with the SOP it stands in; None for what is no step."""
    along = _along(pinned, key)
    return along[-1] if along else None


def fallback_id(sop: Sop, step: Step) -> str:
    """What the step's fallback goes by: its handler's name, after the step's where others go by that, too.

    A key is an idempotency key: two orders must never share one.
    """
    name = step.fallback or ""
    others = [each for _, each in all_steps(sop.steps) if each.id != step.id]
    taken = any(name in (each.id, each.fallback) for each in others) or any(
        name in targets for each in (step, *others) for targets in routes_of(each).values()
    )
    return f"{step.id}.{name}" if taken else name


def owner_of(pinned: PinnedSop, key: str) -> str:
    """The key of the step whose fallback goes by this key; of all else the key itself."""
    if step_at(pinned, key) is not None:
        return key
    around, _, name = key.rpartition(".")
    found = step_at(pinned, around)
    if around and found is None:
        return key
    if found is not None and found[1].fallback == name and fallback_id(*found) == f"{found[1].id}.{name}":
        return around
    sop = found[0] if found is not None else pinned.sop
    if found is not None and found[1].call is not None:
        sop = pinned.called.get(found[1].call, sop)
    for _, step in all_steps(sop.steps):
        if step.fallback == name and fallback_id(sop, step) == name:
            return f"{around}.{step.id}" if around else step.id
    return key


def same_step(old: PinnedSop, new: PinnedSop, key: str) -> bool:
    """Whether the step with this key means word for word the same in both, or is no step in either.

    That takes what loops and calls around it give to it as well. A fallback is as its step is.
    """
    key, then = owner_of(old, key), owner_of(new, key)
    before, after = _along(old, key), _along(new, then)
    if key != then or not before or not after:
        return key == then and not before and not after
    return (
        before[-1][1] == after[-1][1]
        and _place(*before[-1]) == _place(*after[-1])
        and [_gives(step) for _, step in before] == [_gives(step) for _, step in after]
    )


def _along(pinned: PinnedSop, key: str) -> list[tuple[Sop, Step]]:
    """The steps that a key names, from the outermost, each with its SOP; none where one does not exist."""
    sop, along = pinned.sop, list[tuple[Sop, Step]]()
    for part in key.split("."):
        around = along[-1][1] if along else None
        if around is not None and around.call is not None:
            if around.call not in pinned.called:
                return []
            sop = pinned.called[around.call]
        elif around is not None and (around.foreach or around.repeat) and part.isdigit():
            continue
        step = sop.step(part.split("~")[0])
        if step is None:
            return []
        along.append((sop, step))
    return along


def _gives(step: Step) -> tuple[Any, ...]:
    """What a loop or a call gives to the steps inside."""
    loop = step.foreach
    return (loop.items, loop.item) if loop else (step.call, step.inputs) if step.call else ()


def _of_finished(old: PinnedSop, new: PinnedSop, key: str, output: StepOutput) -> Iterator[str]:
    before, after = step_at(old, key), step_at(new, key)
    if before is None:
        # A handler that a route named, a fallback or a compensation: the step that led there is judged.
        return
    if after is None:
        yield f"{key} is finished, and the new version has no such step"
        return
    if _place(*before) != _place(*after):
        yield f"{key} is finished, and stands elsewhere in the new version"
    if _meaning(before[1]) != _meaning(after[1]):
        yield f"{key} is finished, and does something else in the new version"
    if _route(before[1], output) != _route(after[1], output):
        yield f"{key} came out as {output.outcome}, which leads elsewhere in the new version"


def _given_anew(
    old: PinnedSop, new: PinnedSop, finished: Mapping[str, StepOutput], begun: Collection[str]
) -> Iterator[str]:
    """Loops and calls that something was done in, for items or inputs that might be others now."""
    for key in begun:
        before, after = step_at(old, key), step_at(new, key)
        if before is None or after is None or _gives(before[1]) == _gives(after[1]):
            continue
        if any(each.startswith((f"{key}.", f"{key}~")) for each in finished):
            what = "items" if before[1].foreach else "inputs"
            yield f"{key} has done a part, and has other {what} in the new version"


def _too_late(
    old: PinnedSop, new: PinnedSop, finished: Mapping[str, StepOutput], started: Collection[str]
) -> Iterator[str]:
    """New steps that would run after what they should come before."""
    begun = {found[1].id for key in (*finished, *started) if (found := step_at(new, key))}
    done = {found[1].id for key in finished if (found := step_at(new, key))}
    known = {step.id for sop in (old.sop, *old.called.values()) for _, step in all_steps(sop.steps)}
    for sop in (new.sop, *new.called.values()):
        loops = {
            inner.id
            for _, step in all_steps(sop.steps)
            if step.id in begun and (step.foreach or step.repeat)
            for _, sequence in step.sequences()
            for _, inner in all_steps(sequence)
        }
        for _, sequence in all_sequences(sop.steps):
            last = max((index for index, step in enumerate(sequence) if step.id in done), default=-1)
            for index, step in enumerate(sequence):
                if step.id in known:
                    continue
                if index < last:
                    yield f"{step.id} is new, and stands before {sequence[last].id}, which is finished"
                elif step.id in loops:
                    yield f"{step.id} is new in a loop that has begun"


def _place(sop: Sop, step: Step) -> tuple[str, ...]:
    """The steps around, from the outermost, by id."""
    by_place = dict(all_steps(sop.steps))
    here = next(place for place, each in by_place.items() if each.id == step.id)
    return tuple(by_place[here[:end]].id for end in range(2, len(here)) if here[:end] in by_place)


def _meaning(step: Step) -> dict[str, Any]:
    """What the step does, without its routes, its patience, and the steps inside it."""
    content = step.model_dump(mode="json", exclude=set(_BLOCKS))
    meaning = {name: value for name, value in content.items() if name not in _FREE}
    for block in (step.foreach, step.repeat):
        if block is not None:
            meaning |= block.model_dump(mode="json", exclude={"steps", "limit"})
    if step.parallel is not None:
        meaning["parallel"] = sorted(step.parallel)
    return meaning


def _route(step: Step, output: StepOutput) -> Any:
    """Where the step led: its targets; all its branches where none fits, as a person chose one of them."""
    if output.outcome == "failed":
        routes = step.on_error or {}
        return routes.get(str(output.data.get("code")), routes.get(ANY_ERROR))
    if output.outcome == "rejected" and step.on_reject is not None:
        return step.on_reject
    if step.branch is None or output.outcome == NOT_NEEDED:
        return None
    return step.branch.get(output.outcome, step.branch)
