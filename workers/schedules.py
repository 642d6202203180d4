"""Work that comes back by itself, as schedules of Temporal's, kept as the definitions in force want them.

Schedules know real time alone. Where the bank's clock is another one, the work's own workflow waits for each
turn and begins anew.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog
from pydantic import BaseModel
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleCalendarSpec,
    ScheduleIntervalSpec,
    ScheduleRange,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError

from activities.patrol_messages import PATROL_ID, PATROL_TYPE, PatrolInput
from activities.trend_messages import TREND_ID, TREND_TYPE, TrendInput
from definitions.book import Rulebook
from domain.clock import BankClock
from domain.digest import digest_of
from domain.duty import DutyConfig
from domain.errors import DefinitionsMissing
from domain.patrol import PatrolPolicy
from domain.spot_check import draw_hour
from domain.trend import TrendPolicy
from workflows.spot_check_contract import DRAW_ID, DRAW_TYPE, TASK_QUEUE, DrawInput

_LOOK_S: Final = 30.0
_CALL_LIMIT: Final = timedelta(seconds=10)
_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Recurring:
    """One piece of work that comes back."""

    id: str
    """Of the schedule, and what the ids of its workflows begin with."""
    workflow: str
    summary: str
    spec: ScheduleSpec
    once: BaseModel
    """What a run by schedule is given."""
    repeating: BaseModel
    """What the run is given that waits for its turns itself, on bank time."""


def recurring_work(
    duty: DutyConfig,
    clock: BankClock,
    patrol: PatrolPolicy | None = None,
    trends: TrendPolicy | None = None,
) -> tuple[Recurring, ...]:
    """All that comes back, as the policies want it. To add something, add it here."""
    hour = draw_hour(duty)
    at = ScheduleCalendarSpec(
        hour=(ScheduleRange(hour.hour),),
        minute=(ScheduleRange(hour.minute),),
        comment="the start of daytime; on days off the draw itself does nothing",
    )
    return (
        Recurring(
            id=DRAW_ID,
            workflow=DRAW_TYPE,
            summary="draw last night's spot checks",
            spec=ScheduleSpec(calendars=[at], time_zone_name=duty.timezone),
            once=DrawInput(clock=clock),
            repeating=DrawInput(clock=clock, repeating=True),
        ),
        Recurring(
            id=PATROL_ID,
            workflow=PATROL_TYPE,
            summary="patrol: deadlines, runs, queues, roster, backlog",
            spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=(patrol or PatrolPolicy()).every)]),
            once=PatrolInput(clock=clock),
            repeating=PatrolInput(clock=clock, repeating=True),
        ),
        Recurring(
            id=TREND_ID,
            workflow=TREND_TYPE,
            summary="trends: what comes more often than usual",
            spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=(trends or TrendPolicy()).every)]),
            once=TrendInput(clock=clock),
            repeating=TrendInput(clock=clock, repeating=True),
        ),
    )


async def keep_schedules(client: Client, rulebook: Callable[[], Rulebook], clock: BankClock) -> None:
    """Keeps all schedules as the policies in force want them, until it is cancelled.

    `rulebook` may raise `DefinitionsMissing`: then the schedules are made once something is released.
    """
    made: tuple[DutyConfig, PatrolPolicy, TrendPolicy] | None = None
    while True:
        try:
            book = rulebook()
            wanted = (book.duty, book.patrol, book.trends)
            if wanted != made:
                work = recurring_work(book.duty, clock, book.patrol, book.trends)
                await ensure_schedules(client, work, clock)
                made = wanted
        except (DefinitionsMissing, RPCError) as error:
            _log.warning("schedules.not_made", error=str(error))
        except Exception:
            # Whatever it is, the worker goes on serving, and the next look tries again.
            _log.exception("schedules.failed")
        await asyncio.sleep(_LOOK_S)


async def ensure_spot_check_schedule(client: Client, duty: DutyConfig, clock: BankClock) -> None:
    """Makes the draw of spot checks come back, or changes when it does. Raises `RPCError`."""
    work = [each for each in recurring_work(duty, clock) if each.id == DRAW_ID]
    await ensure_schedules(client, work, clock)


async def ensure_schedules(client: Client, work: Sequence[Recurring], clock: BankClock) -> None:
    """Makes what is missing and changes what is otherwise; repeats, also at once, come to the same.

    A schedule that somebody paused stays paused. Raises `RPCError` when Temporal does not answer.
    """
    for each in work:
        if clock.is_real_time:
            await _ensure_schedule(client, each)
        else:
            await _ensure_running(client, each, clock)


async def _ensure_schedule(client: Client, work: Recurring) -> None:
    schedule = Schedule(
        action=ScheduleActionStartWorkflow(
            work.workflow,
            work.once,
            id=work.id,
            task_queue=TASK_QUEUE,
            static_summary=work.summary,
        ),
        spec=work.spec,
    )
    try:
        await client.create_schedule(work.id, schedule, rpc_timeout=_CALL_LIMIT)
    except ScheduleAlreadyRunningError:

        def changed(now: ScheduleUpdateInput) -> ScheduleUpdate | None:
            there = now.description.schedule
            if _is_as(there, schedule):
                return None
            schedule.state = there.state
            return ScheduleUpdate(schedule)

        await client.get_schedule_handle(work.id).update(changed, rpc_timeout=_CALL_LIMIT)


def _is_as(there: Schedule, wanted: Schedule) -> bool:
    """Whether a schedule that the server tells of has the times that are wanted.

    What it starts is compared by type alone: an argument comes back as bytes, and has defaults to change.
    """
    same_action = (
        isinstance(there.action, ScheduleActionStartWorkflow)
        and isinstance(wanted.action, ScheduleActionStartWorkflow)
        and there.action.workflow == wanted.action.workflow
        and there.action.task_queue == wanted.action.task_queue
    )
    return same_action and _times(there.spec) == _times(wanted.spec)


def _times(spec: ScheduleSpec) -> object:
    """What a specification comes to: the server leaves out and fills in what means the same."""
    return (
        spec.time_zone_name,
        [(_numbers(each.hour), _numbers(each.minute), _numbers(each.second)) for each in spec.calendars],
        [(each.every, each.offset or timedelta(0)) for each in spec.intervals],
    )


def _numbers(ranges: Sequence[ScheduleRange]) -> list[int]:
    return [
        number
        for each in ranges
        for number in range(each.start, max(each.start, each.end) + 1, max(each.step, 1))
    ]


async def _ensure_running(client: Client, work: Recurring, clock: BankClock) -> None:
    await client.start_workflow(
        work.workflow,
        work.repeating,
        # Another clock is another demo on the same data folder: it has mornings of its own.
        id=f"{work.id}-{digest_of(clock)[:8]}",
        task_queue=TASK_QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        static_summary=work.summary,
        rpc_timeout=_CALL_LIMIT,
    )
