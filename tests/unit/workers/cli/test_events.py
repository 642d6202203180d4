"""`opsloop ticket event`: what it sends, how it repeats, what it says when it cannot."""

import pytest

from domain.lifecycle import TicketState
from workflows.contract import CommandOutcome


@pytest.fixture
def told(office):
    """T1 runs, and takes each event once."""
    office.running()
    seen: set[str] = set()

    def take(event):
        code = "repeated" if event.event_id in seen else "accepted"
        seen.add(event.event_id)
        return CommandOutcome(
            accepted=True, code=code, message=f"{event.name} {code}", state=TicketState.PROCESSING
        )

    office.temporal.on_update["deliver_event"] = take
    return office


def tell(terminal, *more: str):
    return terminal("ticket", "event", "T1", "payment_received", *more, "--as", "op.chen")


def test_an_event_carries_its_facts(terminal, api, told):
    ran = tell(terminal, "--data", "voucher_no=V-1", "--data", "note=a=b", "--id", "PAY-1", "--json")
    assert (ran.code, ran.document["event_id"], ran.document["repeated"]) == (0, "PAY-1", False)
    event = told.temporal.updates[0][2]
    assert (event.name, event.data) == ("payment_received", {"voucher_no": "V-1", "note": "a=b"})


def test_facts_may_come_from_a_file_with_their_types(terminal, api, told, tmp_path):
    path = tmp_path / "facts.json"
    path.write_text('{"lines": [1, 2], "paid": true}')
    assert tell(terminal, "--json-data", str(path), "--data", "note=x").code == 0
    assert told.temporal.updates[0][2].data == {"lines": [1, 2], "paid": True, "note": "x"}


def test_the_same_event_typed_again_counts_once_unless_it_has_another_id(terminal, api, told):
    assert "accepted" in tell(terminal, "--data", "n=1").out
    again = tell(terminal, "--data", "n=1").out
    assert "repeated" in again
    assert "another --id" in again
    assert "accepted" in tell(terminal, "--data", "n=2").out
    assert "accepted" in tell(terminal, "--data", "n=1", "--id", "second").out


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("[1]", "expected one JSON object"),
        ("{", "line 1"),
        ('{"a": 1, "a": 2}', "appears twice"),
        (None, "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(terminal, api, told, tmp_path, *, content, expected):
    path = tmp_path / "facts.json"
    if content is not None:
        path.write_text(content)
    ran = tell(terminal, "--json-data", str(path))
    assert ran.code == 1
    assert str(path) in ran.err
    assert expected in ran.err
    assert told.temporal.updates == []


def test_a_fact_has_one_source(terminal, api, told, tmp_path):
    path = tmp_path / "facts.json"
    path.write_text('{"a": 1}')
    ran = tell(terminal, "--json-data", str(path), "--data", "a=2")
    assert ran.code == 1
    assert "a is in" in ran.err


def test_a_wrong_name_is_told_by_field(terminal, api, told):
    ran = terminal("ticket", "event", "T1", "Payment Received", "--as", "op.chen", "--json")
    assert ran.code == 1
    assert ran.document["error"]["field"] == "name"


def test_an_unknown_ticket_is_one_line(terminal, api, told):
    ran = terminal("ticket", "event", "T9", "payment_received", "--as", "op.chen")
    assert (ran.code, ran.err) == (1, "opsloop: there is no ticket T9\n")
