"""Random calendars, zones and holds for laws about business time."""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import available_timezones

from hypothesis import strategies as st

from definitions.calendar_files import zone_offsets
from domain.calendar import LEAST_A_WEEK, Hours, Interval, OffsetChange, WorkCalendar
from domain.sla import Stopwatch

TRICKY = (
    "UTC",
    "Asia/Shanghai",
    "Europe/Berlin",
    "America/New_York",
    "America/Havana",  # put back at 01:00 to midnight
    "America/St_Johns",  # changed at one minute past midnight
    "Australia/Lord_Howe",  # by half an hour
    "Pacific/Apia",  # a whole day left out
    "Africa/Casablanca",  # four changes a year
    "Asia/Kathmandu",
)
EVERY_ZONE = tuple(sorted(available_timezones()))
YEARS = (2010, 2011, 2026)
"""Around which offsets are resolved; Apia left out the 30th of December 2011."""


@lru_cache(maxsize=4000)
def offsets(zone: str, year: int) -> tuple[int, tuple[OffsetChange, ...]]:
    return zone_offsets(zone, date(year - 1, 1, 1), date(year + 1, 12, 31))


@st.composite
def hours(draw: st.DrawFn) -> Hours:
    """Up to three intervals, none of them empty; they may touch."""
    count = draw(st.integers(0, 3))
    edges = sorted(draw(st.sets(st.integers(0, 1440), min_size=2 * count, max_size=2 * count)))
    return tuple(Interval(start, end) for start, end in zip(edges[::2], edges[1::2], strict=True))


@st.composite
def calendars(draw: st.DrawFn, zones: tuple[str, ...] = TRICKY) -> tuple[WorkCalendar, datetime]:
    """A calendar, and an instant somewhere in the years that it is resolved for."""
    week = list(draw(st.tuples(*[hours()] * 7)))
    if sum((each.length for day in week for each in day), timedelta(0)) < LEAST_A_WEEK:
        week[draw(st.integers(0, 6))] = (Interval(540, 720), Interval(810, 1080))
    zone, year = draw(st.sampled_from(zones)), draw(st.sampled_from(YEARS))
    first = datetime(year - 1, 1, 1, tzinfo=UTC)
    at = first + timedelta(minutes=draw(st.integers(0, 2 * 365 * 1440)))
    near = st.integers(-20, 40).map(lambda days: (at + timedelta(days=days)).date())
    special = draw(st.dictionaries(near, hours(), max_size=6))
    offset, changes = offsets(zone, year)
    calendar = WorkCalendar(
        name="random",
        timezone=zone,
        week=tuple(week),
        days_off=tuple(sorted(day for day, each in special.items() if not each)),
        working_days={day: each for day, each in sorted(special.items()) if each},
        offset=offset,
        changes=changes,
        resolved_since=first.date(),
        resolved_until=date(year + 1, 12, 31),
    )
    return calendar, at


SPANS = st.one_of(
    st.timedeltas(timedelta(microseconds=1), timedelta(hours=12)),
    st.timedeltas(timedelta(microseconds=1), timedelta(days=90)),
)


@st.composite
def stopwatches(draw: st.DrawFn, zones: tuple[str, ...] = TRICKY) -> tuple[Stopwatch, datetime]:
    """A stopwatch on random calendars with random holds, perhaps an open one, and the instant after them."""
    calendar, now = draw(calendars(zones))
    watch = Stopwatch(started_at=now, calendar=calendar)
    for _ in range(draw(st.integers(0, 4))):
        now += draw(SPANS)
        match draw(st.sampled_from(("hold", "resume", "edit"))):
            case "hold" if not watch.held:
                watch = watch.hold(now, "papers", "op.chen")
            case "resume" if watch.held:
                watch = watch.resume(now)
            case "edit":
                watch = watch.on(draw(st.one_of(st.none(), calendars(zones).map(lambda each: each[0]))), now)
    return watch, now + draw(SPANS)
