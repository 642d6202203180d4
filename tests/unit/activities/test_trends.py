"""A look at trends: the policy and calendar in force decide what is compared."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from activities.adapters.store import Store, migrations, open_store
from activities.messages import Progress
from activities.trend_messages import TrendLook, TrendOrder
from activities.trends import TrendActivities
from domain.trend import TrendPolicy
from tests.fakes.rulebook import ACCOUNTS, SUPERVISOR, FakeRulebook
from tests.support.tickets import sample_view

NOON = datetime(2026, 11, 25, 4, tzinfo=UTC)
"""12:00 of a Wednesday in Shanghai."""
DAY = timedelta(days=1)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    migrations.upgrade(url)
    return open_store(url)


def arrive(store: Store, number: int, at: datetime, group: str = ACCOUNTS) -> None:
    for each in range(number):
        view = sample_view(
            f"T{at:%m%d%H%M}-{each}-{group[:3]}",
            opened_at=at - timedelta(minutes=5),
            task={"assigned_group": group},
        )
        store.tickets.record(Progress(events=(), view=view))


def look(store: Store, at: datetime = NOON, rulebook: FakeRulebook | None = None) -> TrendLook:
    return TrendActivities(rulebook or FakeRulebook(), store.trends).look_at_trends(TrendOrder(at=at))


def past(store: Store, number: int) -> None:
    """The same on each of the last 14 days off and on."""
    for days in range(1, 15):
        arrive(store, number, NOON - days * DAY)


def test_what_comes_every_noon_is_no_surge_and_three_times_as_much_is(store: Store) -> None:
    past(store, 8)
    arrive(store, 23, NOON)
    assert look(store).surging == ()
    arrive(store, 1, NOON - timedelta(minutes=1))
    seen = look(store)
    assert seen.surging == ("accounts/freeze",)
    assert "24 tickets in 1h, 3.0 times" in seen.raised[0].subject
    assert "usual at these hours is 8" in seen.raised[0].body


def test_the_banks_own_days_off_are_left_out(store: Store) -> None:
    for days in (1, 2):
        arrive(store, 2, NOON - days * DAY)
    for days in (3, 4, 5):
        arrive(store, 40, NOON - days * DAY)
    arrive(store, 30, NOON)
    assert look(store, rulebook=FakeRulebook(working_day=lambda _: True)).surging == ()
    busy = {date(2026, 11, day) for day in (20, 21, 22)}
    quiet = FakeRulebook(working_day=lambda day: day not in busy)
    assert look(store, rulebook=quiet).surging == ("accounts/freeze",)


def test_a_surge_is_offered_until_it_is_told_and_no_longer(store: Store) -> None:
    arrive(store, 30, NOON)
    first, second = look(store), look(store, NOON + timedelta(minutes=1))
    assert [each.alert_id for each in first.raised] == [each.alert_id for each in second.raised]
    TrendActivities(FakeRulebook(), store.trends).trend_told(first.raised[0].task_id, "raised")
    third = look(store, NOON + timedelta(minutes=2))
    assert (third.raised, third.surging) == ((), ("accounts/freeze",))


def test_the_desk_of_the_group_with_most_of_the_tickets_hears_of_it(store: Store) -> None:
    arrive(store, 9, NOON)
    arrive(store, 11, NOON, group=SUPERVISOR)
    assert look(store).raised[0].group == SUPERVISOR


def test_with_another_policy_the_next_look_is_another(store: Store) -> None:
    arrive(store, 4, NOON)
    rulebook = FakeRulebook()
    assert look(store, rulebook=rulebook).surging == ()
    policy = TrendPolicy(minimum=4, floor=1, group=SUPERVISOR, every=timedelta(minutes=5))
    rulebook.book = replace(rulebook.book, trends=policy)
    seen = look(store, rulebook=rulebook)
    assert (seen.raised[0].group, seen.every) == (SUPERVISOR, timedelta(minutes=5))
