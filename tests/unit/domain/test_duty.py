from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.duty import DutyConfig, DutyMode, gate, mode_at, next_change
from domain.notices import Channel
from domain.task import RiskLevel
from tests.fakes.rulebook import DUTY, duty_all_day

SHANGHAI = ZoneInfo("Asia/Shanghai")
INSTANTS = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
MINUTES = st.integers(0, 24 * 60 - 1)


def weekdays(day: date) -> bool:
    return day.weekday() < 5


def always(_: date) -> bool:
    return True


def shanghai(hour: int, minute: int = 0, second: int = 0, day: int = 24) -> datetime:
    return datetime(2026, 11, day, hour, minute, second, tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("risk", "hour", "verdict", "tell", "channel"),
    [
        ("low", 10, "automatic", "nobody", Channel.DASHBOARD),
        ("medium", 10, "ask", "lead", Channel.WECOM),
        ("high", 10, "ask", "lead", Channel.WECOM),
        ("low", 3, "automatic", "nobody", Channel.DASHBOARD),
        ("medium", 3, "spot_check", "nobody", Channel.DASHBOARD),
        ("high", 3, "ask", "on_call", Channel.SMS),
    ],
)
def test_the_table_of_duty_and_risk(risk: str, hour: int, verdict: str, tell: str, channel: Channel) -> None:
    found = gate(DUTY, RiskLevel(risk), shanghai(hour), always)
    assert (found.verdict, found.tell, found.channel) == (verdict, tell, channel)
    assert found.mode == ("daytime" if hour == 10 else "nighttime")
    assert found.mode in found.reason
    assert risk in found.reason


@pytest.mark.parametrize(
    ("at", "mode"),
    [
        (shanghai(7, 59, 59), "nighttime"),
        (shanghai(8), "daytime"),
        (shanghai(19, 59, 59), "daytime"),
        (shanghai(20), "nighttime"),
        (shanghai(0), "nighttime"),
        (shanghai(23, 59, 59), "nighttime"),
    ],
)
def test_a_mode_begins_with_its_first_minute_and_ends_before_the_next(at: datetime, mode: str) -> None:
    assert mode_at(DUTY, at, always) == mode


def test_weekends_and_holidays_are_night_all_day() -> None:
    saturday, tuesday = shanghai(11, day=28), shanghai(11, day=24)
    assert mode_at(DUTY, saturday, weekdays) == "nighttime"
    assert mode_at(DUTY, tuesday, weekdays) == "daytime"
    assert mode_at(DUTY, tuesday, lambda day: day != tuesday.date()) == "nighttime"


def test_a_weekend_that_is_worked_has_a_day() -> None:
    assert mode_at(DUTY, shanghai(11, day=28), always) == "daytime"


def test_the_day_is_that_of_the_configured_zone() -> None:
    friday_evening_utc = datetime(2026, 11, 27, 23, 0, tzinfo=UTC)
    assert mode_at(DUTY, friday_evening_utc, weekdays) == "nighttime"
    london = DUTY.model_copy(update={"timezone": "Europe/London"})
    assert mode_at(london, datetime(2026, 11, 27, 10, 0, tzinfo=UTC), weekdays) == "daytime"


@given(INSTANTS)
def test_the_zone_of_an_instant_does_not_matter(at: datetime) -> None:
    elsewhere = at.astimezone(ZoneInfo("America/New_York"))
    assert mode_at(DUTY, at, weekdays) == mode_at(DUTY, elsewhere, weekdays)


@st.composite
def partitions(draw: st.DrawFn) -> DutyConfig:
    """Two to five modes that share the day out; the last one passes midnight."""
    cuts = sorted(draw(st.lists(MINUTES, min_size=2, max_size=5, unique=True)))
    text = [f"{minute // 60:02}:{minute % 60:02}" for minute in cuts]
    modes = {
        f"mode{index}": DutyMode(
            time_range=f"{start}-{end}", auto_execute_risk=RiskLevel.LOW, escalation_threshold=RiskLevel.HIGH
        )
        for index, (start, end) in enumerate(zip(text, [*text[1:], text[0]], strict=True))
    }
    return DutyConfig(modes=modes, non_working_days="mode0")


