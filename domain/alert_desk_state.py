"""What an alert desk remembers: open desk alerts, tickets that were told of, alerts that it has seen."""

import hashlib
from base64 import b32encode
from datetime import datetime
from typing import Final

from domain.alert_events import DeskAlertLine
from domain.alert_pages import Matter, matter_of
from domain.alerts import Addressee, Alert, AlertLevel
from domain.desk_rules import DeskRules
from domain.model import Instant, Record

_EPOCH: Final = datetime.fromisoformat("2000-01-01T00:00:00+00:00")
_TOP: Final = 5
_MOST_ALERTS_OF_A_TICKET: Final = 8
_RUNGS: Final = {each.value: each.rank for each in AlertLevel if each.rank is not None}


class Window(Record):
    """One desk alert while alerts are merged into it."""

    desk_alert_id: str
    level: AlertLevel
    opened_at: Instant
    last_at: Instant
    silent: bool = False
    """Nobody is told; it lights the dashboard."""
    pages: bool = False
    """Whoever is on call is paged."""
    latest: Alert
    top: tuple[Alert, ...] = ()
    """The most urgent ones of open tickets, one a ticket."""
    tickets: dict[str, bool] = {}
    """Which raised it; False once one has ended."""
    more: int = 0
    """Tickets beyond those."""
    alerts: int = 0
    waiting: tuple[str, ...] = ()
    """Tickets with alerts that no notification tells yet."""
    begun: int = 0
    """Number of the last notification."""
    begun_at: Instant | None = None
    under_way: bool = False
    rounds: int = 0
    """How often the last notification reached nobody."""
    retry_at: Instant | None = None
    last_sent_at: Instant | None = None
    taken_by: str = ""
    """Who acknowledged it since the last notification."""

    @classmethod
    def opened(
        cls, group: str, kind: str, alert: Alert, at: datetime, *, silent: bool, pages: bool = False
    ) -> "Window":
        """A desk alert of this type. Its id comes from what opens it: no other ever has the same."""
        digest = hashlib.sha256(f"{group}\x00{kind}\x00{alert.alert_id}".encode()).digest()
        return cls(
            desk_alert_id="A" + b32encode(digest)[:9].decode(),
            level=alert.level,
            opened_at=at,
            last_at=at,
            silent=silent,
            pages=pages,
            latest=alert,
        )

    @property
    def notification_id(self) -> str:
        """Of the last notification."""
        return f"{self.desk_alert_id}/{self.begun}"

    @property
    def matters(self) -> tuple[Matter, ...]:
        """What it is still about; nothing where there is more than it can name."""
        known = len(self.top) == self.open_tickets
        return tuple(matter_of(each) for each in self.top) if known else ()

    @property
    def all_tickets(self) -> int:
        """How many tickets raised it."""
        return len(self.tickets) + self.more

    @property
    def open_tickets(self) -> int:
        """How many tickets it is still about."""
        return sum(self.tickets.values()) + self.more

    def due_at(self, rules: DeskRules) -> datetime | None:
        """When its next notification goes out; None while nothing waits, or one is under way."""
        if self.under_way or self.silent:
            return None
        if self.retry_at is not None:
            return self.retry_at
        return self.next_at(rules) if self.waiting else None

    def next_at(self, rules: DeskRules) -> datetime:
        """The earliest instant of the next notification."""
        if not self.level.is_urgent:
            return (self.begun_at or self.opened_at) + rules.window
        if self.begun_at is None:
            return self.opened_at
        return self.begun_at + rules.again[min(self.begun, len(rules.again)) - 1]

    def done_at(self, rules: DeskRules) -> datetime | None:
        """When it takes no more alerts; None while something is still to be told."""
        if self.under_way or self.waiting or self.retry_at is not None:
            return None
        return max(self.last_at, self.begun_at or self.opened_at) + rules.window

    def merged(self, alert: Alert, at: datetime, most_tickets: int) -> "Window":
        """With one more alert."""
        task_id = alert.task_id
        beyond = task_id not in self.tickets and len(self.tickets) >= most_tickets
        waits = not self.silent and task_id not in self.waiting and not (beyond and self.waiting)
        others = [each for each in self.top if each.task_id != task_id]
        return self.model_copy(
            update={
                "last_at": at,
                "latest": alert,
                "top": tuple(sorted([*others, alert], key=_urgency)[:_TOP]),
                "tickets": self.tickets if beyond else {**self.tickets, task_id: True},
                "more": self.more + beyond,
                "alerts": self.alerts + 1,
                "waiting": (*self.waiting, task_id) if waits else self.waiting,
            }
        )

    def begin(self, at: datetime) -> "Window":
        """With the next notification under way; one that reached nobody keeps its number."""
        return self.model_copy(
            update={
                "begun": self.begun + (self.retry_at is None),
                "begun_at": at,
                "under_way": True,
                "retry_at": None,
                "waiting": (),
                "taken_by": "",
            }
        )

    def without(self, task_id: str) -> "Window":
        """After a ticket has ended."""
        return self.model_copy(
            update={
                "tickets": {**self.tickets, task_id: False},
                "top": tuple(each for each in self.top if each.task_id != task_id),
                "waiting": tuple(each for each in self.waiting if each != task_id),
            }
        )

    def line(self, group: str, rules: DeskRules) -> DeskAlertLine:
        """As the dashboard shows it."""
        shown = self.top[0] if self.top else self.latest
        return DeskAlertLine(
            desk_alert_id=self.desk_alert_id,
            group=group,
            level=self.level,
            opened_at=self.opened_at,
            tickets=self.all_tickets,
            alerts=self.alerts,
            task_id=shown.task_id,
            subject=shown.subject,
            deadline_at=shown.deadline_at,
            notifications=self.begun,
            last_sent_at=self.last_sent_at,
            next_at=self.due_at(rules),
        )


