"""Who is on call: rotations of shifts, overrides, hand-over. Pure functions over bank time.

A roster has rotations; each serves the groups that it names, and one without groups serves all the others.
Local hours become instants in the rotation's time zone, so that a night with 23 or 25 hours has no hole:
where one shift ends and the next begins at the same hour, both mean the same instant.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Final, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from domain.duration import Duration
from domain.duty import TimeRange
from domain.model import Instant, Model, Record

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEK: Final[tuple[Weekday, ...]] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY: Final = timedelta(days=1)
_HORIZON: Final = timedelta(days=8)
"""How far ahead a hand-over is looked for: every weekly shift begins within it."""


class Shift(Model):
    """Who is on call between these hours, in the order in which they are paged."""

    name: str = Field(min_length=1, max_length=100)
    hours: TimeRange
    """May pass midnight; hours that end where they begin are a whole day."""
    days: tuple[Weekday, ...] = Field(default=WEEK, min_length=1)
    """The days on which it begins."""
    first_on: date | None = None
    last_on: date | None = None
    """A shift with dates goes before those that recur every week."""
    people: tuple[str, ...] = ()
    rotate: Literal["never", "weekly"] = "never"
    """weekly: each Monday the next in line becomes the first."""

    @model_validator(mode="after")
    def _dates_in_order(self) -> Self:
        if self.first_on and self.last_on and self.last_on < self.first_on:
            raise ValueError("last_on is before first_on")
        return self

    @property
    def is_dated(self) -> bool:
        """Whether it holds between dates only."""
        return self.first_on is not None or self.last_on is not None

    def begins_on(self, day: date) -> bool:
        """Whether it begins on this local day."""
        return (
            WEEK[day.weekday()] in self.days
            and (self.first_on is None or self.first_on <= day)
            and (self.last_on is None or day <= self.last_on)
        )

    def line_on(self, day: date) -> tuple[str, ...]:
        """Who is paged in which order when it begins on this day."""
        if self.rotate == "never" or not self.people:
            return self.people
        turn = (day.toordinal() - 1) // 7 % len(self.people)
        return (*self.people[turn:], *self.people[:turn])


class Rotation(Model):
    """Shifts that relieve each other."""

    name: str = Field(min_length=1, max_length=100)
    groups: tuple[str, ...] = ()
    """Whose pages it takes; none: those of every group that no other rotation names."""
    timezone: str | None = None
    """None: the roster's."""
    handover: Duration = timedelta(minutes=30)
    """How long two shifts may overlap, so that one hands over to the next in person."""
    shifts: tuple[Shift, ...] = ()


class Override(Model):
    """Somebody else for a while: `people` go before everybody, `instead_of` are not paged."""

    override_id: str = ""
    """Of those that were given by API or CLI."""
    rotation: str = ""
    """Empty: all of them."""
    starts_at: Instant
    ends_at: Instant
    people: tuple[str, ...] = ()
    instead_of: tuple[str, ...] = ()
    by: str = Field(min_length=1, max_length=64)
    why: str = Field(min_length=1, max_length=2000)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.ends_at <= self.starts_at:
            raise ValueError("ends_at is not after starts_at")
        if not self.people and not self.instead_of:
            raise ValueError("name people, or whom they are instead of")
        return self

    def covers(self, at: datetime, rotation: str) -> bool:
        """Whether it holds for this rotation at this instant."""
        return self.rotation in ("", rotation) and self.starts_at <= at < self.ends_at


class Roster(Model):
    """`roster.yaml`: all rotations of a bank, and who is paged where they have nobody."""

    timezone: str = "Asia/Shanghai"
    fallback: tuple[str, ...] = ()
    """Paged, in this order, after everybody else, and alone where no shift has anyone."""
    rotations: tuple[Rotation, ...] = ()
    overrides: tuple[Override, ...] = ()

    def rotation_for(self, group: str) -> Rotation | None:
        """The rotation that takes a group's pages."""
        return next(
            (each for each in self.rotations if group in each.groups),
            next((each for each in self.rotations if not each.groups), None),
        )

    def zone_of(self, rotation: Rotation) -> ZoneInfo:
        """The zone of its hours. Raises `ZoneInfoNotFoundError` for one that there is not."""
        return ZoneInfo(rotation.timezone or self.timezone)


class Duty(Record):
    """One occurrence of a shift."""

    rotation: str
    shift: str
    people: tuple[str, ...]
    is_dated: bool
    starts_at: Instant
    ends_at: Instant


class Gap(Record):
    """A time in which no shift and no override has anyone: only the fallback is paged."""

    rotation: str
    starts_at: Instant
    ends_at: Instant


class Overlap(Record):
    """Two shifts of a rotation that run side by side for longer than a hand-over."""

    rotation: str
    shifts: tuple[str, str]
    starts_at: Instant
    ends_at: Instant


class Handover(Record):
    """From this instant on somebody else is in charge. Empty: nobody."""

    at: Instant
    outgoing: str
    incoming: str


def around_the_clock(people: Sequence[str]) -> Roster:
    """The roster of a bank that wrote none: always the same people, in this order."""
    order = tuple(people)
    if not order:
        return Roster()
    shift = Shift(name="around the clock", hours="00:00-24:00", people=order)
    return Roster(fallback=order, rotations=(Rotation(name="on-call", shifts=(shift,)),))


def on_call(
    roster: Roster, at: datetime, *, group: str = "", overrides: Iterable[Override] = ()
) -> tuple[str, ...]:
    """Whom to page for a group at this instant, in order.

    Overrides first (the last given before the others; those of `overrides`, which the store keeps, are given
    after those of the file), then the shift that began last, then the others, then the fallback. Somebody who
    is replaced is left out, unless nobody else were left.
    """
    line, away = _covering(roster, roster.rotation_for(group), at, (*roster.overrides, *overrides))
    last = tuple(each for each in roster.fallback if each not in away)
    return _once((*line, *last)) or roster.fallback


