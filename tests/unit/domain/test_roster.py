"""Who is on call at any instant, across shifts, overrides, hand-overs and nights in which clocks change."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.roster import (
    Override,
    Roster,
    Rotation,
    Shift,
    around_the_clock,
    duties,
    gaps,
    in_charge,
    next_handover,
    on_call,
    overlaps,
)

LONDON = ZoneInfo("Europe/London")
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
ZONES = ("Asia/Shanghai", "Europe/London", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "UTC")


def instants(first: int, last: int) -> st.SearchStrategy[datetime]:
    """Any minute of these years but the last month."""
    begin, end = datetime(first, 1, 1, tzinfo=UTC), datetime(last, 12, 1, tzinfo=UTC)
    return st.integers(0, (end - begin) // MINUTE).map(lambda number: begin + number * MINUTE)


def roster(*shifts: Shift, zone: str = "Europe/London", **more: object) -> Roster:
    rotation = Rotation(name="desk", shifts=shifts)
    return Roster.model_validate({"timezone": zone, "fallback": ("boss",), "rotations": (rotation,), **more})


def shift(name: str, hours: str, *people: str, **more: object) -> Shift:
    return Shift.model_validate({"name": name, "hours": hours, "people": people or (name,), **more})


def local(text: str, zone: ZoneInfo = LONDON) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


def override(
    begin: str, end: str, *people: str, instead_of: tuple[str, ...] = (), **more: object
) -> Override:
    return Override.model_validate(
        {
            "starts_at": local(begin),
            "ends_at": local(end),
            "people": people,
            "instead_of": instead_of,
            "by": "op",
            "why": "ill",
            **more,
        }
    )


THREE = (
    shift("early", "07:30-16:00", "ann", "bea"),
    shift("late", "15:30-24:00", "bea", "cai"),
    shift("night", "23:30-08:00", "cai", "ann"),
)


@pytest.mark.parametrize(
    ("at", "line"),
    [
        ("2026-11-23T12:00", ("ann", "bea", "boss")),
        ("2026-11-23T15:29", ("ann", "bea", "boss")),
        ("2026-11-23T15:30", ("bea", "cai", "ann", "boss")),
        ("2026-11-23T16:00", ("bea", "cai", "boss")),
        ("2026-11-23T23:45", ("cai", "ann", "bea", "boss")),
        ("2026-11-24T03:00", ("cai", "ann", "boss")),
        ("2026-11-24T07:59", ("ann", "bea", "cai", "boss")),
    ],
)
def test_the_shift_that_began_last_is_in_charge_and_the_one_that_hands_over_is_behind_it(
    at: str, line: tuple[str, ...]
) -> None:
    assert on_call(roster(*THREE), local(at)) == line


def test_a_shift_with_dates_goes_before_those_of_every_week() -> None:
    holiday = shift("xmas", "00:00-24:00", "dan", first_on=date(2026, 12, 25), last_on=date(2026, 12, 26))
    rota = roster(*THREE, holiday)
    assert on_call(rota, local("2026-12-24T23:59"))[0] == "cai"
    assert on_call(rota, local("2026-12-25T00:00"))[:2] == ("dan", "cai")
    assert on_call(rota, local("2026-12-26T23:59"))[0] == "dan"
    assert on_call(rota, local("2026-12-27T00:00"))[0] == "cai"
    assert overlaps(rota, local("2026-12-20T00:00"), local("2026-12-30T00:00")) == ()


def test_a_weekly_turn_moves_each_monday_and_does_not_jump_at_new_year() -> None:
    rota = roster(shift("day", "00:00-24:00", "ann", "bea", "cai", rotate="weekly"))
    mondays = [local("2026-12-14T12:00") + week * 7 * DAY for week in range(7)]
    firsts = [on_call(rota, monday)[0] for monday in mondays]
    order = ["ann", "bea", "cai"]
    assert [order.index(b) for b in firsts[1:]] == [(order.index(a) + 1) % 3 for a in firsts[:-1]]
    assert on_call(rota, mondays[0] - 13 * HOUR)[0] != firsts[0]
    assert on_call(rota, mondays[0] + 5 * DAY)[0] == firsts[0]


def test_overrides_go_first_the_last_one_before_the_others() -> None:
    written = override("2026-11-23T08:00", "2026-11-23T20:00", "dan")
    given_since = override("2026-11-23T10:00", "2026-11-23T12:00", "eve", instead_of=("ann",))
    rota = roster(*THREE, overrides=(written,))
    assert on_call(rota, local("2026-11-23T09:00"))[:2] == ("dan", "ann")
    assert on_call(rota, local("2026-11-23T11:00"), overrides=(given_since,)) == ("eve", "dan", "bea", "boss")
    assert on_call(rota, local("2026-11-23T12:00"), overrides=(given_since,))[:2] == ("dan", "ann")


def test_an_override_of_one_rotation_leaves_the_others_alone() -> None:
    desk = Rotation(name="desk", shifts=(shift("a", "00:00-24:00", "ann"),))
    own = Rotation(name="aml", groups=("Compliance",), shifts=(shift("b", "00:00-24:00", "bea"),))
    rota = Roster(timezone="Europe/London", rotations=(own, desk))
    only = override("2026-11-23T08:00", "2026-11-23T20:00", "eve", rotation="aml")
    noon = local("2026-11-23T12:00")
    assert on_call(rota, noon, group="Compliance", overrides=(only,)) == ("eve", "bea")
    assert on_call(rota, noon, group="Accounts", overrides=(only,)) == ("ann",)


def test_somebody_is_paged_even_when_everybody_is_replaced() -> None:
    away = override("2026-11-23T08:00", "2026-11-23T20:00", instead_of=("ann", "bea", "boss"))
    assert on_call(roster(*THREE), local("2026-11-23T12:00"), overrides=(away,)) == ("boss",)


def test_who_is_replaced_stays_replaced_beside_another_override() -> None:
    away = override("2026-11-23T08:00", "2026-11-23T20:00", instead_of=("boss",))
    other = override("2026-11-23T08:00", "2026-11-23T20:00", "dan")
    assert on_call(roster(*THREE), local("2026-11-23T12:00"), overrides=(away, other)) == (
        "dan",
        "ann",
        "bea",
    )


def test_a_gap_is_found_with_its_ends_and_an_override_fills_it() -> None:
    rota = roster(shift("day", "08:00-20:00", "ann"), shift("night", "20:00-07:00", "bea"))
    since, until = local("2026-11-23T00:00"), local("2026-11-25T00:00")
    assert [(each.starts_at, each.ends_at) for each in gaps(rota, since, until)] == [
        (local("2026-11-23T07:00"), local("2026-11-23T08:00")),
        (local("2026-11-24T07:00"), local("2026-11-24T08:00")),
    ]
    assert on_call(rota, local("2026-11-23T07:30")) == ("boss",)
    filled = override("2026-11-23T06:00", "2026-11-23T09:00", "cai")
    left = gaps(rota, since, until, overrides=(filled,))
    assert [each.starts_at for each in left] == [local("2026-11-24T07:00")]


def test_an_override_that_takes_the_only_person_off_is_a_gap() -> None:
    away = override("2026-11-23T10:00", "2026-11-23T11:00", instead_of=("ann",))
    rota = roster(shift("day", "00:00-24:00", "ann"))
    found = gaps(rota, local("2026-11-23T00:00"), local("2026-11-24T00:00"), overrides=(away,))
    assert [(each.starts_at, each.ends_at) for each in found] == [(away.starts_at, away.ends_at)]


def test_only_what_is_longer_than_the_hand_over_is_an_overlap() -> None:
    since, until = local("2026-11-23T00:00"), local("2026-11-24T00:00")
    assert overlaps(roster(*THREE), since, until) == ()
    too_long = roster(shift("day", "08:00-21:00"), shift("night", "20:00-08:00"))
    found = overlaps(too_long, since, until)
    assert {each.shifts for each in found} == {("day", "night")}
    assert {each.ends_at - each.starts_at for each in found} == {HOUR}


def test_the_next_hand_over_says_who_gives_and_who_takes() -> None:
    found = next_handover(roster(*THREE), local("2026-11-23T12:00"))
    assert found is not None
    assert (found.at, found.outgoing, found.incoming) == (local("2026-11-23T15:30"), "ann", "bea")
    away = override("2026-11-23T13:00", "2026-11-23T14:00", "dan")
    sooner = next_handover(roster(*THREE), local("2026-11-23T12:00"), overrides=(away,))
    assert sooner is not None
    assert (sooner.at, sooner.incoming) == (away.starts_at, "dan")


def test_a_bank_without_a_roster_has_its_order_around_the_clock() -> None:
    rota = around_the_clock(("ann", "bea"))
    for hours in range(60):
        assert on_call(rota, local("2026-03-28T00:00") + hours * HOUR) == ("ann", "bea")
    assert next_handover(rota, local("2026-03-28T00:00")) is None
    assert gaps(rota, local("2026-03-01T00:00"), local("2026-05-01T00:00")) == ()
    assert on_call(around_the_clock(()), local("2026-03-28T00:00")) == ()


@pytest.mark.parametrize(
    ("begins", "length"),
    [("2026-03-28T22:00", 9), ("2026-10-24T22:00", 11), ("2026-11-23T22:00", 10)],
)
def test_a_night_in_which_clocks_change_is_an_hour_shorter_or_longer(begins: str, length: int) -> None:
    rota = roster(shift("night", "22:00-08:00"), shift("day", "08:00-22:00"))
    night = in_charge(rota, local(begins))
    assert night is not None
    assert (night.shift, night.ends_at - night.starts_at) == ("night", length * HOUR)


def test_hours_that_the_clocks_jump_over_do_not_take_place() -> None:
    rota = roster(shift("odd", "01:30-02:15"))  # on 29 March 2026 it is 02:00 after 00:59
    days = duties(rota, rota.rotations[0], local("2026-03-28T00:00"), local("2026-03-30T23:00"))
    assert [each.starts_at.day for each in days] == [28, 30]


@given(
    zone=st.sampled_from(ZONES),
    cuts=st.lists(st.integers(0, 24 * 12 - 1), min_size=1, max_size=5, unique=True),
    start=instants(2024, 2027),
)
@settings(max_examples=150, deadline=None)
def test_shifts_that_follow_each_other_leave_no_hole_in_any_zone_or_week(
    zone: str, cuts: list[int], start: datetime
) -> None:
    """Wherever the day is cut into shifts, every instant of every week has exactly one in charge."""
    marks = [f"{cut // 12:02}:{cut % 12 * 5:02}" for cut in sorted(cuts)]
    shifts = [
        shift(f"s{number}", f"{begin}-{end}")
        for number, (begin, end) in enumerate(pairwise([*marks, marks[0]]))
    ]
    rota = roster(*shifts, zone=zone)
    end = start + 7 * DAY
    assert gaps(rota, start, end) == ()
    assert [each for each in overlaps(rota, start, end) if each.ends_at > each.starts_at] == []


@given(
    zone=st.sampled_from(ZONES),
    at=instants(2024, 2027),
    away=st.lists(st.sampled_from(["ann", "bea", "cai", "boss"]), unique=True),
    extra=st.lists(st.sampled_from(["dan", "eve"]), unique=True),
)
@settings(max_examples=150, deadline=None)
def test_with_a_fallback_somebody_is_always_on_call_and_nobody_stands_twice(
    zone: str, at: datetime, away: list[str], extra: list[str]
) -> None:
    given_since = (
        [
            Override(
                starts_at=at - HOUR,
                ends_at=at + HOUR,
                people=tuple(extra),
                instead_of=tuple(away),
                by="op",
                why="test",
            )
        ]
        if away or extra
        else []
    )
    line = on_call(roster(*THREE, zone=zone), at, overrides=given_since)
    assert line
    assert len(set(line)) == len(line)
    assert line[: len(extra)] == tuple(extra)
    assert not set(line) & set(away) or line == ("boss",)


@given(instants(2026, 2026))
@settings(max_examples=100, deadline=None)
def test_until_the_next_hand_over_the_same_person_is_in_charge(at: datetime) -> None:
    rota = roster(*THREE)
    handover = next_handover(rota, at)
    assert handover is not None
    assert handover.at > at
    before, now = on_call(rota, at)[0], on_call(rota, handover.at)[0]
    assert (before, now) == (handover.outgoing, handover.incoming)
    step = (handover.at - at) / 7
    assert {on_call(rota, at + number * step)[0] for number in range(7)} == {before}


@pytest.mark.parametrize(
    ("model", "content", "problem"),
    [
        (Shift, {"name": "a", "hours": "8-18"}, "pattern"),
        (Shift, {"name": "a", "hours": "08:00-18:00", "days": []}, "at least 1"),
        (Shift, {"name": "a", "hours": "08:00-18:00", "days": ["monday"]}, "mon"),
        (
            Shift,
            {"name": "a", "hours": "08:00-18:00", "first_on": "2027-01-02", "last_on": "2027-01-01"},
            "before first_on",
        ),
        (Override, {"starts_at": "2027-01-02T00:00:00"}, "timezone"),
    ],
)
def test_what_makes_no_sense_is_refused(
    model: type[Shift] | type[Override], content: dict[str, object], problem: str
) -> None:
    with pytest.raises(ValidationError, match=problem):
        model.model_validate(content)


def test_an_override_has_an_end_after_its_beginning_and_says_something() -> None:
    with pytest.raises(ValidationError, match="not after"):
        override("2026-11-23T08:00", "2026-11-23T08:00", "ann")
    with pytest.raises(ValidationError, match="name people"):
        override("2026-11-23T08:00", "2026-11-23T09:00")
