"""Duty × risk: what may run by itself at this hour (article, `DUTY_CONFIG`; DESIGN, "Duty × risk").

The mode is the clock's and the calendar's, unless somebody set another one for a time (`domain/standing.py`).
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, StringConstraints, field_validator, model_validator

from domain.model import Model, Record
from domain.notices import Channel
from domain.task import RiskLevel

TimeRange = Annotated[
    str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)$")
]


class DutyMode(Model):
    """One mode of `DUTY_CONFIG`, in the article's words."""

    time_range: TimeRange
    auto_execute_risk: RiskLevel
    """Risk up to here runs by itself."""
    auto_with_audit: RiskLevel | None = None
    """Risk up to here runs by itself and is drawn for a spot check."""
    human_confirm: bool = False
    """People are at their desks: what is above `auto_execute_risk` is confirmed by one of them first."""
    escalation_threshold: RiskLevel
    """From here on somebody is told when a person is asked: the lead by day, on-call at night."""
    escalation_channel: Channel = Channel.WECOM

    @model_validator(mode="after")
    def _bounds_in_order(self) -> "DutyMode":
        if self.auto_with_audit and self.auto_with_audit.rank < self.auto_execute_risk.rank:
            raise ValueError("auto_with_audit must not be below auto_execute_risk")
        return self

    @property
    def hours(self) -> tuple[time, time]:
        """First and last instant of the range; the range may pass midnight."""
        start, end = self.time_range.split("-")
        return time.fromisoformat(start), time(0) if end == "24:00" else time.fromisoformat(end)

    @property
    def whom_to_tell(self) -> Literal["lead", "on_call"]:
        """Who hears that a person is needed: the lead where people are at their desks, else on-call."""
        return "lead" if self.human_confirm else "on_call"

    def covers(self, at: time) -> bool:
        """Whether the range, closed at its start and open at its end, has this time of day."""
        start, end = self.hours
        if start < end:
            return start <= at < end
        return at >= start or at < end


class DutyConfig(Model):
    """All modes of a bank and where its clocks hang."""

    timezone: str = "Asia/Shanghai"
    non_working_days: str = "nighttime"
    """The mode of weekends and public holidays, all day."""
    modes: dict[str, DutyMode] = Field(min_length=1)

    @field_validator("timezone")
    @classmethod
    def _zone_exists(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except Exception as error:
            raise ValueError(f"{value!r} is not a time zone such as Asia/Shanghai") from error
        return value

    @model_validator(mode="after")
    def _whole_day_is_covered(self) -> "DutyConfig":
        if self.non_working_days not in self.modes:
            raise ValueError(f"non_working_days names {self.non_working_days!r}, which is not a mode")
        for minute in range(24 * 60):
            at = time(minute // 60, minute % 60)
            names = [name for name, mode in self.modes.items() if mode.covers(at)]
            if len(names) != 1:
                problem = "no mode" if not names else " and ".join(names)
                raise ValueError(f"at {at:%H:%M} there is {problem}; exactly one mode must cover each minute")
        return self


class GateVerdict(Record):
    """Whether an effect may run now, and who has a part in it."""

    mode: str
    risk: RiskLevel
    verdict: Literal["automatic", "spot_check", "ask"]
    tell: Literal["nobody", "lead", "on_call"] = "nobody"
    channel: Channel = Channel.DASHBOARD
    reason: str


def mode_at(config: DutyConfig, now: datetime, is_working_day: Callable[[date], bool]) -> str:
    """The name of the mode that holds at this instant.

    A night that begins on a working day lasts until its end; the following day decides for itself.
    """
    local = now.astimezone(ZoneInfo(config.timezone))
    if not is_working_day(local.date()):
        return config.non_working_days
    return next(name for name, mode in config.modes.items() if mode.covers(local.time()))


def gate(
    config: DutyConfig,
    risk: RiskLevel,
    now: datetime,
    is_working_day: Callable[[date], bool],
    *,
    mode: str | None = None,
) -> GateVerdict:
    """Decides duty × risk for one effect at this instant; `mode` names another one than the clock's."""
    name = mode or mode_at(config, now, is_working_day)
    held = config.modes[name]
    if risk.rank <= held.auto_execute_risk.rank:
        return GateVerdict(
            mode=name, risk=risk, verdict="automatic", reason=f"{risk} risk runs by itself in {name}"
        )
    if held.auto_with_audit and risk.rank <= held.auto_with_audit.rank:
        return GateVerdict(
            mode=name,
            risk=risk,
            verdict="spot_check",
            reason=f"{risk} risk runs by itself in {name} and is spot-checked the next day",
        )
    told = risk.rank >= held.escalation_threshold.rank
    return GateVerdict(
        mode=name,
        risk=risk,
        verdict="ask",
        tell=held.whom_to_tell if told else "nobody",
        channel=held.escalation_channel if told else Channel.DASHBOARD,
        reason=f"{risk} risk needs a person in {name}",
    )


def next_change(config: DutyConfig, now: datetime, is_working_day: Callable[[date], bool]) -> datetime:
    """The next instant, to the minute, at which another mode holds; a week ahead where none does."""
    current = mode_at(config, now, is_working_day)
    at = now.astimezone(UTC).replace(second=0, microsecond=0)
    for _ in range(7 * 24 * 60):
        at += timedelta(minutes=1)
        if mode_at(config, at, is_working_day) != current:
            return at
    return at
