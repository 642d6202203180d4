"""What a step does to the world: nothing waits for a background step, and what is done can be undone."""

from collections.abc import Iterator
from typing import Final

from definitions.checks.subject import Subject
from definitions.findings import Finding


def async_steps_hold_nothing_up(subject: Subject) -> Iterator[Finding]:
    """People, controls and risk assessors are waited for."""
    for place, step in subject.steps:
        spec = subject.spec(step)
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
            yield subject.found(
                "OPS209",
                (*place, "async"),
                f"{step.handler!r} cannot be async: what follows relies on {reason}",
                "no `async` here",
            )


def controls_are_not_optional(subject: Subject) -> Iterator[Finding]:
    """The fast track leaves no person, control or risk assessor out."""
    for place, step in subject.steps:
        if not step.optional:
            continue
        for name in (step.handler, step.fallback):
            spec = subject.catalogue.get(name or "")
            if spec is not None and (spec.human or spec.control or spec.assesses_risk):
                what = "a person" if spec.human else "a control" if spec.control else "a risk assessor"
                yield subject.found(
                    "OPS561",
                    (*place, "optional"),
                    f"{name!r} is {what}, which no fast track leaves out",
                    "no `optional` here",
                )
                break


def effects_can_be_undone(subject: Subject) -> Iterator[Finding]:
    """A step that changes something outside says how it is undone when the SOP ends badly, or why not."""
    for place, step in subject.steps:
        spec = subject.spec(step)
        if spec is None or step.compensate is not None or spec.irreversible:
            continue
        if spec.called_with(step.inputs).effect.gated:
            how = f"`compensate: {spec.compensation}`" if spec.compensation else "`compensate` with a handler"
            yield subject.found(
                "OPS229",
                (*place, "handler"),
                f"{step.handler!r} changes something outside, and nothing undoes it when the SOP ends badly",
                f"{how}, or `compensate: {{none: why not}}`",
            )


def compensations_run_by_themselves(subject: Subject) -> Iterator[Finding]:
    """What undoes a step runs when the ticket is over: nobody is asked any more."""
    for place, step in subject.steps:
        spec = subject.catalogue.get(step.compensate.handler or "") if step.compensate else None
        if spec is not None and spec.human is not None:
            yield subject.found(
                "OPS228",
                subject.compensation(place),
                f"{spec.name!r} is a person, and is not asked when the ticket has ended",
                "a handler that is code, or `compensate: {none: who sees to it}`",
            )


CHECKS: Final = (
    async_steps_hold_nothing_up,
    controls_are_not_optional,
    effects_can_be_undone,
    compensations_run_by_themselves,
)
