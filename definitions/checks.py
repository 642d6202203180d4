"""What an SOP means: an ordered list of small checks over one SOP and the handler catalogue.

Each check is a function `(Sop, positions, catalogue) -> findings` and looks at one thing. To add one, write
it, register its codes in `definitions.findings`, and append it to `CHECKS`.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Final

from definitions.findings import Finding, bounded, found, listed, suggestion
from definitions.routes import walk
from definitions.schema import Sop, Step
from definitions.yaml_source import Document, Path
from domain.duration import format_duration
from domain.handlers import Effect, HandlerSpec
from domain.sla import DEFAULT_SLA

Catalogue = Mapping[str, HandlerSpec]
Check = Callable[[Sop, Document, Catalogue], Iterator[Finding]]


def handlers_exist(sop: Sop, positions: Document, catalogue: Catalogue) -> Iterator[Finding]:
    """Every handler and every fallback is in the catalogue."""
    for index, step in enumerate(sop.steps):
        for field, name, code in (
            ("handler", step.handler, "OPS201"),
            ("fallback", step.fallback, "OPS202"),
        ):
            if name is not None and name not in catalogue:
                yield found(
                    positions.file,
                    positions.value_at("steps", index, field),
                    code,
                    f"unknown {field} {name!r}{suggestion(name, catalogue)}",
                    listed(catalogue),
                )
        if step.fallback is not None and step.fallback == step.handler:
            yield found(
                positions.file,
                positions.value_at("steps", index, "fallback"),
                "OPS215",
                f"the fallback {step.fallback!r} is the handler that has just failed",
                "another handler, usually a person",
            )


def step_ids_are_unique(sop: Sop, positions: Document, _: Catalogue) -> Iterator[Finding]:
    """No two steps have one id."""
    first: dict[str, int] = {}
    for index, step in enumerate(sop.steps):
        if step.id in first:
            given = ("steps", index, "id") in positions.values
            yield found(
                positions.file,
                positions.value_at("steps", index, "id" if given else "name"),
                "OPS204",
                f"the step id {step.id!r} is that of step {first[step.id] + 1} already",
                "another name, or an `id` of its own",
            )
        first.setdefault(step.id, index)


def targets_exist_and_lie_ahead(sop: Sop, positions: Document, catalogue: Catalogue) -> Iterator[Finding]:
    """A route leads to later steps or handlers only, so that every run comes to an end."""
    order = {step.id: index for index, step in reversed(list(enumerate(sop.steps)))}
    for index, place, target, earlier, last in _targets(sop):
        at = positions.value_at(*place)
        if target in earlier:
            yield found(positions.file, at, "OPS219", f"the target {target!r} stands twice in this route")
        elif target in order:
            if order[target] <= index:
                what = "itself" if order[target] == index else "an earlier step"
                yield found(
                    positions.file,
                    at,
                    "OPS205",
                    f"the step leads to {what}, {target!r}: a branch only goes forward",
                    listed(step.id for step in sop.steps[index + 1 :]),
                )
            elif sop.steps[order[target]].branch and not last:
                yield found(
                    positions.file,
                    at,
                    "OPS220",
                    f"the step {target!r} branches itself, so what comes after it is not settled here",
                    f"{target!r} as the last target of the route",
                )
        elif target not in catalogue:
            ahead = [step.id for step in sop.steps[index + 1 :]]
            yield found(
                positions.file,
                at,
                "OPS203",
                f"unknown branch target {target!r}{suggestion(target, [*ahead, *catalogue])}",
                f"the id of a later step ({', '.join(ahead) or 'there is none'}) or a handler",
            )


def targets_do_not_repeat_a_step(sop: Sop, positions: Document, _: Catalogue) -> Iterator[Finding]:
    """Naming a later step's handler instead of the step would make the effect happen twice."""
    ids = {step.id for step in sop.steps}
    for index, place, target, _earlier, _last in _targets(sop):
        doubled = next((step for step in sop.steps[index + 1 :] if step.handler == target), None)
        if doubled and target not in ids:
            yield found(
                positions.file,
                positions.value_at(*place),
                "OPS217",
                f"{target!r} is the handler of the step {doubled.id!r}, which then runs it again",
                f"the step's id, {doubled.id!r}",
            )


def outcomes_are_routed(sop: Sop, positions: Document, catalogue: Catalogue) -> Iterator[Finding]:
    """Routes are for outcomes that exist; outcomes without a route go to a person."""
    for index, step in enumerate(sop.steps):
        outcomes = outcomes_of(step, catalogue)
        if not outcomes:
            continue
        spec = catalogue.get(step.handler or "")
        if step.branch is None:
            if len(outcomes) > 1 and spec and spec.effect is Effect.NONE and not spec.assesses_risk:
                yield found(
                    positions.file,
                    positions.value_at("steps", index, "handler"),
                    "OPS218",
                    f"{step.handler!r} answers {', '.join(outcomes)}, and no branch looks at it",
                    "a `branch` with a route for each",
                )
            continue
        for outcome in step.branch:
            if outcome not in outcomes:
                yield found(
                    positions.file,
                    positions.key_at("steps", index, "branch", outcome),
                    "OPS207",
                    f"unknown outcome {outcome!r}{suggestion(outcome, outcomes)}",
                    listed(outcomes),
                )
        missing = [outcome for outcome in outcomes if outcome not in step.branch]
        if missing:
            yield found(
                positions.file,
                positions.key_at("steps", index, "branch"),
                "OPS206",
                f"no route for {', '.join(missing)}: at run time a person has to pick one",
                "a route for each outcome",
            )


