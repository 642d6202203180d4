"""A desk in a test: events go in, effects are gathered, notifications are delivered unless told not."""

from datetime import UTC, datetime, timedelta
from typing import Any

from domain.alert_desk import advance, wake_at
from domain.alert_desk_state import Desk
from domain.alert_events import (
    Acknowledged,
    AlertRaised,
    Delivered,
    DeskEffect,
    DeskEvent,
    Log,
    LogEntry,
    Notify,
    Tick,
    TicketClosed,
    Undelivered,
)
from domain.alerts import Alert, AlertLevel

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def an_alert(task_id: str = "T1", level: AlertLevel = AlertLevel.RED, **changes: Any) -> Alert:
    """An alert of the group Accounts."""
    alert = Alert(
        alert_id=f"{task_id}/{level}",
        task_id=task_id,
        level=level,
        group="Accounts",
        subject=f"{level}: ticket {task_id}",
        body="15 minutes left",
        action=f"opsloop ticket show {task_id}",
    )
    return alert.model_copy(update=changes)


class DeskRun:
    """One desk over time. Seconds are counted from noon."""

    def __init__(self, desk: Desk | None = None) -> None:
        self.desk = desk or Desk(group="Accounts")
        self.effects: list[DeskEffect] = []
        self.sent: list[tuple[float, Notify]] = []
        self.reachable = True
        self.unknown = False

    def at(self, seconds: float) -> datetime:
        return NOON + timedelta(seconds=seconds)

    def take(self, event: DeskEvent) -> list[DeskEffect]:
        """Feeds an event, then delivers what went out, at the same instant."""
        self.desk, effects = advance(self.desk, event)
        self.effects.extend(effects)
        gathered = list(effects)
        for effect in effects:
            if isinstance(effect, Notify):
                self.sent.append(((event.at - NOON).total_seconds(), effect))
                gathered += self.take(self._answer(effect, event.at))
        return gathered

    def raise_alert(
        self, seconds: float, task_id: str = "T1", level: AlertLevel = AlertLevel.RED, **changes: Any
    ) -> LogEntry:
        """Raises an alert; what became of it."""
        quiet = bool(changes.pop("dashboard_only", level is AlertLevel.PRE_ALERT))
        pages = bool(changes.pop("pages", False))
        self.pass_to(seconds)
        alert = an_alert(task_id, level, **changes)
        effects = self.take(AlertRaised(at=self.at(seconds), alert=alert, dashboard_only=quiet, pages=pages))
        return next(each.entry for each in effects if isinstance(each, Log))

    def acknowledge(self, seconds: float, desk_alert_id: str, by: str = "li.wei") -> None:
        self.pass_to(seconds)
        self.take(Acknowledged(at=self.at(seconds), desk_alert_id=desk_alert_id, by=by))

    def close(self, seconds: float, task_id: str = "T1") -> None:
        self.pass_to(seconds)
        self.take(TicketClosed(at=self.at(seconds), task_id=task_id))

    def pass_to(self, seconds: float) -> None:
        """Wakes the desk whenever it wants to be woken until then."""
        while (wake := wake_at(self.desk)) is not None and wake <= self.at(seconds):
            self.take(Tick(at=wake))

    def of(self, kind: type[Any]) -> list[Any]:
        """The effects of one kind so far."""
        return [each for each in self.effects if isinstance(each, kind)]

    @property
    def times(self) -> list[float]:
        """Seconds at which notifications went out."""
        return [at for at, _ in self.sent]

    def _answer(self, notify: Notify, at: datetime) -> Delivered | Undelivered:
        if self.reachable:
            return Delivered(at=at, notification_id=notify.notification_id, told=("sms → lead",))
        return Undelivered(
            at=at,
            notification_id=notify.notification_id,
            reason="sms → lead: refused",
            unknown=self.unknown,
        )
