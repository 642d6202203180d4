"""`opsloop alert …` against a real API on a socket."""

import json

import pytest

from activities.alert_messages import AlertAckOutcome, desk_workflow_id
from domain.alert_events import Notify
from tests.fakes.alert_book import FakeAlertBook
from tests.fakes.alert_desk import DeskRun
from workers.api.routes_alerts import alert_routes
from workers.api.signin import staff_by
from workers.cli.entry import execute
from workers.cli.main import app
from workers.desk.alerts import AlertOffice

GROUP = "Account Operations"


@pytest.fixture
def desk_alert_id(office) -> str:
    run, book = DeskRun(), FakeAlertBook()
    run.desk = run.desk.model_copy(update={"group": GROUP})
    run.raise_alert(0, "T1")
    run.raise_alert(20, "T2")
    book.keep([each for each in run.effects if not isinstance(each, Notify)])
    alerts = AlertOffice(
        office.temporal, book, audit=office.audit, codes=office.codes, clock=office.settings.clock
    )
    office.app.include_router(alert_routes(alerts, staff_by(office.identity)))
    office.temporal.started[desk_workflow_id(GROUP)] = None
    office.temporal.on_update["acknowledge"] = lambda given: AlertAckOutcome(
        desk_alert_id=given.desk_alert_id, accepted=True, code="accepted", message="op.chen has it"
    )
    return run.sent[0][1].desk_alert_id


@pytest.fixture
def opsloop(desk_alert_id, terminal, api, capsys):
    """Runs the whole command line as op.chen."""

    def run(*arguments: str) -> tuple[int, str]:
        capsys.readouterr()
        code = execute(app, ["alert", *arguments, "--as", "op.chen"])
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return run


def test_the_list_says_how_each_stands(opsloop, desk_alert_id) -> None:
    code, printed = opsloop("list", "--group", GROUP, "--level", "red", "--open")
    assert code == 0
    [line] = [each for each in printed.splitlines() if each.startswith(desk_alert_id)]
    assert line.split()[1:5] == ["red", "Account", "Operations", "2"]
    assert opsloop("list", "--group", "Cards") == (0, "no alerts\n")


def test_why_tells_what_was_sent_to_whom_and_what_was_not(opsloop, desk_alert_id) -> None:
    code, printed = opsloop("why", "T1")
    assert code == 0
    assert "told at once" in printed and "sms → lead" in printed
    _, printed = opsloop("why", "T2")
    assert f"merged into {desk_alert_id} (2 tickets); sent 20 s ago" in printed
    assert opsloop("why", "T9") == (0, "T9 has raised no alert\n")


def test_an_alert_is_acknowledged(opsloop, desk_alert_id) -> None:
    assert opsloop("ack", desk_alert_id) == (0, f"{desk_alert_id}: op.chen has it\n")


def test_an_unknown_alert_is_named(opsloop) -> None:
    code, printed = opsloop("ack", "AAAAAAAAAA")
    assert code != 0
    assert "there is no alert AAAAAAAAAA" in printed


@pytest.mark.parametrize("arguments", [("list",), ("why", "T1")])
def test_json_is_one_document(opsloop, arguments) -> None:
    code, printed = opsloop(*arguments, "--json")
    assert code == 0
    assert set(json.loads(printed)) == {"alerts"}
