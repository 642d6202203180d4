"""Loops in loops: how often the innermost steps may run is what their limits come to together."""

from collections.abc import Iterator, Mapping
from typing import Final

from definitions.checks.subject import Subject
from definitions.findings import Finding
from definitions.schema import Place, Sop, Step, all_steps

MOST_ROUNDS: Final = 10_000
"""A ticket that is continued hands on what each step came to, in one message of at most 2 MB: that is what
some ten thousand steps take. At a second each they are three hours of work as well."""


def rounds_of(step: Step) -> int:
    """How often the loop lets its steps run: the rounds of a repeat, the items of a foreach at one time.

    How many items there are only the ticket knows, and a list has an end of its own.
    """
    loop = step.repeat or step.foreach
    return loop.limit if loop is not None else 1


def rounds_around(sop: Sop) -> Mapping[Place, int]:
    """For the place of each step, how often the loops around it let it run."""
    around: dict[Place, int] = {}
    inside: dict[Place, int] = {("steps",): 1}
    for place, step in all_steps(sop.steps):
        around[place] = inside[place[:-1]]
        for below, _ in step.sequences():
            inside[(*place, *below)] = around[place] * rounds_of(step)
    return around


def loops_in_loops_end(subject: Subject) -> Iterator[Finding]:
    """The limits of loops in one another do not come to more than a ticket can do."""
    around = rounds_around(subject.sop)
    for place, step in subject.steps:
        if around[place] <= MOST_ROUNDS < around[place] * rounds_of(step):
            yield too_many_rounds(
                subject, (*place, step.kind, "limit"), around[place], rounds_of(step), "its loop"
            )


def too_many_rounds(subject: Subject, place: Place, around: int, inside: int, what: str) -> Finding:
    """The finding at the limit of a loop, or at a call, in loops that let it run this often."""
    return subject.found(
        "OPS242",
        place,
        f"{what} may go round {inside:,} times, and the loops around it {around:,} times: "
        f"{around * inside:,} together",
        f"limits that come to {MOST_ROUNDS:,} at most",
    )


CHECKS: Final = (loops_in_loops_end,)
