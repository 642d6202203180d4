"""The calendars: `calendars/*.yaml`, read and resolved into what a ticket can pin.

Holidays and make-up working days come from the `holidays` library, the changes of the clocks from the time
zone database, both for the years around the day of reading. What the file itself says holds against both.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

import holidays
from pydantic import Field

from definitions.findings import Finding, Position, found, suggestion
from definitions.sources import DefinitionFiles
from definitions.validation import validated
from definitions.yaml_source import Document, Path
from domain.calendar import (
    EXPECTED,
    LEAST_A_WEEK,
    Hours,
    Interval,
    OffsetChange,
    WorkCalendar,
    overlapping,
    parse_interval,
)
from domain.model import Model
from domain.task import Identifier

FOLDER: Final = "calendars"
YEARS_BACK: Final = 1
YEARS_AHEAD: Final = 2
"""Whole years after the present one that are resolved: more than the longest SLA."""

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: Final[tuple[Weekday, ...]] = (
    *("monday", "tuesday", "wednesday", "thursday", "friday"),
    *("saturday", "sunday"),
)
_IntervalTexts = tuple[str, ...]


class HolidaySource(Model):
    """Public holidays that nobody has to write down."""

    country: str = Field(pattern=r"^[A-Z]{2}$", description="ISO 3166, such as CN")


class CalendarFile(Model):
    """One file of `calendars/`."""

    name: Identifier = Field(description="how policies name it")
    timezone: str = Field(description="IANA name, such as Asia/Shanghai")
    hours: dict[Weekday, _IntervalTexts] = Field(
        description="by weekday, such as `monday: [09:00-12:00, 13:30-18:00]`; a day without is a day off"
    )
    holidays: HolidaySource | None = Field(
        default=None, description="the country's public holidays are days off, its make-up days are worked"
    )
    days_off: tuple[str, ...] = Field(default=(), max_length=1000, description="dates, such as 2026-12-31")
    working_days: dict[str, _IntervalTexts] = Field(
        default_factory=dict,
        max_length=1000,
        description="date → hours, whatever weekday or holiday it is: make-up working days (调休), half days",
    )


class _Dates(NamedTuple):
    days_off: dict[date, Path]
    working_days: dict[date, Hours]


def read_calendars(
    source: DefinitionFiles, today: date | None = None
) -> tuple[dict[str, WorkCalendar], list[Finding]]:
    """The calendars of a folder by name, those with errors left out, and all that is wrong with them.

    `today` is the day around which they are resolved; the present one unless given.
    """
    today = today or datetime.now(UTC).date()
    calendars: dict[str, WorkCalendar] = {}
    files: dict[str, str] = {}
    findings: list[Finding] = []
    for path in source.paths():
        if not is_calendar_name(path):
            expected = f"{PurePosixPath(path).stem}.yaml directly in {FOLDER}/"
            findings.append(
                found(source.label(path), Position(1, 1), "OPS013", "not a calendar by its name", expected)
            )
            continue
        document, wrong = source.document(path)
        findings += wrong
        if document is None:
            continue
        file, wrong = validated(document, CalendarFile)
        findings += wrong
        if file is None:
            continue
        if file.name in files:
            findings.append(
                found(
                    document.file,
                    document.value_at("name"),
                    "OPS505",
                    f"{files[file.name]} has the name {file.name!r} already",
                    "a name of its own",
                )
            )
            continue
        files[file.name] = document.file
        calendar, wrong = _calendar(document, file, today)
        findings += wrong
        if calendar is not None:
            calendars[file.name] = calendar
    return calendars, findings


def is_calendar_name(name: str) -> bool:
    """Whether a file at this path below `calendars/` is a calendar."""
    return name.endswith(".yaml") and "/" not in name


def holidays_of(country: str, years: Iterable[int]) -> holidays.HolidayBase:
    """The public holidays of some years. Built whole: one that fills itself on demand is not thread-safe."""
    return holidays.country_holidays(country, years=years, expand=False)


def country_findings(document: Document, country: str, *path: str) -> Iterator[Finding]:
    """A finding where no public holidays are known for a country."""
    if country not in holidays.list_supported_countries():
        yield found(
            document.file,
            document.value_at(*path),
            "OPS314",
            f"no holidays are known for {country!r}",
            "an ISO 3166 code such as CN",
        )


def _calendar(
    document: Document, file: CalendarFile, today: date
) -> tuple[WorkCalendar | None, list[Finding]]:
    findings: list[Finding] = []
    zones = _zones()
    if file.timezone not in zones:
        findings.append(
            found(
                document.file,
                document.value_at("timezone"),
                "OPS500",
                f"{file.timezone!r} is not a time zone{suggestion(file.timezone, zones)}",
                "an IANA name such as Asia/Shanghai",
            )
        )
    if file.holidays is not None:
        findings += country_findings(document, file.holidays.country, "holidays", "country")
    week = {day: _hours(document, ("hours", day), texts, findings) for day, texts in file.hours.items()}
    dates = _dates(document, file, findings)
    worked = sum((each.length for hours in week.values() for each in hours), timedelta(0))
    if worked < LEAST_A_WEEK and not findings:
        findings.append(
            found(
                document.file,
                document.key_at("hours"),
                "OPS502",
                "no working time: nothing would ever be late, or done",
                "at least one hour a week",
            )
        )
    if findings:
        return None, findings
    first, last = date(today.year - YEARS_BACK, 1, 1), date(today.year + YEARS_AHEAD, 12, 31)
    return _resolved(file, week, dates, first, last), []


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _hours(document: Document, place: Path, texts: Sequence[str], findings: list[Finding]) -> Hours:
    intervals: list[Interval] = []
    for number, text in enumerate(texts):
        try:
            intervals.append(parse_interval(text))
        except ValueError as error:
            at = document.value_at(*place, number)
            findings.append(found(document.file, at, "OPS504", str(error).partition("; ")[0], EXPECTED))
    if both := overlapping(tuple(intervals)):
        findings.append(
            found(
                document.file,
                document.value_at(*place),
                "OPS501",
                f"{both[0]} and {both[1]} overlap",
                "intervals that share no time",
            )
        )
    return tuple(sorted(intervals))


def _dates(document: Document, file: CalendarFile, findings: list[Finding]) -> _Dates:
    dates = _Dates({}, {})

    def take(text: str, at: Position) -> date | None:
        try:
            day = date.fromisoformat(text)
        except ValueError:
            day = None
        if day is None or len(text) != len("2026-10-01"):
            findings.append(
                found(document.file, at, "OPS504", f"{text!r} is not a date", "a date such as 2026-10-01")
            )
            return None
        if day in dates.days_off or day in dates.working_days:
            findings.append(
                found(document.file, at, "OPS503", f"{day} stands here twice", "each date once, in one list")
            )
            return None
        return day

    for number, text in enumerate(file.days_off):
        place: Path = ("days_off", number)
        if (day := take(text, document.value_at(*place))) is not None:
            dates.days_off[day] = place
    for text, texts in file.working_days.items():
        hours = _hours(document, ("working_days", text), texts, findings)
        if (day := take(text, document.key_at("working_days", text))) is not None:
            dates.working_days[day] = hours
    return dates


def _resolved(
    file: CalendarFile, week: Mapping[Weekday, Hours], own: _Dates, first: date, last: date
) -> WorkCalendar:
    """The calendar with the holidays and offsets of these days. Days that change nothing are left out."""
    usual: tuple[Hours, ...] = tuple(week.get(day, ()) for day in WEEKDAYS)
    hours: dict[date, Hours] = {}
    if file.holidays is not None:
        known = holidays_of(file.holidays.country, range(first.year, last.year + 1))
        # A make-up day is worked like any other: as on the first weekday that is.
        made_up = next(each for each in usual if each)
        hours |= {day: () for day in known if first <= day <= last}
        hours |= {day: made_up for day in known.weekend_workdays if first <= day <= last}
    hours |= dict.fromkeys(own.days_off, ())
    hours |= own.working_days
    special = {
        day: hours[day] for day in sorted(hours) if day >= first and hours[day] != usual[day.weekday()]
    }
    offset, changes = zone_offsets(file.timezone, first, last)
    is_fixed = file.holidays is None and file.timezone == "UTC"
    return WorkCalendar(
        name=file.name,
        timezone=file.timezone,
        week=usual,
        days_off=tuple(day for day, each in special.items() if not each),
        working_days={day: each for day, each in special.items() if each},
        offset=offset,
        changes=changes,
        resolved_since=None if is_fixed else first,
        resolved_until=None if is_fixed else last,
    )


@lru_cache(maxsize=1000)
def zone_offsets(timezone: str, first: date, last: date) -> tuple[int, tuple[OffsetChange, ...]]:
    """Seconds that a zone is ahead of UTC before `first`, and its changes from then until `last`."""
    zone = ZoneInfo(timezone)

    def seconds_at(instant: datetime) -> int:
        ahead = instant.astimezone(zone).utcoffset()
        return round(ahead.total_seconds()) if ahead is not None else 0

    at = datetime.combine(first, time(0), UTC)
    end = datetime.combine(last, time(0), UTC) + timedelta(days=1)
    offset = now = seconds_at(at)
    changes = []
    while at < end:
        following = at + timedelta(hours=12)
        if seconds_at(following) != now:
            low, high = at, following
            while high - low > timedelta(seconds=1):
                middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
                low, high = (middle, high) if seconds_at(middle) == now else (low, middle)
            now = seconds_at(high)
            changes.append(OffsetChange(since=high, seconds=now))
        at = following
    return offset, tuple(changes)
