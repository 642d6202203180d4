"""Business time: laws over random calendars and zones, a count of minutes, and days that people know."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from definitions.calendar_files import zone_offsets
from domain.calendar import (
    ALWAYS,
    Interval,
    OffsetChange,
    WorkCalendar,
    advance,
    changes_between,
    elapsed,
    is_working,
    parse_interval,
    works_on,
)
from tests.support.random_calendars import EVERY_ZONE, SPANS, TRICKY, calendars

HOUR = timedelta(hours=1)
FULL = settings(
    max_examples=100_000,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
QUICK = settings(max_examples=150, deadline=None)


def office(zone: str = "Asia/Shanghai", **changes: Any) -> WorkCalendar:
    """Nine to twelve and half past one to six, Monday to Friday, with the zone's changes around 2026."""
    offset, moves = zone_offsets(zone, date(2025, 1, 1), date(2028, 12, 31))
    day = (parse_interval("09:00-12:00"), parse_interval("13:30-18:00"))
    given: dict[str, Any] = {"timezone": zone, "week": (day,) * 5 + ((),) * 2}
    return WorkCalendar(**{"name": "office", **given, "offset": offset, "changes": moves, **changes})


def round_the_clock(zone: str) -> WorkCalendar:
    """Every day but one far away, so that it is no calendar without limits."""
    return office(zone, week=((Interval(0, 1440),),) * 7, days_off=(date(2028, 1, 1),))


def local(text: str, zone: str = "Asia/Shanghai") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def holds(calendar: WorkCalendar, at: datetime, first: timedelta, second: timedelta) -> None:
    """The laws of business time."""
    end = advance(calendar, at, first)
    assert elapsed(calendar, at, end) == first
    assert end >= at + first
    assert elapsed(calendar, at, end - timedelta(microseconds=1)) < first
    later = advance(calendar, end, second)
    assert later == advance(calendar, at, first + second)
    assert elapsed(calendar, at, end) + elapsed(calendar, end, later) == elapsed(calendar, at, later)
    assert elapsed(calendar, at, at + first) <= elapsed(calendar, at, at + first + second) <= first + second
    assert WorkCalendar.model_validate_json(calendar.model_dump_json()) == calendar


@QUICK
@given(calendars(), SPANS, SPANS)
def test_time_that_is_advanced_is_gone_and_sums_add_up(
    given_calendar: tuple[WorkCalendar, datetime], first: timedelta, second: timedelta
) -> None:
    holds(*given_calendar, first, second)


@pytest.mark.full
@pytest.mark.timeout(3600)
@FULL
@given(calendars(EVERY_ZONE), SPANS, SPANS)
def test_time_that_is_advanced_is_gone_in_every_zone(
    given_calendar: tuple[WorkCalendar, datetime], first: timedelta, second: timedelta
) -> None:
    holds(*given_calendar, first, second)


