"""The store: tickets as people read them, audit, intake register, notice log, rules library and rollouts, in
one SQL database.

Open it with `open_store` after `migrations.upgrade`.
"""

from dataclasses import dataclass

from activities.adapters.store.alerts import SqlAlertBook
from activities.adapters.store.audit import SqlAuditLog
from activities.adapters.store.channels import SqlChannelHealth
from activities.adapters.store.duty import SqlDutyBook
from activities.adapters.store.engine import Database
from activities.adapters.store.expiries import SqlExpiryBook
from activities.adapters.store.figures import SqlFigures
from activities.adapters.store.handler_health import SqlHandlerHealth
from activities.adapters.store.intake import SqlIntakeRegister
from activities.adapters.store.library import SqlRulesLibrary
from activities.adapters.store.notices import SqlNoticeLog
from activities.adapters.store.pages import SqlPageStore
from activities.adapters.store.patrol import SqlPatrolStore
from activities.adapters.store.reader import SqlTicketReader
from activities.adapters.store.rescues import SqlRescueBook
from activities.adapters.store.rollouts import SqlRolloutStore
from activities.adapters.store.shift_book import SqlRosterOverrides, SqlShiftFacts
from activities.adapters.store.spot_checks import SqlSpotCheckBook
from activities.adapters.store.tickets import SqlTicketStore
from activities.adapters.store.trends import SqlTrendBook
from domain.clock import BankClock


@dataclass(frozen=True)
class Store:
    """All adapters of one database, which they share. Any thread may use them."""

    database: Database
    tickets: SqlTicketStore
    reader: SqlTicketReader
    intake: SqlIntakeRegister
    notices: SqlNoticeLog
    alerts: SqlAlertBook
    audit: SqlAuditLog
    channels: SqlChannelHealth
    expiries: SqlExpiryBook
    figures: SqlFigures
    handler_health: SqlHandlerHealth
    library: SqlRulesLibrary
    rollouts: SqlRolloutStore
    pages: SqlPageStore
    patrols: SqlPatrolStore
    rescues: SqlRescueBook
    overrides: SqlRosterOverrides
    shifts: SqlShiftFacts
    duty: SqlDutyBook
    spot_checks: SqlSpotCheckBook
    trends: SqlTrendBook

    def close(self) -> None:
        """Closes the connections."""
        self.database.close()


def open_store(url: str, clock: BankClock | None = None) -> Store:
    """The store behind an SQLAlchemy URL; `clock` gives bank time. Connects at first use only.

    Raises `InvalidInput` for a URL that names no SQLite file and no PostgreSQL database.
    """
    database = Database(url, clock=clock)
    return Store(
        database=database,
        tickets=SqlTicketStore(database),
        reader=SqlTicketReader(database),
        intake=SqlIntakeRegister(database),
        notices=SqlNoticeLog(database),
        alerts=SqlAlertBook(database),
        audit=SqlAuditLog(database),
        channels=SqlChannelHealth(database),
        expiries=SqlExpiryBook(database),
        figures=SqlFigures(database),
        handler_health=SqlHandlerHealth(database),
        library=SqlRulesLibrary(database),
        rollouts=SqlRolloutStore(database),
        pages=SqlPageStore(database),
        patrols=SqlPatrolStore(database),
        rescues=SqlRescueBook(database),
        overrides=SqlRosterOverrides(database),
        shifts=SqlShiftFacts(database),
        duty=SqlDutyBook(database),
        spot_checks=SqlSpotCheckBook(database),
        trends=SqlTrendBook(database),
    )
