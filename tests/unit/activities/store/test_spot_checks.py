"""Spot checks in the store: drawn once, decided once, and what objections lead to; on both databases."""

import threading
from datetime import timedelta
from typing import Any

import pytest

from activities.adapters.store import Store
from activities.messages import Progress
from activities.spot_checks import spot_check_of
from domain.errors import Conflict, NotFound
from domain.lifecycle import TicketState
from domain.spot_check import CheckOutcome, CheckState, CheckVerb, SpotCheck, SpotCheckPolicy
from domain.standing import Withdrawal
from domain.ticket import EventKind
from tests.support.tickets import NIGHT, sample_event, sample_view

MORNING = NIGHT + timedelta(hours=12)
POLICY = SpotCheckPolicy(least=3, error_bound=0.4)


def ended(store: Store, task_id: str = "T1", **changes: Any) -> None:
    """A ticket that ran by itself at night, with a decision of wang.fang in it."""
    events = (
        sample_event(1, EventKind.OPENED, actor="intake"),
        sample_event(2, EventKind.SPOT_CHECK_DRAWN, actor="opsloop"),
        sample_event(3, EventKind.REVIEW_DECIDED, actor="wang.fang", data={"by": "wang.fang"}),
    )
    given = {"state": TicketState.COMPLETED, "closed_at": NIGHT, "spot_check": True, "last_seq": 3}
    store.tickets.record(Progress(events=events, view=sample_view(task_id, **(given | changes))))


def a_check(store: Store, task_id: str = "T1", **changes: Any) -> SpotCheck:
    view = store.reader.view(task_id) or sample_view(task_id)
    hands = tuple(store.spot_checks.hands(task_id))
    made = spot_check_of(view, NIGHT, hands=hands, now=MORNING, policy=POLICY)
    return made.model_copy(update=changes)


def outcome(task_id: str = "T1", verb: CheckVerb = CheckVerb.PASS, **changes: Any) -> CheckOutcome:
    given = {"task_id": task_id, "kind": "accounts/freeze", "verb": verb, "by": "li.wei", "reason": "looked"}
    return CheckOutcome.model_validate({**given, "at": MORNING + timedelta(hours=1), **changes})


def decided(store: Store, task_id: str, verb: CheckVerb, **changes: Any) -> Withdrawal | None:
    store.spot_checks.open(a_check(store, task_id))
    return store.spot_checks.close(outcome(task_id, verb, **changes), POLICY)


def test_only_marked_tickets_that_have_ended_are_drawn_from(store: Store) -> None:
    ended(store, "T1")
    ended(store, "T2", state=TicketState.PROCESSING, closed_at=None)
    store.tickets.record(Progress(events=(), view=sample_view("T3", state=TicketState.COMPLETED)))
    [(view, marked_at)] = store.spot_checks.marked()
    assert (view.task.task_id, marked_at) == ("T1", NIGHT + timedelta(minutes=2))


def test_marked_tickets_come_page_by_page(store: Store) -> None:
    for number in range(5):
        ended(store, f"T{number}")
    first = [view.task.task_id for view, _ in store.spot_checks.marked(limit=3)]
    rest = [view.task.task_id for view, _ in store.spot_checks.marked(after=first[-1], limit=3)]
    assert (first, rest) == (["T0", "T1", "T2"], ["T3", "T4"])


def test_what_was_decided_on_is_not_drawn_from_again(store: Store) -> None:
    for task_id in ("T1", "T2"):
        ended(store, task_id)
    store.spot_checks.open(a_check(store, "T1"))
    store.spot_checks.leave_out(a_check(store, "T2"))
    assert store.spot_checks.marked() == []
    assert [each.state for each in store.spot_checks.checks()] == [CheckState.OPEN, CheckState.NOT_DRAWN]


def test_hands_are_the_people_of_the_timeline(store: Store) -> None:
    ended(store)
    assert store.spot_checks.hands("T1") == ["intake", "wang.fang"]
    assert a_check(store).hands == ("intake", "wang.fang")


def test_a_check_is_opened_once_and_audited(store: Store) -> None:
    ended(store)
    store.spot_checks.open(a_check(store))
    store.spot_checks.open(a_check(store))
    store.spot_checks.leave_out(a_check(store))
    listed = store.spot_checks.check("T1")
    assert listed is not None
    assert (listed.state, listed.check, listed.outcome) == (CheckState.OPEN, a_check(store), None)
    assert [row.action for row in store.audit.entries()].count("spot_check.opened") == 1


