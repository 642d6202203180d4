"""The intake register: a hand-in happens once."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from activities.adapters.store import Store
from domain.errors import Conflict, NotFound
from domain.task import OpsTask
from tests.support.tickets import NIGHT, sample_task


def reserve(store: Store, task: OpsTask | None = None, *, body: str = "a" * 64, minute: int = 0) -> datetime:
    return store.intake.reserve(
        task=task or sample_task(),
        maker="intake",
        body_digest=body,
        received_at=NIGHT + timedelta(minutes=minute),
    )


def test_a_repeat_with_the_same_body_gets_the_first_instant(store: Store) -> None:
    assert reserve(store) == NIGHT
    again = reserve(store, minute=5)
    assert again == NIGHT
    assert again.tzinfo is UTC


def test_another_body_under_the_same_key_conflicts_and_names_the_first_ticket(store: Store) -> None:
    reserve(store)
    with pytest.raises(Conflict, match="ticket T1, with another content"):
        reserve(store, body="b" * 64)
    with pytest.raises(Conflict, match="ticket T1"):
        reserve(store, sample_task("T2", external_id="case-T1"), body="b" * 64)
    assert reserve(store, minute=9) == NIGHT, "a refused hand-in leaves the first as it was"


def test_the_same_external_id_of_another_source_is_another_ticket(store: Store) -> None:
    reserve(store)
    other = sample_task("T2", source="mailbox", external_id="case-T1")
    assert reserve(store, other, body="b" * 64, minute=5) == NIGHT + timedelta(minutes=5)


def test_a_ticket_id_that_is_taken_by_another_key_conflicts(store: Store) -> None:
    reserve(store)
    with pytest.raises(Conflict, match="T1 was handed in under another source or external id"):
        reserve(store, sample_task("T1", external_id="another"))


def test_of_eight_that_hand_in_at_once_exactly_one_is_first(store: Store) -> None:
    answers: list[datetime] = []
    ready = threading.Barrier(8)

    def hand_in(minute: int) -> None:
        ready.wait()
        answers.append(reserve(store, minute=minute))

    threads = [threading.Thread(target=hand_in, args=(minute,)) for minute in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8
    assert len(set(answers)) == 1
    assert answers[0] in {NIGHT + timedelta(minutes=minute) for minute in range(8)}


def test_of_eight_bodies_handed_in_at_once_one_wins_and_seven_conflict(store: Store) -> None:
    outcomes: list[str] = []
    ready = threading.Barrier(8)

    def hand_in(number: int) -> None:
        ready.wait()
        try:
            reserve(store, body=str(number) * 64)
            outcomes.append("first")
        except Conflict:
            outcomes.append("conflict")

    threads = [threading.Thread(target=hand_in, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["conflict"] * 7 + ["first"]


def test_a_ticket_is_acknowledged_once_its_workflow_is_durable(store: Store) -> None:
    reserve(store)
    assert not store.intake.acknowledged("T1")
    store.intake.acknowledge("T1")
    store.intake.acknowledge("T1")
    assert store.intake.acknowledged("T1")
    assert not store.intake.acknowledged("T2")


def test_a_ticket_that_was_never_reserved_cannot_be_acknowledged(store: Store) -> None:
    with pytest.raises(NotFound, match="T404"):
        store.intake.acknowledge("T404")
