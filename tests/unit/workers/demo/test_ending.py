"""The verdict of the demo: it is drawn from the bank's ledger, and can come out against us."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from domain.lifecycle import TicketState
from domain.orders import OrderKind
from domain.people import Directory, Group, Principal, Role
from domain.ticket import EventKind, TicketEvent, TicketSummary
from tests.support.tickets import NIGHT, opened_event, sample_event, sample_review
from workers.demo.ending import Evidence, settled_by_asking, verdicts
from workers.demo.outbox import Messages
from workers.demo.promises import Verdict
from workers.demo.script import Night, Part, Script
from workers.demo.script_files import BankFault, Kill, NightFile
from workers.demo.watch import Watched
from workers.outbox import OutboxMessage
from workers.sandbox_bank.faults import Fault, FaultKind
from workers.sandbox_bank.ledger import LedgerRow
from workers.ticket_request import TicketRequest


def part(number: int) -> Part:
    request = TicketRequest(title=f"Ticket {number}", source="mail", external_id=str(number))
    return Part(number, NIGHT, request, again_at=None, answers=(), headlines={}, visitor=False)


def done(seq: int, order: str = "order FZ00000001") -> TicketEvent:
    return sample_event(
        seq,
        EventKind.STEP_DONE,
        step_id="execute_freeze",
        summary=f"Execute Freeze: frozen, {order}",
        data={"outcome": "done"},
    )


def ticket(of: Part, state: TicketState, *events: TicketEvent, **changes: Any) -> Watched:
    summary = TicketSummary(
        task_id=of.task_id, title=of.request.title, state=state, opened_at=NIGHT, **changes
    )
    return Watched(summary, list(events))


def row(of: Part, **changes: Any) -> LedgerRow:
    values = {
        "key": f"{of.task_id}/execute_freeze/1",
        "status": "executed",
        "order_id": "FZ00000001",
        "kind": OrderKind.FREEZE,
        "account": "A-1",
        "effective_amount": "10.00",
        "attempts": 1,
        "effects": 1,
        "executed_at": NIGHT,
    }
    return LedgerRow.model_validate(values | changes)


ONE, TWO = part(1), part(2)
REVIEW = sample_review("R1-x")


def evidence(**changes: Any) -> Evidence:
    """A night in which one ticket froze an account and the other waits for a person."""
    hours = NightFile(begins="19:55", ends="08:30", factor=150)
    night = Night(date(2026, 11, 23), date(2026, 11, 24), ZoneInfo("Asia/Shanghai"))
    waits = ticket(TWO, TicketState.REVIEWING, opened_event(1, REVIEW), waiting_for="Account Operations")
    values: dict[str, Any] = {
        "script": Script(night, hours, (ONE, TWO)),
        "acknowledged": {ONE.task_id: ONE, TWO.task_id: TWO},
        "tickets": {ONE.task_id: ticket(ONE, TicketState.COMPLETED, done(1)), TWO.task_id: waits},
        "ledger": [row(ONE)],
        "messages": Messages(0, 0, 0),
        "kills": 0,
        "restarts": 0,
    }
    return Evidence(**(values | changes))


def broken(given: Evidence) -> list[Verdict]:
    return [verdict for verdict in verdicts(given) if not verdict.kept]


def test_a_night_that_kept_every_promise_has_no_broken_verdict() -> None:
    assert broken(evidence()) == []


def test_a_ticket_that_neither_ended_nor_waits_is_lost() -> None:
    stuck = {**evidence().tickets, TWO.task_id: ticket(TWO, TicketState.PROCESSING)}
    [verdict] = broken(evidence(tickets=stuck))
    assert "unaccounted for: #02" in verdict.text


def test_a_ticket_that_the_store_does_not_know_is_lost() -> None:
    [verdict] = broken(evidence(tickets={ONE.task_id: evidence().tickets[ONE.task_id]}))
    assert "unaccounted for: #02" in verdict.text


def test_a_ticket_that_was_never_acknowledged_breaks_the_promise() -> None:
    [verdict] = broken(evidence(acknowledged={ONE.task_id: ONE}))
    assert "1 never acknowledged" in verdict.text
    assert "1 that nobody handed in" in verdict.text


def test_an_order_with_two_effects_is_named() -> None:
    [verdict] = broken(evidence(ledger=[row(ONE, effects=2)]))
    assert f"{ONE.task_id}/execute_freeze/1" in verdict.text


def test_an_effect_that_no_ticket_reports_is_named() -> None:
    [verdict] = broken(evidence(ledger=[row(ONE), row(TWO)]))
    assert f"only at the bank {TWO.task_id}" in verdict.text


def test_a_report_without_an_effect_is_named() -> None:
    [verdict] = broken(evidence(ledger=[]))
    assert f"only here {ONE.task_id}" in verdict.text


def test_what_was_done_by_hand_is_not_looked_for_at_the_bank() -> None:
    by_hand = sample_event(
        1,
        EventKind.STEP_DONE,
        step_id="execute_freeze",
        summary="Execute Freeze: done by li.wei",
        data={"outcome": "done"},
    )
    tickets = {**evidence().tickets, ONE.task_id: ticket(ONE, TicketState.COMPLETED, by_hand)}
    assert broken(evidence(tickets=tickets, ledger=[])) == []


def test_faults_must_have_led_to_further_attempts() -> None:
    given = evidence()
    fault = BankFault(at="22:38", headline="x", bank=(Fault(kind=FaultKind.ERROR_500, count=1),))
    script = replace(given.script, hours=given.script.hours.model_copy(update={"faults": (fault,)}))
    assert len(broken(replace(given, script=script))) == 1
    assert broken(replace(given, script=script, ledger=[row(ONE, attempts=2)])) == []


@pytest.mark.parametrize(("kills", "restarts", "wrong"), [(1, 1, 0), (1, 2, 0), (1, 0, 1), (0, 0, 1)])
def test_a_killed_worker_must_have_come_back(kills: int, restarts: int, wrong: int) -> None:
    given = evidence(kills=kills, restarts=restarts)
    hours = given.script.hours.model_copy(update={"kill": Kill(at="01:30")})
    assert len(broken(replace(given, script=replace(given.script, hours=hours)))) == wrong


def test_orders_that_the_bank_was_asked_about_are_counted() -> None:
    asked = ticket(ONE, TicketState.COMPLETED, done(1, "order FZ00000001 (confirmed by inquiry)"))
    assert settled_by_asking([asked, ticket(TWO, TicketState.COMPLETED, done(1))]) == 1


def test_messages_are_told_apart_by_who_received_them() -> None:
    people = (
        Principal(id="xu.hong", name="Xu Hong", roles=frozenset({Role.ONCALL}), phone="199", wecom="xu"),
        Principal(id="li.wei", name="Li Wei", roles=frozenset({Role.REVIEWER}), phone="198"),
    )
    directory = Directory(principals=people, groups=(Group(name="Ops", wecom="ops"),), on_call=("xu.hong",))
    sent = [
        ("sms", "199"),
        ("wecom", "xu"),
        ("sms", "198"),
        ("wecom", "ops"),
        ("sms", "1001"),
        ("email", "a@b"),
    ]
    messages = [
        OutboxMessage(received_at=NIGHT + timedelta(minutes=1), channel=channel, to=to)
        for channel, to in sent
    ]
    assert Messages.of(messages, directory) == Messages(pages=1, alerts=3, customers=2)
