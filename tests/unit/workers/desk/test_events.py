"""Events at the desk: who tells them, how often they count, and what they may not carry."""

import uuid

import pytest
from temporalio.exceptions import ApplicationError

from activities.messages import CodeCheck
from domain.digest import digest_of
from domain.errors import Conflict, InvalidInput, NotFound, NotPermitted
from domain.lifecycle import TicketState
from domain.ticket import EventKind, TicketEvent
from tests.fakes.store import NIGHT
from workers.desk.events import MOST_DATA_BYTES, EventOutcome
from workers.ticket_workflows import EngineUnavailable
from workflows.contract import CommandOutcome, OutsideEvent, event_content

RECEIPT = {"voucher_no": "V-1", "lines": [1, 2.5, None]}


def answered(code: str = "accepted", message: str = "payment_received is kept") -> CommandOutcome:
    return CommandOutcome(
        accepted=code in ("accepted", "repeated"), code=code, message=message, state=TicketState.PROCESSING
    )


async def deliver(office, name="intake", task_id="T1", **changes) -> EventOutcome:
    stated = {"name": "payment_received", "event_id": "E-1", "data": RECEIPT, **changes}
    return await office.desk.events.deliver(
        task_id, OutsideEvent.model_validate(stated), principal=office.who(name)
    )


@pytest.fixture
def waiting(office):
    """T1 runs and takes events."""
    office.running()
    office.temporal.on_update["deliver_event"] = lambda _: answered()
    return office


@pytest.mark.parametrize("name", ["intake", "op.chen", "admin"])
async def test_an_event_reaches_the_ticket_with_a_code_for_exactly_this(waiting, name):
    outcome = await deliver(waiting, name)
    assert (outcome.accepted, outcome.repeated, outcome.event_id) == (True, False, "E-1")
    workflow, update, event = waiting.temporal.updates[0]
    assert (workflow, update, event.data) == ("ticket-T1", "deliver_event", RECEIPT)
    digest = digest_of(event_content("T1", event))
    check = CodeCheck(code=event.code, purpose="event", subject="T1", digest=digest)
    assert waiting.codes.verify(check).principal == waiting.who(name)
    assert waiting.audit.rows == []


@pytest.mark.parametrize("name", ["wang.fang", "duty.liu", "audit.guo"])
async def test_only_intake_services_and_operators_tell_events(waiting, name):
    with pytest.raises(NotPermitted, match="operator or intake"):
        await deliver(waiting, name)
    row = waiting.audit.rows[-1]
    assert (row.action, row.actor, row.task_id, row.accepted) == ("event.refused", name, "T1", False)
    assert waiting.temporal.updates == []


async def test_a_repeat_is_told_as_such(waiting):
    waiting.temporal.on_update["deliver_event"] = lambda _: answered("repeated", "it came before")
    outcome = await deliver(waiting)
    assert (outcome.accepted, outcome.repeated) == (True, True)


async def test_what_the_workflow_records_and_refuses_is_passed_on_and_not_audited_twice(waiting):
    waiting.temporal.on_update["deliver_event"] = lambda _: answered("not_permitted", "not in the group Ops")
    outcome = await deliver(waiting)
    assert (outcome.accepted, outcome.code, outcome.message) == (
        False,
        "not_permitted",
        "not in the group Ops",
    )
    assert waiting.audit.rows == []


async def test_data_has_a_limit_in_bytes_not_in_characters(waiting):
    room = MOST_DATA_BYTES - len('{"text":""}')
    assert (await deliver(waiting, data={"text": "x" * room})).accepted
    for text in ("x" * (room + 1), "证" * (room // 3 + 1)):
        with pytest.raises(InvalidInput, match="16,384") as refused:
            await deliver(waiting, data={"text": text})
        assert refused.value.field == "data"
    assert waiting.audit.rows[-1].action == "event.refused"


@pytest.mark.parametrize(
    "event_id", ["6222020200001234567", "evt-13800138000", "11010519900307123X", "a:44010119900307123X:b"]
)
async def test_an_id_that_could_be_somebodys_number_is_refused_and_not_repeated(waiting, event_id):
    with pytest.raises(InvalidInput, match="more than 10 digits") as refused:
        await deliver(waiting, event_id=event_id)
    assert refused.value.field == "event_id"
    row = waiting.audit.rows[-1]
    assert event_id not in row.model_dump_json()
    assert event_id not in str(refused.value)


@pytest.mark.parametrize(
    "event_id",
    ["PAY-2026-000417", "evt:20261123.000417", str(uuid.UUID(int=10**37)), f"{uuid.UUID(int=7)}", "a1" * 32],
)
async def test_ids_of_sources_pass(waiting, event_id):
    assert (await deliver(waiting, event_id=event_id)).event_id == event_id


async def test_an_event_to_nothing_is_not_found(waiting):
    with pytest.raises(NotFound, match="T9"):
        await deliver(waiting, task_id="T9")


async def test_an_event_after_the_end_says_how_it_ended(waiting):
    waiting.running(state=TicketState.COMPLETED, closed_at=NIGHT)
    waiting.temporal.ended.add("ticket-T1")
    with pytest.raises(Conflict, match="ended as completed"):
        await deliver(waiting)
    assert waiting.audit.rows[-1].accepted is False


async def test_a_repeat_after_the_end_is_still_a_repeat(waiting):
    waiting.running(state=TicketState.COMPLETED, closed_at=NIGHT)
    waiting.temporal.ended.add("ticket-T1")
    waiting.reader.events["T1"] = [
        TicketEvent(
            seq=1,
            at=NIGHT,
            kind=EventKind.EVENT,
            summary="payment_received",
            data={"event": "payment_received", "event_id": "E-1"},
        )
    ]
    outcome = await deliver(waiting)
    assert (outcome.accepted, outcome.repeated) == (True, True)
    with pytest.raises(Conflict):
        await deliver(waiting, event_id="E-2")


async def test_what_the_validator_turns_away_leaves_its_trace_here(waiting):
    def turn_away(_: object) -> None:
        raise ApplicationError("name: expected snake case", type="input_invalid")

    waiting.temporal.on_update["deliver_event"] = turn_away
    with pytest.raises(Conflict, match="snake case"):
        await deliver(waiting)
    assert waiting.audit.rows[-1].reason == "name: expected snake case"


async def test_without_a_worker_an_event_is_not_promised(waiting):
    waiting.temporal.no_worker = True
    with pytest.raises(EngineUnavailable, match="may still be taken"):
        await deliver(waiting)
