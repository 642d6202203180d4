"""The SLA stopwatch: how much of a ticket's time is gone, and which thresholds follow from it.

Model: an append-only list of holds, a calendar, and pure functions over them (after iTop's `ormstopwatch`).
All instants are bank time, all durations business time. Thresholds are the article's 50/75/90/95 %, per
category.
"""

from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import Field, model_validator

from domain.calendar import ALWAYS, WorkCalendar, advance
from domain.calendar import elapsed as business_time
from domain.duration import Duration, format_duration
from domain.errors import Conflict
from domain.legal import LegalDeadline
from domain.model import Instant, Model, Record
from domain.notices import Channel
from domain.task import Identifier

DEFAULT_SLA = timedelta(hours=24)


class SlaLevel(StrEnum):
    """The four thresholds, in rising order."""

    PRE_ALERT = "pre_alert"
    ORANGE = "orange"
    RED = "red"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for the pre-alert to 3 for critical."""
        return list(SlaLevel).index(self)


class SlaPolicy(Model):
    """A category's SLA (article, `SLAPolicy`)."""

    category: Identifier
    sla_hours: float = Field(gt=0, le=24 * 366)
    pre_alert_ratio: float = Field(default=0.5, gt=0, lt=1)
    orange_alert_ratio: float = Field(default=0.75, gt=0, lt=1)
    red_alert_ratio: float = Field(default=0.9, gt=0, lt=1)
    auto_escalation_ratio: float = Field(default=0.95, gt=0, lt=1)
    calendar: Identifier | None = Field(
        default=None, description="of calendars/: on whose working time the clock runs; without it always"
    )

    @model_validator(mode="after")
    def _ratios_rise(self) -> "SlaPolicy":
        ratios = list(self.ratios.values())
        if sorted(set(ratios)) != ratios:
            raise ValueError("the ratios must rise: pre_alert < orange < red < auto_escalation")
        return self

    @property
    def ratios(self) -> dict[SlaLevel, float]:
        """Share of the SLA at which each level is reached."""
        return {
            SlaLevel.PRE_ALERT: self.pre_alert_ratio,
            SlaLevel.ORANGE: self.orange_alert_ratio,
            SlaLevel.RED: self.red_alert_ratio,
            SlaLevel.CRITICAL: self.auto_escalation_ratio,
        }


class Escalation(Model):
    """An SOP's own escalation: at this much SLA time, tell these people on this channel."""

    at: Duration
    to: str = Field(min_length=1, max_length=100)
    channel: Channel = Channel.SMS


class Rung(Record):
    """One threshold of a ticket: a level, an escalation, or both where they meet."""

    after: Duration
    """SLA time, from the start of the clock."""
    level: SlaLevel | None = None
    escalation: Escalation | None = None

    @property
    def key(self) -> str:
        """Names the rung within its ticket: the same alert has the same key for ever."""
        return self.level or f"escalation-{format_duration(self.after)}"


class SlaTerms(Record):
    """What was agreed for one ticket, pinned when it opens."""

    target: Duration
    source: str
    """Which of rule, SOP and category policy was the strictest."""
    rungs: tuple[Rung, ...]
    calendar: WorkCalendar | None = None
    """On whose working time the clock runs; None is around the clock."""
    legal: tuple[LegalDeadline, ...] = ()
    """What no hold stops."""


def agree_terms(
    *,
    rule_hours: float | None,
    sop_sla: timedelta | None,
    policy: SlaPolicy | None,
    escalation: Escalation | None,
    calendar: WorkCalendar | None = None,
    legal: tuple[LegalDeadline, ...] = (),
) -> SlaTerms:
    """The strictest of dispatch rule, SOP and category policy; 24 h where nobody says anything.

    All of them are durations on the calendar.
    """
    offers: list[tuple[timedelta, str]] = []
    if rule_hours is not None:
        offers.append((timedelta(hours=rule_hours), "dispatch rule"))
    if sop_sla is not None:
        offers.append((sop_sla, "SOP"))
    if policy is not None:
        offers.append((timedelta(hours=policy.sla_hours), f"policy for {policy.category}"))
    target, source = min(offers, default=(DEFAULT_SLA, "default"), key=lambda offer: offer[0])
    ratios = (policy or SlaPolicy(category="other", sla_hours=24)).ratios
    return SlaTerms(
        target=target,
        source=source,
        rungs=build_rungs(target, ratios, escalation),
        calendar=None if calendar is None or calendar.is_always else calendar,
        legal=legal,
    )


def build_rungs(
    target: timedelta, ratios: dict[SlaLevel, float], escalation: Escalation | None
) -> tuple[Rung, ...]:
    """The ladder in rising order. An escalation that meets a level shares its rung: one alert."""
    by_time = {
        _to_millisecond(target * ratio): Rung(after=_to_millisecond(target * ratio), level=level)
        for level, ratio in ratios.items()
    }
    if escalation:
        after = _to_millisecond(escalation.at)
        level = by_time[after].level if after in by_time else None
        by_time[after] = Rung(after=after, level=level, escalation=escalation)
    return tuple(rung for _, rung in sorted(by_time.items()))


