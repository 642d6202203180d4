"""The alert log and acknowledgements over HTTP: who may read, who may acknowledge, what is audited."""

import pytest

from activities.alert_messages import AlertAckOutcome, desk_workflow_id
from domain.alert_events import Notify
from tests.fakes.alert_book import FakeAlertBook
from tests.fakes.alert_desk import DeskRun
from workers.api.routes_alerts import alert_routes
from workers.api.signin import staff_by
from workers.desk.alerts import AlertOffice

GROUP = "Account Operations"


@pytest.fixture
def book(office) -> FakeAlertBook:
    """Two reds of T1 and T2 in one desk alert, at a desk that takes acknowledgements."""
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
        desk_alert_id=given.desk_alert_id, accepted=True, code="accepted", message="has it"
    )
    return book


def the_id(book: FakeAlertBook) -> str:
    [desk_alert_id] = book.lines
    return desk_alert_id


async def test_staff_see_what_a_desk_made_of_the_alerts(office, book) -> None:
    listed = (await office.get("/alerts", params={"group": GROUP, "level": "red", "open_only": True})).json()
    [alert] = listed["alerts"]
    assert (alert["tickets"], alert["notifications"], alert["level"]) == (2, 1, "red")
    assert (await office.get("/alerts", params={"group": "Cards"})).json() == {"alerts": []}


async def test_a_ticket_tells_why_somebody_was_not_alerted(office, book) -> None:
    [alert] = (await office.get("/tickets/T2/alerts")).json()["alerts"]
    assert alert["fate"] == "merged"
    assert alert["reason"].startswith(f"merged into {the_id(book)} (2 tickets); sent 20 s ago")
    assert (await office.get("/tickets/T9/alerts")).json() == {"alerts": []}


async def test_intake_services_read_no_alerts(office, book) -> None:
    for path in ("/alerts", "/tickets/T1/alerts"):
        assert (await office.get(path, "intake")).status_code == 403


@pytest.mark.parametrize("name", ["op.chen", "duty.liu", "li.wei"])
async def test_the_group_and_on_call_acknowledge_with_an_audit_row(office, book, name) -> None:
    answer = await office.post(f"/alerts/{the_id(book)}/ack", {}, name)
    assert (answer.status_code, answer.json()["accepted"]) == (200, True)
    [(workflow_id, update, given)] = office.temporal.updates
    assert (workflow_id, update) == (desk_workflow_id(GROUP), "acknowledge")
    assert given.code
    [row] = office.audit.rows
    assert (row.action, row.actor, row.detail["alert"]) == ("alert.acknowledged", name, the_id(book))


async def test_others_are_refused_and_the_refusal_is_audited(office, book) -> None:
    answer = await office.post(f"/alerts/{the_id(book)}/ack", {}, "audit.guo")
    assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted")
    assert office.temporal.updates == []
    [row] = office.audit.rows
    assert (row.action, row.accepted) == ("alert.acknowledgement.refused", False)


async def test_what_the_desk_refuses_is_an_error_with_its_code(office, book) -> None:
    office.temporal.on_update["acknowledge"] = lambda given: AlertAckOutcome(
        desk_alert_id=given.desk_alert_id, accepted=False, code="not_permitted", message="not yours"
    )
    answer = await office.post(f"/alerts/{the_id(book)}/ack", {}, "op.chen")
    assert (answer.status_code, answer.json()["message"]) == (403, "not yours")
    assert office.audit.rows[-1].accepted is False


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/alerts/AAAAAAAAAA/ack", 404, "not_found"),
        ("/alerts/anything/ack", 422, "input_invalid"),
    ],
)
async def test_an_unknown_alert_is_an_error(office, book, path, status, code) -> None:
    answer = await office.post(path, {}, "op.chen")
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_an_absent_temporal_can_be_tried_again(office, book) -> None:
    office.temporal.down = True
    answer = await office.post(f"/alerts/{the_id(book)}/ack", {}, "op.chen")
    assert (answer.status_code, answer.json()["code"]) == (503, "engine_unavailable")
    assert "acknowledging again is safe" in answer.json()["message"]


async def test_an_absent_store_is_said(office, book) -> None:
    book.down = True
    assert (await office.get("/alerts")).status_code == 503
