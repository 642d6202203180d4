"""The verdicts on SOPs that change while tickets run: each can come out against us."""

from dataclasses import replace
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from domain.lifecycle import TicketState
from domain.orders import OrderKind
from domain.ticket import EventKind, TicketSummary
from tests.support.tickets import NIGHT, sample_event
from workers.demo.changes import Move
from workers.demo.commands import Said
from workers.demo.promises import Edited, Verdict, kept_promises
from workers.demo.script import Night, Part, Script
from workers.demo.script_files import NightFile
from workers.demo.watch import Watched
from workers.sandbox_bank.ledger import LedgerRow
from workers.ticket_request import TicketRequest

SOONER, LATER = timedelta(seconds=150 * 2), timedelta(seconds=150 * 9)


def part(number: int, version: str = "", scene: str = "", name: str = "") -> Part:
    request = TicketRequest(title=f"Ticket {number}", source="mail", external_id=str(number))
    made = Part(number, NIGHT, request, again_at=None, answers=(), headlines={}, visitor=False)
    return replace(made, sop_version=version, scene=scene, name=name)


BEFORE, AFTER, MOVED = part(1, "one"), part(2, "two", scene="edit"), part(3, "mended", name="order")


def script(*parts: Part) -> Script:
    night = Night(date(2026, 11, 23), date(2026, 11, 24), ZoneInfo("Asia/Shanghai"))
    return Script(night, NightFile(begins="19:55", ends="08:30", factor=150), parts)


def ticket(of: Part, state: TicketState, *kinds: EventKind, opened: timedelta = SOONER) -> Watched:
    summary = TicketSummary(task_id=of.task_id, title=of.request.title, state=state, opened_at=NIGHT)
    events = [sample_event(1, EventKind.DISPATCHED).model_copy(update={"at": NIGHT + opened})]
    events += [sample_event(number, kind) for number, kind in enumerate(kinds, start=2)]
    return Watched(summary, events)


def order(of: Part, step: str, kind: OrderKind, effects: int) -> LedgerRow:
    return LedgerRow(
        key=f"{of.task_id}/{step}/1",
        status="executed",
        order_id="FZ1",
        kind=kind,
        account="A-1",
        effective_amount=None,
        executed_at=NIGHT,
        attempts=1,
        effects=effects,
    )


def verdict_on_versions(versions: dict[str, str], opened: timedelta = SOONER) -> Verdict:
    tickets = {each.task_id: ticket(each, TicketState.COMPLETED, opened=opened) for each in (BEFORE, AFTER)}
    edited = Edited(moments={"edit": NIGHT}, versions=versions)
    [verdict] = kept_promises(edited, script(BEFORE, AFTER), tickets, [])
    return verdict


def test_a_ticket_from_before_keeps_its_version_and_the_next_one_has_the_new_one() -> None:
    verdict = verdict_on_versions({BEFORE.task_id: "one", AFTER.task_id: "two"})
    assert verdict.kept
    assert "1 changes served the next ticket after 2.0 s" in verdict.text


def test_a_ticket_under_another_version_breaks_the_promise() -> None:
    verdict = verdict_on_versions({BEFORE.task_id: "two", AFTER.task_id: "two"})
    assert not verdict.kept
    assert "#01 Ticket 1 under 'two', expected 'one'" in verdict.text


def test_a_change_that_serves_too_late_breaks_the_promise() -> None:
    assert not verdict_on_versions({BEFORE.task_id: "one", AFTER.task_id: "two"}, opened=LATER).kept


def moved(*kinds: EventKind, state: TicketState = TicketState.COMPLETED, after: str = "02:00") -> Verdict:
    edited = Edited(moves=[Move("order", "02:00", after)], versions={MOVED.task_id: "mended"})
    watched = {MOVED.task_id: ticket(MOVED, state, *kinds)}
    return kept_promises(edited, script(MOVED), watched, [])[-1]


def test_a_failed_ticket_goes_on_under_the_mended_sop_and_keeps_its_deadline() -> None:
    assert moved(EventKind.STEP_FAILED, EventKind.MIGRATED).kept
    assert not moved(EventKind.STEP_FAILED).kept
    assert not moved(EventKind.MIGRATED).kept
    assert not moved(EventKind.STEP_FAILED, EventKind.MIGRATED, state=TicketState.FAILED).kept
    assert not moved(EventKind.STEP_FAILED, EventKind.MIGRATED, after="03:00").kept


def undone(*kinds: EventKind, releases: int = 1) -> Verdict:
    frozen = sample_event(9, EventKind.STEP_DONE, step_id="execute_freeze", summary="frozen, order FZ1")
    watched = ticket(BEFORE, TicketState.REJECTED, *kinds)
    watched.events.append(frozen)
    ledger = [
        order(BEFORE, "execute_freeze", OrderKind.FREEZE, 1),
        order(BEFORE, "execute_freeze.compensation", OrderKind.UNFREEZE, releases),
    ]
    [verdict] = kept_promises(Edited(), script(), {BEFORE.task_id: watched}, ledger)
    return verdict


def test_what_was_done_for_a_rejected_ticket_is_undone_at_the_bank_once() -> None:
    assert undone(EventKind.COMPENSATED).kept
    assert not undone(EventKind.COMPENSATED, releases=0).kept
    assert not undone(EventKind.COMPENSATION_FAILED).kept


def test_a_command_that_did_not_do_what_it_should_is_named() -> None:
    good = Said("opsloop sop check", (), "", 0, as_expected=True, seconds=1)
    bad = Said("opsloop sop release", (), "", 0, as_expected=False, seconds=1)
    [verdict] = kept_promises(Edited(typed=[good]), script(), {}, [])
    assert verdict.kept
    [verdict] = kept_promises(Edited(typed=[good, bad]), script(), {}, [])
    assert not verdict.kept
    assert "opsloop sop release" in verdict.text


def test_a_night_without_changes_promises_nothing_of_them() -> None:
    assert kept_promises(Edited(), script(), {}, []) == []
