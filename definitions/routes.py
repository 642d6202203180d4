"""Which ways a run can take through an SOP, found without running it.

Branches only go forward, so one pass over the steps in their order sees every route.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from definitions.schema import Sop, Step
from domain.handlers import HandlerSpec


@dataclass
class Routes:
    """What the walk saw."""

    reached: set[int] = field(default_factory=set)
    """Indices of the steps that some route runs."""
    unassessed: set[tuple[int, str]] = field(default_factory=set)
    """Steps, with the handler in question, that can change something before the risk is assessed."""
    skipped_controls: list[tuple[int, str, int]] = field(default_factory=list)
    """Branching step, outcome, and the first control that this route jumps over."""


def walk(sop: Sop, catalogue: Mapping[str, HandlerSpec]) -> Routes:
    """Follows every route. Targets that do not exist or lie behind are passed over."""
    order = {step.id: index for index, step in reversed(list(enumerate(sop.steps)))}
    routes = Routes()
    # For each step that the run can go on to: whether the risk is known there on every way to it.
    assessed_at: dict[int, bool] = {0: False}

    def run(index: int, step: Step, handler: str | None, assessed: bool) -> bool:
        spec = catalogue.get(handler or "")
        names = (handler, step.fallback) if handler == step.handler else (handler,)
        for name in names:
            each = catalogue.get(name or "")
            if each and each.effect.gated and not assessed:
                routes.unassessed.add((index, each.name))
        return assessed or bool(spec and spec.assesses_risk and not step.is_async)

    def go_on(index: int, assessed: bool) -> None:
        assessed_at[index] = assessed and assessed_at.get(index, True)

    for index, step in enumerate(sop.steps):
        if index not in assessed_at:
            continue
        routes.reached.add(index)
        assessed = run(index, step, step.handler, assessed_at[index])
        if not step.branch or (step.handler and step.handler not in catalogue):
            go_on(index + 1, assessed)
        for outcome, targets in (step.branch or {}).items():
            known, following, done = assessed, index + 1, set[int]()
            for number, target in enumerate(targets):
                ahead = order.get(target, -1)
                following = index + 1
                if ahead > index and number == len(targets) - 1:
                    # To run the last target and go on after it is to go on at it.
                    following = ahead
                elif ahead > index:
                    known = run(ahead, sop.steps[ahead], sop.steps[ahead].handler, known)
                    done.add(ahead)
                elif ahead < 0:
                    known = run(index, step, target, known)
            routes.reached |= done
            for passed in range(index + 1, following):
                spec = catalogue.get(sop.steps[passed].handler or "")
                if spec and spec.control and passed not in done:
                    routes.skipped_controls.append((index, outcome, passed))
                    break
            go_on(following, known)
    return routes
