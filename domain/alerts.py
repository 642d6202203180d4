"""Alerts: who is told of a threshold or a failure, and how (article, "Alert Noise Reduction")."""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from domain.model import Instant, Model, Record
from domain.notices import Channel


class AlertLevel(StrEnum):
    """What happened. The first four are the SLA's thresholds."""

    PRE_ALERT = "pre_alert"
    ORANGE = "orange"
    RED = "red"
    CRITICAL = "critical"
    ESCALATION = "escalation"
    FAILURE = "failure"
    REVIEW = "review"
    """A person is asked; the lead (day) or on-call (night) is told."""


class AlertRule(Model):
    """Where one level goes."""

    to: Literal["dashboard", "group", "lead", "on_call"]
    channels: tuple[Channel, ...] = Field(min_length=1)


class AlertPolicy(Model):
    """A rule per level. A level without a rule lights the dashboard only."""

    levels: dict[AlertLevel, AlertRule]

    def rule(self, level: AlertLevel) -> AlertRule:
        """The rule of a level."""
        return self.levels.get(level, AlertRule(to="dashboard", channels=(Channel.DASHBOARD,)))


class Addressee(Record):
    """Somebody named for one alert, whatever the level's rule says."""

    to: str
    """`group`, `lead` or `on_call` of the alert's group, or the name of a group or principal."""
    channel: Channel | None = None
    """None: the channels of the level's rule."""


class Alert(Record):
    """One alert of one ticket. The id is the same however often it is raised."""

    alert_id: str
    task_id: str
    level: AlertLevel
    group: str
    subject: str
    body: str
    deadline_at: Instant | None = None
    """Until when something has to happen."""
    action: str = ""
    """What whoever reads this can do: a command to type."""
    instead: Addressee | None = None
    """Told in place of whom the level's rule names: a gate at night calls on-call, not the lead."""
    also: Addressee | None = None
    """Told besides: an SOP's escalation that meets a level is one alert with two addressees."""


class AlertReceipt(Record):
    """What went out for an alert."""

    alert_id: str
    sent: tuple[str, ...] = ()
    """`channel → addressee` for each notice taken."""
    failed: tuple[str, ...] = ()
    """`channel → addressee: why` for each notice no channel took."""
