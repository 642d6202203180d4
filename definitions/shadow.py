"""What a run changed outside, named so that runs of two versions of an SOP can be compared."""

from collections.abc import Iterator, Mapping
from typing import Final

from definitions.book import PinnedSop
from definitions.migration import step_at
from definitions.schema import Step, all_steps
from domain.handlers import Effect, HandlerSpec
from domain.shadow import EffectMade

BY_HAND: Final = "by hand: "
"""What stands in place of a digest where a person did the work."""
_UNDOING: Final = ".compensation"


def handler_of(pinned: PinnedSop, key: str) -> str:
    """The handler behind a key of a run: its step's, or the one that a route or a fallback names."""
    if key.endswith(_UNDOING):
        found = step_at(pinned, key.removesuffix(_UNDOING))
        how = found[1].compensate if found else None
        return (how.handler if how else None) or key
    found = step_at(pinned, key)
    last = key.rpartition(".")[2]
    return (found[1].handler or last) if found else last


def effects_of(
    done: Mapping[str, str], pinned: PinnedSop, standing_in: Mapping[str, str]
) -> tuple[EffectMade, ...]:
    """The effects of a run under `pinned`, from their digests by key, in their order."""
    return tuple(_effect(key, digest, pinned, standing_in) for key, digest in done.items())


def standing_in(*versions: PinnedSop) -> dict[str, str]:
    """The handler of an effect by the name of the work by hand that stands in for it.

    That is the fallback of a step with an effect, or the id of such a step: where one version has a person
    do by hand what the other one has done by a handler, both do the same.
    """
    stands: dict[str, str] = {}
    for pinned in versions:
        for step in _steps(pinned):
            spec = pinned.handlers.get(step.handler or "")
            if spec is None or not spec.effect.gated:
                continue
            stands.setdefault(step.id, spec.name)
            if step.fallback is not None and _is_person(pinned.handlers.get(step.fallback)):
                stands[step.fallback] = spec.name
    return stands


def _effect(key: str, digest: str, pinned: PinnedSop, stands: Mapping[str, str]) -> EffectMade:
    name = handler_of(pinned, key)
    if digest.startswith(BY_HAND):
        last = key.rpartition(".")[2]
        what = stands.get(name) or stands.get(last) or f"{BY_HAND}{last}"
        return EffectMade(key=key, what=what, in_order=True)
    spec = pinned.handlers.get(name)
    in_order = spec is not None and spec.effect is Effect.BANK
    return EffectMade(key=key, what=name, digest=digest, in_order=in_order)


def _steps(pinned: PinnedSop) -> Iterator[Step]:
    for sop in (pinned.sop, *pinned.called.values()):
        for _, step in all_steps(sop.steps):
            yield step


def _is_person(spec: HandlerSpec | None) -> bool:
    return spec is not None and spec.human is not None