@given(partitions(), MINUTES, st.integers(0, 59))
def test_every_minute_has_exactly_one_mode(config: DutyConfig, minute: int, second: int) -> None:
    at = time(minute // 60, minute % 60, second)
    assert sum(mode.covers(at) for mode in config.modes.values()) == 1


@given(partitions(), st.integers(0, 4), st.integers(1, 600))
def test_a_gap_or_an_overlap_is_refused(config: DutyConfig, which: int, minutes: int) -> None:
    name = list(config.modes)[which % len(config.modes)]
    mode = config.modes[name]
    start, end = mode.hours
    moved = (datetime.combine(date(2026, 1, 1), end) + timedelta(minutes=minutes)).time()
    if moved == start:
        return
    changed = mode.model_copy(update={"time_range": f"{start:%H:%M}-{moved:%H:%M}"})
    with pytest.raises(ValidationError, match="exactly one mode must cover each minute"):
        DutyConfig(modes={**config.modes, name: changed}, non_working_days="mode0")


@pytest.mark.parametrize("text", ["8:00-20:00", "08:00-24:30", "24:00-08:00", "08:00", "08:00-20:60", ""])
def test_a_time_range_has_one_form(text: str) -> None:
    with pytest.raises(ValidationError, match="time_range"):
        DutyMode(time_range=text, auto_execute_risk=RiskLevel.LOW, escalation_threshold=RiskLevel.HIGH)


def test_the_day_may_end_at_24() -> None:
    only = duty_all_day("nighttime")
    assert all(only.modes["nighttime"].covers(time(hour)) for hour in range(24))
    evening = DUTY.modes["daytime"].model_copy(update={"time_range": "20:00-24:00"})
    assert evening.covers(time(23, 59))
    assert not evening.covers(time(0))


def test_bounds_and_names_must_make_sense() -> None:
    with pytest.raises(ValidationError, match="auto_with_audit must not be below"):
        DutyMode(
            time_range="08:00-20:00",
            auto_execute_risk=RiskLevel.MEDIUM,
            auto_with_audit=RiskLevel.LOW,
            escalation_threshold=RiskLevel.HIGH,
        )
    with pytest.raises(ValidationError, match="which is not a mode"):
        DutyConfig(modes=DUTY.modes, non_working_days="weekend")
    with pytest.raises(ValidationError, match="is not a time zone"):
        DutyConfig(modes=DUTY.modes, timezone="Asia/Atlantis")


@given(INSTANTS, st.sampled_from(list(RiskLevel)))
def test_more_risk_is_never_watched_less(at: datetime, risk: RiskLevel) -> None:
    strictness = {"automatic": 0, "spot_check": 1, "ask": 2}
    low = gate(DUTY, RiskLevel.LOW, at, weekdays)
    assert strictness[low.verdict] <= strictness[gate(DUTY, risk, at, weekdays).verdict]
    assert gate(DUTY, RiskLevel.HIGH, at, weekdays).verdict == "ask"


@given(INSTANTS)
def test_the_next_change_is_the_first_minute_of_another_mode(now: datetime) -> None:
    current = mode_at(DUTY, now, weekdays)
    change = next_change(DUTY, now, weekdays)
    assert now < change
    assert mode_at(DUTY, change, weekdays) != current
    assert mode_at(DUTY, max(now, change - timedelta(seconds=1)), weekdays) == current


def test_the_next_change_is_found_across_a_change_to_summer_time() -> None:
    london = DUTY.model_copy(update={"timezone": "Europe/London"})
    before = datetime(2026, 3, 29, 0, 30, tzinfo=ZoneInfo("Europe/London"))
    change = next_change(london, before, always)
    assert change.astimezone(ZoneInfo("Europe/London")).hour == 8
    assert change == datetime(2026, 3, 29, 7, 0, tzinfo=UTC)


def test_without_another_mode_there_is_a_week_to_the_next_look() -> None:
    now = shanghai(12)
    assert next_change(duty_all_day("daytime"), now, always) == now + timedelta(days=7)
