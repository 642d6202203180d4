"""The pace of messages: what a provider takes in a minute, and what happens to the next one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.adapters.channels.failures import Throttled
from activities.adapters.channels.throttle import Pace


class Clock:
    """A clock that moves when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def pace(clock: Clock, per_minute: int, patience_s: float = 2.0) -> Pace:
    return Pace(per_minute, patience_s=patience_s, clock=clock, sleep=clock.sleep)


def test_the_next_place_is_free_a_minute_after_the_first() -> None:
    clock = Clock()
    limited = pace(clock, 2)
    limited.take("a")
    limited.take("a")
    clock.now = 10.0
    with pytest.raises(Throttled, match=r"2 messages .* can go in 50 s") as later:
        limited.take("a")
    assert later.value.retry_in_s == 50.0
    limited.take("b")
    clock.now = 60.0
    limited.take("a")
    assert clock.now == 60.0


def test_a_short_wait_is_waited_for() -> None:
    clock = Clock()
    limited = pace(clock, 1)
    limited.take("a")
    clock.now = 58.5
    limited.take("a")
    assert clock.now == 60.0


def test_a_provider_that_has_had_enough_is_left_alone_for_as_long() -> None:
    clock = Clock()
    limited = pace(clock, 20)
    limited.close("a", 60)
    with pytest.raises(Throttled, match="in 60 s"):
        limited.take("a")
    limited.take("b")
    clock.now = 60.0
    limited.take("a")


@given(st.integers(1, 5), st.floats(0, 10), st.lists(st.floats(0, 30), max_size=60))
def test_no_minute_ever_sees_more_than_its_share(share: int, patience_s: float, gaps: list[float]) -> None:
    clock = Clock()
    limited = pace(clock, share, patience_s)
    taken = []
    for gap in gaps:
        clock.now += gap
        asked_at = clock.now
        try:
            limited.take("a")
        except Throttled as later:
            assert later.retry_in_s > patience_s
            assert clock.now == asked_at
        else:
            assert clock.now - asked_at <= patience_s + 1e-6
            taken.append(clock.now)
    for first in taken:
        assert sum(first <= each < first + 60 - 1e-6 for each in taken) <= share
