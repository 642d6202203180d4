"""The demo's watch: it tells of each event once, counts what stands where, and names who is waited for."""

import pytest

from activities.adapters.store import open_store
from activities.adapters.store.migrations import upgrade
from domain.people import Directory, Group, Principal, Role
from domain.ticket import EventKind
from tests.support.tickets import NIGHT, sample_event, sample_story
from workers.demo.chronicle import Chronicle
from workers.demo.script import Part
from workers.demo.watch import Counts, Watch, cues, waiting
from workers.ticket_request import TicketRequest

PART = Part(
    number=1,
    at=NIGHT,
    request=TicketRequest(title="Freeze by court order", source="courts", external_id="1"),
    again_at=None,
    answers=(),
    headlines={"review_decided": "a person said yes"},
    visitor=False,
)
DIRECTORY = Directory(
    principals=(
        Principal(id="li.na", name="Li Na", roles=frozenset({Role.REVIEWER})),
        Principal(id="wang.wei", name="Wang Wei", roles=frozenset({Role.REVIEWER})),
    ),
    groups=(Group(name="Account Operations", lead="li.na"), Group(name="Compliance", lead="wang.wei")),
)


async def test_a_ticket_is_told_event_by_event_and_nothing_twice(sqlite_url: str) -> None:
    upgrade(sqlite_url)
    store = open_store(sqlite_url)
    chronicle = Chronicle()
    watch = Watch(store.reader, [PART], DIRECTORY, chronicle)
    for progress in sample_story(PART.task_id):
        store.tickets.record(progress)
        await watch.look()
        await watch.look()
    store.close()
    told = [line.text for line in chronicle.lines if not line.headline]
    assert told == [
        "→ : ",
        "review_opened",
        "review_opened",
        "Li Na approved",
        "medium risk by night: drawn for the spot check",
        "review_opened",
        "Wang Wei approved",
        "■ closed",
    ]
    assert [line.text for line in chronicle.lines if line.headline] == ["a person said yes"]
    assert Counts.of(watch.tickets.values()) == Counts(handed_in=1, with_people=1, spot_checks=1)


async def test_whoever_is_waited_for_has_a_name(sqlite_url: str) -> None:
    upgrade(sqlite_url)
    store = open_store(sqlite_url)
    watch = Watch(store.reader, [PART], DIRECTORY, Chronicle())
    for progress in sample_story(PART.task_id)[:2]:
        store.tickets.record(progress)
    await watch.look()
    store.close()
    [waits] = waiting(watch)
    assert waits.person == "Li Na, Account Operations"
    assert waits.label == "#01 Freeze by court order"
    assert Counts.of(watch.tickets.values()) == Counts(handed_in=1, waiting=1)


@pytest.mark.parametrize(
    ("kind", "changes", "cue"),
    [
        (EventKind.SLA_LEVEL, {"data": {"level": "red"}}, "sla_red"),
        (EventKind.STEP_STARTED, {"step_id": "execute_freeze"}, "executing"),
        (EventKind.STEP_DONE, {"step_id": "execute_freeze", "summary": "frozen, order FZ1"}, "executed"),
        (
            EventKind.STEP_DONE,
            {"step_id": "release_payment", "summary": "paid, order PY1 (confirmed by inquiry)"},
            "confirmed_by_inquiry",
        ),
        (EventKind.SPOT_CHECK_DRAWN, {}, "spot_check_drawn"),
    ],
)
def test_headlines_wait_for_what_happens(kind: EventKind, changes: dict[str, object], cue: str) -> None:
    assert cue in cues(sample_event(1, kind, **changes))