def duties(roster: Roster, rotation: Rotation, since: datetime, until: datetime) -> tuple[Duty, ...]:
    """Every occurrence of the rotation's shifts that touches this time, in order."""
    found = [
        each for shift in rotation.shifts for each in _occurrences(roster, rotation, shift, since, until)
    ]
    return tuple(sorted(found, key=lambda each: (each.starts_at, each.shift)))


def in_charge(roster: Roster, at: datetime, *, group: str = "") -> Duty | None:
    """The shift whose people are paged first, as far as overrides leave them."""
    rotation = roster.rotation_for(group)
    current = _current(roster, rotation, at) if rotation else []
    return current[0] if current else None


def gaps(
    roster: Roster, since: datetime, until: datetime, *, overrides: Iterable[Override] = ()
) -> tuple[Gap, ...]:
    """When between these instants only the fallback would be paged, by rotation."""
    every = (*roster.overrides, *overrides)
    found: list[Gap] = []
    for rotation in roster.rotations:
        marks = _marks(roster, rotation, since, until, every)
        for begin, end in pairwise(marks):
            if _covering(roster, rotation, begin, every)[0]:
                continue
            if found and found[-1].rotation == rotation.name and found[-1].ends_at == begin:
                begin = found.pop().starts_at  # noqa: PLW2901
            found.append(Gap(rotation=rotation.name, starts_at=begin, ends_at=end))
    return tuple(found)


def overlaps(roster: Roster, since: datetime, until: datetime) -> tuple[Overlap, ...]:
    """Shifts that run side by side for longer than their rotation's hand-over.

    A shift with dates may cover those that recur: that is what it is for.
    """
    found = []
    for rotation in roster.rotations:
        all_of = duties(roster, rotation, since, until)
        for index, one in enumerate(all_of):
            for other in all_of[index + 1 :]:
                begin, end = max(one.starts_at, other.starts_at), min(one.ends_at, other.ends_at)
                if one.is_dated == other.is_dated and end - begin > rotation.handover:
                    names = (one.shift, other.shift)
                    found.append(Overlap(rotation=rotation.name, shifts=names, starts_at=begin, ends_at=end))
    return tuple(found)


def next_handover(
    roster: Roster, at: datetime, *, group: str = "", overrides: Iterable[Override] = ()
) -> Handover | None:
    """When somebody else is next in charge; None when that is not within eight days."""
    rotation = roster.rotation_for(group)
    if rotation is None:
        return None
    stored = tuple(overrides)
    outgoing = on_call(roster, at, group=group, overrides=stored)[:1]
    for mark in _marks(roster, rotation, at, at + _HORIZON, (*roster.overrides, *stored))[1:]:
        incoming = on_call(roster, mark, group=group, overrides=stored)[:1]
        if incoming != outgoing:
            return Handover(at=mark, outgoing="".join(outgoing), incoming="".join(incoming))
    return None


def _covering(
    roster: Roster, rotation: Rotation | None, at: datetime, overrides: Iterable[Override]
) -> tuple[tuple[str, ...], frozenset[str]]:
    """Who is on call without the fallback, and who is replaced."""
    if rotation is None:
        return (), frozenset()
    line = _once(name for duty in _current(roster, rotation, at) for name in duty.people)
    away: frozenset[str] = frozenset()
    for each in overrides:
        if each.covers(at, rotation.name):
            away = (away | frozenset(each.instead_of)) - frozenset(each.people)
            line = _once((*each.people, *(name for name in line if name not in each.instead_of)))
    return line, away


def _current(roster: Roster, rotation: Rotation, at: datetime) -> list[Duty]:
    """The shifts that run now, the one in charge first: dated before weekly, then the one that began last."""
    now = [each for each in duties(roster, rotation, at, at) if each.starts_at <= at < each.ends_at]
    return sorted(now, key=lambda each: (each.is_dated, each.starts_at), reverse=True)


def _occurrences(
    roster: Roster, rotation: Rotation, shift: Shift, since: datetime, until: datetime
) -> Iterator[Duty]:
    zone = roster.zone_of(rotation)
    start, _, end = shift.hours.partition("-")
    begins, ends = time.fromisoformat(start), time(0) if end == "24:00" else time.fromisoformat(end)
    day, last = since.astimezone(zone).date() - 2 * _DAY, until.astimezone(zone).date() + _DAY
    while day <= last:
        if shift.begins_on(day):
            starts_at = _instant(day, begins, zone)
            ends_at = _instant(day if begins < ends else day + _DAY, ends, zone)
            # Hours that the clocks jump over do not take place.
            if starts_at < ends_at and starts_at <= until and ends_at >= since:
                yield Duty(
                    rotation=rotation.name,
                    shift=shift.name,
                    people=shift.line_on(day),
                    is_dated=shift.is_dated,
                    starts_at=starts_at,
                    ends_at=ends_at,
                )
        day += _DAY


def _instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, at, zone).astimezone(UTC)


def _marks(
    roster: Roster, rotation: Rotation, since: datetime, until: datetime, overrides: Iterable[Override]
) -> list[datetime]:
    """The instants between which nothing changes, with both ends."""
    times = {since, until}
    for duty in duties(roster, rotation, since, until):
        times |= {duty.starts_at, duty.ends_at}
    for each in overrides:
        times |= {each.starts_at, each.ends_at}
    return sorted(each for each in times if since <= each <= until)


def _once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
