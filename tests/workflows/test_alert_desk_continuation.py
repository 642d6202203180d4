"""A desk whose history grows long goes on in a new run: no alert is lost, and none is told twice."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from temporalio.testing import WorkflowEnvironment

from activities.adapters.alert_desks import WorkflowAlertDesks
from activities.alert_messages import RaisedAlert, desk_workflow_id
from domain.alert_events import LoggedAlert
from domain.clock import BankClock
from tests.fakes.alert_desk import an_alert
from tests.fakes.rulebook import FakeRulebook
from tests.support.ticket_world import World, ticket_world
from tests.support.virtual_time import virtual_time

EVENTS_A_RUN = 40
ALERTS = 40


@pytest.fixture(scope="module")
async def short_env() -> AsyncIterator[WorkflowEnvironment]:
    async with virtual_time(f"limit.historyCount.suggestContinueAsNew={EVENTS_A_RUN}") as environment:
        yield environment


@pytest.fixture(scope="module")
async def world(
    short_env: WorkflowEnvironment, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    rulebook = FakeRulebook(all_day="daytime")
    async with ticket_world(short_env.client, tmp_path_factory.mktemp("desk"), rulebook) as made:
        yield made


async def test_alerts_that_arrive_over_several_runs_are_all_logged_in_one_desk_alert(
    short_env: WorkflowEnvironment, world: World
) -> None:
    group = "Account Operations"
    desks = WorkflowAlertDesks(BankClock(), client=short_env.client)
    for number in range(ALERTS):
        alert = RaisedAlert(alert=an_alert(f"T{number}", group=group))
        await desks.hand_over(alert, timezone="UTC")
        if number % 3 == 0:
            await desks.hand_over(alert, timezone="UTC")
    rows: list[LoggedAlert] = []
    async with asyncio.timeout(40):
        while len(rows) < ALERTS:
            found = [world.store.alerts.alerts_of(f"T{number}") for number in range(ALERTS)]
            rows = [row for each in found for row in each]
            await asyncio.sleep(0.1)
    description = await short_env.client.get_workflow_handle(desk_workflow_id(group)).describe()
    assert description.raw_description.workflow_execution_info.first_run_id != description.run_id
    assert len({row.alert_id for row in rows}) == ALERTS
    assert sorted(row.seq for row in rows) == list(range(1, ALERTS + 1))
    assert {row.desk_alert_id for row in rows} == {rows[0].desk_alert_id}
    notified = [row for row in rows if row.notification_id.endswith("/1")]
    assert notified
    line = world.store.alerts.desk_alert(rows[0].desk_alert_id)
    assert line is not None and (line.tickets, line.alerts) == (ALERTS, ALERTS)