class TicketMemory(Record):
    """What the desk knows of a ticket."""

    notified: dict[str, Instant] = {}
    """When it was first told of, by type."""
    desk_alerts: dict[str, AlertLevel] = {}
    """The last desk alerts that it is part of."""
    worked_by: str = ""
    worked_since: Instant | None = None
    escalated_at: Instant | None = None

    def was_told(self, alert: Alert, kind: str) -> bool:
        """Whether this type, or as high a level of the SLA's ladder, was told of before."""
        if kind in self.notified:
            return True
        if alert.level.rank is None or alert.instead or alert.also:
            return False
        return any(_RUNGS.get(told, -1) >= alert.level.rank for told in self.notified)

    def joined(self, window: Window) -> "TicketMemory":
        """As part of this desk alert."""
        joined = {**self.desk_alerts, window.desk_alert_id: window.level}
        return self.model_copy(update={"desk_alerts": dict([*joined.items()][-_MOST_ALERTS_OF_A_TICKET:])})

    def told(self, kind: str, level: AlertLevel, at: datetime) -> "TicketMemory":
        """After somebody is told of this type."""
        escalated_at = self.escalated_at or (at if level is AlertLevel.ESCALATION else None)
        return self.model_copy(update={"notified": {kind: at, **self.notified}, "escalated_at": escalated_at})

    def not_told(self, kind: str, level: AlertLevel) -> "TicketMemory":
        """After all nobody was told of this type."""
        notified = {name: at for name, at in self.notified.items() if name != kind}
        escalated_at = None if level is AlertLevel.ESCALATION else self.escalated_at
        return self.model_copy(update={"notified": notified, "escalated_at": escalated_at})


class Desk(Record):
    """The state of one group's desk, bounded by its rules."""

    group: str
    rules: DeskRules = DeskRules()
    timezone: str = "UTC"
    """Of the times in reasons."""
    at: Instant = _EPOCH
    seq: int = 0
    seen: dict[str, None] = {}
    """Ids of the last alerts, the oldest first."""
    windows: dict[str, Window] = {}
    """Open desk alerts by type."""
    tickets: dict[str, TicketMemory] = {}


def type_of(alert: Alert, *, dashboard_only: bool = False) -> str:
    """What has to be the same for alerts to be merged: the level, and whom the alert itself names."""
    names = [f"{sign}{_name(each)}" for sign, each in ((">", alert.instead), ("+", alert.also)) if each]
    return "".join(("dashboard:" if dashboard_only else "", alert.level, *names))


def _name(addressee: Addressee) -> str:
    return f"{addressee.to}/{addressee.channel or ''}"


def _urgency(alert: Alert) -> tuple[int, float, int, str]:
    until = alert.deadline_at.timestamp() if alert.deadline_at else float("inf")
    return alert.priority.rank, until, -alert.risk.rank, alert.task_id
