"""What shifts keep in the store: overrides of the roster, and what a hand-over sheet tells of tickets."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Select, func, insert, select, update

from activities.adapters.store.audit import mask_digits
from activities.adapters.store.engine import Database
from activities.adapters.store.expiry_tables import expiries
from activities.adapters.store.page_tables import roster_overrides
from activities.adapters.store.tables import audit, reviews, tickets
from domain.audit import AuditEntry
from domain.errors import Conflict, NotFound
from domain.lifecycle import TicketState
from domain.page_views import SheetLine
from domain.roster import Override

_NEXT_DAY = timedelta(days=1)
_NEXT_DAYS = timedelta(days=3)
_LONGEST_WHY = 200


class SqlRosterOverrides:
    """`RosterOverrides` in the store's database. Every method raises `StoreUnavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def in_force(self, since: datetime) -> Sequence[Override]:
        """Those that end after this instant and were not withdrawn, in the order in which they were given."""
        query = (
            select(roster_overrides)
            .where(roster_overrides.c.ends_at > since, roster_overrides.c.withdrawn_at.is_(None))
            .order_by(roster_overrides.c.number)
        )
        with self._database.reading() as connection:
            return [_override(row) for row in connection.execute(query).mappings()]

    def add(self, override: Override) -> Override:
        """Keeps an override with its audit row, and returns it with its id."""
        kept = override.model_copy(update={"override_id": f"ov-{uuid.uuid4().hex[:8]}"})
        now = self._database.now()
        with self._database.writing() as connection:
            last = connection.scalar(select(func.max(roster_overrides.c.number))) or 0
            connection.execute(
                insert(roster_overrides).values(
                    override_id=kept.override_id,
                    number=last + 1,
                    rotation=kept.rotation,
                    starts_at=kept.starts_at,
                    ends_at=kept.ends_at,
                    people=list(kept.people),
                    instead_of=list(kept.instead_of),
                    given_by=kept.by,
                    why=kept.why,
                    given_at=now,
                )
            )
            detail = {
                "override_id": kept.override_id,
                "rotation": kept.rotation,
                "people": list(kept.people),
                "instead_of": list(kept.instead_of),
                "starts_at": kept.starts_at.isoformat(),
                "ends_at": kept.ends_at.isoformat(),
            }
            connection.execute(
                insert(audit).values(_entry(now, kept.by, "roster.overridden", kept.why, detail))
            )
        return kept

    def withdraw(self, override_id: str, *, by: str, why: str) -> Override:
        """Ends an override now, with its audit row. Raises `NotFound`, and `Conflict` when it is over."""
        now = self._database.now()
        with self._database.writing() as connection:
            row = (
                connection.execute(
                    select(roster_overrides)
                    .where(roster_overrides.c.override_id == override_id)
                    .with_for_update()
                )
                .mappings()
                .one_or_none()
            )
            if row is None:
                raise NotFound(f"there is no override {override_id}; `opsloop roster show` lists them")
            if row["withdrawn_at"] is not None or row["ends_at"] <= now:
                raise Conflict(f"override {override_id} is over already")
            connection.execute(
                update(roster_overrides)
                .where(roster_overrides.c.override_id == override_id)
                .values(withdrawn_at=now)
            )
            connection.execute(
                insert(audit).values(
                    _entry(now, by, "roster.override_withdrawn", why, {"override_id": override_id})
                )
            )
            return _override(row)


