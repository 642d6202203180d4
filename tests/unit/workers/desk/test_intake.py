"""Handing tickets in at the desk: once, whatever fails, and only by those who may."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.errors import Conflict, InvalidInput, NotPermitted
from domain.task import task_id_for
from workers.ticket_request import TicketRequest
from workers.ticket_workflows import EngineUnavailable

REQUEST = TicketRequest(title="Freeze the account", source="gateway", external_id="X-1")
TASK_ID = task_id_for("gateway", "X-1")


async def test_the_workflow_starts_under_the_id_of_source_and_external_id(office):
    receipt = await office.desk.intake.submit(REQUEST, office.who("intake"))
    assert receipt.task_id == TASK_ID
    assert receipt.workflow_id == f"ticket-{TASK_ID}"
    assert not receipt.repeated
    started = office.temporal.started[receipt.workflow_id]
    assert started.maker == "intake"
    assert started.received_at == receipt.received_at
    assert office.intake.acknowledged(TASK_ID)


async def test_the_summary_in_the_temporal_ui_names_no_content(office):
    await office.desk.intake.submit(REQUEST, office.who("intake"))
    assert office.temporal.starts[0]["static_summary"] == f"Ticket {TASK_ID} from gateway"


async def test_a_repeat_answers_the_same_and_starts_nothing(office):
    first = await office.desk.intake.submit(REQUEST, office.who("intake"))
    again = await office.desk.intake.submit(REQUEST, office.who("intake"))
    assert again == first.model_copy(update={"repeated": True})
    assert len(office.temporal.starts) == 1


async def test_the_same_place_with_other_content_is_a_conflict_that_names_the_first(office):
    await office.desk.intake.submit(REQUEST, office.who("intake"))
    other = REQUEST.model_copy(update={"title": "Unfreeze the account"})
    with pytest.raises(Conflict, match=TASK_ID):
        await office.desk.intake.submit(other, office.who("intake"))
    row = office.audit.rows[-1]
    assert (row.action, row.task_id, row.accepted) == ("intake.conflict", TASK_ID, False)
    assert office.temporal.started[f"ticket-{TASK_ID}"].task.title == REQUEST.title


async def test_the_repeat_after_a_failed_start_goes_on_from_the_kept_place(office):
    office.temporal.down = True
    with pytest.raises(EngineUnavailable, match="hand the same ticket in again"):
        await office.desk.intake.submit(REQUEST, office.who("intake"))
    assert TASK_ID in office.intake.places
    assert not office.intake.acknowledged(TASK_ID)
    office.temporal.down = False
    receipt = await office.desk.intake.submit(REQUEST, office.who("intake"))
    assert not receipt.repeated
    assert receipt.received_at == office.intake.places[TASK_ID][1]
    assert f"ticket-{TASK_ID}" in office.temporal.started


async def test_a_ticket_that_has_ended_is_not_run_again_even_when_the_store_was_lost(office):
    office.temporal.ended.add(f"ticket-{TASK_ID}")
    receipt = await office.desk.intake.submit(REQUEST, office.who("intake"))
    assert receipt.repeated
    assert office.temporal.started == {}


async def test_a_durable_ticket_is_acknowledged_even_when_the_note_fails(office):
    office.intake.note_fails = True
    receipt = await office.desk.intake.submit(REQUEST, office.who("intake"))
    assert receipt.workflow_id in office.temporal.started


async def test_an_earlier_creation_counts_for_the_sla(office):
    earlier = datetime.now(UTC) - timedelta(hours=3)
    receipt = await office.desk.intake.submit(
        REQUEST.model_copy(update={"created_at": earlier}), office.who("intake")
    )
    assert receipt.received_at == earlier


async def test_a_creation_in_the_future_is_refused_by_field(office):
    later = datetime.now(UTC) + timedelta(hours=1)
    with pytest.raises(InvalidInput, match="in the future") as refused:
        await office.desk.intake.submit(
            REQUEST.model_copy(update={"created_at": later}), office.who("intake")
        )
    assert refused.value.field == "created_at"
    assert office.intake.places == {}
    assert office.audit.rows[-1].action == "intake.refused"


@pytest.mark.parametrize("name", ["wang.fang", "op.chen", "duty.liu", "audit.guo"])
async def test_only_intake_hands_tickets_in(office, name):
    with pytest.raises(NotPermitted, match="intake"):
        await office.desk.intake.submit(REQUEST, office.who(name))
    assert office.temporal.starts == []
    assert office.audit.rows[-1].actor == name
