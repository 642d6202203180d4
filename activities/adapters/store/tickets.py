"""Writes the read model: events, view, reviews, spot checks and audit rows in one transaction."""

from collections.abc import Sequence
from functools import cache

from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.sql.dml import ReturningInsert

from activities.adapters.store.audit import write_entries
from activities.adapters.store.engine import Database, insert_into
from activities.adapters.store.reviews import sync_reviews
from activities.adapters.store.tables import NO_DEADLINE, spot_checks, ticket_events, tickets
from activities.messages import Progress
from domain.lifecycle import ENDS
from domain.ticket import EventKind, TicketEvent, TicketView


class SqlTicketStore:
    """`TicketStore` in the store's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, progress: Progress) -> None:
        """Records a ticket's progress, all of it or nothing. Repeats change nothing.

        A state that is older than the recorded one is passed over, its events are not. What a worker
        noted and then died with, before Temporal had it, gives way to what really came next; the audit
        log keeps both.
        Raises `StoreUnavailable`; `InvalidInput` for a review event without its review; `Conflict`
        for a decision that breaks the four-eyes rule.
        """
        with self._database.writing() as connection:
            _lock_ticket(connection, progress.view.task.task_id)
            if not _is_of_the_living(connection, progress):
                return
            view = self._keep_view(connection, progress.view)
            new = _add_events(connection, progress)
            sync_reviews(connection, new, view)
            _note_spot_check(connection, new, view)
            write_entries(connection, new, progress.view)

    def _keep_view(self, connection: Connection, view: TicketView) -> TicketView:
        """Stores the view unless a newer one is there; returns the newest."""
        row = {**_columns(view), "updated_at": self._database.now()}
        kept = connection.execute(_upsert_view(self._database.dialect), row).first()
        if kept is not None:
            return view
        stored = select(tickets.c.view).where(tickets.c.task_id == view.task.task_id)
        return TicketView.model_validate(connection.execute(stored).scalar_one())


# Every progress of every ticket runs these two, and building them costs more than running them.


@cache
def _upsert_view(dialect: str) -> ReturningInsert[int]:
    insert = insert_into(dialect, tickets)
    return insert.on_conflict_do_update(
        index_elements=[tickets.c.task_id],
        set_={column.name: insert.excluded[column.name] for column in tickets.c if not column.primary_key},
        where=insert.excluded.last_seq >= tickets.c.last_seq,
    ).returning(tickets.c.last_seq)


@cache
def _insert_events(dialect: str) -> ReturningInsert[int]:
    return insert_into(dialect, ticket_events).on_conflict_do_nothing().returning(ticket_events.c.seq)


def _lock_ticket(connection: Connection, task_id: str) -> None:
    """One writer a ticket until the transaction ends; SQLite has one writer at all."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(task_id))))


def _is_of_the_living(connection: Connection, progress: Progress) -> bool:
    """Whether this is a worker's progress that Temporal has, or may have; removes what contradicts it.

    A local activity that records progress may run in a workflow task that is lost with its worker. The next
    worker lives through that stretch anew: later, and perhaps in another order. The same number at another
    time tells that one of the two was lost, and it is the earlier one.
    """
    at = {event.seq: event.at for event in progress.events}
    if not at:
        return True
    task_id = progress.view.task.task_id
    behind = (ticket_events.c.task_id == task_id) & (ticket_events.c.seq >= min(at))
    stored = connection.execute(select(ticket_events.c.seq, ticket_events.c.at).where(behind)).all()
    if any(when > at[seq] for seq, when in stored if seq in at):
        return False
    # Time never runs backwards along a timeline: what stands behind this and is earlier was lost as well.
    lost = [seq for seq, when in stored if when < at.get(seq, max(at.values()))]
    if lost:
        connection.execute(delete(ticket_events).where(behind, ticket_events.c.seq.in_(lost)))
        # The state that was told with them is as void as they are.
        connection.execute(update(tickets).where(tickets.c.task_id == task_id).values(last_seq=0))
    return True


def _columns(view: TicketView) -> dict[str, object]:
    is_open = view.state not in ENDS
    return {
        "task_id": view.task.task_id,
        "title": view.task.title,
        "state": view.state.value,
        "is_open": is_open,
        "held": view.held,
        "category": view.task.category or "",
        "action": view.task.action or "",
        "assigned_group": view.task.assigned_group,
        "risk": view.task.risk_level.value,
        "priority": view.task.priority.value,
        "sop": view.sop,
        "sop_id": view.sop_id,
        "sop_version": view.sop_version,
        "sop_digest": view.sop_digest,
        "rollout": view.rollout.rollout if view.rollout else None,
        "rollout_arm": view.rollout.arm.value if view.rollout else None,
        "waiting_for": view.waiting_for,
        "sla_level": view.sla_level,
        "spot_check": view.spot_check,
        "deadline_at": view.deadline_at,
        "next_deadline_at": view.next_deadline_at if is_open else None,
        "due_at": (view.deadline_at or NO_DEADLINE) if is_open else None,
        "opened_at": view.opened_at,
        "closed_at": view.closed_at,
        "last_seq": view.last_seq,
        "view": view.model_dump(mode="json"),
    }


def _add_events(connection: Connection, progress: Progress) -> list[TicketEvent]:
    """Adds the events that are not there yet, and returns those."""
    if not progress.events:
        return []
    rows = [
        {
            "task_id": progress.view.task.task_id,
            "seq": event.seq,
            "at": event.at,
            "kind": event.kind.value,
            "summary": event.summary,
            "actor": event.actor,
            "step_id": event.step_id,
            "data": event.model_dump(mode="json")["data"],
        }
        for event in progress.events
    ]
    added = set(connection.scalars(_insert_events(connection.dialect.name), rows))
    return [event for event in progress.events if event.seq in added]


def _note_spot_check(connection: Connection, new: Sequence[TicketEvent], view: TicketView) -> None:
    drawn = next((event for event in new if event.kind is EventKind.SPOT_CHECK_DRAWN), None)
    if drawn is not None:
        row = {"task_id": view.task.task_id, "drawn_at": drawn.at}
        connection.execute(
            insert_into(connection.dialect.name, spot_checks).values(row).on_conflict_do_nothing()
        )