@settings(max_examples=40, deadline=None)
@given(calendars(), st.integers(0, 5 * 1440), st.booleans())
def test_it_is_what_counting_minutes_by_the_wall_clock_gives(
    given_calendar: tuple[WorkCalendar, datetime], minutes: int, near_a_change: bool
) -> None:
    """A minute counts where the clock shows working time; while it shows the same again, as if it stood."""
    calendar, start = given_calendar
    if near_a_change and calendar.changes:
        start = calendar.changes[0].since - timedelta(minutes=minutes // 2)
    zone, worked = ZoneInfo(calendar.timezone), 0
    minute = start - timedelta(days=2)
    shown = minute.astimezone(zone).replace(tzinfo=None)
    while minute < start + timedelta(minutes=minutes):
        shown = max(shown, minute.astimezone(zone).replace(tzinfo=None))
        day, since_midnight = shown.date(), shown.hour * 60 + shown.minute
        hours = () if day in calendar.days_off else calendar.week[day.weekday()]
        inside = any(
            each.start <= since_midnight < each.end for each in calendar.working_days.get(day, hours)
        )
        if minute >= start:
            assert is_working(calendar, minute) is inside
            worked += inside
        minute += timedelta(minutes=1)
    assert elapsed(calendar, start, minute) == timedelta(minutes=worked)


@given(calendars(), st.timedeltas(timedelta(0), timedelta(days=400)))
@QUICK
def test_what_is_gone_never_shrinks(given_calendar: tuple[WorkCalendar, datetime], more: timedelta) -> None:
    calendar, at = given_calendar
    assert elapsed(calendar, at, at - more) == timedelta(0)
    assert timedelta(0) <= elapsed(calendar, at, at + more) <= more
    assert advance(calendar, at, timedelta(0)) == at


@given(st.datetimes(timezones=st.just(UTC)).filter(lambda at: 1900 < at.year < 2900), SPANS)
def test_around_the_clock_business_time_is_real_time(start: datetime, span: timedelta) -> None:
    assert ALWAYS.is_always
    assert advance(ALWAYS, start, span) == start + span
    assert elapsed(ALWAYS, start, start + span) == span


class TestDays:
    def test_lunch_and_night_do_not_count(self) -> None:
        start = local("2026-11-23T11:00")
        assert advance(office(), start, 2 * HOUR) == local("2026-11-23T14:30")
        assert advance(office(), start, 8 * HOUR) == local("2026-11-24T11:30")
        assert elapsed(office(), start, local("2026-11-24T09:00")) == timedelta(hours=5, minutes=30)

    def test_a_term_ends_with_the_day_and_not_on_the_next_morning(self) -> None:
        assert advance(office(), local("2026-11-27T17:00"), HOUR) == local("2026-11-27T18:00")
        later = advance(office(), local("2026-11-27T17:00"), HOUR + timedelta(seconds=1))
        assert later == local("2026-11-30T09:00:01")

    def test_a_holiday_is_left_out_and_a_make_up_saturday_is_worked(self) -> None:
        day = office().week[0]
        calendar = office(days_off=(date(2026, 10, 1),), working_days={date(2026, 10, 10): day})
        assert advance(calendar, local("2026-09-30T17:00"), 2 * HOUR) == local("2026-10-02T10:00")
        assert advance(calendar, local("2026-10-09T17:00"), 2 * HOUR) == local("2026-10-10T10:00")
        assert works_on(calendar, date(2026, 10, 10))
        assert not works_on(calendar, date(2026, 10, 1))
        assert not works_on(calendar, date(2026, 10, 11))

    def test_midnight_belongs_to_the_day_that_begins(self) -> None:
        night = office(week=((Interval(0, 1440),),) + ((),) * 6)
        assert is_working(night, local("2026-11-23T00:00"))
        assert is_working(night, local("2026-11-23T23:59:59"))
        assert not is_working(night, local("2026-11-24T00:00"))
        assert advance(night, local("2026-11-22T12:00"), 24 * HOUR) == local("2026-11-24T00:00")

    def test_a_weekday_is_that_of_the_zone(self) -> None:
        assert is_working(office(), datetime(2026, 11, 23, 1, 0, tzinfo=UTC))
        assert not is_working(office(), datetime(2026, 11, 23, 10, 0, tzinfo=UTC))

    def test_an_instant_means_the_same_in_whatever_zone_it_is_given(self) -> None:
        berlin = local("2026-10-25T00:00", "Europe/Berlin")
        end = berlin + timedelta(hours=6)  # as the wall clock shows it: seven hours
        assert elapsed(ALWAYS, berlin, end) == 7 * HOUR
        assert advance(ALWAYS, berlin, 7 * HOUR) == end


class TestClocksThatAreChanged:
    def test_a_night_is_an_hour_shorter_in_spring_and_longer_in_autumn(self) -> None:
        calendar = round_the_clock("Europe/Berlin")
        for day, hours in (("2026-03-29", 23), ("2026-10-25", 25), ("2026-10-26", 24)):
            start = local(f"{day}T00:00", "Europe/Berlin")
            assert elapsed(calendar, start, advance(calendar, start, hours * HOUR)) == hours * HOUR
            following = (start + timedelta(days=1)).astimezone(UTC)
            assert advance(calendar, start, hours * HOUR) == following

    def test_hours_that_begin_in_the_gap_begin_with_the_change(self) -> None:
        calendar = office("Europe/Berlin", week=((),) * 6 + ((parse_interval("02:30-05:00"),),))
        night = datetime(2026, 3, 28, 23, 0, tzinfo=UTC)
        assert elapsed(calendar, night, night + 12 * HOUR) == 2 * HOUR  # 03:00 to 05:00

    def test_hours_that_end_before_a_fold_do_not_come_again(self) -> None:
        calendar = office("Europe/Berlin", week=((),) * 6 + ((parse_interval("01:00-02:30"),),))
        night = datetime(2026, 10, 24, 22, 0, tzinfo=UTC)
        assert elapsed(calendar, night, night + 12 * HOUR) == 1.5 * HOUR

    def test_hours_that_begin_in_a_fold_begin_the_first_time(self) -> None:
        calendar = office("Europe/Berlin", week=((),) * 6 + ((parse_interval("02:30-05:00"),),))
        night = datetime(2026, 10, 24, 22, 0, tzinfo=UTC)
        assert elapsed(calendar, night, night + 12 * HOUR) == 3.5 * HOUR

    def test_a_day_that_a_zone_left_out_has_no_time(self) -> None:
        offset, changes = zone_offsets("Pacific/Apia", date(2011, 1, 1), date(2012, 12, 31))
        calendar = office("Pacific/Apia", offset=offset, changes=changes)
        friday = date(2011, 12, 30)
        assert friday.weekday() == 4
        thursday = local("2011-12-29T17:00", "Pacific/Apia")
        assert advance(calendar, thursday, 2 * HOUR) == local("2012-01-02T10:00", "Pacific/Apia")

    def test_nothing_is_read_from_the_zone_database(self) -> None:
        """What is pinned counts: a replay on a machine with other data computes the same."""
        elsewhere = WorkCalendar(
            name="office",
            timezone="Nowhere/Atlantis",
            week=office().week,
            offset=3600,
            changes=(OffsetChange(since=datetime(2026, 6, 1, tzinfo=UTC), seconds=7200),),
        )
        assert is_working(elsewhere, datetime(2026, 5, 29, 8, 0, tzinfo=UTC))
        assert is_working(elsewhere, datetime(2026, 6, 1, 7, 0, tzinfo=UTC))


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"week": ((),) * 7}, "no working time"),
            ({"week": ((Interval(0, 59),),) + ((),) * 6}, "no working time"),
            (
                {"week": ((Interval(540, 720), Interval(700, 800)),) * 7},
                "09:00-12:00 and 11:40-13:20 overlap",
            ),
            ({"working_days": {date(2026, 1, 3): (Interval(0, 9), Interval(3, 4))}}, "overlap"),
            (
                {"days_off": (date(2026, 1, 3),), "working_days": {date(2026, 1, 3): (Interval(0, 9),)}},
                "2026-01-03 is a day off and a working day",
            ),
        ],
    )
    def test_a_calendar_that_cannot_be_worked_by(self, changes: dict[str, Any], words: str) -> None:
        with pytest.raises(ValidationError, match=words):
            office(**changes)

    @pytest.mark.parametrize(
        "text", ["", "9:00-12:00", "09:00", "12:00-09:00", "09:00-24:01", "09:60-10:00", "09:00-09:00", "a-b"]
    )
    def test_what_is_no_interval(self, text: str) -> None:
        with pytest.raises(ValueError, match="hours such as 09:00-12:00"):
            parse_interval(text)

    def test_time_that_runs_backwards(self) -> None:
        with pytest.raises(ValueError, match="forward"):
            advance(office(), local("2026-11-23T09:00"), -HOUR)

    def test_the_end_of_time(self) -> None:
        calendar = office(week=((Interval(0, 60),),) + ((),) * 6)
        assert advance(calendar, local("2026-11-23T09:00"), timedelta(days=3660)).year > 3000
        with pytest.raises(OverflowError):
            advance(calendar, local("2026-11-23T09:00"), timedelta(days=366_000))


