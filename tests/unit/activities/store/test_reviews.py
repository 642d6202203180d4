"""The queue of reviews follows the tickets."""

from datetime import timedelta

import pytest

from activities.adapters.store import Store
from activities.messages import Progress
from domain.errors import Conflict
from domain.lifecycle import TicketState
from domain.review import ReviewKind, ReviewRequest
from domain.ticket import EventKind
from tests.support.tickets import (
    NIGHT,
    decided_event,
    opened_event,
    sample_event,
    sample_review,
    sample_view,
)


def ask(store: Store, review: ReviewRequest) -> None:
    view = sample_view(review.task_id, last_seq=1, open_reviews=(review,))
    store.tickets.record(Progress(events=(opened_event(1, review),), view=view))


def test_open_reviews_are_listed_the_oldest_first_and_by_group(store: Store) -> None:
    asked = [
        sample_review(f"R{minute}", f"T{minute}", group=group, opened_at=NIGHT + timedelta(minutes=minute))
        for minute, group in ((3, "Compliance"), (1, "Account Operations"), (2, "Compliance"))
    ]
    for review in asked:
        ask(store, review)
    assert [review.review_id for review in store.reader.open_reviews()] == ["R1", "R2", "R3"]
    assert [review.review_id for review in store.reader.open_reviews(group="Compliance")] == ["R2", "R3"]
    assert store.reader.open_reviews(group="Nobody") == []


def test_a_review_is_shown_exactly_as_it_was_asked(store: Store) -> None:
    review = sample_review("R1", evidence=("risk medium", "账户已核实"), choices=("high", "low"))
    ask(store, review)
    found = store.reader.review("R1")
    assert found == review
    assert found is not None
    assert found.digest == review.digest, "a decision code is bound to this digest"


def test_a_decided_review_leaves_the_queue_and_can_still_be_read(store: Store) -> None:
    review = sample_review("R1")
    ask(store, review)
    store.tickets.record(Progress(events=(decided_event(2, review),), view=sample_view(last_seq=2)))
    assert store.reader.open_reviews() == []
    assert store.reader.review("R1") == review


def test_a_review_that_goes_to_another_group_moves_to_its_queue(store: Store) -> None:
    review = sample_review("R1")
    moved = review.model_copy(update={"group": "Compliance"})
    ask(store, review)
    view = sample_view(last_seq=3, open_reviews=(moved,))
    store.tickets.record(
        Progress(events=(sample_event(2, EventKind.REASSIGNED), opened_event(3, moved)), view=view)
    )
    assert store.reader.open_reviews(group="Account Operations") == []
    assert store.reader.open_reviews(group="Compliance") == [moved]


def test_a_cancelled_ticket_takes_its_reviews_with_it(store: Store) -> None:
    ask(store, sample_review("R1"))
    view = sample_view(last_seq=2, state=TicketState.CANCELLED, closed_at=NIGHT)
    store.tickets.record(Progress(events=(sample_event(2, EventKind.CLOSED),), view=view))
    assert store.reader.open_reviews() == []


def test_a_late_copy_of_the_question_does_not_open_it_again(store: Store) -> None:
    review = sample_review("R1")
    store.tickets.record(Progress(events=(decided_event(2, review),), view=sample_view(last_seq=2)))
    ask(store, review)
    assert store.reader.open_reviews() == []
    assert store.reader.review("R1") == review


def test_a_state_alone_is_enough_to_list_its_reviews_again(store: Store) -> None:
    review = sample_review("R1")
    store.tickets.record(Progress(events=(), view=sample_view(open_reviews=(review,))))
    assert store.reader.open_reviews() == [review]


def test_reviews_of_other_tickets_stay_as_they_are(store: Store) -> None:
    ask(store, sample_review("R1", "T1"))
    ask(store, sample_review("R2", "T2"))
    store.tickets.record(
        Progress(events=(decided_event(2, sample_review("R1", "T1")),), view=sample_view("T1", last_seq=2))
    )
    assert [review.review_id for review in store.reader.open_reviews()] == ["R2"]


def test_the_database_itself_refuses_an_approval_by_the_maker(store: Store) -> None:
    review = sample_review("R1")
    ask(store, review)
    approved = Progress(events=(decided_event(2, review, by="intake"),), view=sample_view(last_seq=2))
    with pytest.raises(Conflict, match="four_eyes"):
        store.tickets.record(approved)
    assert [event.seq for event in store.reader.timeline("T1")] == [1]
    assert store.reader.open_reviews() == [review]


@pytest.mark.parametrize(
    ("by", "verb", "four_eyes"),
    [("intake", "reject", True), ("intake", "approve", False), ("li.na", "approve", True)],
)
def test_four_eyes_forbids_only_the_makers_approval(
    store: Store, by: str, verb: str, four_eyes: bool
) -> None:
    review = sample_review("R1", kind=ReviewKind.MANUAL, four_eyes=four_eyes)
    ask(store, review)
    decided = decided_event(2, review, by=by, verb=verb)
    store.tickets.record(Progress(events=(decided,), view=sample_view(last_seq=2)))
    assert store.reader.open_reviews() == []


def test_a_review_nobody_asked_is_not_found(store: Store) -> None:
    assert store.reader.review("R404") is None