def _to_millisecond(duration: timedelta) -> timedelta:
    return timedelta(milliseconds=round(duration / timedelta(milliseconds=1)))


class Hold(Record):
    """A stretch in which the service clock stands still."""

    since: Instant
    until: Instant | None = None
    reason: str
    by: str


class FormerCalendar(Record):
    """The calendar that a stopwatch ran on until an instant."""

    until: Instant
    calendar: WorkCalendar | None


class Stopwatch(Record):
    """A ticket's service clock. Holds never overlap and only the last one can be open."""

    started_at: Instant
    holds: tuple[Hold, ...] = ()
    calendar: WorkCalendar | None = None
    """On whose working time it runs; None is around the clock."""
    former: tuple[FormerCalendar, ...] = ()
    """Calendars before this one, in order: what was gone on them stays gone."""

    @property
    def held(self) -> bool:
        """Whether the clock stands still."""
        return bool(self.holds) and self.holds[-1].until is None

    def hold(self, now: datetime, reason: str, by: str) -> "Stopwatch":
        """Stops the clock. Raises `Conflict` when it already stands."""
        if self.held:
            raise Conflict(f"the ticket is already on hold since {self.holds[-1].since:%Y-%m-%d %H:%M}")
        since = max(now, self.started_at, *(hold.until for hold in self.holds[-1:] if hold.until))
        return self.model_copy(update={"holds": (*self.holds, Hold(since=since, reason=reason, by=by))})

    def resume(self, now: datetime) -> "Stopwatch":
        """Lets the clock run on. Raises `Conflict` when it runs."""
        if not self.held:
            raise Conflict("the ticket is not on hold")
        last = self.holds[-1].model_copy(update={"until": max(now, self.holds[-1].since)})
        return self.model_copy(update={"holds": (*self.holds[:-1], last)})

    def on(self, calendar: WorkCalendar | None, now: datetime) -> "Stopwatch":
        """Runs on another calendar from now on."""
        if calendar == self.calendar:
            return self
        before = FormerCalendar(until=now, calendar=self.calendar)
        former = (*self.former, before) if now > self.started_at else self.former
        return self.model_copy(update={"calendar": calendar, "former": former})

    def elapsed(self, now: datetime) -> timedelta:
        """SLA time that is gone: business time since the start, less that of the holds."""
        paused = sum(
            (self._between(min(hold.since, now), min(hold.until or now, now)) for hold in self.holds),
            timedelta(0),
        )
        return max(self._between(self.started_at, now) - paused, timedelta(0))

    def deadline(self, after: timedelta) -> datetime | None:
        """When `after` of SLA time will be gone. None while the clock stands before that point.

        What a hold took in business time is added to the end, never to the start.
        """
        at = self._later(self.started_at, after)
        for hold in self.holds:
            if at <= hold.since:
                break
            if hold.until is None:
                return None
            at = self._later(at, self._between(hold.since, hold.until))
        return at

    def _between(self, start: datetime, end: datetime) -> timedelta:
        """Business time between two instants, on the calendar that held at each moment."""
        total = timedelta(0)
        for former in self.former:
            total += business_time(former.calendar or ALWAYS, start, min(end, former.until))
            start = max(start, former.until)
        return total + business_time(self.calendar or ALWAYS, start, end)

    def _later(self, start: datetime, duration: timedelta) -> datetime:
        """When so much business time is gone since the start."""
        for former in self.former:
            on = former.calendar or ALWAYS
            here = business_time(on, start, former.until)
            if duration <= here:
                return advance(on, start, duration)
            duration -= here
            start = max(start, former.until)
        return advance(self.calendar or ALWAYS, start, duration)


class Crossing(Record):
    """What to do about the thresholds that are passed: fire one, record the others as skipped."""

    key: str
    after: Duration
    level: SlaLevel | None
    escalation: Escalation | None
    skipped: tuple[str, ...] = ()


def crossed(terms: SlaTerms, elapsed: timedelta, fired: frozenset[str]) -> Crossing | None:
    """The crossing to act on, or None.

    After a jump (downtime, a late start) only the highest crossed level fires. An escalation that was
    jumped over is not lost: its people are told together with the level that fires.
    """
    due = [rung for rung in terms.rungs if rung.after <= elapsed and rung.key not in fired]
    if not due:
        return None
    return Crossing(
        key=due[-1].key,
        after=due[-1].after,
        level=next((rung.level for rung in reversed(due) if rung.level), None),
        escalation=next((rung.escalation for rung in reversed(due) if rung.escalation), None),
        skipped=tuple(rung.key for rung in due[:-1]),
    )


def next_rung(terms: SlaTerms, fired: frozenset[str]) -> Rung | None:
    """The lowest rung that has neither fired nor been skipped."""
    return next((rung for rung in terms.rungs if rung.key not in fired), None)
