"""`opsloop alert …` against a real API on a socket."""

import json
from typing import Any

import pytest

from activities.alert_messages import AlertAckOutcome, desk_workflow_id
from domain.alert_events import Notify, Taken
from domain.alerts import AlertLevel
from tests.fakes.alert_book import FakeAlertBook
from tests.fakes.alert_desk import NOON, DeskRun
from workers.api.routes_alerts import alert_routes
from workers.api.signin import staff_by
from workers.cli.entry import execute
from workers.cli.main import app
from workers.desk.alerts import AlertOffice

GROUP = "Account Operations"


@pytest.fixture
def book() -> FakeAlertBook:
    return FakeAlertBook()


def raised(book: FakeAlertBook, *task_ids: str, group: str = GROUP, **changes: Any) -> str:
    """A consolidated alert of these tickets; its id."""
    run = DeskRun()
    run.desk = run.desk.model_copy(update={"group": group})
    for number, task_id in enumerate(task_ids):
        run.raise_alert(20 * number, task_id, **changes)
    book.keep([each for each in run.effects if not isinstance(each, Notify)])
    [window] = run.desk.windows.values()
    return window.desk_alert_id


@pytest.fixture
def desk_alert_id(office, book) -> str:
    made = raised(book, "T1", "T2")
    alerts = AlertOffice(
        office.temporal, book, audit=office.audit, codes=office.codes, clock=office.settings.clock
    )
    office.app.include_router(alert_routes(alerts, staff_by(office.identity)))
    office.temporal.started[desk_workflow_id(GROUP)] = None
    office.temporal.on_update["acknowledge"] = lambda given: AlertAckOutcome(
        desk_alert_id=given.desk_alert_id, accepted=True, code="accepted", message="op.chen has it"
    )
    return made


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


def test_without_an_id_it_is_the_open_alert_that_this_person_may_take(opsloop, desk_alert_id, book) -> None:
    raised(book, "T3", group="Cards")
    raised(book, "T4", level=AlertLevel.PRE_ALERT)
    assert opsloop("ack") == (0, f"{desk_alert_id}: op.chen has it\n")


def test_without_an_id_several_open_alerts_are_named_and_none_is_taken(opsloop, desk_alert_id, book) -> None:
    other = raised(book, "T3", level=AlertLevel.CRITICAL)
    code, printed = opsloop("ack")
    assert code != 0
    assert "2 alerts are open" in printed
    assert f"{desk_alert_id} (red, {GROUP})" in printed
    assert f"{other} (critical, {GROUP})" in printed


def test_without_an_open_alert_there_is_nothing_to_take(opsloop, desk_alert_id, book) -> None:
    book.keep([Taken(desk_alert_id=desk_alert_id, by="li.wei", at=NOON)])
    code, printed = opsloop("ack")
    assert code != 0
    assert "no open alert is yours" in printed


def test_an_unknown_alert_is_named(opsloop) -> None:
    code, printed = opsloop("ack", "AAAAAAAAAA")
    assert code != 0
    assert "there is no alert AAAAAAAAAA" in printed


@pytest.mark.parametrize("arguments", [("list",), ("why", "T1")])
def test_json_is_one_document(opsloop, arguments) -> None:
    code, printed = opsloop(*arguments, "--json")
    assert code == 0
    assert set(json.loads(printed)) == {"alerts"}