class TestWhatChanged:
    NOW = datetime(2026, 8, 31, 16, tzinfo=UTC)
    """The first of September in Shanghai."""

    def told(self, **changes: Any) -> tuple[str, ...]:
        known = {"resolved_since": date(2025, 1, 1), "resolved_until": date(2028, 12, 31)}
        return changes_between(office(**known), office(**{**known, **changes}), self.NOW)

    def test_a_new_day_off_is_named(self) -> None:
        assert self.told(days_off=(date(2026, 10, 1),)) == ("2026-10-01 is now a day off",)

    def test_a_new_working_day_is_named_with_its_hours(self) -> None:
        working = {date(2026, 10, 10): (parse_interval("09:00-12:00"),)}
        assert self.told(working_days=working) == ("2026-10-10 is now worked 09:00-12:00",)

    def test_other_hours_and_another_zone_are_named(self) -> None:
        week = ((parse_interval("08:00-12:00"),), *office().week[1:])
        assert self.told(week=week) == ("Monday is now worked 08:00-12:00",)
        assert self.told(timezone="Asia/Tokyo") == ("the time zone is now Asia/Tokyo",)
        assert self.told(offset=0) == ("the clocks of Asia/Shanghai are now changed on other days",)

    def test_days_that_are_over_or_not_known_yet_are_no_news(self) -> None:
        assert self.told(days_off=(date(2026, 8, 31),)) == ()
        assert self.told(days_off=(date(2029, 1, 1),), resolved_until=date(2029, 12, 31)) == ()

    def test_many_changes_are_counted(self) -> None:
        days = tuple(date(2026, 10, number) for number in (1, 2, 5, 6, 7, 8, 9))
        assert self.told(days_off=days)[-2:] == ("2026-10-07 is now a day off", "and 2 more changes")


def test_the_tricky_zones_are_there() -> None:
    assert set(TRICKY) <= set(EVERY_ZONE)
