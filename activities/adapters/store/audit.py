"""The audit log, and which ticket events belong in it.

A row carries references and stable words. What people wrote stays in the ticket's timeline, except their
reasons; runs of digits in those are masked, because an account number is the likeliest slip.
"""

from collections.abc import Sequence
from itertools import groupby

from sqlalchemy import Connection, insert, select

from activities.adapters.store.engine import Database, insert_into
from activities.adapters.store.tables import audit
from domain.audit import AuditEntry
from domain.errors import InvalidInput
from domain.redaction import mask_reference
from domain.review import ReviewRequest
from domain.ticket import EventKind, TicketEvent, TicketView

ACTIONS: dict[EventKind, str] = {
    EventKind.OPENED: "ticket.opened",
    EventKind.DISPATCHED: "ticket.dispatched",
    EventKind.RISK: "risk.assessed",
    EventKind.GATE: "gate.decided",
    EventKind.STEP_DONE: "step.done",
    EventKind.STEP_FAILED: "step.failed",
    EventKind.STEP_SKIPPED: "step.skipped",
    EventKind.STEP_NOT_NEEDED: "step.not_needed",
    EventKind.OUTCOME_UNKNOWN: "step.outcome_unknown",
    EventKind.EVENT: "event.received",
    EventKind.COMPENSATED: "step.compensated",
    EventKind.COMPENSATION_FAILED: "step.compensation_failed",
    EventKind.MIGRATED: "ticket.migrated",
    EventKind.REVIEW_OPENED: "review.opened",
    EventKind.REVIEW_APPROVED: "review.approved",
    EventKind.REVIEW_DECIDED: "review.decided",
    EventKind.REVIEW_LATE: "review.late",
    EventKind.DECISION_REFUSED: "decision.refused",
    EventKind.SLA_CHANGED: "sla.changed",
    EventKind.LEGAL_DEADLINE: "legal.deadline",
    EventKind.ESCALATED: "ticket.escalated",
    EventKind.HELD: "command.hold",
    EventKind.RESUMED: "command.resume",
    EventKind.REASSIGNED: "command.reassign",
    EventKind.RESCUED: "ticket.rescued",
    EventKind.COMMAND: "command.given",
    EventKind.COMMAND_REFUSED: "command.refused",
    EventKind.SPOT_CHECK_DRAWN: "spot_check.drawn",
    EventKind.EXPIRY: "expiry.watched",
    EventKind.CLOSED: "ticket.closed",
}
"""The events that are actions, decisions or refusals. The others only tell how a run went on."""

_REFUSALS = frozenset(
    {
        EventKind.DECISION_REFUSED,
        EventKind.COMMAND_REFUSED,
        EventKind.STEP_FAILED,
        EventKind.COMPENSATION_FAILED,
    }
)
_QUOTES = frozenset({EventKind.OPENED, EventKind.DISPATCHED, EventKind.REVIEW_OPENED})
"""Their summaries may quote the ticket, so they stay in the timeline."""

_FACTS = (
    "review_id",
    "verb",
    "choice",
    "code",
    "handler",
    "outcome",
    "digest",
    "verdict",
    "mode",
    "risk",
    "level",
    "group",
    "state",
    "layer",
    "tables",
    "rollout",
    "alert_id",
)
_LONGEST_FACT = 200
_SHORTEST_ACCOUNT = 7


class SqlAuditLog:
    """`AuditLog` in the store's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def write(self, entry: AuditEntry) -> None:
        """Adds an entry in a transaction of its own. Raises `StoreUnavailable`."""
        with self._database.writing() as connection:
            connection.execute(insert(audit).values(entry.model_dump(mode="python")))

    def entries(self, *, task_id: str | None = None, limit: int = 200) -> Sequence[AuditEntry]:
        """The latest entries, the oldest of them first. Raises `InvalidInput`, `StoreUnavailable`."""
        if limit < 1:
            raise InvalidInput(f"limit is {limit}; expected 1 or more", field="limit")
        columns = [audit.c[name] for name in AuditEntry.model_fields]
        query = select(*columns).order_by(audit.c.id.desc()).limit(limit)
        if task_id is not None:
            query = query.where(audit.c.task_id == task_id)
        with self._database.reading() as connection:
            rows = connection.execute(query).mappings().all()
        return [AuditEntry.model_validate(dict(row)) for row in reversed(rows)]


def write_entries(connection: Connection, events: Sequence[TicketEvent], view: TicketView) -> None:
    """Adds the rows of new events, in the transaction that records the events.

    Rows of events that were lost with their worker stay, and keep their number.
    """
    rows = [
        {**entry.model_dump(mode="python"), "event_seq": event.seq}
        for event in events
        if (entry := entry_of(event, view)) is not None
    ]
    if rows:
        statement = insert_into(connection.dialect.name, audit).on_conflict_do_nothing()
        added = set(connection.scalars(statement.returning(audit.c.event_seq), rows))
        again = [{**row, "event_seq": None} for row in rows if row["event_seq"] not in added]
        if again:
            connection.execute(insert(audit), again)


def entry_of(event: TicketEvent, view: TicketView) -> AuditEntry | None:
    """The audit entry of a ticket event, or None for an event that only tells progress."""
    action = ACTIONS.get(event.kind)
    if action is None:
        return None
    if event.kind is EventKind.COMMAND and event.data.get("verb"):
        action = f"command.{event.data['verb']}"
    return AuditEntry(
        at=event.at,
        actor=str(event.data.get("by") or event.actor),
        action=action,
        task_id=view.task.task_id,
        accepted=event.kind not in _REFUSALS,
        reason="" if event.kind in _QUOTES else mask_digits(str(event.data.get("reason") or event.summary)),
        detail=_detail(event, view),
    )


def request_in(event: TicketEvent) -> ReviewRequest:
    """The review that a `REVIEW_OPENED` event carries. Raises `InvalidInput` when it carries none."""
    try:
        return ReviewRequest.model_validate(event.data.get("review"))
    except ValueError:
        raise InvalidInput(
            f"event {event.seq} ({event.kind}) carries no review; expected a ReviewRequest in data.review",
            field="data.review",
        ) from None


def mask_digits(words: str) -> str:
    """The words with every long run of digits masked but for its end."""
    runs = ("".join(run) for _, run in groupby(words, key=str.isdecimal))
    return "".join(
        mask_reference(run) if run.isdecimal() and len(run) >= _SHORTEST_ACCOUNT else run for run in runs
    )


def _detail(event: TicketEvent, view: TicketView) -> dict[str, object]:
    detail: dict[str, object] = {"seq": event.seq}
    if event.step_id:
        detail["step_id"] = event.step_id
    if view.sop:
        detail |= {"sop": view.sop, "sop_version": view.sop_version, "sop_digest": view.sop_digest}
    if event.kind is EventKind.REVIEW_OPENED:
        request = request_in(event)
        detail |= {
            "review_id": request.review_id,
            "kind": request.kind,
            "role": request.role,
            "group": request.group,
            "digest": request.digest,
        }
    for name in _FACTS:
        value = event.data.get(name)
        if isinstance(value, bool | int) or (isinstance(value, str) and value):
            detail[name] = value[:_LONGEST_FACT] if isinstance(value, str) else value
    return detail
