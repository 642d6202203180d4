"""A simulated run for people: every line with the hour of the bank's clock, and what came of it all."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from domain.duration import format_duration
from domain.ticket import EventKind
from workers.simulation.facts import Facts
from workers.simulation.run import Played

_WORDS: Final[Mapping[EventKind, str]] = {
    EventKind.OPENED: "received",
    EventKind.DISPATCHED: "dispatch",
    EventKind.STEP_STARTED: "step",
    EventKind.STEP_DONE: "done",
    EventKind.STEP_FAILED: "FAILED",
    EventKind.STEP_SKIPPED: "skipped",
    EventKind.STEP_NOT_NEEDED: "not needed",
    EventKind.WAITING: "waits",
    EventKind.COMPENSATED: "undone",
    EventKind.COMPENSATION_FAILED: "NOT UNDONE",
    EventKind.OUTCOME_UNKNOWN: "unknown",
    EventKind.REVIEW_OPENED: "asked",
    EventKind.REVIEW_DECIDED: "answer",
    EventKind.DECISION_REFUSED: "refused",
    EventKind.REVIEW_LATE: "late",
    EventKind.SLA_LEVEL: "SLA",
    EventKind.SLA_SKIPPED: "SLA",
    EventKind.SLA_CHANGED: "SLA",
    EventKind.LEGAL_DEADLINE: "law",
    EventKind.ESCALATED: "told",
    EventKind.COMMAND_REFUSED: "refused",
    EventKind.SPOT_CHECK_DRAWN: "spot check",
    EventKind.EXPIRY: "ends",
}
"""Other kinds go by their own name. Moves between states say nothing that their reasons do not."""
_SECOND: Final = 19
"""Characters of an ISO instant up to its seconds."""


def rows(played: Played, zone: ZoneInfo) -> list[dict[str, Any]]:
    """Every event, and every attempt that failed or came after one, as {at, kind, step, text}, in order."""
    found: list[tuple[datetime, dict[str, Any]]] = []
    for event in played.events:
        if event.kind is EventKind.STATE:
            continue
        text = event.summary
        if event.kind in (EventKind.HELD, EventKind.RESUMED, EventKind.COMMAND, EventKind.EVENT):
            text = f"{text} ({event.actor})"
        kind = _WORDS.get(event.kind, event.kind.replace("_", " "))
        found.append((event.at, {"kind": kind, "step": played.own(event.step_id), "text": text}))
    for attempt in played.record.attempts:
        if attempt.error or attempt.number > 1:
            came = f"{attempt.error}: {attempt.message}" if attempt.error else attempt.outcome
            text = f"attempt {attempt.number} of {attempt.handler}: {came}"
            found.append((attempt.at, {"kind": "attempt", "step": played.own(attempt.step), "text": text}))
    found.sort(key=lambda row: row[0])
    return [{"at": at.astimezone(zone).isoformat()[:_SECOND], **row} for at, row in found]


def as_text(played: Played, zone: ZoneInfo) -> str:
    """The timeline, a heading for each day, and the end."""
    return "\n".join([*_lines(played, zone), "", *(f"{name:<14}{text}" for name, text in _end(played))])


def as_json(played: Played, zone: ZoneInfo) -> dict[str, Any]:
    """The same as one document."""
    view, facts = played.view, Facts(played)
    return {
        "case": played.case.name,
        "sop": played.sop.id,
        "zone": zone.key,
        "ended": played.ended,
        "state": view.state if view else None,
        "result": view.result if view else None,
        "waiting_for": view.waiting_for if view and not played.ended else "",
        "risk": view.risk if view else None,
        "spot_check": view.spot_check if view else None,
        "took_s": played.took.total_seconds() if played.took else None,
        "steps": list(facts.steps),
        "outcomes": facts.outcomes,
        "effects": list(facts.effects),
        "undone": list(facts.undone),
        "alerts": list(facts.alerts),
        "trouble": played.trouble,
        "timeline": rows(played, zone),
    }


def _lines(played: Played, zone: ZoneInfo) -> Iterator[str]:
    day = ""
    for row in rows(played, zone):
        date, _, hour = row["at"].partition("T")
        if date != day:
            day = date
            yield f"{datetime.fromisoformat(date):%A %Y-%m-%d} ({zone.key})"
        step = f"[{row['step']}] " if row["step"] else ""
        yield f"  {hour}  {row['kind']:<12}{step}{row['text']}"


def _end(played: Played) -> Iterator[tuple[str, str]]:
    view, facts = played.view, Facts(played)
    if played.trouble:
        yield "trouble", played.trouble
    if view is None:
        return
    if played.ended and played.took is not None:
        yield "ends", f"{view.state} after {format_duration(played.took)}: {view.result}"
    else:
        waits = f", waits for {view.waiting_for}" if view.waiting_for else ""
        yield "does not end", f"{view.state}{waits}; followed for {format_duration(played.case.until)}"
    yield "changes", ", ".join(facts.effects) or "nothing outside"
    if facts.undone:
        yield "undone", ", ".join(facts.undone)
    if view.spot_check:
        yield "spot check", "drawn for the next day"
    for sent in played.record.sent:
        if not sent.as_expected:
            yield "refused", f"{sent.what} by {sent.by or 'nobody'}: {sent.code}, {sent.message}"
