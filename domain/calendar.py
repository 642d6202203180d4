"""Business time: when a bank works, and how much of that lies between two instants.

A calendar is what a ticket pins: working hours by weekday, the days on which they do not hold, and the
offsets of its time zone with the instants at which they change. Nothing here reads the time zone database,
so that a replay computes the same instants on a machine whose database is another one.

Each local interval is turned into an instant at its start and one at its end, in UTC. A local time that the
clocks leave out (a gap) is the instant at which they are put forward; one that they show twice (a fold) is
the first of both. Local time thus never runs backwards, and what is worked is real time: a night shift of
00:00-08:00 is seven hours long when the clocks are put forward.

Outside `resolved_since` to `resolved_until` no holidays are known: there the weekly hours hold, and the
nearest offset.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Annotated, Any, Final, NamedTuple, Self

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema, model_validator

from domain.model import Instant, Record

EXPECTED: Final = "hours such as 09:00-12:00, at most 24:00; what passes midnight is written for both days"
LEAST_A_WEEK: Final = timedelta(hours=1)
"""With less no term would end in a human life."""

_DAY_MINUTES = 24 * 60
_ZERO = timedelta(0)
_WEEK = 7


class Interval(NamedTuple):
    """A stretch of a day in local time, in minutes since midnight: closed at its start, open at its end."""

    start: int
    end: int

    def __str__(self) -> str:
        return f"{_clock(self.start)}-{_clock(self.end)}"

    @property
    def length(self) -> timedelta:
        """How long it is on a day without a change of the clocks."""
        return timedelta(minutes=self.end - self.start)


WHOLE_DAY: Final = Interval(0, _DAY_MINUTES)


def parse_interval(text: str) -> Interval:
    """The interval that the text names. Raises `ValueError` saying what was expected."""
    parts = text.strip().split("-") if isinstance(text, str) else []
    minutes = [_minutes(part.strip()) for part in parts]
    if len(minutes) != 2 or minutes[0] is None or minutes[1] is None:
        raise ValueError(f"{text!r} is not {EXPECTED}")
    start, end = minutes[0], minutes[1]
    if start >= end:
        raise ValueError(f"{text!r} ends before it begins; expected {EXPECTED}")
    return Interval(start, end)


def overlapping(intervals: tuple[Interval, ...]) -> tuple[Interval, Interval] | None:
    """Two of them that share time, or None."""
    return next(((one, other) for one, other in pairwise(sorted(intervals)) if other.start < one.end), None)


def _minutes(text: str) -> int | None:
    hours, colon, minutes = text.partition(":")
    if not colon or len(hours) != 2 or len(minutes) != 2 or not (hours + minutes).isascii():
        return None
    if not (hours + minutes).isdigit() or int(minutes) > 59:
        return None
    total = int(hours) * 60 + int(minutes)
    return total if total <= _DAY_MINUTES else None


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _read(value: Any) -> Interval:
    return value if isinstance(value, Interval) else parse_interval(value)


IntervalText = Annotated[
    Interval,
    BeforeValidator(_read),
    PlainSerializer(str, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "description": EXPECTED, "examples": ["09:00-12:00"]}),
]
"""A pydantic field type: reads and writes the text form."""

Hours = tuple[IntervalText, ...]
"""The working hours of one day, in any order, without overlaps; none is a day off."""


class OffsetChange(Record):
    """From this instant on local time is UTC plus so many seconds."""

    since: Instant
    seconds: int


class WorkCalendar(Record):
    """When a bank works, with everything resolved that a later edit or another machine could change."""

    name: str
    timezone: str = "UTC"
    """The IANA name, for people; the offsets below are what counts."""
    week: tuple[Hours, Hours, Hours, Hours, Hours, Hours, Hours]
    """Monday to Sunday."""
    days_off: tuple[date, ...] = ()
    working_days: dict[date, Hours] = {}
    """Days on which other hours hold than on their weekday, such as make-up working days (调休)."""
    offset: int = 0
    """Seconds that local time is ahead of UTC before the first change."""
    changes: tuple[OffsetChange, ...] = ()
    resolved_since: date | None = None
    resolved_until: date | None = None
    """The first and the last day of which holidays and offsets are known; None where nothing can change."""

    @model_validator(mode="after")
    def _can_be_worked_by(self) -> Self:
        for hours in (*self.week, *self.working_days.values()):
            if both := overlapping(hours):
                raise ValueError(f"{both[0]} and {both[1]} overlap")
        if twice := set(self.days_off) & self.working_days.keys():
            raise ValueError(f"{min(twice)} is a day off and a working day")
        if sum((each.length for hours in self.week for each in hours), _ZERO) < LEAST_A_WEEK:
            raise ValueError("no working time: a week needs at least one hour of it")
        instants = [change.since for change in self.changes]
        if instants != sorted(set(instants)):
            raise ValueError("the changes of the offset must be in order")
        return self

    @property
    def is_always(self) -> bool:
        """Whether every instant is worked, so that business time is real time."""
        return self.index.is_always

    def knows(self, day: date) -> bool:
        """Whether the day's holidays are known."""
        since, until = self.resolved_since or date.min, self.resolved_until or date.max
        return since <= day <= until

    @cached_property
    def index(self) -> "_Index":
        """What sums are made with; worked out once."""
        return _Index.of(self)


