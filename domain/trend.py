"""Trends: whether similar tickets come much more often than usual at these hours. Pure rules over counts.

Similar tickets have the same category and action (and group, or source, where the policy says so). Those of a
sliding window are held against the same hours of the same kind of day, working day or day off, in past weeks.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from statistics import median
from typing import Annotated, Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import Field

from domain.alerts import Addressee, Alert, AlertLevel
from domain.digest import digest_of
from domain.duration import Duration, format_duration
from domain.model import Instant, Model, Record
from domain.standing import kind_of
from domain.task import Priority

_DAYS: Final = 7

Ratio = Annotated[float, Field(gt=0, le=1000)]
Least = Annotated[int, Field(ge=1, le=100_000, strict=True)]


class TrendRule(Model):
    """What holds for one kind of ticket instead."""

    watch: bool = Field(default=True, strict=True, description="false: this kind never raises an alert")
    ratio: Ratio | None = Field(default=None, description="times the baseline from which on it surges")
    minimum: Least | None = Field(
        default=None, description="tickets in the window below which nothing is said"
    )
    floor: Ratio | None = Field(default=None, description="the least baseline")


class TrendPolicy(Model):
    """`policies/trends.yaml`."""

    every: Duration = Field(
        default=timedelta(minutes=1),
        description="between two looks",
        json_schema_extra={"default": "1min"},
    )
    window: Duration = Field(
        default=timedelta(hours=1),
        description="how far back tickets count; the window slides",
        json_schema_extra={"default": "1h"},
    )
    weeks: int = Field(default=4, ge=1, le=12, strict=True, description="past weeks that make the baseline")
    ratio: Ratio = Field(default=3.0, description="times the baseline from which on a kind surges")
    minimum: Least = Field(default=10, description="tickets in the window below which nothing is said")
    floor: Ratio = Field(default=3.0, description="the least baseline, also of a kind without a history")
    ends_below: Ratio = Field(default=2.0, description="times the baseline below which a surge can end")
    calm_for: Duration = Field(
        default=timedelta(minutes=30),
        description="how long it has to stay below before the surge is over and another can be raised",
        json_schema_extra={"default": "30min"},
    )
    by: tuple[Literal["group", "source"], ...] = Field(
        default=(), description="what makes tickets similar besides category and action"
    )
    to: Literal["group", "lead", "on_call"] = Field(default="lead", description="who of the group is told")
    group: str = Field(
        default="",
        max_length=100,
        description="whose desk hears of it; empty: that with most of the tickets",
    )
    kinds: dict[str, TrendRule] = Field(
        default_factory=dict, max_length=500, description="by category/action, where it is another one"
    )

    def ratio_of(self, kind: str) -> float:
        """Times the baseline from which on this kind surges."""
        return self._rule(kind).ratio or self.ratio

    def minimum_of(self, kind: str) -> int:
        """Tickets of this kind in the window below which nothing is said."""
        return self._rule(kind).minimum or self.minimum

    def floor_of(self, kind: str) -> float:
        """The least baseline of this kind."""
        return self._rule(kind).floor or self.floor

    def watches(self, kind: str) -> bool:
        """Whether this kind can raise an alert."""
        return self._rule(kind).watch

    def _rule(self, kind: str) -> TrendRule:
        return self.kinds.get(kind, TrendRule())


class Window(NamedTuple):
    """A stretch of time: closed at its start, open at its end."""

    start: datetime
    end: datetime


class Arrivals(NamedTuple):
    """How many tickets of one category, action, group and source came in one of the windows asked for."""

    window: int
    category: str
    action: str
    group: str
    source: str
    tickets: int


class Similar(Record):
    """Which tickets are counted together."""

    kind: str
    """category/action"""
    group: str = ""
    source: str = ""

    @property
    def name(self) -> str:
        """How lists name it, and what its state is kept by."""
        at = f" of {self.group}" if self.group else ""
        return f"{self.kind}{at}{f' from {self.source}' if self.source else ''}"


class Seen(Record):
    """Similar tickets: how many came in the present window, and in those of the past."""

    similar: Similar
    count: int
    past: tuple[int, ...] = ()
    desk: str = ""
    """The group that has most of those of the present window."""


class Trend(Record):
    """Where similar tickets stand."""

    similar: Similar
    count: int = 0
    """In the window that ended at `looked_at`."""
    baseline: float = 0
    days: int = 0
    """Past days that made the baseline; 0: there is no history, and the floor holds."""
    looked_at: Instant
    surging_since: Instant | None = None
    peak: int = 0
    """The highest count of the surge, or of the last one."""
    calm_since: Instant | None = None
    """Since when a surge is below what keeps it going."""
    ended_at: Instant | None = None
    """When the last surge ended."""
    desk: str = ""
    """Whose desk hears of the surge."""
    surge_id: str = ""
    """Of the surge, or of the last one; it stands where a ticket's id would."""
    to_tell: Literal["", "raised", "ended"] = ""
    """What the desk has not been told yet."""

    @property
    def name(self) -> str:
        """How lists name it."""
        return self.similar.name

    @property
    def ratio(self) -> float:
        """How many times the baseline came."""
        return self.count / self.baseline if self.baseline else 0.0


