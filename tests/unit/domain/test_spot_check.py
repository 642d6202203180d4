from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.people import Principal, Role
from domain.spot_check import (
    CheckOutcome,
    CheckVerb,
    SpotCheck,
    SpotCheckPolicy,
    draw_hour,
    errors_found,
    exceeds,
    is_draw_day,
    is_drawn,
    next_draw,
    refusal,
    withdrawal_after,
)
from domain.task import RiskLevel
from tests.fakes.rulebook import DUTY, duty_all_day

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 24, 0, 0, tzinfo=UTC)  # Tuesday, 08:00 in Shanghai
INSTANTS = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
IDS = st.text(st.characters(codec="ascii", categories=("Lu", "Nd")), min_size=1, max_size=20)
SHARES = st.floats(0, 1)


def weekdays(day: date) -> bool:
    return day.weekday() < 5


def a_check(**changes: Any) -> SpotCheck:
    given: dict[str, Any] = {
        "task_id": "T1",
        "kind": "accounts/freeze",
        "category": "accounts",
        "group": "Account Operations",
        "sop": "Freeze",
        "sop_version": "1",
        "sop_digest": "d" * 64,
        "risk": RiskLevel.MEDIUM,
        "result": "COMPLETED: Freeze completed",
        "maker": "intake",
        "hands": ("intake", "op.chen"),
        "marked_at": NOW - timedelta(hours=9),
        "drawn_at": NOW,
        "due_at": NOW + timedelta(hours=8),
    }
    return SpotCheck.model_validate(given | changes)


def outcomes(passed: int, objected: int, at: datetime = NOW) -> list[CheckOutcome]:
    verbs = [CheckVerb.PASS] * passed + [CheckVerb.OBJECT] * objected
    return [
        CheckOutcome(task_id=f"T{number}", kind="accounts/freeze", verb=verb, by="li.wei", reason="r", at=at)
        for number, verb in enumerate(verbs)
    ]


@given(IDS, SHARES, SHARES)
def test_a_larger_share_only_adds_tickets(task_id: str, one: float, other: float) -> None:
    small, large = sorted((one, other))
    assert not is_drawn(task_id, small) or is_drawn(task_id, large)
    assert is_drawn(task_id, 1.0)
    assert not is_drawn(task_id, 0.0)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_the_share_is_about_kept(share: float) -> None:
    drawn = sum(is_drawn(f"T{number}", share) for number in range(4000))
    assert abs(drawn / 4000 - share) < 0.03


def test_a_category_may_have_a_share_of_its_own() -> None:
    policy = SpotCheckPolicy(share=0.2, shares={"compliance": 1.0})
    assert policy.share_of("compliance") == 1.0
    assert policy.share_of("accounts") == 0.2


@given(INSTANTS)
def test_the_next_draw_is_the_first_start_of_a_working_daytime(now: datetime) -> None:
    at = next_draw(DUTY, now, weekdays)
    local = at.astimezone(SHANGHAI)
    assert at > now
    assert (local.hour, local.minute, weekdays(local.date())) == (8, 0, True)
    assert is_draw_day(DUTY, at, weekdays)
    assert not is_draw_day(DUTY, at - timedelta(seconds=1), weekdays)
    # None was left out in between.
    assert next_draw(DUTY, at - timedelta(seconds=1), weekdays) == at
    assert at - now <= timedelta(days=3)


@given(INSTANTS, INSTANTS)
def test_a_later_moment_has_no_earlier_draw(one: datetime, other: datetime) -> None:
    early, late = sorted((one, other))
    assert next_draw(DUTY, early, weekdays) <= next_draw(DUTY, late, weekdays)


@given(INSTANTS)
def test_it_is_after_now_where_the_clocks_change_too(now: datetime) -> None:
    london = DUTY.model_copy(update={"timezone": "Europe/London"})
    at = next_draw(london, now, weekdays)
    assert at.timestamp() > now.timestamp()
    assert is_draw_day(london, at, weekdays)


def test_a_night_before_a_holiday_is_drawn_after_it() -> None:
    friday_night = datetime(2026, 11, 27, 22, 0, tzinfo=SHANGHAI)
    assert next_draw(DUTY, friday_night, weekdays) == datetime(2026, 11, 30, 8, 0, tzinfo=SHANGHAI)


def test_where_nobody_is_at_a_desk_the_draw_is_at_midnight() -> None:
    assert draw_hour(duty_all_day("nighttime")).isoformat() == "00:00:00"
    assert draw_hour(duty_all_day("daytime")).isoformat() == "00:00:00"
    assert draw_hour(DUTY).isoformat() == "08:00:00"


