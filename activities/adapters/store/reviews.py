"""The reviews table: kept in step with a ticket's events, and read as a queue."""

from collections.abc import Sequence
from functools import cache

from sqlalchemy import Connection, Insert, Row, select, update

from activities.adapters.store.audit import request_in
from activities.adapters.store.engine import insert_into
from activities.adapters.store.tables import reviews, ticket_events
from domain.review import ReviewRequest
from domain.ticket import EventKind, TicketEvent, TicketView

_SHOWN = (EventKind.REVIEW_OPENED, EventKind.REVIEW_APPROVED)
_KINDS = (*_SHOWN, EventKind.REVIEW_DECIDED)
_EVENT = [ticket_events.c[name] for name in TicketEvent.model_fields]
_UNDECIDED = {"verb": None, "choice": None, "decided_by": None, "decided_at": None}


def sync_reviews(connection: Connection, new: Sequence[TicketEvent], view: TicketView) -> None:
    """Brings a ticket's reviews up to date.

    `new` are the events that this transaction added, `view` the newest state of the ticket, which may
    be newer than they are. What is open is what `view` says is open: a cancelled ticket closes its
    reviews without a decision.
    """
    task_id = view.task.task_id
    if any(event.kind in _KINDS for event in new):
        told = _told(connection, task_id, view.maker)
        if told:
            connection.execute(_upsert(connection.dialect.name), told)
    missing = [_opened(request, view.maker) for request in view.open_reviews]
    if missing:
        connection.execute(
            insert_into(connection.dialect.name, reviews).values(missing).on_conflict_do_nothing()
        )
    is_open = reviews.c.review_id.in_([request.review_id for request in view.open_reviews])
    connection.execute(
        update(reviews)
        .where(reviews.c.task_id == task_id, reviews.c.is_open != is_open)
        .values(is_open=is_open)
    )


def find_open(connection: Connection, group: str | None) -> list[ReviewRequest]:
    """The open reviews of a group, or of all, the oldest first."""
    query = select(reviews.c.request).where(reviews.c.is_open)
    if group is not None:
        query = query.where(reviews.c.review_group == group)
    query = query.order_by(reviews.c.opened_at, reviews.c.review_id)
    return [ReviewRequest.model_validate(request) for request in connection.scalars(query)]


def find_review(connection: Connection, review_id: str) -> ReviewRequest | None:
    """A review by its id."""
    request = connection.scalar(select(reviews.c.request).where(reviews.c.review_id == review_id))
    return None if request is None else ReviewRequest.model_validate(request)


def _told(connection: Connection, task_id: str, maker: str) -> list[dict[str, object]]:
    """The ticket's reviews as its whole timeline tells them.

    The new events alone would not do: they may arrive in any order, a decision before its review, and
    a review that goes to another group is opened again under its id.
    """
    events = connection.execute(
        select(*_EVENT)
        .where(ticket_events.c.task_id == task_id, ticket_events.c.kind.in_(_KINDS))
        .order_by(ticket_events.c.seq)
    )
    rows: dict[str, dict[str, object]] = {}
    for event in map(_event, events):
        if event.kind in _SHOWN:
            request = request_in(event)
            rows[request.review_id] = _opened(request, maker)
        elif (row := rows.get(event.data.get("review_id", ""))) is not None:
            row |= {
                "verb": event.data.get("verb"),
                "choice": event.data.get("choice"),
                "decided_by": event.data.get("by") or event.actor,
                "decided_at": event.at,
            }
    return list(rows.values())


def _event(row: Row[tuple[object, ...]]) -> TicketEvent:
    return TicketEvent.model_validate(dict(row._mapping))


def _opened(request: ReviewRequest, maker: str) -> dict[str, object]:
    return {
        "review_id": request.review_id,
        "task_id": request.task_id,
        "is_open": False,
        "kind": request.kind.value,
        "role": request.role,
        "review_group": request.group,
        "four_eyes": request.four_eyes,
        "maker": maker,
        "opened_at": request.opened_at,
        "deadline_at": request.deadline_at,
        "request": request.model_dump(mode="json"),
        **_UNDECIDED,
    }


@cache
def _upsert(dialect: str) -> Insert:
    insert = insert_into(dialect, reviews)
    kept = ("review_id", "is_open")
    changed = {column.name: insert.excluded[column.name] for column in reviews.c if column.name not in kept}
    return insert.on_conflict_do_update(index_elements=[reviews.c.review_id], set_=changed)
