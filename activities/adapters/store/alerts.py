"""The alert log and the dashboard's desk alerts: why somebody was told, and why somebody was not."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, func, select, update

from activities.adapters.store.alert_tables import alert_log, desk_alerts
from activities.adapters.store.engine import Database, insert_into
from domain.alert_events import (
    Cover,
    DeskAlertLine,
    Fate,
    Light,
    ListedDeskAlert,
    Log,
    LogEntry,
    LoggedAlert,
    Over,
    StoreChange,
    Taken,
    Told,
    Untold,
    Withdraw,
    WorkedOn,
)
from domain.alerts import AlertLevel
from domain.errors import InvalidInput

_LOGGED = [alert_log.c[name] for name in LoggedAlert.model_fields]
_LISTED = [desk_alerts.c[name] for name in ListedDeskAlert.model_fields]
_UNTOUCHED = {"acknowledged_by": "", "acknowledged_at": None, "over_at": None}


class SqlAlertBook:
    """`AlertBook` in the store's database. Every method raises `StoreUnavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, changes: Sequence[StoreChange]) -> None:
        """Keeps all changes or none, in their order. The same again changes nothing."""
        with self._database.writing() as connection:
            for change in changes:
                _apply(connection, change)

    def worked_on(self, task_id: str) -> WorkedOn | None:
        """Who acknowledged an alert of a ticket last; None when nobody did."""
        query = (
            select(desk_alerts.c.acknowledged_by, desk_alerts.c.acknowledged_at)
            .join(alert_log, alert_log.c.desk_alert_id == desk_alerts.c.desk_alert_id)
            .where(
                alert_log.c.task_id == task_id,
                desk_alerts.c.acknowledged_at.is_not(None),
                # Whoever acknowledged before the ticket joined did not mean it.
                alert_log.c.at <= desk_alerts.c.acknowledged_at,
            )
            .order_by(desk_alerts.c.acknowledged_at.desc())
            .limit(1)
        )
        with self._database.reading() as connection:
            row = connection.execute(query).first()
        return None if row is None else WorkedOn(by=row[0], since=row[1])

    def escalated_at(self, task_id: str) -> datetime | None:
        """When somebody was first told of an escalation of a ticket."""
        query = select(func.min(alert_log.c.sent_at)).where(
            alert_log.c.task_id == task_id, alert_log.c.level == AlertLevel.ESCALATION.value
        )
        with self._database.reading() as connection:
            found: datetime | None = connection.scalar(query)
        return found

    def desk_alerts(
        self,
        *,
        group: str | None = None,
        level: AlertLevel | None = None,
        open_only: bool = False,
        limit: int = 50,
    ) -> Sequence[ListedDeskAlert]:
        """Desk alerts, the latest first. Raises `InvalidInput` for a limit below 1."""
        if limit < 1:
            raise InvalidInput(f"limit is {limit}; expected 1 or more", field="limit")
        wanted: list[ColumnElement[bool]] = []
        if group is not None:
            wanted.append(desk_alerts.c.group == group)
        if level is not None:
            wanted.append(desk_alerts.c.level == level.value)
        if open_only:
            wanted.append(and_(desk_alerts.c.acknowledged_at.is_(None), desk_alerts.c.over_at.is_(None)))
        query = (
            select(*_LISTED)
            .where(*wanted)
            .order_by(desk_alerts.c.opened_at.desc(), desk_alerts.c.desk_alert_id)
            .limit(limit)
        )
        with self._database.reading() as connection:
            rows = connection.execute(query).mappings().all()
        return [ListedDeskAlert.model_validate(dict(row)) for row in rows]

    def desk_alert(self, desk_alert_id: str) -> ListedDeskAlert | None:
        """One desk alert."""
        query = select(*_LISTED).where(desk_alerts.c.desk_alert_id == desk_alert_id)
        with self._database.reading() as connection:
            row = connection.execute(query).mappings().first()
        return None if row is None else ListedDeskAlert.model_validate(dict(row))

    def alerts_of(self, task_id: str) -> Sequence[LoggedAlert]:
        """Every alert that a ticket raised, in their order, with its fate."""
        query = (
            select(*_LOGGED)
            .where(alert_log.c.task_id == task_id)
            .order_by(alert_log.c.at, alert_log.c.seq, alert_log.c.alert_id)
        )
        with self._database.reading() as connection:
            rows = connection.execute(query).mappings().all()
        return [LoggedAlert.model_validate(dict(row)) for row in rows]


def _apply(connection: Connection, change: StoreChange) -> None:
    match change:
        case Log(entry=entry):
            _log(connection, entry)
        case Light(line=line):
            _light(connection, line)
        case Cover():
            connection.execute(
                update(alert_log)
                .where(*_waiting(change.desk_alert_id, change.through))
                .values(notification_id=change.notification_id)
            )
        case Withdraw():
            of_ticket = [alert_log.c.task_id == change.task_id] if change.task_id else []
            connection.execute(
                update(alert_log)
                .where(*_waiting(change.desk_alert_id, change.through), *of_ticket)
                .values(fate=Fate.WITHDRAWN.value, reason=change.reason)
            )
        case Told():
            connection.execute(
                update(alert_log)
                .where(alert_log.c.notification_id == change.notification_id)
                .values(sent_at=change.at, told=list(change.told), failed=list(change.failed), undelivered="")
            )
        case Untold():
            connection.execute(
                update(alert_log)
                .where(alert_log.c.notification_id == change.notification_id)
                .values(undelivered=change.reason)
            )
        case Taken():
            _change(connection, change.desk_alert_id, acknowledged_by=change.by, acknowledged_at=change.at)
        case Over():
            _change(connection, change.desk_alert_id, over_at=change.at)


def _log(connection: Connection, entry: LogEntry) -> None:
    row = LoggedAlert(**entry.model_dump()).model_dump()
    row |= {"level": entry.level.value, "fate": entry.fate.value, "told": [], "failed": []}
    statement = insert_into(connection.dialect.name, alert_log).values(row)
    connection.execute(statement.on_conflict_do_nothing(index_elements=[alert_log.c.alert_id]))


def _light(connection: Connection, line: DeskAlertLine) -> None:
    row = {**line.model_dump(), "level": line.level.value}
    statement = insert_into(connection.dialect.name, desk_alerts).values({**row, **_UNTOUCHED})
    changes = {name: statement.excluded[name] for name in row if name != "desk_alert_id"}
    connection.execute(
        statement.on_conflict_do_update(index_elements=[desk_alerts.c.desk_alert_id], set_=changes)
    )


def _waiting(desk_alert_id: str, through: int) -> tuple[ColumnElement[bool], ...]:
    """Alerts that were merged and that no notification tells yet."""
    return (
        alert_log.c.desk_alert_id == desk_alert_id,
        alert_log.c.fate == Fate.MERGED.value,
        alert_log.c.notification_id == "",
        alert_log.c.seq <= through,
    )


def _change(connection: Connection, desk_alert_id: str, **values: object) -> None:
    connection.execute(
        update(desk_alerts).where(desk_alerts.c.desk_alert_id == desk_alert_id).values(**values)
    )
