"""The alert desk as a workflow: on its own virtual clock, over a real store and channels that take notes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment

from activities.adapters.alert_desks import WorkflowAlertDesks
from activities.alert_messages import (
    ACK_PURPOSE,
    DESK_QUEUE,
    Acknowledgement,
    AlertAckOutcome,
    DeskInput,
    RaisedAlert,
    acknowledgement_content,
    desk_workflow_id,
)
from definitions.schema import Sop
from domain.alert_events import Fate, LoggedAlert
from domain.alerts import Alert, AlertLevel, AlertPolicy, AlertRule
from domain.clock import BankClock
from domain.desk_rules import DeskRules
from domain.digest import digest_of
from domain.lifecycle import TicketState
from domain.notices import Channel
from domain.ticket import EventKind
from tests.fakes.alert_desk import an_alert
from tests.fakes.rulebook import FakeRulebook
from tests.support.ticket_world import CUSTOMER_ORDER, World, ticket_world
from workflows.alert_desk import AlertDeskWorkflow

CLOCK = BankClock()
FREEZE = Sop.model_validate(
    {
        "name": "Freeze",
        "trigger": {"category": "accounts", "action": "freeze"},
        "steps": [
            {"name": "Assess", "handler": "risk_assessor"},
            {"name": "Freeze", "handler": "core_system_freeze"},
        ],
    }
)
RED, ORANGE = AlertLevel.RED, AlertLevel.ORANGE


@pytest.fixture(scope="module")
async def world(env: WorkflowEnvironment, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    desks = WorkflowAlertDesks(CLOCK)
    folder = tmp_path_factory.mktemp("desk")
    rules = {each: AlertRule(to="lead", channels=(Channel.SMS,)) for each in AlertLevel}
    rulebook = FakeRulebook([FREEZE], all_day="daytime", alerts=AlertPolicy(levels=rules))
    async with ticket_world(env.client, folder, rulebook, desks=desks) as made:
        yield made


class DeskOf:
    """One group's desk, and what it kept and sent."""

    def __init__(self, env: WorkflowEnvironment, world: World, group: str) -> None:
        self.env, self.world, self.group = env, world, group
        self.desks = WorkflowAlertDesks(CLOCK, client=env.client)
        self.handle: WorkflowHandle[Any, Any] = env.client.get_workflow_handle(desk_workflow_id(group))

    async def raise_alert(self, task_id: str, level: AlertLevel = RED, **changes: Any) -> Alert:
        alert = an_alert(f"{task_id}-{id(self):x}", level, group=self.group, **changes)
        alert = alert.model_copy(update={"alert_id": changes.get("alert_id", f"{alert.task_id}/{level}")})
        await self.desks.hand_over(RaisedAlert(alert=alert), timezone="UTC")
        return alert

    async def logged(self, alert: Alert, holds: Callable[[LoggedAlert], bool]) -> LoggedAlert:
        """The alert's row, once it is as wanted."""
        found: list[LoggedAlert] = []
        try:
            async with asyncio.timeout(20):
                while not (found and holds(found[0])):
                    rows = await asyncio.to_thread(self.world.store.alerts.alerts_of, alert.task_id)
                    found = [each for each in rows if each.alert_id == alert.alert_id]
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"the log never got there; it has {found}") from None
        return found[0]

    async def pass_time(self, seconds: float) -> None:
        await self.env.fast_forward(self.handle, timedelta(seconds=seconds))

    async def acknowledge(self, desk_alert_id: str, by: str, code: str | None = None) -> AlertAckOutcome:
        digest = digest_of(acknowledgement_content(desk_alert_id, self.group))
        code = code or self.world.codes.issue(by, ACK_PURPOSE, desk_alert_id, digest)
        return await self.handle.execute_update(
            AlertDeskWorkflow.acknowledge, Acknowledgement(desk_alert_id=desk_alert_id, code=code)
        )

    def subjects(self) -> list[str]:
        """What went out for this group, in order."""
        return [
            notice.subject for _, _, notice in self.world.outbox.sent if f"-{id(self):x}" in notice.task_id
        ]


@pytest.fixture
def desk(env: WorkflowEnvironment, world: World, request: pytest.FixtureRequest) -> DeskOf:
    """A desk of its own for each test. People of another group's desk are those on call."""
    return DeskOf(env, world, f"Group of {request.node.name}")


def is_sent(entry: LoggedAlert) -> bool:
    return entry.sent_at is not None


async def test_the_first_red_goes_out_at_once_and_the_log_knows_to_whom(desk: DeskOf) -> None:
    entry = await desk.logged(await desk.raise_alert("T1"), is_sent)
    assert (entry.fate, entry.reason) == (Fate.NOTIFIED, "told at once")
    assert entry.told and all(each.startswith("sms → ") for each in entry.told)
    assert len(desk.subjects()) == len(entry.told)


async def test_those_that_follow_go_out_a_minute_later_with_the_count(desk: DeskOf) -> None:
    await desk.logged(await desk.raise_alert("T1"), is_sent)
    second = await desk.raise_alert("T2")
    waiting = await desk.logged(second, lambda entry: entry.fate is Fate.MERGED)
    assert "(2 tickets); sent" in waiting.reason
    assert not is_sent(waiting)
    await desk.raise_alert("T3")
    await desk.pass_time(61)
    sent = await desk.logged(second, is_sent)
    assert sent.notification_id == f"{waiting.desk_alert_id}/2"
    assert "3 tickets" in desk.subjects()[-1]


