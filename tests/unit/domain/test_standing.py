from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.duty import gate
from domain.errors import InvalidInput
from domain.standing import (
    LONGEST_OVERRIDE,
    DutyOverride,
    Standing,
    Withdrawal,
    check_override,
    decide,
    decide_unsure,
    duty_at,
    kind_of,
)
from domain.task import RiskLevel
from tests.fakes.rulebook import DUTY

NOON = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)  # 12:00 in Shanghai
NIGHT = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)  # 23:00
KIND = kind_of("accounts", "freeze")
STRICTNESS = {"automatic": 0, "spot_check": 1, "ask": 2}

INSTANTS = st.datetimes(datetime(2026, 11, 20), datetime(2026, 12, 1), timezones=st.just(UTC))  # noqa: DTZ001
RISKS = st.sampled_from(list(RiskLevel))
MODES = st.sampled_from(list(DUTY.modes))


def weekdays(day: date) -> bool:
    return day.weekday() < 5


def override(mode: str = "nighttime", since: datetime = NOON, hours: float = 4) -> DutyOverride:
    until = since + timedelta(hours=hours)
    return DutyOverride(number=1, mode=mode, since=since, until=until, reason="a storm", by="duty.liu")


def withdrawal(since: datetime = NOON, **changes: object) -> Withdrawal:
    made = Withdrawal(number=1, kind=KIND, group="Ops", since=since, reason="2 of 5 objected")
    return made.model_copy(update=changes)


@st.composite
def standings(draw: st.DrawFn) -> Standing:
    """With or without an override, with or without a withdrawal."""
    held = None
    if draw(st.booleans()):
        held = override(draw(MODES), draw(INSTANTS), draw(st.floats(0.1, 168)))
    return Standing(override=held, withdrawals=(withdrawal(draw(INSTANTS)),) if draw(st.booleans()) else ())


def test_an_override_holds_from_its_beginning_and_not_at_its_end() -> None:
    held = override(hours=4)
    assert held.holds_at(NOON)
    assert held.holds_at(NOON + timedelta(hours=4, seconds=-1))
    assert not held.holds_at(NOON + timedelta(hours=4))
    assert not held.holds_at(NOON - timedelta(seconds=1))
    assert not held.model_copy(update={"ended_at": NOON + timedelta(hours=1)}).holds_at(
        NOON + timedelta(hours=1)
    )


def test_an_override_decides_in_place_of_the_clock_and_says_so() -> None:
    by_clock = decide(DUTY, RiskLevel.MEDIUM, NOON, weekdays, Standing())
    found = decide(DUTY, RiskLevel.MEDIUM, NOON, weekdays, Standing(override=override()))
    assert (by_clock.mode, by_clock.verdict) == ("daytime", "ask")
    assert (found.mode, found.verdict) == ("nighttime", "spot_check")
    assert "set by duty.liu until 2026-11-24 16:00" in found.reason


def test_an_override_whose_mode_is_gone_does_not_stand_in_the_way() -> None:
    gone = Standing(override=override("storm"))
    assert decide(DUTY, RiskLevel.LOW, NOON, weekdays, gone) == gate(DUTY, RiskLevel.LOW, NOON, weekdays)


@pytest.mark.parametrize(("at", "told"), [(NOON, "lead"), (NIGHT, "on_call")])
@pytest.mark.parametrize("risk", list(RiskLevel))
def test_a_kind_without_authority_asks_at_any_hour_and_risk(at: datetime, told: str, risk: RiskLevel) -> None:
    standing = Standing(withdrawals=(withdrawal(),))
    found = decide(DUTY, risk, at, weekdays, standing, kind=KIND)
    assert (found.verdict, found.tell) == ("ask", told)
    other = decide(DUTY, risk, at, weekdays, standing, kind="accounts/unfreeze")
    assert other == gate(DUTY, risk, at, weekdays)


def test_authority_that_was_given_back_counts_again() -> None:
    back = Standing(withdrawals=(withdrawal(restored_at=NIGHT),))
    assert decide(DUTY, RiskLevel.LOW, NIGHT, weekdays, back, kind=KIND).verdict == "automatic"
    before = NIGHT - timedelta(seconds=1)
    assert decide(DUTY, RiskLevel.LOW, before, weekdays, back, kind=KIND).verdict == "ask"


@given(INSTANTS, RISKS, standings())
def test_without_the_store_nothing_runs_more_freely_than_the_clock_allows(
    at: datetime, risk: RiskLevel, known: Standing
) -> None:
    by_clock = gate(DUTY, risk, at, weekdays)
    unsure = decide_unsure(DUTY, risk, at, weekdays, known, kind=KIND)
    certain = decide(DUTY, risk, at, weekdays, known, kind=KIND)
    assert STRICTNESS[unsure.verdict] == max(STRICTNESS[by_clock.verdict], STRICTNESS[certain.verdict])


@given(INSTANTS, RISKS)
def test_who_knows_nothing_asks(at: datetime, risk: RiskLevel) -> None:
    unsure = decide_unsure(DUTY, risk, at, weekdays, None, kind=KIND)
    assert unsure.verdict == "ask"
    assert unsure.mode == gate(DUTY, risk, at, weekdays).mode


@pytest.mark.parametrize(
    ("mode", "until", "reason", "field"),
    [
        ("storm", NOON + timedelta(hours=1), "why", "mode"),
        ("nighttime", NOON, "why", "until"),
        ("nighttime", NOON + LONGEST_OVERRIDE + timedelta(seconds=1), "why", "until"),
        ("nighttime", NOON + timedelta(hours=1), "  ", "reason"),
    ],
)
def test_an_override_that_cannot_be_names_its_field(
    mode: str, until: datetime, reason: str, field: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_override(DUTY, mode, NOON, until, reason)
    assert refused.value.field == field


def test_the_longest_override_is_seven_days() -> None:
    check_override(DUTY, "nighttime", NOON, NOON + timedelta(days=7), "a storm")


def test_the_mode_is_explained_by_clock_calendar_or_override() -> None:
    assert duty_at(DUTY, NOON, weekdays, None).why == "clock"
    holiday = duty_at(DUTY, NOON, lambda _: False, None)
    assert (holiday.why, holiday.mode) == ("calendar", "nighttime")
    held = duty_at(DUTY, NOON, weekdays, override())
    assert (held.why, held.mode, held.by_clock) == ("override", "nighttime", "daytime")
    assert held.next_change == override().until
    assert [each.verdict for each in held.risks] == ["automatic", "spot_check", "ask"]
    assert "a storm" in held.explanation


def test_what_has_no_category_is_of_no_kind() -> None:
    assert kind_of("", "freeze") == ""