def test_who_never_works_never_draws() -> None:
    assert next_draw(DUTY, NOW, lambda _: False) == NOW + timedelta(days=366)
    assert not is_draw_day(DUTY, NOW, lambda _: False)


POLICY = SpotCheckPolicy(error_bound=0.1, least=5, window=timedelta(days=30))


@pytest.mark.parametrize(
    ("checks", "objections", "withdrawn"),
    [(4, 4, False), (5, 1, True), (10, 1, False), (10, 2, True), (5, 0, False)],
)
def test_authority_goes_above_the_bound_and_from_the_least_number_on(
    checks: int, objections: int, withdrawn: bool
) -> None:
    assert exceeds(POLICY, checks, objections) is withdrawn


def test_a_share_at_the_bound_is_within_it_as_it_is_written() -> None:
    assert not exceeds(SpotCheckPolicy(error_bound=0.29), 100, 29)
    assert exceeds(SpotCheckPolicy(error_bound=0.29), 100, 30)


@given(st.integers(0, 200), st.integers(0, 200), SHARES, st.integers(1, 50))
def test_one_more_objection_never_gives_authority_back(
    passed: int, objected: int, bound: float, least: int
) -> None:
    policy = SpotCheckPolicy(error_bound=bound, least=least)
    checks = passed + objected
    if exceeds(policy, checks, objected):
        assert exceeds(policy, checks + 1, objected + 1)


@given(st.lists(st.tuples(st.integers(-60, 5), st.booleans()), max_size=30))
def test_only_what_is_in_the_window_counts(found: list[tuple[int, bool]]) -> None:
    kept = [
        CheckOutcome(
            task_id=f"T{number}",
            kind="k",
            verb=CheckVerb.OBJECT if bad else CheckVerb.PASS,
            by="li.wei",
            reason="r",
            at=NOW + timedelta(days=days),
        )
        for number, (days, bad) in enumerate(found)
    ]
    inside = [bad for days, bad in found if -30 < days <= 0]
    assert errors_found(POLICY, kept, NOW) == (len(inside), sum(inside))


def test_what_came_before_authority_was_given_back_does_not_count_again() -> None:
    old = outcomes(3, 2, NOW - timedelta(days=2))
    assert withdrawal_after(POLICY, a_check(), old, NOW) is not None
    assert withdrawal_after(POLICY, a_check(), old, NOW, NOW - timedelta(days=1)) is None


def test_a_withdrawal_says_why() -> None:
    found = withdrawal_after(POLICY, a_check(), outcomes(3, 2), NOW)
    assert found is not None
    assert (found.kind, found.group, found.since) == ("accounts/freeze", "Account Operations", NOW)
    assert "2 of 5 spot checks of accounts/freeze objected, more than 10%" in found.reason


@pytest.mark.parametrize(
    ("who", "roles", "groups", "code"),
    [
        ("li.wei", {Role.REVIEWER}, {"Account Operations"}, None),
        ("op.chen", {Role.REVIEWER}, {"Account Operations"}, "four_eyes"),
        ("intake", {Role.REVIEWER}, {"Account Operations"}, "four_eyes"),
        ("li.wei", {Role.OPERATOR}, {"Account Operations"}, "not_permitted"),
        ("li.wei", {Role.REVIEWER}, {"Reconciliation"}, "not_permitted"),
        ("boss", {Role.ADMIN, Role.REVIEWER}, set(), None),
        ("op.chen", {Role.ADMIN, Role.REVIEWER}, set(), "four_eyes"),
    ],
)
def test_a_hand_in_the_ticket_does_not_check_it(
    who: str, roles: set[Role], groups: set[str], code: str | None
) -> None:
    principal = Principal(id=who, name=who, roles=frozenset(roles), groups=frozenset(groups))
    found = refusal(a_check(), principal)
    assert (found[0] if found else None) == code


def test_an_answer_is_bound_to_what_was_shown() -> None:
    assert a_check().digest == a_check().digest
    assert a_check().digest != a_check(result="COMPLETED: something else").digest


@pytest.mark.parametrize(
    ("field", "value"),
    [("share", 1.1), ("share", -0.1), ("shares", {"Accounts": 1}), ("sla", 8), ("least", 0), ("bound", 0.1)],
)
def test_a_policy_that_makes_no_sense_is_refused(field: str, value: object) -> None:
    with pytest.raises(ValidationError, match=field):
        SpotCheckPolicy.model_validate({field: value})
