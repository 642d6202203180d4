"""Times: escalation, time-outs, deadlines and waits end before the SLA does, and every wait ends."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from definitions.checks.subject import Subject
from definitions.findings import Finding
from definitions.schema import Place, Step
from domain.duration import format_duration
from domain.sla import DEFAULT_SLA


def times_fit_the_sla(subject: Subject) -> Iterator[Finding]:
    """Nothing may take longer than the whole."""
    sop = subject.sop
    sla = sop.sla or DEFAULT_SLA
    shown = format_duration(sla) + ("" if sop.sla else ", which holds where no `sla` is given")
    if sop.escalation and sop.escalation.at >= sla:
        yield subject.found(
            "OPS208",
            ("escalation", "at"),
            f"the escalation at {format_duration(sop.escalation.at)} is not before the end of the SLA",
            f"less than {shown}",
        )
    for place, step in subject.steps:
        for below, time in _times(step):
            if time > sla:
                yield subject.found(
                    "OPS214",
                    (*place, *below),
                    f"{below[-1]} of {format_duration(time)} is longer than the SLA",
                    f"at most {shown}",
                )


def _times(step: Step) -> Iterator[tuple[Place, timedelta]]:
    times: list[tuple[Place, timedelta | None]] = [(("timeout",), step.timeout)]
    if step.review is not None:
        times.append((("review", "deadline"), step.review.deadline))
    if step.manual is not None:
        times.append((("manual", "deadline"), step.manual.deadline))
    if step.wait is not None:
        times += [(("wait", "duration"), step.wait.duration), (("wait", "deadline"), step.wait.deadline)]
    if step.repeat is not None:
        times.append((("repeat", "every"), step.repeat.every))
    yield from ((below, time) for below, time in times if time is not None)


def rounds_fit_the_sla(subject: Subject) -> Iterator[Finding]:
    """The pauses of all rounds together are not longer than the SLA."""
    sla = subject.sop.sla or DEFAULT_SLA
    for place, step in subject.steps:
        loop = step.repeat
        if loop is None or loop.every is None or loop.every > sla:
            continue
        pauses = loop.every * (loop.limit - 1)
        if pauses > sla:
            yield subject.found(
                "OPS214",
                (*place, "repeat", "limit"),
                f"{loop.limit} rounds pause for {format_duration(pauses)} together, longer than the SLA",
                f"fewer rounds or shorter pauses: at most {format_duration(sla)}",
            )


def waits_for_events_end(subject: Subject) -> Iterator[Finding]:
    """An event that never comes must not hold the ticket for ever."""
    for place, step in subject.steps:
        if step.wait is not None and step.wait.event is not None and step.wait.deadline is None:
            yield subject.found_key(
                "OPS234",
                (*place, "wait"),
                f"nothing says how long {step.id!r} waits for {step.wait.event!r}",
                "a `deadline`, and with `on_late` what its passing means",
            )


CHECKS: Final = (times_fit_the_sla, rounds_fit_the_sla, waits_for_events_end)