def effects_wait_for_the_risk(sop: Sop, positions: Document, catalogue: Catalogue) -> Iterator[Finding]:
    """On every route the risk is assessed before anything changes outside."""
    for index, handler in sorted(walk(sop, catalogue).unassessed):
        yield found(
            positions.file,
            positions.value_at("steps", index, "handler"),
            "OPS211",
            f"{handler!r} can run here before the risk is assessed",
            "a step with a risk assessor (such as risk_assessor) before it on every route",
        )


def steps_are_reached(sop: Sop, positions: Document, catalogue: Catalogue) -> Iterator[Finding]:
    """Every step can run, and no route leaves out a control."""
    routes = walk(sop, catalogue)
    for index, step in enumerate(sop.steps):
        if index not in routes.reached:
            yield found(
                positions.file,
                positions.value_at("steps", index),
                "OPS212",
                f"the step {step.id!r} is never reached: every route before it leads past it",
            )
    for index, outcome, skipped in routes.skipped_controls:
        yield found(
            positions.file,
            positions.key_at("steps", index, "branch", outcome),
            "OPS213",
            f"the route for {outcome!r} jumps over the control {sop.steps[skipped].id!r}",
            f"{sop.steps[skipped].id!r} among its targets",
        )


def async_steps_hold_nothing_up(sop: Sop, positions: Document, catalogue: Catalogue) -> Iterator[Finding]:
    """People, controls and risk assessors are waited for."""
    for index, step in enumerate(sop.steps):
        spec = catalogue.get(step.handler or "")
        if not step.is_async or spec is None:
            continue
        reason = (
            "a person's decision"
            if spec.human
            else "the risk"
            if spec.assesses_risk
            else "a control"
            if spec.control
            else ""
        )
        if reason:
            yield found(
                positions.file,
                positions.value_at("steps", index, "async"),
                "OPS209",
                f"{step.handler!r} cannot be async: what follows relies on {reason}",
                "no `async` here",
            )


def people_have_deadlines(sop: Sop, positions: Document, catalogue: Catalogue) -> Iterator[Finding]:
    """Whoever is asked knows by when; and nothing is set that has no effect on people."""
    for index, step in enumerate(sop.steps):
        for kind, person in (("review", step.review), ("manual", step.manual)):
            if person is not None and person.deadline is None:
                yield found(
                    positions.file,
                    positions.key_at("steps", index, kind),
                    "OPS210",
                    f"the {kind} step {step.id!r} has no deadline",
                    "a `deadline`, and with `on_late` what silence means",
                )
        spec = catalogue.get(step.handler or "")
        if spec is None or spec.human is None:
            continue
        for field in ("timeout", "retry", "fallback"):
            if getattr(step, field) is not None:
                yield found(
                    positions.file,
                    positions.key_at("steps", index, field),
                    "OPS216",
                    f"{step.handler!r} is a person: {field} has no effect",
                    f"no `{field}` here; the deadline stands in policies/human_tasks.yaml",
                )


def times_fit_the_sla(sop: Sop, positions: Document, _: Catalogue) -> Iterator[Finding]:
    """Escalation, time-outs and deadlines end before the SLA does."""
    sla = sop.sla or DEFAULT_SLA
    shown = format_duration(sla) + ("" if sop.sla else ", which holds where no `sla` is given")
    if sop.escalation and sop.escalation.at >= sla:
        yield found(
            positions.file,
            positions.value_at("escalation", "at"),
            "OPS208",
            f"the escalation at {format_duration(sop.escalation.at)} is not before the end of the SLA",
            f"less than {shown}",
        )
    for index, step in enumerate(sop.steps):
        times: list[tuple[Path, timedelta | None]] = [(("timeout",), step.timeout)]
        for kind, person in (("review", step.review), ("manual", step.manual)):
            if person is not None:
                times.append(((kind, "deadline"), person.deadline))
        for path, time in times:
            if time is not None and time > sla:
                yield found(
                    positions.file,
                    positions.value_at("steps", index, *path),
                    "OPS214",
                    f"{path[-1]} of {format_duration(time)} is longer than the SLA",
                    f"at most {shown}",
                )


CHECKS: Final[tuple[Check, ...]] = (
    handlers_exist,
    step_ids_are_unique,
    targets_exist_and_lie_ahead,
    targets_do_not_repeat_a_step,
    outcomes_are_routed,
    effects_wait_for_the_risk,
    steps_are_reached,
    async_steps_hold_nothing_up,
    people_have_deadlines,
    times_fit_the_sla,
)


def check_sop(sop: Sop, positions: Document, catalogue: Catalogue) -> list[Finding]:
    """What all checks find, in the order of the file."""
    findings = bounded(finding for check in CHECKS for finding in check(sop, positions, catalogue))
    return sorted(findings, key=lambda finding: (finding.line, finding.column, finding.code))


def outcomes_of(step: Step, catalogue: Catalogue) -> tuple[str, ...]:
    """What a step can answer; empty where its handler is unknown.

    At a review or manual step with a branch, the person picks one of the routes.
    """
    if step.handler is None:
        return tuple(step.branch or ())
    spec = catalogue.get(step.handler)
    return spec.outcomes if spec else ()


def _targets(sop: Sop) -> Iterator[tuple[int, Path, str, tuple[str, ...], bool]]:
    """Each target: index of its step, place in the file, name, those listed before it, whether it is last."""
    for index, step in enumerate(sop.steps):
        for outcome, targets in (step.branch or {}).items():
            for number, target in enumerate(targets):
                place = ("steps", index, "branch", outcome, number)
                yield index, place, target, targets[:number], number == len(targets) - 1
