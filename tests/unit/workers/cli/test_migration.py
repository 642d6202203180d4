"""`opsloop sop migrate` and `opsloop ticket migrate`: what is shown, what is moved, what stays."""

import pytest

from domain.lifecycle import TicketState
from workflows.contract import CommandOutcome

WHY = ("--reason", "the form was fixed", "--as", "op.chen")


@pytest.fixture
def released(office, pinned_sop):
    """Freeze 2 is in force. T1 can move to it; T2 has paid, which 2 does not know."""
    office.in_force = {"freeze": pinned_sop("2", "Freeze", "Check", "Tell")}
    office.pinned_to("T1", "1", "check")
    office.pinned_to("T2", "1", "check", "pay")
    office.temporal.on_update["migrate"] = lambda _: CommandOutcome(
        accepted=True, code="accepted", message="migrate done", state=TicketState.PROCESSING
    )
    return office


def moved(office) -> list[str]:
    return [workflow for workflow, verb, _ in office.temporal.updates if verb == "migrate"]


def test_without_a_name_nothing_is_moved(terminal, api, released):
    ran = terminal("sop", "migrate", "--as", "op.chen")
    assert ran.code == 0
    assert "check, pay" in ran.out
    assert "no: pay is finished, and the new version has no such step" in ran.out
    shown = terminal("sop", "migrate", "freeze", "--as", "op.chen", "--json").document
    assert [(each["task_id"], each["stands"]) for each in shown["candidates"]] == [
        ("T1", True),
        ("T2", False),
    ]
    assert (shown["current"], shown["left_out"], shown["moved"]) == (0, 0, [])
    assert moved(released) == []


def test_all_moves_what_stands_and_leaves_the_rest(terminal, api, released):
    ran = terminal("sop", "migrate", "--all", *WHY)
    assert ran.code == 0
    assert "T1: migrate done" in ran.out
    assert moved(released) == ["ticket-T1"]


def test_what_is_named_and_cannot_move_is_said_and_does_not_hold_the_others(terminal, api, released):
    ran = terminal("sop", "migrate", "--apply", "T2", "--apply", "T1", *WHY, "--json")
    assert ran.code == 1
    refused, done = ran.document["moved"]
    assert (refused["task_id"], refused["error"]["code"]) == ("T2", "conflict")
    assert "no such step" in refused["error"]["message"]
    assert done == {"task_id": "T1", "message": "migrate done"}
    assert moved(released) == ["ticket-T1"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--all",), "--reason: say why"),
        (("--apply", "T1", "--reason", " "), "--reason: say why"),
        (("--apply", "T1", "--all", "--reason", "x"), "expected one of them"),
    ],
)
def test_moving_needs_a_reason_and_one_way_to_name(terminal, api, released, arguments, expected):
    ran = terminal("sop", "migrate", *arguments, "--as", "op.chen")
    assert ran.code == 1
    assert expected in ran.err
    assert moved(released) == []


def test_when_everything_is_up_to_date_it_says_so(terminal, api, released, pinned_sop):
    released.in_force = {"freeze": pinned_sop("1")}
    shown = terminal("sop", "migrate", "--as", "op.chen").out
    assert "no running ticket" in shown
    assert "2 on the version in force" in shown


def test_an_unknown_sop_is_one_line(terminal, api, released):
    ran = terminal("sop", "migrate", "freez", "--as", "op.chen")
    assert ran.code == 1
    assert "did you mean" in ran.err


def test_one_ticket_is_moved_by_its_id(terminal, api, released):
    assert "migrate done" in terminal("ticket", "migrate", "T1", *WHY).out
    ran = terminal("ticket", "migrate", "T2", *WHY, "--json")
    assert ran.code == 1
    assert ran.document["error"]["code"] == "conflict"
