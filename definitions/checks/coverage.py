"""What is proved of every way through an SOP: outcomes are routed, steps reached, controls and risk first."""

from collections.abc import Iterator
from typing import Final

from definitions.checks.subject import Subject, number_of, outcomes_of
from definitions.findings import Finding, listed, suggestion
from domain.handlers import Effect


def outcomes_are_routed(subject: Subject) -> Iterator[Finding]:
    """Routes are for outcomes that exist; outcomes without a route go to a person."""
    for place, step in subject.steps:
        outcomes = outcomes_of(step, subject.catalogue)
        if not outcomes:
            continue
        spec = subject.spec(step)
        if step.branch is None:
            if len(outcomes) > 1 and spec and spec.effect is Effect.NONE and not spec.assesses_risk:
                yield subject.found(
                    "OPS218",
                    (*place, "handler"),
                    f"{step.handler!r} answers {', '.join(outcomes)}, and no branch looks at it",
                    "a `branch` with a route for each",
                )
            continue
        for outcome in step.branch:
            if outcome not in outcomes:
                yield subject.found_key(
                    "OPS207",
                    (*place, "branch", outcome),
                    f"unknown outcome {outcome!r}{suggestion(outcome, outcomes)}",
                    listed(outcomes),
                )
        missing = [outcome for outcome in outcomes if outcome not in step.branch]
        if missing:
            yield subject.found_key(
                "OPS206",
                (*place, "branch"),
                f"no route for {', '.join(missing)}: at run time a person has to pick one",
                "a route for each outcome",
            )


def effects_wait_for_the_risk(subject: Subject) -> Iterator[Finding]:
    """On every route the risk is assessed before anything changes outside.

    An SOP without a trigger runs inside others; where it is called says whether the risk is known.
    """
    if subject.sop.trigger is None:
        return
    for place, handler in sorted(subject.flow.unassessed(), key=str):
        yield subject.found(
            "OPS211",
            place,
            f"{handler!r} can run here before the risk is assessed",
            "a step with a risk assessor (such as risk_assessor) before it on every route",
        )


def steps_are_reached(subject: Subject) -> Iterator[Finding]:
    """Every step can run."""
    for place in subject.flow.unreached:
        step = subject.sequences[place[:-1]][number_of(place)]
        yield subject.found(
            "OPS212",
            place,
            f"the step {step.id!r} is never reached: every route before it leads past it or ends the run",
            "a route that leads to it, or no such step",
        )


def controls_are_not_skipped(subject: Subject) -> Iterator[Finding]:
    """No route and no condition leaves out a control."""
    for place, control in subject.flow.skipped:
        yield subject.found_key(
            "OPS213",
            place,
            f"the route for {place[-1]!r} leaves out the control {control!r}"
            if place[-2] in ("branch", "on_error")
            else f"a no leaves out the control {control!r}",
            f"{control!r} among its targets",
        )
    for place, step in subject.steps:
        spec = subject.spec(step)
        if step.when is not None and spec is not None and spec.control:
            yield subject.found(
                "OPS227",
                (*place, "when"),
                f"the control {step.id!r} is left out where this is false",
                "no `when` on a control; a branch can say what follows from it",
            )


CHECKS: Final = (
    outcomes_are_routed,
    effects_wait_for_the_risk,
    steps_are_reached,
    controls_are_not_skipped,
)
