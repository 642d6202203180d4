"""When tickets came, counted over an index, and where similar ones stand."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    CompoundSelect,
    Connection,
    Integer,
    delete,
    func,
    insert,
    literal,
    select,
    union_all,
)

from activities.adapters.store.duty import take_turn
from activities.adapters.store.engine import Database, insert_into
from activities.adapters.store.tables import audit, intake, tickets
from activities.adapters.store.trend_tables import trends
from activities.ports.trends import Review
from domain.audit import AuditEntry
from domain.trend import Arrivals, Trend, Window


def arrivals_query(windows: Sequence[Window], *, by_source: bool) -> CompoundSelect[Any]:
    """Dispatched tickets of each window by category, action and group; answered by `ix_tickets_opened`.

    One part for each window: past days lie far apart, and what is between them need not be read.
    """
    kind = (tickets.c.category, tickets.c.action, tickets.c.assigned_group)
    source = intake.c.source if by_source else literal("")
    grouped = (*kind, intake.c.source) if by_source else kind
    came_from = tickets.outerjoin(intake, intake.c.task_id == tickets.c.task_id) if by_source else tickets
    return union_all(
        *(
            select(
                literal(number, Integer).label("number"),
                *kind,
                source.label("source"),
                func.count().label("count"),
            )
            .select_from(came_from)
            .where(
                tickets.c.opened_at >= window.start,
                tickets.c.opened_at < window.end,
                tickets.c.category != "",
            )
            .group_by(*grouped)
            for number, window in enumerate(windows)
        )
    )


class SqlTrendBook:
    """`TrendBook` in the store's database. Every method raises `StoreUnavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def known_since(self) -> datetime | None:
        """When the first ticket came that there is."""
        with self._database.reading() as connection:
            found: datetime | None = connection.scalar(select(func.min(tickets.c.opened_at)))
        return found

    def arrivals(self, windows: Sequence[Window], *, by_source: bool) -> Sequence[Arrivals]:
        """How many dispatched tickets came in each window, by the group that has them now."""
        if not windows:
            return []
        with self._database.reading() as connection:
            rows = connection.execute(arrivals_query(windows, by_source=by_source)).all()
        return [
            Arrivals(number, category, action, group, source or "", count)
            for number, category, action, group, source, count in rows
        ]

    def review(self, change: Review) -> Sequence[Trend]:
        """Applies a change to all trends; what it leaves out is forgotten. Surges go into the audit log."""
        with self._database.writing() as connection:
            take_turn(connection)
            before = {each.name: each for each in _read(connection)}
            after = list(change(list(before.values())))
            for trend in after:
                was = before.pop(trend.name, None)
                if trend != was:
                    _keep(connection, trend)
                    _note(connection, was, trend)
            if before:
                connection.execute(delete(trends).where(trends.c.name.in_(list(before))))
        return after

    def trends(self) -> Sequence[Trend]:
        """Where similar tickets stand, by name."""
        with self._database.reading() as connection:
            return _read(connection)


def _read(connection: Connection) -> list[Trend]:
    rows = connection.scalars(select(trends.c.trend).order_by(trends.c.name))
    return [Trend.model_validate(row) for row in rows]


def _keep(connection: Connection, trend: Trend) -> None:
    values = {
        "surging": trend.surging_since is not None,
        "looked_at": trend.looked_at,
        "trend": trend.model_dump(mode="json"),
    }
    statement = insert_into(connection.dialect.name, trends).values(name=trend.name, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=[trends.c.name], set_=values))


def _note(connection: Connection, was: Trend | None, trend: Trend) -> None:
    before, now = was.surging_since if was else None, trend.surging_since
    if (before is None) == (now is None):
        return
    detail = {
        "similar": trend.name,
        "surge": trend.surge_id,
        "desk": trend.desk,
        "count": trend.count,
        "baseline": trend.baseline,
        "peak": trend.peak,
        **({"since": before.isoformat()} if before else {}),
    }
    entry = AuditEntry(
        at=trend.looked_at,
        actor="opsloop",
        action="trend.raised" if now else "trend.ended",
        detail=detail,
    )
    connection.execute(insert(audit).values(entry.model_dump(mode="python")))
