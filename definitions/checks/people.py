"""People: whoever is asked knows by when, and nothing is set for people that has no effect on them."""

from collections.abc import Iterator
from typing import Final

from definitions.checks.subject import Subject
from definitions.findings import Finding


def people_have_deadlines(subject: Subject) -> Iterator[Finding]:
    """A question without a time by which to answer it can wait for ever."""
    for place, step in subject.steps:
        for kind, person in (("review", step.review), ("manual", step.manual)):
            if person is not None and person.deadline is None:
                yield subject.found_key(
                    "OPS210",
                    (*place, kind),
                    f"the {kind} step {step.id!r} has no deadline",
                    "a `deadline`, and with `on_late` what silence means",
                )


def people_are_not_machines(subject: Subject) -> Iterator[Finding]:
    """Time-outs, retries and errors are for handlers that are code."""
    for place, step in subject.steps:
        spec = subject.spec(step)
        if spec is None or spec.human is None:
            continue
        for field in ("timeout", "retry", "fallback", "on_error", "compensate"):
            if getattr(step, field) is not None and not (field == "on_error" and step.when):
                yield subject.found_key(
                    "OPS216",
                    (*place, field),
                    f"{step.handler!r} is a person: {field} has no effect",
                    f"no `{field}` here; the deadline stands in policies/human_tasks.yaml",
                )


def a_no_has_somebody_to_say_it(subject: Subject) -> Iterator[Finding]:
    """`on_reject` stands where a person can say no."""
    for place, step in subject.steps:
        if step.on_reject is None or step.review or step.manual:
            continue
        known = step.handler is None or subject.spec(step) is not None
        if known and not any(subject.persons(step)):
            yield subject.found_key(
                "OPS226",
                (*place, "on_reject"),
                f"nobody can say no at {step.id!r}, so this route is never taken",
                "`on_reject` at a review, a manual step or a handler that is a person",
            )


CHECKS: Final = (people_have_deadlines, people_are_not_machines, a_no_has_somebody_to_say_it)
