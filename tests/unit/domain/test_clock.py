from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.clock import BankClock

INSTANTS = st.datetimes(datetime(2015, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
FACTORS = st.floats(0.5, 10_000)
CLOCKS = st.builds(BankClock, real_origin=INSTANTS, bank_origin=INSTANTS, factor=FACTORS)
NEAR = st.timedeltas(timedelta(days=-20), timedelta(days=20))
ROUNDING = timedelta(microseconds=1)


def test_by_default_bank_time_is_real_time() -> None:
    now = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
    clock = BankClock()
    assert clock.is_real_time
    assert clock.to_bank(now) == clock.to_real(now) == now
    assert clock.real_duration(timedelta(hours=1)) == timedelta(hours=1)


@given(CLOCKS)
def test_the_origins_meet(clock: BankClock) -> None:
    assert clock.to_bank(clock.real_origin) == clock.bank_origin
    assert clock.to_real(clock.bank_origin) == clock.real_origin


@given(CLOCKS, NEAR)
def test_the_two_directions_are_inverse_to_the_microsecond(clock: BankClock, span: timedelta) -> None:
    real = clock.real_origin + span
    assert abs(clock.to_real(clock.to_bank(real)) - real) <= 2 * ROUNDING


@given(CLOCKS, NEAR, st.timedeltas(timedelta(0), timedelta(days=2)))
def test_equal_real_spans_are_equal_bank_spans(clock: BankClock, start: timedelta, span: timedelta) -> None:
    real = clock.real_origin + start
    passed = clock.to_bank(real + span) - clock.to_bank(real)
    assert abs(passed - span * clock.factor) <= 2 * ROUNDING
    assert abs(clock.real_duration(passed) - span) <= 4 * ROUNDING


@given(CLOCKS, NEAR, NEAR)
def test_bank_time_keeps_the_order_of_events(clock: BankClock, one: timedelta, two: timedelta) -> None:
    sooner, later = sorted([clock.real_origin + one, clock.real_origin + two])
    assert clock.to_bank(sooner) <= clock.to_bank(later)


@given(CLOCKS, NEAR)
def test_a_clock_that_was_pinned_in_a_history_is_the_same_clock(clock: BankClock, span: timedelta) -> None:
    pinned = BankClock.model_validate_json(clock.model_dump_json())
    assert pinned.to_bank(clock.real_origin + span) == clock.to_bank(clock.real_origin + span)


@pytest.mark.parametrize("factor", [0, -1])
def test_time_runs_forwards(factor: float) -> None:
    with pytest.raises(ValidationError, match="factor"):
        BankClock(factor=factor)


def test_origins_without_a_zone_are_refused() -> None:
    with pytest.raises(ValidationError, match="real_origin"):
        BankClock(real_origin=datetime(2026, 1, 1))  # noqa: DTZ001  # the naive value is the point
