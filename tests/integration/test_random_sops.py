"""Random SOPs as real tickets: on a Temporal server, with activities, people, timers, and replayed."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest
from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.client import WorkflowHistory
from temporalio.service import RPCError

from domain.lifecycle import ENDS
from domain.ticket import EventKind
from tests.support.random_sops import seeded_play
from tests.support.random_world import RandomWorld, came_late, random_world, skipping_server
from tests.support.replays import replayed
from tests.support.ticket_world import Ticket

AT_ONCE = 20


async def live_through(folder: Path, seeds: range) -> None:
    plays = [seeded_play(seed) for seed in seeds]
    async with skipping_server() as env, random_world(env, folder, plays) as world:
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(number: int) -> str:
            async with gate:
                try:
                    await judged(await world.live(number))
                except Exception as error:
                    return f"seed {seeds[number]}: {type(error).__name__}: {error}"
                return ""

        wrong = [
            each for each in await asyncio.gather(*(one(number) for number in range(len(plays)))) if each
        ]
        assert not wrong, "\n".join(wrong)
        assert twice(world) == []


async def judged(ticket: Ticket) -> None:
    """Asks again where the server, which has much to do here, answered too late."""
    for _ in range(3):
        try:
            return await judge(ticket)
        except RPCError as error:
            if not came_late(error):
                raise
    raise AssertionError(f"the server never told how {ticket.task_id} went")


async def judge(ticket: Ticket) -> None:
    result = await ticket.result()
    assert result.state in ENDS
    events = await ticket.timeline()
    done = [event.step_id for event in events if event.kind is EventKind.STEP_DONE]
    assert [key for key, times in Counter(done).items() if times > 1] == []
    undone = [event.step_id for event in events if event.kind is EventKind.COMPENSATED]
    assert undone == sorted(undone, key=done.index, reverse=True)
    history = await ticket.handle.fetch_history()
    assert failed_tasks(history) == []
    again = await replayed(history)
    assert (again.result, again.timeline) == (result, events)


def failed_tasks(history: WorkflowHistory) -> list[str]:
    """Why workflow tasks failed; not where the ticket was about to end when something new came in."""
    failures = [
        event.workflow_task_failed_event_attributes
        for event in history.events
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
    ]
    new_came = WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND
    return [each.failure.message for each in failures if each.cause != new_came]


def twice(world: RandomWorld) -> list[str]:
    return [key for key, times in Counter(world.handlers.effects).items() if times > 1]


async def test_random_tickets_come_to_an_end_and_replay(tmp_path: Path) -> None:
    await live_through(tmp_path, range(10))


@pytest.mark.full
@pytest.mark.timeout(900)
async def test_five_hundred_random_tickets_come_to_an_end_and_replay(tmp_path: Path) -> None:
    await live_through(tmp_path, range(10_000, 10_500))
