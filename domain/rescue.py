"""Rescue at 95 % of the SLA: who takes the ticket over, or what else becomes of it. Pure functions.

The idle group is that with the lowest load against its capacity among those that have the skill, are on
shift and have room. Without one a ticket of low risk goes on the fast track; else on-call is paged. Every
group is judged in words, so that "why this group, why not that one?" has an answer.
"""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from enum import StrEnum
from fractions import Fraction
from math import floor
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import Field, StringConstraints, field_validator, model_validator

from domain.duration import Duration, format_duration
from domain.duty import TimeRange
from domain.model import Instant, Model, Record
from domain.roster import WEEK, Weekday
from domain.task import RiskLevel

Skill = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}(/[a-z][a-z0-9_]{0,63})?$")]
"""A category, or one of its actions: `accounts`, `accounts/unfreeze`."""

_ONE_DAY = timedelta(days=1)


class RescueWay(StrEnum):
    """What becomes of a ticket at 95 %, in the order in which it is tried."""

    IDLE_GROUP = "idle_group"
    FAST_TRACK = "fast_track"
    ON_CALL = "on_call"


class RescueGroup(Model):
    """A group that takes over late tickets of others."""

    name: str = Field(min_length=1, max_length=100, description="a group of directory.yaml")
    capacity: int = Field(ge=1, le=100_000, strict=True, description="open tickets that it can work on")
    skills: tuple[Skill, ...] = Field(
        min_length=1, max_length=200, description="categories, or category/action, that it knows"
    )
    hours: TimeRange = Field(
        default="00:00-24:00", description="its shift, local time; what ends before it begins passes midnight"
    )
    days: tuple[Weekday, ...] = Field(default=WEEK, min_length=1, description="on which its shift begins")

    def knows(self, category: str, action: str) -> bool:
        """Whether it has the skill for tickets of this kind."""
        return bool(category) and (category in self.skills or f"{category}/{action}" in self.skills)

    def is_on_shift(self, local: datetime) -> bool:
        """Whether its shift, closed at its start and open at its end, has this local time."""
        first, last = self.hours.split("-")
        start = time.fromisoformat(first)
        end = time.max if last == "24:00" else time.fromisoformat(last)
        at, today = local.time(), WEEK[local.weekday()]
        if start < end:
            return today in self.days and start <= at and (at < end or last == "24:00")
        yesterday = WEEK[(local - _ONE_DAY).weekday()]
        return (today in self.days and at >= start) or (yesterday in self.days and at < end)


class FastTrackPolicy(Model):
    """Whether late tickets of low risk may skip waits and optional steps; no control is left out."""

    enabled: bool = Field(default=True, strict=True, description="false: on-call is paged instead")
    at_most: int = Field(
        default=20, ge=1, le=10_000, strict=True, description="open tickets on the fast track at a time"
    )


class RescuePolicy(Model):
    """`rescue.yaml`. Without the file no group is known: fast track, then on-call."""

    timezone: str = Field(default="Asia/Shanghai", description="of the hours below")
    at_most: int = Field(
        default=1, ge=0, le=10, strict=True, description="how often one ticket is handed over; 0 for never"
    )
    fill_to: float = Field(
        default=0.8,
        gt=0,
        le=1,
        description="share of its capacity up to which rescues fill a group; the rest is for its own tickets",
    )
    leave_claimed: Duration | None = Field(
        default=timedelta(hours=2),
        description="a ticket that somebody took on so recently stays with them; null: it is rescued as well",
    )
    fast_track: FastTrackPolicy = Field(
        default_factory=FastTrackPolicy, description="what low risk does where no group suits"
    )
    groups: tuple[RescueGroup, ...] = Field(
        default=(), max_length=500, description="who takes late tickets of others over"
    )

    @field_validator("timezone")
    @classmethod
    def _zone_exists(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except Exception as error:
            raise ValueError(f"{value!r} is not a time zone such as Asia/Shanghai") from error
        return value

    @model_validator(mode="after")
    def _groups_are_named_once(self) -> Self:
        names = [group.name for group in self.groups]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"group {', '.join(twice)} is listed more than once")
        return self

    def room_of(self, group: RescueGroup) -> int:
        """How many tickets it may have with a rescued one among them."""
        # By the decimal that was written: 0.7 of 10 is 7, and not what binary floats make of it.
        return floor(Fraction(str(self.fill_to)) * group.capacity)


class Load(Record):
    """What a group has on its desk."""

    open: int = Field(default=0, ge=0)
    """Open tickets that are assigned to it."""
    promised: int = Field(default=0, ge=0)
    """Tickets that were just handed over to it and do not show among those yet."""

    @property
    def total(self) -> int:
        """Both together."""
        return self.open + self.promised


