"""Reads the read model: single tickets, their timelines, lists, and the queue of reviews."""

from collections.abc import Sequence

from sqlalchemy import select

from activities.adapters.store.engine import Database
from activities.adapters.store.reviews import find_open, find_review
from activities.adapters.store.tables import ticket_events, tickets
from domain.errors import InvalidInput
from domain.review import ReviewRequest
from domain.ticket import TicketEvent, TicketSummary, TicketView

_SUMMARY = [
    tickets.c.assigned_group.label("group") if name == "group" else tickets.c[name]
    for name in TicketSummary.model_fields
]
_EVENT = [ticket_events.c[name] for name in TicketEvent.model_fields]


class SqlTicketReader:
    """`TicketReader` in the store's database. Every method raises `StoreUnavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def view(self, task_id: str) -> TicketView | None:
        """The last recorded state of a ticket."""
        with self._database.reading() as connection:
            view = connection.scalar(select(tickets.c.view).where(tickets.c.task_id == task_id))
        return None if view is None else TicketView.model_validate(view)

    def timeline(self, task_id: str) -> Sequence[TicketEvent]:
        """All recorded events of a ticket, in order."""
        query = select(*_EVENT).where(ticket_events.c.task_id == task_id).order_by(ticket_events.c.seq)
        with self._database.reading() as connection:
            rows = connection.execute(query).mappings().all()
        return [TicketEvent.model_validate(dict(row)) for row in rows]

    def tickets(
        self,
        *,
        state: str | None = None,
        group: str | None = None,
        category: str | None = None,
        open_only: bool = False,
        limit: int = 50,
        offset: int = 0,
    ) -> Sequence[TicketSummary]:
        """Tickets, the most urgent deadline first among the open ones, then the latest closed.

        Raises `InvalidInput` for a limit below 1 or an offset below 0.
        """
        if limit < 1:
            raise InvalidInput(f"limit is {limit}; expected 1 or more", field="limit")
        if offset < 0:
            raise InvalidInput(f"offset is {offset}; expected 0 or more", field="offset")
        query = select(*_SUMMARY).order_by(
            tickets.c.is_open.desc(), tickets.c.due_at, tickets.c.closed_at.desc(), tickets.c.task_id
        )
        wanted = ((tickets.c.state, state), (tickets.c.assigned_group, group), (tickets.c.category, category))
        for column, value in wanted:
            if value is not None:
                query = query.where(column == value)
        if open_only:
            query = query.where(tickets.c.is_open)
        with self._database.reading() as connection:
            rows = connection.execute(query.limit(limit).offset(offset)).mappings().all()
        return [TicketSummary.model_validate(dict(row)) for row in rows]

    def open_reviews(self, *, group: str | None = None) -> Sequence[ReviewRequest]:
        """Reviews that wait for a decision, the oldest first."""
        with self._database.reading() as connection:
            return find_open(connection, group)

    def review(self, review_id: str) -> ReviewRequest | None:
        """A review, open or decided."""
        with self._database.reading() as connection:
            return find_review(connection, review_id)
