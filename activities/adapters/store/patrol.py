"""The read model as the patrol reads it, page by page over indexes, and the log of patrols."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Select, delete, func, insert, select

from activities.adapters.store.engine import Database
from activities.adapters.store.patrol_tables import patrols
from activities.adapters.store.tables import tickets
from domain.patrol import OpenTicket, PatrolReport

_KEPT: Final = 1_000
_AT_ONCE: Final = 500
_COLUMNS: Final = (
    tickets.c.task_id,
    tickets.c.assigned_group,
    tickets.c.next_deadline_at,
    tickets.c.opened_at,
    tickets.c.updated_at,
)


def overdue_query(before: datetime, most: int) -> Select[tuple[object, ...]]:
    """Open tickets with a deadline before this instant; answered by `ix_tickets_next_deadline`."""
    return (
        select(*_COLUMNS)
        .where(tickets.c.is_open, tickets.c.next_deadline_at < before)
        .order_by(tickets.c.next_deadline_at)
        .limit(most)
    )


class SqlPatrolStore:
    """`PatrolStore` in the store's database. Every method raises `StoreUnavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def overdue(self, before: datetime, *, most: int) -> Sequence[OpenTicket]:
        """Open tickets whose next deadline was before this instant, the longest ago first."""
        return self._open(overdue_query(before, most))

    def open_tickets(self, after: str, *, most: int) -> Sequence[OpenTicket]:
        """Open tickets by id, those behind `after`."""
        query = select(*_COLUMNS).where(tickets.c.is_open, tickets.c.task_id > after)
        return self._open(query.order_by(tickets.c.task_id).limit(most))

    def open_among(self, task_ids: Collection[str]) -> set[str]:
        """Those of these tickets that the store has as open."""
        asked, found = list(task_ids), set[str]()
        with self._database.reading() as connection:
            for start in range(0, len(asked), _AT_ONCE):
                some = tickets.c.task_id.in_(asked[start : start + _AT_ONCE])
                found |= set(connection.scalars(select(tickets.c.task_id).where(some, tickets.c.is_open)))
        return found

    def open_by_group(self) -> Mapping[str, int]:
        """How many tickets are open in each group."""
        group = tickets.c.assigned_group
        query = select(group, func.count()).where(tickets.c.is_open).group_by(group)
        with self._database.reading() as connection:
            return {row[0]: int(row[1]) for row in connection.execute(query)}

    def keep(self, report: PatrolReport) -> None:
        """Keeps a report; the oldest ones give way."""
        row = {"at": report.at, "all_well": report.all_well, "report": report.model_dump(mode="json")}
        with self._database.writing() as connection:
            number = connection.execute(insert(patrols).values(row).returning(patrols.c.number)).scalar_one()
            connection.execute(delete(patrols).where(patrols.c.number <= number - _KEPT))

    def reports(self, *, limit: int = 20) -> Sequence[PatrolReport]:
        """The last reports, the latest first."""
        query = select(patrols.c.report).order_by(patrols.c.number.desc()).limit(limit)
        with self._database.reading() as connection:
            return [PatrolReport.model_validate(each) for each in connection.scalars(query)]

    def _open(self, query: Select[tuple[object, ...]]) -> Sequence[OpenTicket]:
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return [
            OpenTicket(
                task_id=row.task_id,
                group=row.assigned_group,
                next_deadline_at=row.next_deadline_at,
                opened_at=row.opened_at,
                updated_at=row.updated_at,
            )
            for row in rows
        ]