def windows(
    policy: TrendPolicy,
    now: datetime,
    zone: ZoneInfo,
    is_working_day: Callable[[date], bool],
    known_since: datetime | None,
) -> tuple[Window, ...]:
    """The present window, then the same hours of each past day of the same kind, the latest first.

    The middle of the window says which day it is and what the clocks show, so that a window over midnight
    belongs to one day. Every window is as long as the present one, also where the clocks are changed. Days
    before `known_since`, the first ticket there is, say nothing about what is usual.
    """
    half = policy.window / 2
    middle = (now - half).astimezone(zone)
    works = is_working_day(middle.date())
    made = [Window(now.astimezone(UTC) - policy.window, now.astimezone(UTC))]
    for days in range(1, policy.weeks * _DAYS + 1):
        day = middle.date() - timedelta(days=days)
        then = datetime.combine(day, middle.time(), zone).astimezone(UTC)
        if known_since is None or then - half < known_since:
            break
        if is_working_day(day) == works:
            made.append(Window(then - half, then + half))
    return tuple(made)


def seen_in(policy: TrendPolicy, arrivals: Sequence[Arrivals], number: int) -> list[Seen]:
    """What came, folded into what is similar; `number` windows were asked for, the present one first."""
    counts: dict[Similar, list[int]] = {}
    groups: dict[Similar, dict[str, int]] = {}
    for each in arrivals:
        similar = Similar(
            kind=kind_of(each.category, each.action),
            group=each.group if "group" in policy.by else "",
            source=each.source if "source" in policy.by else "",
        )
        counts.setdefault(similar, [0] * number)[each.window] += each.tickets
        if each.window == 0:
            shares = groups.setdefault(similar, {})
            shares[each.group] = shares.get(each.group, 0) + each.tickets
    return [
        Seen(similar=similar, count=present, past=tuple(past), desk=_largest(groups.get(similar, {})))
        for similar, (present, *past) in counts.items()
    ]


def baseline_of(past: Sequence[int], floor: float) -> float:
    """What is usual, at least the floor. By the median no past surge and no day of silence moves it."""
    return max(float(median(past)), floor) if past else floor


def look(
    before: Sequence[Trend], seen: Sequence[Seen], policy: TrendPolicy, now: datetime
) -> tuple[Trend, ...]:
    """Where all similar tickets stand after a look, by name. What is quiet and never came is forgotten."""
    known = {each.similar: each for each in before}
    came = {each.similar: each for each in seen}
    after = []
    for similar in known.keys() | came.keys():
        trend = known.get(similar, Trend(similar=similar, looked_at=now))
        found = came.get(similar, Seen(similar=similar, count=0))
        trend = judged(trend, found, policy, now)
        if similar in came or trend.surging_since or trend.to_tell:
            after.append(trend)
    return tuple(sorted(after, key=lambda each: each.name))


def judged(trend: Trend, seen: Seen, policy: TrendPolicy, now: datetime) -> Trend:
    """A kind after a look. It is raised once, and again only after the surge has ended."""
    kind = trend.similar.kind
    baseline = baseline_of(seen.past, policy.floor_of(kind))
    trend = trend.model_copy(
        update={"count": seen.count, "baseline": baseline, "days": len(seen.past), "looked_at": now}
    )
    if trend.surging_since is not None:
        return _goes_on(trend, policy, now)
    surges = seen.count >= policy.minimum_of(kind) and seen.count >= policy.ratio_of(kind) * baseline
    if not surges or not policy.watches(kind):
        return trend
    return trend.model_copy(
        update={
            "surging_since": now,
            "peak": seen.count,
            "calm_since": None,
            "desk": policy.group or seen.desk,
            "surge_id": f"trend-{digest_of([trend.name, now.isoformat()])[:10]}",
            "to_tell": "raised",
        }
    )


def told(trend: Trend, surge_id: str, what: str) -> Trend:
    """The desk was told; what has happened since stays to be told."""
    is_same = (trend.surge_id, trend.to_tell) == (surge_id, what)
    return trend.model_copy(update={"to_tell": ""}) if is_same else trend


def alert_of(trend: Trend, policy: TrendPolicy, fallback_group: str) -> Alert:
    """The alert of a surge: the same, under the same id, for every attempt to tell of it."""
    since = trend.surging_since or trend.looked_at
    hours = format_duration(policy.window)
    usual = f"{trend.baseline:g}"
    if trend.days:
        basis = f"usual at these hours is {usual}, the median of {trend.days} days of this kind"
    else:
        basis = f"there is no history of these hours, so that {usual} counts as usual"
    return Alert(
        alert_id=f"{trend.surge_id}/raised",
        task_id=trend.surge_id,
        level=AlertLevel.ESCALATION,
        group=trend.desk or fallback_group,
        subject=f"{trend.name}: {trend.count} tickets in {hours}, {trend.ratio:.1f} times what is usual",
        body=f"{trend.count} similar tickets came in {hours}; {basis}. Each runs as usual; look for "
        "the cause they share. This is told once until the surge is over.",
        action="opsloop alert trends",
        instead=Addressee(to=policy.to),
        raised_at=since,
        priority=Priority.P2,
    )


def _goes_on(trend: Trend, policy: TrendPolicy, now: datetime) -> Trend:
    watched = policy.watches(trend.similar.kind)
    if watched and trend.count >= policy.ends_below * trend.baseline:
        return trend.model_copy(update={"calm_since": None, "peak": max(trend.peak, trend.count)})
    calm_since = trend.calm_since or now
    if watched and now - calm_since < policy.calm_for:
        return trend.model_copy(update={"calm_since": calm_since})
    over = {"surging_since": None, "calm_since": None, "ended_at": now}
    # Whoever never heard of a surge need not hear that it is over.
    return trend.model_copy(update={**over, "to_tell": "" if trend.to_tell == "raised" else "ended"})


def _largest(groups: Mapping[str, int]) -> str:
    return max(groups, key=lambda name: (groups[name], name), default="")
