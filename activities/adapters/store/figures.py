"""What the store counts for those who watch the whole: open work and where it stands, in a few queries.

Everything here is about what is open, so that it stays quick however much is closed already.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Table, func, select

from activities.adapters.store.alert_tables import desk_alerts
from activities.adapters.store.channel_tables import channel_providers
from activities.adapters.store.engine import Database
from activities.adapters.store.page_tables import pages
from activities.adapters.store.tables import NO_DEADLINE, reviews, tickets

Counted = Sequence[tuple[tuple[str, ...], int]]
"""How many there are for each combination of labels."""


@dataclass(frozen=True)
class Figures:
    """How an installation stands at one instant."""

    at: datetime
    """Bank time."""
    tickets: Counted
    """Open tickets by state, group and SLA level reached."""
    held: int
    overdue: int
    """Open tickets past the deadline of their service clock."""
    reviews: Counted
    """Open reviews by kind."""
    oldest_review: timedelta
    desk_alerts: Counted
    """Alerts of desks that nobody has and whose tickets are open, by level."""
    pages: Counted
    """Pages that are not over, by phase."""
    oldest_ringing_page: timedelta
    providers: Counted
    """Failures in a row, by channel and provider."""


class SqlFigures:
    """Reads them. Every method raises `StoreUnavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self) -> Figures:
        """All figures, from one reading of the store."""
        now = self._database.now()
        with self._database.reading() as connection:
            return Figures(
                at=now,
                tickets=_counted(
                    connection,
                    tickets,
                    (tickets.c.state, tickets.c.assigned_group, tickets.c.sla_level),
                    tickets.c.is_open,
                ),
                held=_number(connection, tickets, tickets.c.is_open, tickets.c.held),
                overdue=_number(
                    connection,
                    tickets,
                    tickets.c.is_open,
                    tickets.c.due_at < now,
                    tickets.c.due_at != NO_DEADLINE,
                ),
                reviews=_counted(connection, reviews, (reviews.c.kind,), reviews.c.is_open),
                oldest_review=_age(connection, now, reviews.c.opened_at, reviews.c.is_open),
                desk_alerts=_counted(
                    connection,
                    desk_alerts,
                    (desk_alerts.c.level,),
                    desk_alerts.c.acknowledged_at.is_(None),
                    desk_alerts.c.over_at.is_(None),
                ),
                pages=_counted(connection, pages, (pages.c.phase,), pages.c.is_open),
                oldest_ringing_page=_age(
                    connection, now, pages.c.opened_at, pages.c.is_open, pages.c.phase == "ringing"
                ),
                providers=_failures(connection),
            )


def _counted(
    connection: Connection,
    table: Table,
    labels: Sequence[ColumnElement[str]],
    *where: ColumnElement[bool],
) -> Counted:
    query = select(*labels, func.count()).select_from(table).where(*where).group_by(*labels)
    return [(tuple(str(each) for each in row[:-1]), int(row[-1])) for row in connection.execute(query)]


def _number(connection: Connection, table: Table, *where: ColumnElement[bool]) -> int:
    return connection.scalar(select(func.count()).select_from(table).where(*where)) or 0


def _age(
    connection: Connection, now: datetime, since: ColumnElement[datetime], *where: ColumnElement[bool]
) -> timedelta:
    """How old the oldest is; zero where there is none."""
    oldest = connection.scalar(select(func.min(since)).where(*where))
    return max(now - oldest, timedelta(0)) if oldest else timedelta(0)


def _failures(connection: Connection) -> Counted:
    table = channel_providers.c
    rows = connection.execute(select(table.channel, table.provider, table.failures))
    return [((row.channel, row.provider), int(row.failures)) for row in rows]