class SqlShiftFacts:
    """`ShiftFacts` over the read model of tickets. Raises `StoreUnavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def lines(
        self, since: datetime, at: datetime, *, groups: Sequence[str], most: int
    ) -> tuple[dict[str, tuple[SheetLine, ...]], dict[str, int]]:
        """`ran_alone`, `waiting`, `holds`, `expiries` and `measures` of these groups (none named: of all)."""
        found: dict[str, tuple[SheetLine, ...]] = {}
        beyond: dict[str, int] = {}
        with self._database.reading() as connection:
            for name, query in _lists(since, at, groups).items():
                rows = connection.execute(query.limit(most)).mappings().all()
                found[name] = tuple(_line(row) for row in rows)
                total = connection.scalar(select(func.count()).select_from(query.order_by(None).subquery()))
                if total is not None and total > len(rows):
                    beyond[name] = total - len(rows)
        return found, beyond


def _lists(since: datetime, at: datetime, groups: Sequence[str]) -> dict[str, Select[Any]]:
    decided = select(reviews.c.review_id).where(
        reviews.c.task_id == tickets.c.task_id, reviews.c.decided_at.is_not(None)
    )
    of_tickets: list[ColumnElement[bool]] = [tickets.c.assigned_group.in_(groups)] if groups else []
    of_reviews: list[ColumnElement[bool]] = [reviews.c.review_group.in_(groups)] if groups else []

    of_measures: list[ColumnElement[bool]] = [expiries.c.measure_group.in_(groups)] if groups else []

    def ticket(why: ColumnElement[Any], instant: ColumnElement[Any]) -> Select[Any]:
        return select(
            tickets.c.task_id.label("id"),
            tickets.c.task_id,
            tickets.c.title,
            tickets.c.assigned_group.label("group"),
            why.label("why"),
            instant.label("at"),
        ).where(*of_tickets)

    return {
        "ran_alone": ticket(tickets.c.sop, tickets.c.closed_at)
        .where(
            tickets.c.state == TicketState.COMPLETED.value,
            tickets.c.closed_at >= since,
            tickets.c.closed_at <= at,
            ~decided.exists(),
        )
        .order_by(tickets.c.closed_at, tickets.c.task_id),
        "waiting": select(
            reviews.c.review_id.label("id"),
            reviews.c.task_id,
            tickets.c.title,
            reviews.c.review_group.label("group"),
            reviews.c.kind.label("why"),
            reviews.c.deadline_at.label("at"),
        )
        .join(tickets, tickets.c.task_id == reviews.c.task_id)
        .where(reviews.c.is_open, *of_reviews)
        .order_by(reviews.c.deadline_at.is_(None), reviews.c.deadline_at, reviews.c.review_id),
        "holds": ticket(tickets.c.waiting_for, tickets.c.deadline_at)
        .where(tickets.c.is_open, tickets.c.held)
        .order_by(tickets.c.opened_at, tickets.c.task_id),
        "expiries": ticket(tickets.c.waiting_for, tickets.c.deadline_at)
        .where(tickets.c.is_open, tickets.c.due_at <= at + _NEXT_DAY)
        .order_by(tickets.c.due_at, tickets.c.task_id),
        "measures": select(
            expiries.c.measure_id.label("id"),
            expiries.c.task_id,
            func.coalesce(tickets.c.title, "").label("title"),
            expiries.c.measure_group.label("group"),
            (expiries.c.kind + ", " + expiries.c.phase).label("why"),
            expiries.c.ends_at.label("at"),
        )
        .outerjoin(tickets, tickets.c.task_id == expiries.c.task_id)
        .where(expiries.c.is_open, expiries.c.ends_at <= at + _NEXT_DAYS, *of_measures)
        .order_by(expiries.c.ends_at, expiries.c.measure_id),
    }


def _line(row: RowMapping) -> SheetLine:
    return SheetLine(
        id=row["id"],
        task_id=row["task_id"],
        title=mask_digits(row["title"]),
        group=row["group"],
        why=mask_digits(row["why"] or "")[:_LONGEST_WHY],
        at=row["at"],
    )


def _override(row: RowMapping) -> Override:
    return Override(
        override_id=row["override_id"],
        rotation=row["rotation"],
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        people=tuple(row["people"]),
        instead_of=tuple(row["instead_of"]),
        by=row["given_by"],
        why=row["why"],
    )


def _entry(at: datetime, actor: str, action: str, reason: str, detail: dict[str, Any]) -> dict[str, Any]:
    entry = AuditEntry(at=at, actor=actor, action=action, reason=mask_digits(reason), detail=detail)
    return entry.model_dump(mode="python")
