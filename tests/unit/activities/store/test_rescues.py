"""Rescues in the store: loads, reservations, one answer for one question; on both databases."""

from concurrent.futures import ThreadPoolExecutor

from activities.adapters.store import Store
from activities.messages import Progress
from activities.rescue import RescueActivities
from activities.rescue_messages import RescueOrder
from domain.lifecycle import TicketState
from domain.rescue import Desks, FastTrackPolicy, Load, Rescue, RescueGroup, RescuePolicy, RescueWay
from domain.task import RiskLevel
from tests.fakes.rulebook import FakeRulebook
from tests.support.tickets import NIGHT, sample_view

OWN, IDLE = "Account Operations", "Reconciliation"
GROUPS = (OWN, IDLE)


def arrive(store: Store, task_id: str, group: str = OWN, last_seq: int = 1, **changes: object) -> None:
    view = sample_view(task_id, task={"assigned_group": group}, last_seq=last_seq, **changes)
    store.tickets.record(Progress(events=(), view=view))


def order(task_id: str, **changes: object) -> RescueOrder:
    values = {"key": "critical", "seq": 5, "now": NIGHT, "group": OWN, "risk": RiskLevel.MEDIUM}
    return RescueOrder(task_id=task_id, **(values | {"category": "accounts", "action": "freeze"} | changes))


def hand_over(_: Desks) -> Rescue:
    return Rescue(way=RescueWay.IDLE_GROUP, to=IDLE, why="in the test")


def rescues(store: Store, **policy: object) -> RescueActivities:
    group = RescueGroup(name=IDLE, capacity=10, skills=("accounts",))
    book = FakeRulebook(rescue=RescuePolicy(groups=(group,), fill_to=1, **policy))
    return RescueActivities(book, store.rescues, store.alerts)


def test_a_handed_over_ticket_counts_at_once_and_never_twice(store: Store) -> None:
    arrive(store, "T1")
    arrive(store, "T2", IDLE)
    arrive(store, "T3", IDLE, state=TicketState.COMPLETED)
    assert store.rescues.loads(GROUPS) == {OWN: Load(open=1), IDLE: Load(open=1)}
    store.rescues.rescue(order("T1", now=store.database.now()), GROUPS, hand_over)
    assert store.rescues.loads(GROUPS)[IDLE] == Load(open=1, promised=1)
    arrive(store, "T1", IDLE, last_seq=7)
    assert store.rescues.loads(GROUPS) == {OWN: Load(), IDLE: Load(open=2)}


def test_a_promise_that_the_ticket_did_not_take_is_void(store: Store) -> None:
    arrive(store, "T1")
    store.rescues.rescue(order("T1", now=store.database.now()), GROUPS, hand_over)
    arrive(store, "T1", OWN, last_seq=6)
    assert store.rescues.loads(GROUPS) == {OWN: Load(open=1), IDLE: Load()}


def test_a_repeated_order_gets_the_same_answer(store: Store) -> None:
    arrive(store, "T1")
    first = store.rescues.rescue(order("T1"), GROUPS, hand_over)

    def another(_: Desks) -> Rescue:
        raise AssertionError("decided twice")

    assert store.rescues.rescue(order("T1"), GROUPS, another) == first
    assert [(each.from_group, each.rescue) for each in store.rescues.rescues_of("T1")] == [(OWN, first)]


def test_the_next_rescue_knows_the_ones_before(store: Store) -> None:
    arrive(store, "T1")
    store.rescues.rescue(order("T1"), GROUPS, hand_over)
    seen = []

    def look(desks: Desks) -> Rescue:
        seen.append((desks.handed_over, desks.had))
        return Rescue(way=RescueWay.ON_CALL, why="in the test")

    store.rescues.rescue(order("T1", key="again", seq=9, group=IDLE), GROUPS, look)
    assert seen == [(1, frozenset({OWN, IDLE}))]


def test_many_tickets_at_once_fill_a_group_to_its_bound(store: Store) -> None:
    activities = rescues(store, fast_track=FastTrackPolicy(enabled=False))
    now = store.database.now()
    for number in range(16):
        arrive(store, f"T{number}")
    with ThreadPoolExecutor(4) as threads:
        ways = list(threads.map(lambda n: activities.rescue_ticket(order(f"T{n}", now=now)).way, range(16)))
    assert ways.count(RescueWay.IDLE_GROUP) == 10
    assert store.rescues.loads(GROUPS)[IDLE] == Load(promised=10)


def test_only_so_many_open_tickets_are_on_the_fast_track(store: Store) -> None:
    activities = rescues(store, at_most=0, fast_track=FastTrackPolicy(at_most=1))
    low = {"risk": RiskLevel.LOW}
    for number in range(3):
        arrive(store, f"T{number}")
    assert activities.rescue_ticket(order("T0", **low)).way is RescueWay.FAST_TRACK
    assert store.rescues.on_fast_track() == 1
    assert activities.rescue_ticket(order("T1", **low)).way is RescueWay.ON_CALL
    arrive(store, "T0", last_seq=9, state=TicketState.COMPLETED)
    assert store.rescues.on_fast_track() == 0
    assert activities.rescue_ticket(order("T2", **low)).way is RescueWay.FAST_TRACK