async def test_an_alert_that_is_handed_over_twice_is_one(desk: DeskOf) -> None:
    alert = await desk.raise_alert("T1", alert_id="once")
    await desk.logged(alert, is_sent)
    before = desk.subjects()
    await desk.raise_alert("T1", alert_id="once")
    await desk.logged(await desk.raise_alert("T2", ORANGE), lambda entry: entry.fate is Fate.MERGED)
    assert desk.subjects() == before


async def test_an_acknowledgement_needs_a_code_and_a_person_who_may(desk: DeskOf) -> None:
    entry = await desk.logged(await desk.raise_alert("T1"), is_sent)
    forged = await desk.acknowledge(entry.desk_alert_id, "duty.yang", code="forged")
    assert (forged.accepted, forged.code) == (False, "decision_code_invalid")
    stranger = await desk.acknowledge(entry.desk_alert_id, "zhao.min")
    assert (stranger.accepted, stranger.code) == (False, "not_permitted")
    assert (await desk.acknowledge(entry.desk_alert_id, "duty.yang")).accepted


async def test_whoever_acknowledged_is_why_nobody_is_told_again_but_worse_is(desk: DeskOf) -> None:
    first = await desk.raise_alert("T1", AlertLevel.FAILURE)
    entry = await desk.logged(first, is_sent)
    assert (await desk.acknowledge(entry.desk_alert_id, "duty.yang")).accepted
    again = await desk.raise_alert("T1", AlertLevel.FAILURE, alert_id=f"{first.alert_id}-2")
    suppressed = await desk.logged(again, lambda each: each.fate is Fate.SUPPRESSED)
    assert suppressed.reason.startswith("being worked on by duty.yang since ")
    await desk.logged(await desk.raise_alert("T1", AlertLevel.CRITICAL), is_sent)


async def test_red_is_sent_again_under_its_id_until_a_channel_takes_it(desk: DeskOf) -> None:
    desk.world.outbox.refusing = set(Channel)
    try:
        alert = await desk.raise_alert("T1")
        await desk.logged(alert, lambda entry: bool(entry.notification_id))
    finally:
        desk.world.outbox.refusing = set()
    sent = await desk.logged(alert, is_sent)
    assert sent.notification_id.endswith("/1")


async def test_a_start_that_is_no_desks_fails_clearly(env: WorkflowEnvironment, world: World) -> None:
    handle = await env.client.start_workflow(
        AlertDeskWorkflow.run, DeskInput(group="Cards"), id="alerts-other", task_queue=DESK_QUEUE
    )
    with pytest.raises(WorkflowFailureError) as failed:
        await handle.result()
    assert isinstance(failed.value.cause, ApplicationError)
    assert f"must be {desk_workflow_id('Cards')}" in failed.value.cause.message


async def test_a_start_that_does_not_fit_fails_at_once_and_names_the_field(
    env: WorkflowEnvironment, world: World
) -> None:
    handle = await env.client.start_workflow(
        "AlertDeskWorkflow", {"group": ""}, id="alerts-unfit", task_queue=DESK_QUEUE
    )
    with pytest.raises(WorkflowFailureError) as failed:
        await asyncio.wait_for(handle.result(), 20)
    assert isinstance(failed.value.cause, ApplicationError)
    assert failed.value.cause.type == "input_invalid"
    assert "group" in failed.value.cause.message


async def test_a_ticket_hands_its_alerts_over_and_its_desk_learns_of_its_end(
    env: WorkflowEnvironment, world: World
) -> None:
    """From a question in a real ticket to the log that answers who was told, and to the end of it."""
    ticket = await world.submit(fields={**CUSTOMER_ORDER, "amount": "900000.00"})
    await ticket.review()
    wanted: list[LoggedAlert] = []
    async with asyncio.timeout(20):
        while not wanted or wanted[0].sent_at is None:
            wanted = list(await asyncio.to_thread(world.store.alerts.alerts_of, ticket.task_id))
            await asyncio.sleep(0.05)
    [logged] = wanted
    assert (logged.level, logged.fate) == (AlertLevel.REVIEW, Fate.NOTIFIED)
    told = [event for event in await ticket.timeline() if event.kind is EventKind.ESCALATED]
    assert [event.summary for event in told] == [f"review handed to the alert desk of {logged.group}"]
    assert (await ticket.decide("li.wei")).accepted
    await ticket.ends(TicketState.COMPLETED)
    async with asyncio.timeout(20):
        while (line := world.store.alerts.desk_alert(logged.desk_alert_id)) and line.over_at is None:
            await asyncio.sleep(0.05)
    assert line is not None and not line.is_open


async def test_a_desk_that_runs_takes_the_rules_in_force_with_its_next_alert(desk: DeskOf) -> None:
    await desk.logged(await desk.raise_alert("T1"), is_sent)
    quick = RaisedAlert(
        alert=an_alert(f"T2-{id(desk):x}", RED, group=desk.group),
        rules=DeskRules(again=(timedelta(seconds=1),)),
    )
    await desk.desks.hand_over(quick, timezone="UTC")
    await desk.pass_time(2)
    await desk.logged(quick.alert, is_sent)