def test_an_outcome_is_kept_once(store: Store) -> None:
    ended(store)
    store.spot_checks.open(a_check(store))
    for _ in range(2):
        store.spot_checks.close(outcome(), POLICY)
    with pytest.raises(Conflict, match="closed otherwise"):
        store.spot_checks.close(outcome(verb=CheckVerb.OBJECT), POLICY)
    listed = store.spot_checks.check("T1")
    assert listed is not None
    assert (listed.state, listed.outcome) == (CheckState.PASSED, outcome())
    assert [row.action for row in store.audit.entries()].count("spot_check.decided") == 1


def test_a_check_that_was_never_opened_cannot_be_closed(store: Store) -> None:
    with pytest.raises(NotFound):
        store.spot_checks.close(outcome("T9"), POLICY)


def test_the_database_itself_refuses_the_maker(store: Store) -> None:
    ended(store)
    store.spot_checks.open(a_check(store))
    with pytest.raises(Conflict):
        store.spot_checks.close(outcome(by="intake"), POLICY)


def test_the_queue_has_the_open_ones_first_by_when_they_are_due(store: Store) -> None:
    for number, hours in ((1, 5), (2, 1), (3, 9)):
        ended(store, f"T{number}")
        store.spot_checks.open(
            a_check(store, f"T{number}", due_at=MORNING + timedelta(hours=hours), group=f"G{number % 2}")
        )
    store.spot_checks.close(outcome("T2"), POLICY)
    assert [each.check.task_id for each in store.spot_checks.checks()] == ["T1", "T3", "T2"]
    assert [each.check.task_id for each in store.spot_checks.checks(group="G0")] == ["T2"]
    assert [each.check.task_id for each in store.spot_checks.checks(state=CheckState.PASSED)] == ["T2"]
    assert store.spot_checks.check("T9") is None


def test_too_many_objections_withdraw_the_authority_of_the_kind_once(store: Store) -> None:
    assert decided(store, "T1", CheckVerb.PASS) is None
    assert decided(store, "T2", CheckVerb.OBJECT) is None
    withdrawn = decided(store, "T3", CheckVerb.OBJECT)
    assert withdrawn is not None
    assert withdrawn.reason.startswith("2 of 3 spot checks of accounts/freeze objected")
    assert store.duty.standing(MORNING + timedelta(hours=1)).withdrawals == (withdrawn,)
    assert store.duty.standing(MORNING).withdrawals == ()
    # The same again answers the same; a further objection finds it withdrawn already.
    assert store.spot_checks.close(outcome("T3", CheckVerb.OBJECT), POLICY) == withdrawn
    assert decided(store, "T4", CheckVerb.OBJECT) is None
    assert len(store.duty.withdrawals()) == 1
    rows = [row for row in store.audit.entries() if row.action == "authority.withdrawn"]
    assert [(row.task_id, row.detail["kind"]) for row in rows] == [("T3", "accounts/freeze")]


def test_checks_count_anew_once_authority_was_given_back(store: Store) -> None:
    for number in range(3):
        decided(store, f"T{number}", CheckVerb.OBJECT)
    later = MORNING + timedelta(hours=2)
    restored = store.duty.restore("accounts/freeze", at=later, reason="SOP mended", by="releaser")
    assert (restored.restored_by, restored.restore_reason) == ("releaser", "SOP mended")
    assert store.duty.standing(later).withdrawals == ()
    assert store.duty.withdrawals(open_only=True) == []
    new = later + timedelta(hours=1)
    assert decided(store, "T5", CheckVerb.OBJECT, at=new) is None
    assert decided(store, "T6", CheckVerb.OBJECT, at=new) is None
    assert decided(store, "T7", CheckVerb.OBJECT, at=new) is not None
    assert [row.action for row in store.audit.entries()].count("authority.restored") == 1


def test_another_kind_keeps_its_authority(store: Store) -> None:
    for number in range(3):
        store.spot_checks.open(a_check(store, f"T{number}", kind=f"accounts/kind{number}"))
        kind = f"accounts/kind{number}"
        assert store.spot_checks.close(outcome(f"T{number}", CheckVerb.OBJECT, kind=kind), POLICY) is None


def test_objections_that_come_at_once_withdraw_it_once(store: Store) -> None:
    for number in range(6):
        store.spot_checks.open(a_check(store, f"T{number}"))
    found: list[Withdrawal | None] = []
    threads = [
        threading.Thread(
            target=lambda number=number: found.append(
                store.spot_checks.close(outcome(f"T{number}", CheckVerb.OBJECT), POLICY)
            )
        )
        for number in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    assert sum(each is not None for each in found) == 1
    assert len(store.duty.withdrawals()) == 1