ALWAYS: Final = WorkCalendar(name="always", week=((WHOLE_DAY,),) * _WEEK)
"""Around the clock: what holds where no calendar is named."""


def is_working(calendar: WorkCalendar, instant: datetime) -> bool:
    """Whether this aware instant lies in working time."""
    if calendar.is_always:
        return True
    index, instant = calendar.index, instant.astimezone(UTC)
    return any(start <= instant < end for start, end in index.stretches(index.day_of(instant)))


def works_on(calendar: WorkCalendar, day: date) -> bool:
    """Whether any part of this local day is worked."""
    return bool(calendar.index.hours(day.toordinal()))


def elapsed(calendar: WorkCalendar, start: datetime, end: datetime) -> timedelta:
    """The business time between two aware instants; none where the end is before the start."""
    # In one zone of its own Python counts what clocks show, not what passes: UTC counts both the same.
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    if end <= start:
        return _ZERO
    if calendar.is_always:
        return end - start
    return calendar.index.gone_at(end) - calendar.index.gone_at(start)


def advance(calendar: WorkCalendar, start: datetime, duration: timedelta) -> datetime:
    """The first instant at which `duration` of business time is gone since the aware instant `start`.

    Nothing is gone at the start itself, whether it is worked or not. Raises `ValueError` for a negative
    duration and `OverflowError` for one that ends after the year 9999.
    """
    if duration < _ZERO:
        raise ValueError("business time runs forward only")
    start = start.astimezone(UTC)
    if duration == _ZERO or calendar.is_always:
        return start + duration
    index = calendar.index
    return index.instant_at(index.gone_at(start) + duration)


def changes_between(before: WorkCalendar, after: WorkCalendar, now: datetime) -> tuple[str, ...]:
    """What is different from today on, in words, as far as both are resolved."""
    since = date.fromordinal(min(each.index.day_of(now.astimezone(UTC)) for each in (before, after)))
    until = min((each.resolved_until or date.max) for each in (before, after))
    told = []
    if before.timezone != after.timezone:
        told.append(f"the time zone is now {after.timezone}")
    elif before.index.offsets_between(since, until) != after.index.offsets_between(since, until):
        told.append(f"the clocks of {after.timezone} are now changed on other days")
    usual = {number for number in range(_WEEK) if before.index.week[number] != after.index.week[number]}
    told += [f"{_WEEKDAYS[number]} is now {_in_words(after.index.week[number])}" for number in sorted(usual)]
    special = before.index.special.keys() | after.index.special.keys()
    for day in sorted(day for day in special if since.toordinal() <= day <= until.toordinal()):
        hours = after.index.hours(day)
        as_usual = _weekday(day) in usual and hours == after.index.week[_weekday(day)]
        if hours != before.index.hours(day) and not as_usual:
            told.append(f"{date.fromordinal(day)} is now {_in_words(hours)}")
    more = len(told) - _MOST_TOLD
    return (*told[:_MOST_TOLD], f"and {more} more changes") if more > 0 else tuple(told)


_MOST_TOLD: Final = 5
_WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def _in_words(hours: tuple[Interval, ...]) -> str:
    return f"worked {', '.join(map(str, sorted(hours)))}" if hours else "a day off"


