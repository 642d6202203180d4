"""Recording progress: one transaction, repeatable, in any order."""

import itertools
import threading
from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from activities.adapters.store import Store
from activities.adapters.store.tables import metadata, reviews, spot_checks
from activities.messages import Progress
from domain.errors import InvalidInput
from domain.lifecycle import TicketState
from domain.ticket import EventKind
from tests.support.tickets import NIGHT, sample_event, sample_story, sample_view

_numbers = itertools.count()


def contents(store: Store) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, but for the instants of writing."""
    with store.database.reading() as connection:
        return {
            name: sorted(
                (
                    tuple(row)
                    for row in connection.execute(
                        select(*(column for column in table.c if column.name not in ("updated_at", "id")))
                    )
                ),
                key=repr,
            )
            for name, table in metadata.tables.items()
        }


def told_in_order(store: Store, task_id: str) -> None:
    for progress in sample_story(task_id):
        store.tickets.record(progress)


def test_a_recorded_ticket_reads_back_as_it_was(store: Store) -> None:
    story = sample_story("T1")
    told_in_order(store, "T1")
    assert store.reader.view("T1") == story[-1].view
    assert list(store.reader.timeline("T1")) == [event for each in story for event in each.events]


def test_repeats_change_nothing(store: Store) -> None:
    told_in_order(store, "T1")
    before = contents(store)
    told_in_order(store, "T1")
    assert contents(store) == before


def test_an_older_state_never_replaces_a_newer_one(store: Store) -> None:
    older, newer = (
        Progress(events=(sample_event(seq),), view=sample_view(last_seq=seq, waiting_for=f"group {seq}"))
        for seq in (1, 2)
    )
    store.tickets.record(newer)
    store.tickets.record(older)
    view = store.reader.view("T1")
    assert view is not None
    assert view.waiting_for == "group 2"
    assert store.reader.tickets()[0].waiting_for == "group 2"
    assert [event.seq for event in store.reader.timeline("T1")] == [1, 2], "the late event is kept"


def test_the_same_seq_with_a_changed_state_replaces_it(store: Store) -> None:
    store.tickets.record(Progress(events=(sample_event(1),), view=sample_view(last_seq=1)))
    store.tickets.record(Progress(events=(), view=sample_view(last_seq=1, held=True)))
    assert store.reader.tickets()[0].held


def test_what_a_lost_worker_noted_gives_way_to_what_came_next(store: Store) -> None:
    """A worker may die after it has recorded events that Temporal never got; the next one lives on anew."""
    opened = sample_event(1, EventKind.OPENED)
    lost = [sample_event(seq, EventKind.STEP_DONE, summary="lost") for seq in (2, 3, 4)]
    later = NIGHT + timedelta(hours=1)
    true = [
        sample_event(2, EventKind.STEP_DONE, summary="true", at=later),
        sample_event(3, EventKind.HELD, at=later),
    ]
    store.tickets.record(Progress(events=(opened,), view=sample_view(last_seq=1)))
    before = Progress(events=tuple(lost), view=sample_view(last_seq=4, waiting_for="lost"))
    after = Progress(events=tuple(true), view=sample_view(last_seq=3, held=True))
    # The lost worker may also be the slower one.
    for progress in (before, after, before, after):
        store.tickets.record(progress)
    assert list(store.reader.timeline("T1")) == [opened, *true]
    assert store.reader.view("T1") == after.view
    fourth = sample_event(4, EventKind.RESUMED, at=later)
    store.tickets.record(Progress(events=(fourth,), view=sample_view(last_seq=4)))
    assert list(store.reader.timeline("T1")) == [opened, *true, fourth]
    told = [(entry.action, entry.at) for entry in store.audit.entries(task_id="T1")]
    assert told.count(("step.done", later)) == 1
    assert told.count(("command.hold", later)) == told.count(("command.resume", later)) == 1
    assert ("step.done", lost[0].at) in told, "the audit log keeps what the lost worker did"


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_the_order_and_the_repeats_the_store_ends_up_the_same(
    store: Store, data: st.DataObject
) -> None:
    straight, shuffled = (f"T{next(_numbers):05}" for _ in range(2))
    told_in_order(store, straight)
    story = sample_story(shuffled)
    order = data.draw(st.permutations(range(len(story))))
    repeats = data.draw(st.lists(st.sampled_from(range(len(story))), max_size=4))
    for chapter in [*order, *repeats]:
        store.tickets.record(story[chapter])

    def about(task_id: str) -> Counter[str]:
        rows = Counter(
            f"{name} {row!r}".replace(task_id, "T")
            for name, table in contents(store).items()
            if name != "audit"
            for row in table
            if task_id in repr(row)
        )
        assert rows
        return rows

    assert about(shuffled) == about(straight)
    assert Counter(entry.action for entry in store.audit.entries(task_id=shuffled)) == Counter(
        entry.action for entry in store.audit.entries(task_id=straight)
    )


def test_writers_of_one_ticket_do_not_disturb_each_other(store: Store) -> None:
    story = sample_story("T1")
    problems: list[BaseException] = []

    def tell(progress: Progress) -> None:
        try:
            store.tickets.record(progress)
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=tell, args=(each,)) for each in story * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert store.reader.view("T1") == story[-1].view
    assert [event.seq for event in store.reader.timeline("T1")] == list(range(1, 13))
    entries = store.audit.entries(task_id="T1")
    assert len({entry.detail["seq"] for entry in entries}) == len(entries) == 11


def test_a_failure_at_the_end_leaves_neither_event_nor_state_nor_audit_row(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = sample_story("T1")[:2]
    store.tickets.record(first)
    before = contents(store)

    def fail(*_: object) -> None:
        raise RuntimeError("the disk is gone")

    with monkeypatch.context() as patched:
        patched.setattr("activities.adapters.store.tickets.write_entries", fail)
        with pytest.raises(RuntimeError):
            store.tickets.record(second)
    assert contents(store) == before
    store.tickets.record(second)
    assert contents(store) != before


def test_a_review_event_without_its_review_is_refused_whole(store: Store) -> None:
    bad = Progress(
        events=(sample_event(1, EventKind.OPENED), sample_event(2, EventKind.REVIEW_OPENED)),
        view=sample_view(last_seq=2),
    )
    with pytest.raises(InvalidInput, match=r"event 2 \(review_opened\).*data\.review") as refused:
        store.tickets.record(bad)
    assert refused.value.field == "data.review"
    assert store.reader.view("T1") is None
    assert store.reader.timeline("T1") == []
    assert store.audit.entries() == []


def test_a_drawn_ticket_is_listed_for_the_spot_check_once(store: Store) -> None:
    told_in_order(store, "T1")
    told_in_order(store, "T1")
    with store.database.reading() as connection:
        drawn = connection.execute(select(spot_checks)).all()
    assert [(row.task_id, row.drawn_at) for row in drawn] == [("T1", sample_event(9).at)]


def test_text_that_postgresql_cannot_hold_does_not_stop_a_ticket(store: Store) -> None:
    view = sample_view(task={"title": "Freeze\x00now", "fields": {"note": "a\x00b 冻结 🏦"}})
    store.tickets.record(Progress(events=(sample_event(1, summary="a\x00b"),), view=view))
    assert store.reader.tickets()[0].title == "Freeze�now"
    assert store.reader.view("T1") == view


def test_a_ticket_that_ends_is_no_longer_open(store: Store) -> None:
    for state in TicketState:
        closed_at = NIGHT if state in ("completed", "rejected", "cancelled") else None
        view = sample_view(f"T-{state}", state=state, closed_at=closed_at)
        store.tickets.record(Progress(events=(), view=view))
    still_open = {summary.state.value for summary in store.reader.tickets(open_only=True)}
    assert still_open == {"created", "assigned", "processing", "reviewing", "failed", "retry"}


def test_reviews_remember_who_decided(store: Store) -> None:
    told_in_order(store, "T1")
    with store.database.reading() as connection:
        rows = connection.execute(select(reviews).order_by(reviews.c.review_id)).all()
    assert [(row.review_id, row.review_group, row.is_open, row.verb, row.decided_by) for row in rows] == [
        ("R1-T1", "Compliance", False, "approve", "li.na"),
        ("R2-T1", "Account Operations", False, "approve", "wang.wei"),
    ]
    assert rows[0].decided_at == sample_event(8).at
