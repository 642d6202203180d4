"""`opsloop ticket` where several steps are under way: what is shown, and which step a command means."""

import pytest

from domain.lifecycle import TicketState
from domain.ticket import EventKind, TicketEvent
from tests.fakes.store import NIGHT, a_view
from workflows.contract import CommandOutcome


def event(seq: int, kind: EventKind, step: str, summary: str = "") -> TicketEvent:
    return TicketEvent(seq=seq, at=NIGHT, kind=kind, summary=summary or kind.value, step_id=step)


@pytest.fixture
def busy(office):
    """T1 has failed steps, steps that wait, and steps that were left out or undone."""
    office.running()
    happened = [
        event(1, EventKind.WAITING, "confirm", "Confirm: waits for payment_received"),
        event(2, EventKind.STEP_DONE, "confirm"),
        event(3, EventKind.WAITING, "cool_down", "Cool down: waits until 2026-11-24 09:00:00 UTC"),
        event(4, EventKind.STEP_NOT_NEEDED, "ask_again"),
        event(5, EventKind.STEP_FAILED, "book.3.pay", "the bank refused"),
        event(6, EventKind.COMPENSATED, "reserve"),
        event(7, EventKind.COMPENSATION_FAILED, "notify"),
    ]
    view = a_view(
        "T1",
        state=TicketState.FAILED,
        steps_failed=("book.3.pay", "book.4.pay"),
        steps_skipped=("greet",),
    )
    office.reader.views["T1"], office.reader.events["T1"] = view, happened
    return office


def line(shown: str, name: str) -> str:
    return next((each for each in shown.splitlines() if each.startswith(name)), "")


def test_every_step_that_needs_somebody_or_something_is_shown(terminal, api, busy):
    shown = terminal("ticket", "show", "T1", "--as", "op.chen").out
    assert "book.3.pay: the bank refused" in line(shown, "steps failed")
    assert "book.4.pay" in shown
    assert "waits until 2026-11-24 09:00:00 UTC" in line(shown, "steps waiting")
    assert "payment_received" not in shown
    assert "greet" in line(shown, "steps skipped")
    assert "ask_again" in line(shown, "not needed")
    assert "reserve" in line(shown, "undone")
    assert "notify" in line(shown, "could not be undone")


def test_an_ended_ticket_waits_for_nothing(terminal, api, busy):
    ended = a_view("T1", state=TicketState.CANCELLED, closed_at=NIGHT)
    busy.reader.views["T1"] = ended
    busy.reader.events["T1"] = [event(1, EventKind.WAITING, "cool_down", "waits")]
    assert line(terminal("ticket", "show", "T1", "--as", "op.chen").out, "steps waiting") == ""


@pytest.mark.parametrize(("command", "verb"), [("retry", "retry_step"), ("skip", "skip_step")])
def test_where_several_steps_failed_the_command_names_one(terminal, api, busy, command, verb):
    busy.temporal.on_update[verb] = lambda _: CommandOutcome(
        accepted=True, code="accepted", message="as you say", state=TicketState.PROCESSING
    )
    ran = terminal("ticket", command, "T1", "--reason", "x", "--as", "op.chen", "--json")
    assert (ran.code, ran.document["error"]["field"]) == (1, "step")
    assert "book.3.pay, book.4.pay" in ran.err
    ran = terminal("ticket", command, "T1", "--reason", "x", "--step", "book.4.pay", "--as", "op.chen")
    assert "as you say" in ran.out
    assert busy.temporal.updates[0][2].step == "book.4.pay"