@dataclass(frozen=True)
class _Index:
    """A calendar made ready for sums: weeks are counted, and only days that differ are looked at.

    Days are ordinals (`date.toordinal`). `gone` means the business time since the first day there is.
    """

    week: tuple[tuple[Interval, ...], ...]
    before: tuple[timedelta, ...]
    """The nominal working time of a week before each of its days, Monday first, and of the whole week."""
    special: Mapping[int, tuple[Interval, ...]]
    """The hours of days on which others than the weekday's hold."""
    odd_days: tuple[int, ...]
    """Days whose working time may not be what is usual on their weekday, in order."""
    surplus: tuple[timedelta, ...]
    """By how much all odd days before each of `odd_days`, and all of them, exceed what is usual."""
    changes: tuple[datetime, ...]
    offsets: tuple[timedelta, ...]
    """One more than there are changes."""
    is_always: bool

    @classmethod
    def of(cls, calendar: WorkCalendar) -> "_Index":
        week = tuple(tuple(sorted(hours)) for hours in calendar.week)
        special = {day.toordinal(): () for day in calendar.days_off} | {
            day.toordinal(): tuple(sorted(hours)) for day, hours in calendar.working_days.items()
        }
        lengths = [sum((each.length for each in hours), _ZERO) for hours in week]
        changes = tuple(change.since for change in calendar.changes)
        offsets = tuple(
            timedelta(seconds=each) for each in (calendar.offset, *(one.seconds for one in calendar.changes))
        )
        partial = cls(
            week=week,
            before=tuple(accumulate(lengths, initial=_ZERO)),
            special=special,
            odd_days=(),
            surplus=(_ZERO,),
            changes=changes,
            offsets=offsets,
            is_always=_is_always(week, special),
        )
        odd = {*special}
        for at, (old, new) in zip(changes, pairwise(offsets), strict=True):
            # A gap or fold may reach over midnight, so both days are worked out, and those beside them.
            first, last = ((at + each).date().toordinal() for each in (min(old, new), max(old, new)))
            odd.update(range(first - 1, last + 2))
        days = sorted(odd)
        extra = [partial._worked_on(day) - lengths[_weekday(day)] for day in days]
        return replace(partial, odd_days=tuple(days), surplus=tuple(accumulate(extra, initial=_ZERO)))

    def offsets_between(self, first: date, last: date) -> tuple[tuple[datetime | None, timedelta], ...]:
        """The offset at the begin of a day, and each change until another one."""
        begin, end = self._instant(first.toordinal(), 0), self._instant(last.toordinal(), 0)
        now = self.offsets[bisect_right(self.changes, begin)]
        later = zip(self.changes, self.offsets[1:], strict=True)
        return ((None, now), *((at, offset) for at, offset in later if begin < at <= end))

    def hours(self, day: int) -> tuple[Interval, ...]:
        """The working hours of a day, in order."""
        return self.special.get(day, self.week[_weekday(day)])

    def stretches(self, day: int) -> Iterator[tuple[datetime, datetime]]:
        """The working time of a day as instants, in order; none of them empty."""
        for interval in self.hours(day):
            start, end = self._instant(day, interval.start), self._instant(day, interval.end)
            if start < end:
                yield start, end

    def day_of(self, instant: datetime) -> int:
        """The day in whose working time the instant lies, if it lies in any."""
        day = self._local(instant).toordinal()
        # The second round of a fold over midnight shows a date that is over already.
        return day + 1 if instant >= self._instant(day, _DAY_MINUTES) else day

    def gone_at(self, instant: datetime) -> timedelta:
        """The business time before an instant."""
        day = self.day_of(instant)
        today = sum(
            (min(end, instant) - start for start, end in self.stretches(day) if start < instant), _ZERO
        )
        return self._gone_before(day) + today

    def instant_at(self, gone: timedelta) -> datetime:
        """The first instant at which so much is gone. Raises `OverflowError` after the year 9999."""
        low, high = 1, date.max.toordinal()
        if gone > self._gone_before(high):
            raise OverflowError("the term ends after the year 9999")
        # The last day before which less is gone.
        while low < high:
            middle = (low + high + 1) // 2
            if self._gone_before(middle) < gone:
                low = middle
            else:
                high = middle - 1
        rest = gone - self._gone_before(low)
        for start, end in self.stretches(low):
            if rest <= end - start:
                return start + rest
            rest -= end - start
        raise OverflowError("the term ends after the year 9999")

    def _gone_before(self, day: int) -> timedelta:
        weeks, weekday = divmod(day - 1, _WEEK)  # The first of January of the year 1 is a Monday.
        usual = weeks * self.before[-1] + self.before[weekday]
        return usual + self.surplus[bisect_left(self.odd_days, day)]

    def _worked_on(self, day: int) -> timedelta:
        return sum((end - start for start, end in self.stretches(day)), _ZERO)

    def _local(self, instant: datetime) -> datetime:
        return (instant + self.offsets[bisect_right(self.changes, instant)]).replace(tzinfo=None)

    def _instant(self, day: int, minutes: int) -> datetime:
        """The instant of a local time: the first of a fold, and the change of the clocks for a gap."""
        local = datetime.combine(date.fromordinal(day), time(0), UTC) + timedelta(minutes=minutes)
        for at, (old, new) in zip(self.changes, pairwise(self.offsets), strict=True):
            if local - old < at:
                return local - old
            if local - new < at:
                return at
        return local - self.offsets[-1]


def _is_always(week: tuple[tuple[Interval, ...], ...], special: Mapping[int, tuple[Interval, ...]]) -> bool:
    def is_whole(hours: tuple[Interval, ...]) -> bool:
        whole = bool(hours) and (hours[0].start, hours[-1].end) == WHOLE_DAY
        return whole and all(one.end == other.start for one, other in pairwise(hours))

    return all(is_whole(hours) for hours in (*week, *special.values()))


def _weekday(day: int) -> int:
    return (day - 1) % _WEEK