class RescueFacts(Record):
    """What a rescue depends on, at one instant."""

    now: Instant
    """Bank time."""
    group: str
    had: frozenset[str] = frozenset()
    """Every group that the ticket was ever with."""
    handed_over: int = Field(default=0, ge=0)
    """How often it was rescued by a hand-over."""
    category: str = ""
    action: str = ""
    risk: RiskLevel
    waits_for_person: bool = False
    """A decision, work by hand or a failed step waits for somebody: no fast track makes them faster."""
    worked_by: str = ""
    worked_since: Instant | None = None
    loads: Mapping[str, Load] = {}
    """By group; one that is missing has nothing."""
    on_fast_track: int = Field(default=0, ge=0)
    """Open tickets that are on the fast track."""


class Desks(Record):
    """What the store knows when a ticket is rescued."""

    loads: Mapping[str, Load] = {}
    on_fast_track: int = 0
    handed_over: int = 0
    """How often this ticket was."""
    had: frozenset[str] = frozenset()
    """Groups between which it was handed over."""


class Candidate(Record):
    """How one group was judged."""

    group: str
    load: int
    room: int
    """Tickets that it may have with this one among them."""
    capacity: int
    suits: bool
    why: str


class Rescue(Record):
    """What becomes of the ticket, and why."""

    way: RescueWay
    to: str = ""
    """The group that takes it over."""
    why: str
    candidates: tuple[Candidate, ...] = ()

    def words(self, from_group: str) -> str:
        """For the timeline and the alert."""
        match self.way:
            case RescueWay.IDLE_GROUP:
                return f"rescued: from {from_group} to {self.to}, because {self.why}"
            case RescueWay.FAST_TRACK:
                return f"rescued: on the fast track, because {self.why}"
            case RescueWay.ON_CALL:
                return f"on-call is paged, because {self.why}"


class KeptRescue(Record):
    """A rescue as it was decided, for whoever asks why."""

    task_id: str
    key: str
    """The threshold that led to it."""
    at: Instant
    from_group: str
    rescue: Rescue


def decide(policy: RescuePolicy, facts: RescueFacts) -> Rescue:
    """The idle group, else the fast track, else on-call."""
    candidates = judge(policy, facts)
    if _is_worked_on(policy, facts):
        why = (
            f"{facts.worked_by} took it on less than {format_duration(policy.leave_claimed or _ONE_DAY)} ago"
        )
        return Rescue(way=RescueWay.ON_CALL, why=why, candidates=candidates)
    if facts.handed_over >= policy.at_most:
        no_group = f"it was handed over {facts.handed_over} of {policy.at_most} times"
    elif suitable := [each for each in candidates if each.suits]:
        best = min(suitable, key=lambda each: (Fraction(each.load, each.capacity), each.group))
        why = f"{best.group} is the idlest group that suits: {best.load} tickets of {best.capacity}"
        return Rescue(way=RescueWay.IDLE_GROUP, to=best.group, why=why, candidates=candidates)
    else:
        no_group = "no group suits" if candidates else "no group takes tickets over"
    if obstacle := _why_not_fast(policy.fast_track, facts):
        why = f"{no_group}; no fast track: {obstacle}"
        return Rescue(way=RescueWay.ON_CALL, why=why, candidates=candidates)
    return Rescue(way=RescueWay.FAST_TRACK, why=f"{no_group}; the risk is low", candidates=candidates)


def judge(policy: RescuePolicy, facts: RescueFacts) -> tuple[Candidate, ...]:
    """Every group of the policy, in its order."""
    local = facts.now.astimezone(ZoneInfo(policy.timezone))
    return tuple(_judged(policy, facts, group, local) for group in policy.groups)


def _judged(policy: RescuePolicy, facts: RescueFacts, group: RescueGroup, local: datetime) -> Candidate:
    load = facts.loads.get(group.name, Load())
    room = policy.room_of(group)
    shift = f"{group.hours} {policy.timezone}"
    if group.name == facts.group:
        why = "it has the ticket"
    elif group.name in facts.had:
        why = "it had the ticket before"
    elif not group.knows(facts.category, facts.action):
        why = f"it does not know {facts.category or 'this kind'}" + (
            f"/{facts.action}" if facts.action else ""
        )
    elif not group.is_on_shift(local):
        why = f"it is not on shift ({shift})"
    elif load.total >= room:
        why = f"it is full: {load.total} tickets, rescues fill it to {room} of {group.capacity}"
    else:
        why = ""
    return Candidate(
        group=group.name,
        load=load.total,
        room=room,
        capacity=group.capacity,
        suits=not why,
        why=why or f"it suits: {load.total} tickets of {group.capacity}, on shift ({shift})",
    )


def _is_worked_on(policy: RescuePolicy, facts: RescueFacts) -> bool:
    if policy.leave_claimed is None or not facts.worked_by or facts.worked_since is None:
        return False
    return facts.now - facts.worked_since < policy.leave_claimed


def _why_not_fast(policy: FastTrackPolicy, facts: RescueFacts) -> str:
    if not policy.enabled:
        return "it is switched off"
    if facts.risk is not RiskLevel.LOW:
        return f"the risk is {facts.risk}"
    if facts.waits_for_person:
        return "it waits for a person"
    if facts.on_fast_track >= policy.at_most:
        return f"{facts.on_fast_track} tickets are on it, at most {policy.at_most} may be"
    return ""
