"""Whether a running ticket can move to another version of its SOP: its finished steps must still stand.

The ticket walks the new version from the top over its journal. That is only sound when every finished step
means the same there, leads to the same place, and has nothing new before it that would now run too late.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from definitions.book import PinnedSop
from definitions.schema import ANY_ERROR, Sop, Step, all_sequences, all_steps
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
    return [*problems, *_too_late(old, new, finished, started)]


def step_at(pinned: PinnedSop, key: str) -> tuple[Sop, Step] | None:
    """The step that a key of the journal belongs to, with the SOP it stands in; None for what is no step."""
    sop: Sop = pinned.sop
    parts = iter(key.split("."))
    step: Step | None = None
    for part in parts:
        if step is not None and step.call is not None:
            called = pinned.called.get(step.call)
            if called is None:
                return None
            sop = called
        elif step is not None and (step.foreach or step.repeat) and part.isdigit():
            continue
        step = sop.step(part.split("~")[0])
        if step is None:
            return None
    return (sop, step) if step is not None else None


def same_step(old: PinnedSop, new: PinnedSop, key: str) -> bool:
    """Whether the step with this key is word for word the same in both, or is no step in either."""
    before, after = step_at(old, key), step_at(new, key)
    if before is None or after is None:
        return before is after
    return before[1] == after[1] and _place(*before) == _place(*after)


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


def _route(step: Step, output: StepOutput) -> tuple[str, ...] | None:
    if output.outcome == "failed":
        routes = step.on_error or {}
        return routes.get(str(output.data.get("code")), routes.get(ANY_ERROR))
    if output.outcome == "rejected" and step.on_reject is not None:
        return step.on_reject
    return (step.branch or {}).get(output.outcome)
