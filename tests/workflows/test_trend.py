"""Trends from tickets in the store to one message, and failures that are told of without any delay."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowExecutionStatus
from temporalio.testing import WorkflowEnvironment

from activities.adapters.alert_desks import WorkflowAlertDesks
from activities.messages import Progress
from activities.trend_messages import TREND_QUEUE, TREND_TYPE, TrendInput, TrendLook
from definitions.schema import Sop
from domain.alert_events import Fate, LoggedAlert
from domain.alerts import Alert, AlertLevel, AlertPolicy, AlertRule
from domain.clock import BankClock
from domain.lifecycle import TicketState
from domain.notices import Channel
from domain.ticket import EventKind
from domain.trend import TrendPolicy
from tests.fakes.core_bank import Failure
from tests.fakes.rulebook import ACCOUNTS, FakeRulebook
from tests.support.ticket_world import World, ticket_world
from tests.support.tickets import sample_view

FREEZE = Sop.model_validate(
    {
        "name": "Freeze",
        "trigger": {"category": "accounts", "action": "freeze"},
        "steps": [
            {"name": "Assess", "handler": "risk_assessor"},
            {"name": "Freeze", "handler": "core_system_freeze", "retry": 0},
        ],
    }
)
POLICY = TrendPolicy(minimum=5, floor=1)
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_NUMBERS = count(1)


@pytest.fixture(scope="module")
async def world(env: WorkflowEnvironment, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    rules = {each: AlertRule(to="lead", channels=(Channel.SMS,)) for each in AlertLevel}
    rulebook = FakeRulebook([FREEZE], all_day="daytime", alerts=AlertPolicy(levels=rules))
    rulebook.book = replace(rulebook.book, trends=POLICY)
    desks = WorkflowAlertDesks(BankClock())
    async with ticket_world(env.client, tmp_path_factory.mktemp("trend"), rulebook, desks=desks) as made:
        yield made


def arrive(world: World, number: int, action: str) -> None:
    """So many tickets, five minutes ago."""
    opened_at = datetime.now(UTC) - timedelta(minutes=5)
    for _ in range(number):
        task = {"action": action, "assigned_group": ACCOUNTS}
        view = sample_view(
            f"S{next(_NUMBERS)}", task=task, opened_at=opened_at, state=TicketState.COMPLETED, sop="x"
        )
        world.store.tickets.record(Progress(events=(), view=view))


async def look(world: World, later: timedelta = timedelta(0)) -> TrendLook:
    """A look by a clock that shows so much later."""
    seen: TrendLook = await world.client.execute_workflow(
        TREND_TYPE,
        TrendInput(clock=BankClock(bank_origin=EPOCH + later)),
        id=f"trends-{next(_NUMBERS)}-{id(world):x}",
        task_queue=TREND_QUEUE,
        result_type=TrendLook,
    )
    return seen


async def logged(world: World, task_id: str, holds: Callable[[LoggedAlert], bool]) -> LoggedAlert:
    """The one alert of a ticket or surge, once it is as wanted."""
    rows: list[LoggedAlert] = []
    try:
        async with asyncio.timeout(20):
            while not (len(rows) == 1 and holds(rows[0])):
                rows = list(await asyncio.to_thread(world.store.alerts.alerts_of, task_id))
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"the log never got there; it has {rows}") from None
    return rows[0]


def told(world: World, word: str) -> list[str]:
    return [each for each in world.outbox.subjects(Channel.SMS) if word in each]


async def test_a_surge_is_told_once_to_the_lead_and_its_end_closes_the_alert(world: World) -> None:
    arrive(world, 4, "unblock")
    assert (await look(world)).raised == ()
    arrive(world, 3, "unblock")
    seen = await look(world)
    assert [each.subject for each in seen.raised] == [
        "accounts/unblock: 7 tickets in 1h, 7.0 times what is usual"
    ]
    surge = seen.raised[0].task_id
    entry = await logged(world, surge, lambda entry: entry.sent_at is not None)
    assert (entry.fate, entry.group, entry.level) == (Fate.NOTIFIED, ACCOUNTS, AlertLevel.ESCALATION)
    assert len(told(world, "unblock")) == 1

    arrive(world, 5, "unblock")
    again = await look(world)
    assert (again.raised, again.surging) == ((), ("accounts/unblock",))

    assert (await look(world, timedelta(hours=2))).ended == ()
    over = await look(world, timedelta(hours=3))
    assert [each.surge_id for each in over.ended] == [surge]
    assert over.surging == ()
    actions = [
        (row.action, row.detail["peak"])
        for row in world.store.audit.entries()
        if row.action.startswith("trend.") and row.detail["surge"] == surge
    ]
    assert sorted(actions) == [("trend.ended", 12), ("trend.raised", 7)]
    try:
        async with asyncio.timeout(20):
            desk_alert = world.store.alerts.desk_alert(entry.desk_alert_id)
            while desk_alert is None or desk_alert.over_at is None:
                await asyncio.sleep(0.05)
                desk_alert = world.store.alerts.desk_alert(entry.desk_alert_id)
    except TimeoutError:
        raise AssertionError("the desk never learned that the surge is over") from None
    assert len(told(world, "unblock")) == 1


async def test_two_kinds_that_surge_are_two_alerts(world: World) -> None:
    arrive(world, 6, "close")
    arrive(world, 6, "reopen")
    seen = await look(world)
    surges = {each.subject.partition(":")[0]: each.task_id for each in seen.raised}
    for kind in ("accounts/close", "accounts/reopen"):
        await logged(world, surges[kind], lambda entry: entry.fate in (Fate.NOTIFIED, Fate.MERGED))


async def test_where_the_banks_clock_runs_fast_it_waits_for_its_turns_itself(
    env: WorkflowEnvironment, world: World
) -> None:
    handle = await world.client.start_workflow(
        TREND_TYPE,
        TrendInput(clock=BankClock(factor=60), repeating=True),
        id=f"trends-repeating-{id(world):x}",
        task_queue=TREND_QUEUE,
    )
    first = world.client.get_workflow_handle(handle.id, run_id=handle.first_execution_run_id)
    try:
        async with asyncio.timeout(20):
            while (await first.describe()).status is WorkflowExecutionStatus.RUNNING:
                waiting = [
                    event.timer_started_event_attributes.start_to_fire_timeout.ToTimedelta()
                    async for event in first.fetch_history_events()
                    if event.event_type == EventType.EVENT_TYPE_TIMER_STARTED
                ]
                if waiting:
                    assert waiting == [timedelta(seconds=5)]
                    await env.fast_forward(handle, timedelta(seconds=6))
                await asyncio.sleep(0.05)
    finally:
        await handle.terminate("the test is over")
    assert (await first.describe()).status is WorkflowExecutionStatus.CONTINUED_AS_NEW


async def test_a_handlers_failure_is_told_at_once(world: World) -> None:
    """No bank time passes between the failure and the alert, and no timer lies between them."""
    world.bank.fail_next(Failure.REFUSED)
    ticket = await world.submit()
    entry = await logged(world, ticket.task_id, lambda entry: entry.sent_at is not None)
    assert (entry.level, entry.fate, entry.reason) == (AlertLevel.FAILURE, Fate.NOTIFIED, "told at once")

    failed = next(each for each in await ticket.timeline() if each.kind is EventKind.STEP_FAILED)
    history = [event async for event in ticket.handle.fetch_history_events()]
    scheduled = {
        event.activity_task_scheduled_event_attributes.activity_type.name: number
        for number, event in enumerate(history)
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
    }
    raising = scheduled["raise_alert"]
    payloads = history[raising].activity_task_scheduled_event_attributes.input.payloads
    (alert,) = await world.client.data_converter.decode(payloads, [Alert])
    assert alert.raised_at == failed.at
    broke = max(
        number
        for number, event in enumerate(history)
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED and number < raising
    )
    between = {event.event_type for event in history[broke:raising]}
    assert EventType.EVENT_TYPE_TIMER_FIRED not in between
    await ticket.handle.terminate("the test is over")
