"""Schedules on a real server: made once, changed with the policy, and what they start."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest
from temporalio.client import Client, ScheduleActionStartWorkflow
from temporalio.service import RPCError

from definitions.book import Rulebook
from domain.clock import BankClock
from domain.errors import DefinitionsMissing
from tests.fakes.rulebook import DUTY, FakeRulebook
from tests.support.dev_server import RunningDevServer, running_dev_server
from workers.schedules import ensure_schedules, ensure_spot_check_schedule, keep_schedules, recurring_work
from workflows.spot_check_contract import DRAW_ID, DRAW_TYPE

LATER = DUTY.model_copy(
    update={
        "modes": {
            "daytime": DUTY.modes["daytime"].model_copy(update={"time_range": "09:30-20:00"}),
            "nighttime": DUTY.modes["nighttime"].model_copy(update={"time_range": "20:00-09:30"}),
        }
    }
)
FAST = BankClock(factor=60.0)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDevServer]:
    with running_dev_server(tmp_path_factory.mktemp("temporal")) as running:
        yield running


async def made(client: Client) -> tuple[str | None, list[tuple[int, int]], str]:
    """Zone, times of day and workflow of the schedule."""
    schedule = (await client.get_schedule_handle(DRAW_ID).describe()).schedule
    assert isinstance(schedule.action, ScheduleActionStartWorkflow)
    times = [(each.hour[0].start, each.minute[0].start) for each in schedule.spec.calendars]
    return schedule.spec.time_zone_name, times, schedule.action.workflow


async def test_the_draw_comes_back_at_the_start_of_daytime_and_moves_with_the_policy(
    server: RunningDevServer,
) -> None:
    client = await server.client()
    await asyncio.gather(*(ensure_spot_check_schedule(client, DUTY, BankClock()) for _ in range(3)))
    assert await made(client) == ("Asia/Shanghai", [(8, 0)], DRAW_TYPE)
    handle = client.get_schedule_handle(DRAW_ID)
    await handle.pause(note="the bank is closed")
    await ensure_spot_check_schedule(client, LATER, BankClock())
    assert await made(client) == ("Asia/Shanghai", [(9, 30)], DRAW_TYPE)
    state = (await handle.describe()).schedule.state
    assert (state.paused, state.note) == (True, "the bank is closed")
    await handle.delete()


async def test_a_schedule_that_is_as_wanted_is_not_touched(server: RunningDevServer) -> None:
    client = await server.client()
    await ensure_spot_check_schedule(client, DUTY, BankClock())
    handle = client.get_schedule_handle(DRAW_ID)
    before = (await handle.describe()).info.last_updated_at
    await ensure_spot_check_schedule(client, DUTY, BankClock())
    assert (await handle.describe()).info.last_updated_at == before
    await handle.delete()


async def test_what_a_schedule_starts_is_the_draw(server: RunningDevServer) -> None:
    client = await server.client()
    await ensure_spot_check_schedule(client, DUTY, BankClock())
    handle = client.get_schedule_handle(DRAW_ID)
    await handle.trigger()
    async with asyncio.timeout(20):
        while not (await handle.describe()).info.running_actions:
            await asyncio.sleep(0.1)
    [started] = (await handle.describe()).info.running_actions
    assert started.workflow_id.startswith(DRAW_ID)  # type: ignore[attr-defined]
    await client.get_workflow_handle(started.workflow_id).terminate()  # type: ignore[attr-defined]
    await handle.delete()


async def test_on_a_clock_of_its_own_the_work_waits_for_its_mornings_itself(server: RunningDevServer) -> None:
    client = await server.client()
    work = recurring_work(DUTY, FAST)
    for _ in range(2):
        await ensure_schedules(client, work, FAST)
    running = [each async for each in client.list_workflows("ExecutionStatus = 'Running'")]
    async with asyncio.timeout(20):
        while not running:
            await asyncio.sleep(0.1)
            running = [each async for each in client.list_workflows("ExecutionStatus = 'Running'")]
    assert {each.workflow_type for each in running} <= {each.workflow for each in work}
    assert len({each.id for each in running}) == len(running)
    assert [each async for each in await client.list_schedules()] == []
    for each in running:
        await client.get_workflow_handle(each.id).terminate()


async def test_schedules_are_made_once_there_is_a_policy(
    server: RunningDevServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.schedules._LOOK_S", 0.05)
    client = await server.client()
    policies: list[Rulebook] = []

    asked = asyncio.Event()

    def rulebook() -> Rulebook:
        asked.set()
        if not policies:
            raise DefinitionsMissing("nothing was released yet")
        return policies[-1]

    keeper = asyncio.create_task(keep_schedules(client, rulebook, BankClock()))
    try:
        await asyncio.wait_for(asked.wait(), 20)
        assert [each async for each in await client.list_schedules()] == []
        for policy, wanted in ((DUTY, (8, 0)), (LATER, (9, 30))):
            policies.append(replace(FakeRulebook().current(), duty=policy))
            async with asyncio.timeout(20):
                while True:
                    await asyncio.sleep(0.1)
                    try:
                        if (await made(client))[1] == [wanted]:
                            break
                    except RPCError:  # not there yet
                        continue
    finally:
        keeper.cancel()
    await client.get_schedule_handle(DRAW_ID).delete()
