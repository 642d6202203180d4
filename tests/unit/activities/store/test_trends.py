"""Arrivals counted over an index, and where trends stand; on both databases."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from sqlalchemy import text
from sqlalchemy.dialects import sqlite

from activities.adapters.store import Store
from activities.adapters.store.trends import arrivals_query
from activities.messages import Progress
from domain.trend import Arrivals, Seen, Similar, Trend, TrendPolicy, Window, look, told
from tests.support.tickets import NIGHT, sample_task, sample_view

HOUR = timedelta(hours=1)
WINDOWS = (Window(NIGHT - HOUR, NIGHT), Window(NIGHT - 25 * HOUR, NIGHT - 24 * HOUR))
POLICY = TrendPolicy()
SURGE = Seen(similar=Similar(kind="accounts/freeze"), count=30, past=(4, 5), desk="Account Operations")


def arrive(store: Store, task_id: str, ago: timedelta, **task: str | None) -> None:
    view = sample_view(task_id, opened_at=NIGHT - ago, task=task)
    store.tickets.record(Progress(events=(), view=view))


def test_tickets_are_counted_in_the_window_in_which_they_came(store: Store) -> None:
    assert store.trends.known_since() is None
    arrive(store, "T1", timedelta(minutes=1))
    arrive(store, "T2", timedelta(minutes=60))
    arrive(store, "T3", timedelta(0))
    arrive(store, "T4", timedelta(minutes=61))
    arrive(store, "T5", timedelta(hours=24, minutes=1))
    arrive(store, "T6", timedelta(minutes=1), action="unfreeze", assigned_group="Night Desk")
    arrive(store, "T7", timedelta(minutes=1), category=None)
    assert store.trends.known_since() == NIGHT - timedelta(hours=24, minutes=1)
    assert sorted(store.trends.arrivals(WINDOWS, by_source=False)) == [
        Arrivals(0, "accounts", "freeze", "Account Operations", "", 2),
        Arrivals(0, "accounts", "unfreeze", "Night Desk", "", 1),
        Arrivals(1, "accounts", "freeze", "Account Operations", "", 1),
    ]
    assert store.trends.arrivals((), by_source=False) == []


def test_sources_are_told_apart_where_they_are_asked_for(store: Store) -> None:
    for number, source in enumerate(("courts", "courts", "app")):
        task = sample_task(f"T{number}", source=source)
        store.intake.reserve(task=task, maker="intake", body_digest="d", received_at=NIGHT)
        arrive(store, task.task_id, timedelta(minutes=5), source=source)
    found = store.trends.arrivals(WINDOWS, by_source=True)
    assert sorted((each.source, each.tickets) for each in found) == [("app", 1), ("courts", 2)]


def test_a_count_reads_an_index_and_never_the_whole_table(store: Store) -> None:
    if store.database.dialect != "sqlite":
        return
    query = arrivals_query(WINDOWS, by_source=False)
    compiled = query.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
    with store.database.reading() as connection:
        rows = connection.execute(text(f"EXPLAIN QUERY PLAN {compiled}"))
        plan = [str(row[-1]) for row in rows if "tickets" in str(row[-1])]
    assert len(plan) == len(WINDOWS)
    assert all("SEARCH tickets USING" in each and "ix_tickets_opened" in each for each in plan)


def test_surges_are_kept_and_their_beginning_and_end_audited_once(store: Store) -> None:
    def looked(seen: Sequence[Seen], minutes: int) -> Sequence[Trend]:
        now = NIGHT + timedelta(minutes=minutes)
        return store.trends.review(partial(look, seen=seen, policy=POLICY, now=now))

    (begun,) = looked([SURGE], 0)
    assert store.trends.trends() == [begun]
    looked([SURGE], 1)
    quiet = SURGE.model_copy(update={"count": 2})
    looked([quiet], 2)
    (over,) = looked([quiet], 40)
    assert (over.to_tell, over.ended_at) == ("", NIGHT + timedelta(minutes=40))
    rows = sorted(store.audit.entries(), key=lambda row: row.at)
    assert [row.action for row in rows] == ["trend.raised", "trend.ended"]
    assert rows[0].detail == {
        "similar": "accounts/freeze",
        "surge": begun.surge_id,
        "desk": "Account Operations",
        "count": 30,
        "baseline": 4.5,
        "peak": 30,
    }
    assert looked([], 41) == []
    assert store.trends.trends() == []


def test_what_was_told_is_kept(store: Store) -> None:
    (begun,) = store.trends.review(partial(look, seen=[SURGE], policy=POLICY, now=NIGHT))
    store.trends.review(lambda each: [told(trend, begun.surge_id, "raised") for trend in each])
    assert [each.to_tell for each in store.trends.trends()] == [""]
