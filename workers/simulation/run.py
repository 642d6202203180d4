"""Plays cases in a virtual world, and says what became of each."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError

from definitions.book import PinnedSop, Rulebook, pin, with_people
from definitions.schema import Place, Sop, Step, Trigger, all_steps
from domain.clock import BankClock
from domain.lifecycle import ENDS
from domain.ticket import TicketEvent, TicketView
from workers.activity_set import handler_specs
from workers.simulation.cases import Case
from workers.simulation.record import RunRecord
from workers.simulation.rules import CALLER, with_callers
from workers.simulation.world import OVER, World, virtual_world
from workflows.contract import TASK_QUEUE, TicketInput, workflow_id
from workflows.ticket import TicketWorkflow

AT_ONCE: Final = 6
"""Cases that are played at the same time."""
_PATIENCE_S: Final = 120.0
"""Real time after which a run counts as stuck: virtual months take a few seconds."""


@dataclass(frozen=True)
class Play:
    """A case to play, with the SOP that it is about."""

    case: Case
    sop: Sop
    scripts: tuple[str, ...] = ()
    """Those that must be used; each by the name that `record.script_name` gives it."""

    @property
    def steps(self) -> list[tuple[Place, Step]]:
        """Every step of the SOP at every depth."""
        return list(all_steps(self.sop.steps))


@dataclass(frozen=True)
class Played:
    """What a simulated run came to."""

    play: Play
    received_at: datetime
    view: TicketView | None
    """None: the ticket's workflow did not get as far as its first step."""
    events: tuple[TicketEvent, ...]
    record: RunRecord
    trouble: str = ""
    """Why the run says nothing about the SOP: it failed or hangs; the fault is not the case's."""

    @property
    def case(self) -> Case:
        """What was played."""
        return self.play.case

    @property
    def sop(self) -> Sop:
        """What it is about."""
        return self.play.sop

    @property
    def ended(self) -> bool:
        """Whether the ticket reached an end."""
        return self.view is not None and self.view.state in ENDS

    @property
    def took(self) -> timedelta | None:
        """From receipt to the end, bank time, in whole seconds."""
        if self.view is None or self.view.closed_at is None:
            return None
        return timedelta(seconds=round((self.view.closed_at - self.received_at).total_seconds()))

    def own(self, key: str) -> str:
        """A step's key as the SOP's author knows it, without that of a simulated call around."""
        return key.removeprefix(f"{self.sop.id}.") if self.sop.trigger is None else key


class Stage:
    """Plays cases, a few at a time."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._places = asyncio.Semaphore(AT_ONCE)
        self._numbers = 0

    async def play(self, play: Play) -> Played:
        """One case from its ticket's receipt to the end, or for as long as the case follows it."""
        self._numbers += 1
        task_id = f"SIM-{self._numbers}"
        async with self._places:
            return await self._play(task_id, play)

    async def _play(self, task_id: str, play: Play) -> Played:
        world, case, sop = self._world, play.case, play.sop
        trigger = sop.trigger or Trigger(category=CALLER, action=sop.id)
        ticket = case.ticket
        if ticket.title is None or sop.trigger is None:
            world.rulebook.send(task_id, trigger)
        task = ticket.task(task_id, title=sop.name, category=trigger.category, action=trigger.action)
        if case.inputs:
            task = task.model_copy(update={"fields": {**task.fields, **case.inputs}})
        world.enter(task_id, case)
        now = datetime.now(UTC)
        received_at = case.at or now
        handle = await world.client.start_workflow(
            TicketWorkflow.run,
            TicketInput(
                task=task,
                maker=case.maker or "intake",
                received_at=received_at,
                clock=BankClock(real_origin=now, bank_origin=received_at),
            ),
            id=workflow_id(task_id),
            task_queue=TASK_QUEUE,
        )
        trouble = await _followed(handle)
        record = world.record(task_id)
        return Played(
            play=play,
            received_at=received_at,
            view=record.view,
            events=record.events,
            record=record,
            trouble=trouble,
        )


@contextlib.asynccontextmanager
async def stage(rulebook: Rulebook, sops: Sequence[Sop]) -> AsyncIterator[Stage]:
    """A stage for cases of these SOPs under this rulebook. Everything of it is gone afterwards."""
    callable_only = [sop for sop in sops if sop.trigger is None]
    with tempfile.TemporaryDirectory(prefix="opsloop-simulation-") as folder:
        async with virtual_world(with_callers(rulebook, callable_only), Path(folder)) as world:
            yield Stage(world)


def pinned(rulebook: Rulebook, sop: Sop) -> PinnedSop:
    """The SOP with the SOPs that it calls and the handlers that they name."""
    return pin(sop, with_people(handler_specs(), rulebook.human_tasks), rulebook.sops)


async def _followed(handle: WorkflowHandle[TicketWorkflow, object]) -> str:
    """Waits for the run's end; returns what went wrong with the simulation itself."""
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await handle.result()
    except WorkflowFailureError as error:
        cause = error.cause
        if isinstance(cause, ApplicationError) and cause.type == OVER:
            return ""
        return f"the workflow failed: {cause}"
    except TimeoutError:
        reason = await _last_failure(handle)
        await handle.terminate("the simulation gave up")
        return f"the run hangs{f': {reason}' if reason else ''}"
    return ""


async def _last_failure(handle: WorkflowHandle[TicketWorkflow, object]) -> str:
    """What the workflow's code failed with last, where it does again and again."""
    reason = ""
    async for event in handle.fetch_history_events():
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
            reason = event.workflow_task_failed_event_attributes.failure.message
    return reason
