"""Which hours are compared, what is usual, and when a surge begins and ends."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.alerts import Addressee, AlertLevel
from domain.trend import (
    Arrivals,
    Seen,
    Similar,
    Trend,
    TrendPolicy,
    TrendRule,
    alert_of,
    baseline_of,
    judged,
    look,
    seen_in,
    told,
    windows,
)

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 11, 25, 12, tzinfo=SHANGHAI)
"""A Wednesday."""
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
FREEZES = Similar(kind="accounts/freeze")
POLICY = TrendPolicy()
MINUTE = timedelta(minutes=1)
SINCE = datetime(2022, 1, 1, tzinfo=UTC)
INSTANTS = st.integers(0, 8 * 366 * 86_400).map(lambda each: SINCE + timedelta(seconds=each))
ZONES = ("UTC", "Asia/Shanghai", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe")


def weekdays(day: date) -> bool:
    return day.weekday() < 5


def run(
    counts: Sequence[int], past: Sequence[int] = (10, 10, 10), policy: TrendPolicy = POLICY
) -> list[Trend]:
    """One look a minute, each with the next count."""
    trend = Trend(similar=FREEZES, looked_at=NOON)
    trends = []
    for number, count in enumerate(counts):
        seen = Seen(similar=FREEZES, count=count, past=tuple(past), desk="Accounts")
        trend = judged(trend, seen, policy, NOON + number * MINUTE)
        if trend.to_tell:
            trends.append(trend)
            trend = told(trend, trend.surge_id, trend.to_tell)
    return trends


def told_of(counts: Sequence[int], past: Sequence[int] = (10, 10, 10)) -> list[str]:
    return [each.to_tell for each in run(counts, past)]


def test_a_working_day_is_held_against_the_same_hours_of_working_days() -> None:
    present, *past = windows(POLICY, NOON, SHANGHAI, weekdays, LONG_AGO)
    assert (present.start, present.end) == (NOON - timedelta(hours=1), NOON)
    assert len(past) == 20
    for window in past:
        start, end = (each.astimezone(SHANGHAI) for each in window)
        assert (start.hour, end.hour, weekdays(start.date())) == (11, 12, True)
    assert past[0].end.astimezone(SHANGHAI).date() == date(2026, 11, 24)


def test_a_day_off_is_held_against_days_off() -> None:
    saturday = NOON + timedelta(days=3)
    _, *past = windows(POLICY, saturday, SHANGHAI, weekdays, LONG_AGO)
    assert [each.end.astimezone(SHANGHAI).weekday() for each in past] == [6, 5] * 4


def test_a_saturday_that_is_worked_is_held_against_working_days() -> None:
    made_up = date(2026, 11, 28)
    saturday = NOON + timedelta(days=3)
    _, *past = windows(POLICY, saturday, SHANGHAI, lambda day: day == made_up or weekdays(day), LONG_AGO)
    assert {each.end.astimezone(SHANGHAI).weekday() for each in past} == {0, 1, 2, 3, 4}


def test_the_hour_before_midnight_belongs_to_the_day_that_ends() -> None:
    midnight_of_saturday = datetime(2026, 11, 28, 0, tzinfo=SHANGHAI)
    _, *past = windows(POLICY, midnight_of_saturday, SHANGHAI, weekdays, LONG_AGO)
    assert past[0].start.astimezone(SHANGHAI) == datetime(2026, 11, 26, 23, tzinfo=SHANGHAI)


def test_days_before_the_first_ticket_say_nothing() -> None:
    three_days = NOON - timedelta(days=2, hours=1)
    assert len(windows(POLICY, NOON, SHANGHAI, weekdays, three_days)) == 3
    assert len(windows(POLICY, NOON, SHANGHAI, weekdays, None)) == 1


def test_a_window_is_as_long_on_the_day_on_which_the_clocks_change() -> None:
    monday = datetime(2026, 3, 30, 3, tzinfo=BERLIN)
    _, sunday, *_ = windows(POLICY, monday, BERLIN, lambda _: True, LONG_AGO)
    assert sunday.end - sunday.start == POLICY.window
    # The clocks leave out 02:00 to 03:00; the middle, 02:30, is an hour on.
    assert sunday.start == datetime(2026, 3, 29, 1, tzinfo=UTC)


@given(
    now=INSTANTS,
    zone=st.sampled_from(ZONES),
    minutes=st.integers(5, 720),
    weeks=st.integers(1, 12),
)
def test_windows_never_share_time_and_are_equally_long(
    now: datetime, zone: str, minutes: int, weeks: int
) -> None:
    policy = TrendPolicy(window=timedelta(minutes=minutes), weeks=weeks)
    made = windows(policy, now, ZoneInfo(zone), weekdays, LONG_AGO)
    assert all(each.end - each.start == policy.window for each in made)
    assert all(older.end <= newer.start for newer, older in pairwise(made))


@given(now=INSTANTS)
def test_the_zone_in_which_the_instant_is_told_changes_nothing(now: datetime) -> None:
    elsewhere = now.astimezone(ZoneInfo("America/New_York"))
    assert windows(POLICY, now, BERLIN, weekdays, LONG_AGO) == windows(
        POLICY, elsewhere, BERLIN, weekdays, LONG_AGO
    )


def test_usual_is_the_median_so_that_a_past_surge_does_not_hide_the_next() -> None:
    assert baseline_of([10, 11, 9, 400, 10], 3) == 10
    assert baseline_of([0, 0, 1], 3) == 3
    assert baseline_of([], 3) == 3


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([29], []),
        ([30], ["raised"]),
        ([30, 45, 60], ["raised"]),
        ([30, *[19] * 30], ["raised"]),
        ([30, *[19] * 31], ["raised", "ended"]),
        ([30, *[19] * 29, 20, *[19] * 30], ["raised"]),
        ([30, *[19] * 31, 31], ["raised", "ended", "raised"]),
    ],
)
def test_three_times_the_baseline_raises_and_half_an_hour_below_twice_ends(
    counts: list[int], expected: list[str]
) -> None:
    assert told_of(counts) == expected


def test_a_kind_without_history_is_held_against_the_floor() -> None:
    assert told_of([9], past=()) == []
    assert told_of([10], past=()) == ["raised"]


def test_a_kind_may_have_numbers_of_its_own_or_not_be_watched() -> None:
    rules = {"accounts/freeze": TrendRule(ratio=5, minimum=4, floor=1)}
    assert [each.count for each in run([49, 50], policy=TrendPolicy(kinds=rules))] == [50]
    assert [each.count for each in run([4, 5], past=(0,), policy=TrendPolicy(kinds=rules))] == [5]
    silent = TrendPolicy(kinds={"accounts/freeze": TrendRule(watch=False)})
    assert run([1000], policy=silent) == []


def test_a_surge_of_a_kind_that_is_watched_no_more_is_over_at_once() -> None:
    surging = judged(
        Trend(similar=FREEZES, looked_at=NOON), Seen(similar=FREEZES, count=50, past=(10,)), POLICY, NOON
    )
    silent = TrendPolicy(kinds={"accounts/freeze": TrendRule(watch=False)})
    after = judged(told(surging, surging.surge_id, "raised"), Seen(similar=FREEZES, count=50), silent, NOON)
    assert (after.surging_since, after.to_tell) == (None, "ended")


@given(counts=st.lists(st.integers(0, 9)), past=st.lists(st.integers(0, 50)))
def test_nothing_is_raised_below_the_minimum(counts: list[int], past: list[int]) -> None:
    assert run(counts, past) == []


@given(count=st.integers(0, 10_000), days=st.integers(1, 20), looks=st.integers(1, 100))
def test_what_always_comes_is_never_raised(count: int, days: int, looks: int) -> None:
    assert run([count] * looks, [count] * days) == []


@given(
    surge=st.lists(st.integers(30, 500), min_size=1),
    dips=st.lists(st.lists(st.integers(0, 19), max_size=30)),
)
def test_a_surge_is_raised_once_however_it_dips(surge: list[int], dips: list[list[int]]) -> None:
    counts = list(surge)
    for dip in dips:
        counts += [*dip, 20]
    assert told_of(counts) == ["raised"]


@given(counts=st.lists(st.integers(0, 100), max_size=300), past=st.lists(st.integers(0, 30), max_size=20))
def test_surges_begin_and_end_in_turn_each_under_its_own_id(counts: list[int], past: list[int]) -> None:
    told_now = run(counts, past)
    assert [each.to_tell for each in told_now] == ["raised", "ended"] * (len(told_now) // 2) + (
        ["raised"] if len(told_now) % 2 else []
    )
    begun = [each.surge_id for each in told_now if each.to_tell == "raised"]
    assert len(set(begun)) == len(begun)
    for one, other in zip(told_now[1::2], told_now[2::2], strict=False):
        assert other.surging_since is not None and one.ended_at is not None
        assert other.surging_since > one.ended_at


def test_what_is_similar_is_counted_together_and_the_largest_group_hears_of_it() -> None:
    arrivals = [
        Arrivals(0, "accounts", "freeze", "Night Desk", "app", 4),
        Arrivals(0, "accounts", "freeze", "Accounts", "app", 7),
        Arrivals(1, "accounts", "freeze", "Accounts", "branch", 2),
        Arrivals(2, "complaint", "handle", "Customers", "app", 1),
    ]
    seen = {each.similar.name: each for each in seen_in(POLICY, arrivals, 3)}
    assert (seen["accounts/freeze"].count, seen["accounts/freeze"].past) == (11, (2, 0))
    assert seen["accounts/freeze"].desk == "Accounts"
    assert (seen["complaint/handle"].count, seen["complaint/handle"].past) == (0, (0, 1))


def test_groups_and_sources_are_told_apart_where_the_policy_says_so() -> None:
    arrivals = [
        Arrivals(0, "accounts", "freeze", "Night Desk", "app", 4),
        Arrivals(0, "accounts", "freeze", "Accounts", "branch", 7),
    ]
    by_both = seen_in(TrendPolicy(by=("group", "source")), arrivals, 1)
    assert sorted(each.similar.name for each in by_both) == [
        "accounts/freeze of Accounts from branch",
        "accounts/freeze of Night Desk from app",
    ]
    assert sorted(each.count for each in seen_in(TrendPolicy(by=("source",)), arrivals, 1)) == [4, 7]


def test_a_surge_whose_tickets_stop_coming_altogether_ends_and_is_then_forgotten() -> None:
    trends = look((), [Seen(similar=FREEZES, count=50, past=(10,))], POLICY, NOON)
    trends = tuple(told(each, each.surge_id, "raised") for each in trends)
    for minutes in (1, 31):
        trends = look(trends, [], POLICY, NOON + minutes * MINUTE)
    assert [(each.to_tell, each.peak) for each in trends] == [("ended", 50)]
    trends = tuple(told(each, each.surge_id, "ended") for each in trends)
    assert look(trends, [], POLICY, NOON + 32 * MINUTE) == ()


def test_what_nobody_heard_stays_to_be_told_under_the_same_id() -> None:
    first = look((), [Seen(similar=FREEZES, count=50, past=(10,))], POLICY, NOON)
    second = look(first, [Seen(similar=FREEZES, count=70, past=(10,))], POLICY, NOON + MINUTE)
    one, other = (alert_of(each[0], POLICY, "Desk") for each in (first, second))
    assert (second[0].to_tell, one.alert_id) == ("raised", other.alert_id)


def test_being_told_of_one_surge_is_not_being_told_of_the_next() -> None:
    (surging,) = look((), [Seen(similar=FREEZES, count=50, past=(10,))], POLICY, NOON)
    assert told(surging, "trend-another", "raised") == surging
    assert told(surging, surging.surge_id, "ended") == surging


def test_the_alert_says_how_much_of_what_and_compared_with_what() -> None:
    (surging,) = look((), [Seen(similar=FREEZES, count=50, past=(10, 12), desk="Accounts")], POLICY, NOON)
    alert = alert_of(surging, POLICY, "Operations Supervisor")
    assert alert.subject == "accounts/freeze: 50 tickets in 1h, 4.5 times what is usual"
    assert "usual at these hours is 11, the median of 2 days" in alert.body
    assert (alert.level, alert.group, alert.instead) == (
        AlertLevel.ESCALATION,
        "Accounts",
        Addressee(to="lead"),
    )
    elsewhere = TrendPolicy(group="Operations Supervisor", to="on_call")
    (surging,) = look((), [Seen(similar=FREEZES, count=50, desk="Accounts")], elsewhere, NOON)
    alert = alert_of(surging, elsewhere, "Night Desk")
    assert "there is no history of these hours, so that 3 counts as usual" in alert.body
    assert (alert.group, alert.instead) == ("Operations Supervisor", Addressee(to="on_call"))
