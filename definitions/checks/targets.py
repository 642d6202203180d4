"""Targets of routes: each leads forward, to something that exists, and comes once."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from definitions.checks.subject import Subject, number_of
from definitions.findings import Finding, suggestion
from definitions.schema import ENDINGS, Place, Step, Targets, routes_of


class _Target(NamedTuple):
    step: Place
    """The step whose route it is."""
    place: Place
    name: str
    number: int
    route: Targets

    @property
    def sequence(self) -> Place:
        return self.step[:-1]

    @property
    def begins_at(self) -> int:
        return number_of(self.step)

    @property
    def is_last(self) -> bool:
        return self.number == len(self.route) - 1


def _targets(subject: Subject) -> Iterator[_Target]:
    for place, step in subject.steps:
        for below, route in routes_of(step).items():
            for number, name in enumerate(route):
                yield _Target(place, (*place, *below, number), name, number, route)


def targets_exist_and_lie_ahead(subject: Subject) -> Iterator[Finding]:
    """A route leads to later steps of its sequence or to handlers, so that every run comes to an end."""
    for target in _targets(subject):
        if target.name in target.route[: target.number]:
            yield subject.found(
                "OPS219", target.place, f"the target {target.name!r} stands twice in this route"
            )
        elif target.name in ENDINGS:
            if not target.is_last:
                yield subject.found(
                    "OPS224",
                    target.place,
                    f"{target.name!r} ends the run, so what stands behind it in this route is never done",
                    f"{target.name!r} as the last target of the route",
                )
        else:
            yield from _leads_to_a_step_or_handler(subject, target)


def _leads_to_a_step_or_handler(subject: Subject, target: _Target) -> Iterator[Finding]:
    home = subject.homes.get(target.name)
    if home is not None and home[:-1] == target.sequence and number_of(home) > target.begins_at:
        if subject.sequences[target.sequence][number_of(home)].branch and not target.is_last:
            yield subject.found(
                "OPS220",
                target.place,
                f"the step {target.name!r} branches itself, so what comes after it is not settled here",
                f"{target.name!r} as the last target of the route",
            )
        return
    if home is None and target.name in subject.catalogue:
        return
    ahead = [step.id for step in subject.sequences[target.sequence][target.begins_at + 1 :]]
    field = target.place[len(target.step)]
    if home is not None and home[:-1] == target.sequence:
        what = "itself" if home == target.step else "an earlier step"
        yield subject.found(
            "OPS205",
            target.place,
            f"the step leads to {what}, {target.name!r}: a {field} only goes forward",
            _later(ahead),
        )
    elif home is not None:
        yield subject.found(
            "OPS223",
            target.place,
            f"the step {target.name!r} stands elsewhere, as {subject.where(home)}: "
            "a route leads to later steps of its own sequence",
            _later(ahead),
        )
    else:
        known = [*ahead, *ENDINGS, *subject.catalogue]
        yield subject.found(
            "OPS203",
            target.place,
            f"unknown {field} target {target.name!r}{suggestion(target.name, known)}",
            f"{_later(ahead)}, a handler, reject or finish",
        )


def _later(ahead: list[str]) -> str:
    shown = ", ".join(ahead[:12]) + (" …" if len(ahead) > 12 else "")
    return f"the id of a later step ({shown or 'there is none'})"


def targets_do_not_repeat_a_step(subject: Subject) -> Iterator[Finding]:
    """Naming a later step's handler instead of the step would make the effect happen twice."""
    last_with: dict[tuple[Place, str], Step] = {}
    for place, step in subject.steps:
        if step.handler is not None:
            last_with[(place[:-1], step.handler)] = step
    for target in _targets(subject):
        doubled = last_with.get((target.sequence, target.name))
        if doubled is None or target.name in subject.homes:
            continue
        if number_of(subject.homes[doubled.id]) > target.begins_at:
            yield subject.found(
                "OPS217",
                target.place,
                f"{target.name!r} is the handler of the step {doubled.id!r}, which then runs it again",
                f"the step's id, {doubled.id!r}",
            )


CHECKS: Final = (targets_exist_and_lie_ahead, targets_do_not_repeat_a_step)
