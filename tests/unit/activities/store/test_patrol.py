"""The read model as the patrol reads it."""

from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.dialects import sqlite

from activities.adapters.store import Store
from activities.adapters.store.patrol import overdue_query
from activities.messages import Progress
from domain.lifecycle import TicketState
from domain.patrol import Finding, Kind, PatrolReport
from tests.fakes.store import NIGHT, a_view


def fill(store: Store) -> None:
    for name, due in (("T1", -2), ("T2", -5), ("T3", 5), ("T4", None)):
        next_deadline_at = NIGHT + timedelta(hours=due) if due is not None else None
        view = a_view(name, next_deadline_at=next_deadline_at)
        store.tickets.record(Progress(events=(), view=view))
    closed = a_view("T5", next_deadline_at=NIGHT - timedelta(days=1), state=TicketState.COMPLETED)
    store.tickets.record(Progress(events=(), view=closed))


def test_the_longest_overdue_come_first_and_what_is_closed_never(store: Store) -> None:
    fill(store)
    assert [each.task_id for each in store.patrols.overdue(NIGHT, most=10)] == ["T2", "T1"]
    assert [each.task_id for each in store.patrols.overdue(NIGHT, most=1)] == ["T2"]


def test_open_tickets_come_page_by_page(store: Store) -> None:
    fill(store)
    first = store.patrols.open_tickets("", most=3)
    assert [each.task_id for each in first] == ["T1", "T2", "T3"]
    assert [each.task_id for each in store.patrols.open_tickets("T3", most=3)] == ["T4"]
    assert store.patrols.open_among(["T1", "T5", "T9"]) == {"T1"}
    assert sum(store.patrols.open_by_group().values()) == 4


def test_reports_are_kept_the_latest_first(store: Store) -> None:
    quiet = PatrolReport(at=NIGHT, counts={"open": 3}, terms_digest="d")
    found = Finding(kind=Kind.STUCK, subject="T1", words="attempt 7", since=NIGHT)
    store.patrols.keep(quiet)
    store.patrols.keep(PatrolReport(at=NIGHT + timedelta(minutes=5), findings=(found,)))
    latest, before = store.patrols.reports()
    assert (latest.findings, latest.all_well) == ((found,), False)
    assert before == quiet


def test_what_is_overdue_is_found_by_an_index(sqlite_url: str, store: Store) -> None:
    if store.database.dialect != "sqlite":
        return
    query = overdue_query(NIGHT, 10).compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
    with store.database.reading() as connection:
        plan = " ".join(str(row[-1]) for row in connection.execute(text(f"EXPLAIN QUERY PLAN {query}")))
    assert "ix_tickets_next_deadline" in plan
    assert "SCAN" not in plan
