"""Alerts: who is told of a threshold or a failure, and how (article, "Alert Noise Reduction")."""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from domain.desk_rules import DeskRules
from domain.model import Instant, Model, Record
from domain.notices import Backups, Channel
from domain.people import Principal, Role
from domain.task import Priority, RiskLevel


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

    @property
    def rank(self) -> int | None:
        """Its place on the SLA's ladder, 0 for the pre-alert to 3 for critical; None for the others."""
        return _LADDER.index(self) if self in _LADDER else None

    @property
    def is_urgent(self) -> bool:
        """Whether the first of its kind goes out at once: everything but pre-alert and orange."""
        return self not in (AlertLevel.PRE_ALERT, AlertLevel.ORANGE)


_LADDER = (AlertLevel.PRE_ALERT, AlertLevel.ORANGE, AlertLevel.RED, AlertLevel.CRITICAL)


class AlertRule(Model):
    """Where one level goes."""

    to: Literal["dashboard", "group", "lead", "on_call"]
    channels: tuple[Channel, ...] = Field(min_length=1)


class AlertPolicy(Model):
    """A rule per level. A level without a rule lights the dashboard only."""

    levels: dict[AlertLevel, AlertRule]
    backups: Backups = Field(default={}, description="the channel that stands in for one; null for none")
    desk: DeskRules = Field(default=DeskRules(), description="how desks merge, repeat and forget")

    def rule(self, level: AlertLevel) -> AlertRule:
        """The rule of a level."""
        return self.levels.get(level, AlertRule(to="dashboard", channels=(Channel.DASHBOARD,)))

    def lights_dashboard_only(self, alert: "Alert") -> bool:
        """Whether nobody is told of an alert: its level has the dashboard alone, and it names nobody."""
        rule = self.rule(alert.level)
        by_rule = rule.to != "dashboard" and any(each is not Channel.DASHBOARD for each in rule.channels)
        named = [each for each in (alert.instead, alert.also) if each is not None]
        by_name = any(Channel.DASHBOARD not in (each.to, each.channel) for each in named)
        return not by_name and (alert.instead is not None or not by_rule)


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
    raised_at: Instant | None = None
    """Bank time at which the ticket raised it."""
    priority: Priority = Priority.P4
    risk: RiskLevel = RiskLevel.MEDIUM
    worked_by: str = ""
    """The principal who has acknowledged or claimed the ticket, as far as whoever hands it over knows."""
    worked_since: Instant | None = None
    escalated_at: Instant | None = None
    """When somebody was told of an escalation of this ticket before."""
    silence: str = ""
    """What it leads to when nobody does anything; for whoever is paged."""
    review_id: str = ""
    """The question that it is about, if it is about one."""
    paged: bool = False
    """Whoever is on call is paged about it, so that this message leaves them out."""


class AlertReceipt(Record):
    """What went out for an alert."""

    alert_id: str
    sent: tuple[str, ...] = ()
    """`channel → addressee` for each notice taken."""
    failed: tuple[str, ...] = ()
    """`channel → addressee: why` for each notice no channel took."""
    handed_to: str = ""
    """The group whose alert desk has it; empty where it was sent without a desk."""


def why_not_acknowledge(principal: Principal, group: str) -> str | None:
    """Why a principal may not acknowledge an alert of a group; None when they may.

    Operators and reviewers for their own groups; whoever can be on call, and administrators, for all.
    """
    if principal.may(Role.ONCALL) or principal.may(Role.ADMIN):
        return None
    if not (principal.may(Role.OPERATOR) or principal.may(Role.REVIEWER)):
        return f"{principal.id} may not acknowledge alerts: that needs the role operator, oncall or reviewer"
    if group not in principal.groups:
        return f"{principal.id} may not acknowledge alerts of {group}: they are not in that group"
    return None
