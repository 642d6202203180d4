"""Calls to the outside keep their pace, whatever the backlog."""

from hypothesis import given
from hypothesis import strategies as st

from activities.adapters.pacing import Pace


class Clock:
    """A clock that moves when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_the_first_call_does_not_wait() -> None:
    clock = Clock()
    assert Pace(5, clock=clock, sleep=clock.sleep).take(0)
    assert clock.now == 100.0


def test_a_backlog_is_spread_evenly() -> None:
    clock = Clock()
    pace = Pace(10, clock=clock, sleep=clock.sleep)
    begun = []
    for _ in range(21):
        assert pace.take(60)
        begun.append(clock.now)
    assert round(begun[-1] - begun[0], 6) == 2.0


def test_whoever_would_wait_longer_than_their_patience_is_told_at_once() -> None:
    clock = Clock()
    pace = Pace(1, clock=clock, sleep=lambda _: None)  # many threads asking at the same instant
    assert [pace.take(2.5) for _ in range(5)] == [True, True, True, False, False]
    assert clock.now == 100.0


@given(st.floats(0.5, 1000), st.lists(st.floats(0, 2), max_size=50))
def test_no_window_of_a_second_has_more_than_the_rate(rate: float, pauses: list[float]) -> None:
    clock = Clock()
    pace = Pace(rate, clock=clock, sleep=clock.sleep)
    begun = []
    for pause in pauses:
        clock.now += pause
        assert pace.take(1e9)
        begun.append(clock.now)
    for first in begun:
        assert sum(first <= each < first + 1 for each in begun) <= rate + 1
