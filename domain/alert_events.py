"""What reaches a group's alert desk, and what it wants done: the alphabet of `domain/alert_desk.py`."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from domain.alert_pages import Matter
from domain.alerts import Alert, AlertLevel
from domain.model import Instant, Record


class AlertRaised(Record):
    """A ticket raised an alert."""

    at: Instant
    alert: Alert
    dashboard_only: bool = False
    """Nobody is told of it: its level has the dashboard alone, and it names nobody."""
    pages: bool = False
    """Whoever is on call is paged about it."""


class Tick(Record):
    """Time has passed."""

    at: Instant


class Acknowledged(Record):
    """Somebody works on the tickets of a desk alert."""

    at: Instant
    desk_alert_id: str
    by: str
    """A principal's id."""


class TicketClosed(Record):
    """A ticket has ended: there is nothing to alert of any more."""

    at: Instant
    task_id: str


class Delivered(Record):
    """Channels took a notification."""

    at: Instant
    notification_id: str
    told: tuple[str, ...] = ()
    """`channel → principal or group` for each that took it."""
    failed: tuple[str, ...] = ()


class Undelivered(Record):
    """No channel is known to have taken a notification."""

    at: Instant
    notification_id: str
    reason: str
    unknown: bool = False
    """It may have gone out all the same."""


DeskEvent = AlertRaised | Tick | Acknowledged | TicketClosed | Delivered | Undelivered


class Fate(StrEnum):
    """What became of a raised alert. Decided when it is raised, but for `withdrawn`."""

    NOTIFIED = "notified"
    """A notification went out for it at once."""
    MERGED = "merged"
    """It is part of an open desk alert, and told with its next notification."""
    SUPPRESSED = "suppressed"
    """Nobody is told: the ticket is worked on, or was escalated before."""
    DASHBOARD = "dashboard"
    """Nobody is told: it lights the dashboard."""
    WITHDRAWN = "withdrawn"
    """It was merged, and before the next notification there was nothing left to tell."""


class LogEntry(Record):
    """The fate of one raised alert, and why."""

    alert_id: str
    task_id: str
    level: AlertLevel
    group: str
    at: Instant
    seq: int
    """Rising within the desk."""
    fate: Fate
    reason: str
    desk_alert_id: str = ""
    notification_id: str = ""


class DeskAlertLine(Record):
    """One consolidated alert, as the dashboard shows it."""

    desk_alert_id: str
    group: str
    level: AlertLevel
    opened_at: Instant
    tickets: int
    """How many tickets raised it."""
    alerts: int
    task_id: str
    """The most urgent ticket."""
    subject: str
    """What is said of that one."""
    deadline_at: Instant | None = None
    notifications: int = 0
    """How many have been begun."""
    last_sent_at: Instant | None = None
    next_at: Instant | None = None
    """When the next one goes out, if something waits for it."""


class Notify(Record):
    """A notification goes out. The alert's id is the notification's: a repeat has the same."""

    desk_alert_id: str
    alert: Alert
    tickets: int
    """How many open tickets it speaks of."""
    pages: bool = False
    """Whoever is on call is paged."""
    matters: tuple[Matter, ...] = ()
    """What it is about, if it can name all of it."""

    @property
    def notification_id(self) -> str:
        """Stable over every attempt."""
        return self.alert.alert_id


class Log(Record):
    """Keeps the fate of an alert."""

    kind: Literal["log"] = "log"
    entry: LogEntry


class Light(Record):
    """Brings the dashboard's line of a desk alert up to date."""

    kind: Literal["light"] = "light"
    line: DeskAlertLine


class Cover(Record):
    """Merged alerts of a desk alert, up to a number, are told by this notification."""

    kind: Literal["cover"] = "cover"
    desk_alert_id: str
    notification_id: str
    through: int


class Withdraw(Record):
    """Merged alerts of a desk alert, up to a number, that no notification tells will not be told."""

    kind: Literal["withdraw"] = "withdraw"
    desk_alert_id: str
    through: int
    reason: str
    task_id: str = ""
    """Only those of this ticket; empty: all."""


class Told(Record):
    """A notification reached somebody."""

    kind: Literal["told"] = "told"
    notification_id: str
    at: Instant
    told: tuple[str, ...]
    failed: tuple[str, ...] = ()


class Untold(Record):
    """A notification reached nobody, or it is not known whether it did."""

    kind: Literal["untold"] = "untold"
    notification_id: str
    reason: str


class Taken(Record):
    """Somebody acknowledged a desk alert."""

    kind: Literal["taken"] = "taken"
    desk_alert_id: str
    by: str
    at: Instant


class Over(Record):
    """All tickets of a desk alert have ended."""

    kind: Literal["over"] = "over"
    desk_alert_id: str
    at: Instant


StoreChange = Annotated[
    Log | Light | Cover | Withdraw | Told | Untold | Taken | Over, Field(discriminator="kind")
]
"""What the alert log and the dashboard keep. Applied in their order; a repeat changes nothing."""

DeskEffect = Notify | StoreChange


class LoggedAlert(LogEntry):
    """A raised alert with what became of its notification."""

    sent_at: Instant | None = None
    told: tuple[str, ...] = ()
    """`channel → principal or group` for each that took it."""
    failed: tuple[str, ...] = ()
    undelivered: str = ""
    """Why its notification reached nobody, so far."""


class ListedDeskAlert(DeskAlertLine):
    """A consolidated alert with who has it."""

    acknowledged_by: str = ""
    acknowledged_at: Instant | None = None
    over_at: Instant | None = None
    """When the last of its tickets had ended."""

    @property
    def is_open(self) -> bool:
        """Whether nobody has it and its tickets have not ended."""
        return self.acknowledged_at is None and self.over_at is None


class WorkedOn(Record):
    """Who acknowledged an alert of a ticket last."""

    by: str
    since: Instant
