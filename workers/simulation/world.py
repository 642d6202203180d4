"""The virtual world of simulated tickets: a Temporal server whose clocks skip, and no way out.

Each ticket has a clock of its own, which jumps to its next timer whenever nothing is under way.
"""

import asyncio
import contextlib
import os
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, NoReturn

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.testing import TimeSkipper, TimeSkippingConfig
from temporalio.worker import (
    ExecuteWorkflowInput,
    Interceptor,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)

from activities.adapters.decision_codes import DecisionCodes
from activities.adapters.store import open_store
from activities.adapters.store.migrations import upgrade
from definitions.book import Rulebook
from domain.clock import BankClock
from domain.errors import BankUnavailable, OpsloopError
from domain.handlers import HandlerSpec, Queue
from domain.notices import Channel, Notice
from domain.orders import BankOrder, OrderReceipt
from domain.people import Directory
from workers.activity_set import ActivitySet, activity_set, handler_specs
from workers.dev_server import DevServer
from workers.settings import Settings
from workers.simulation.cases import Case
from workers.simulation.mocks import Notebook, ScriptedCalls
from workers.simulation.people import Cast, Director
from workers.simulation.record import RunRecord
from workers.simulation.rules import SimulatedRulebook
from workers.supervisor import die_with_parent, free_port
from workers.worker import running_workers
from workflows.contract import TicketInput
from workflows.options import LOCAL
from workflows.payloads import data_converter

OVER: Final = "simulation_over"
"""The type of the failure that ends a run which is followed no longer."""
_BOOT_S: Final = 60.0
_MOST_SKIPS: Final = 1_000_000
_DYNAMIC_CONFIG: Final = (
    "frontend.WorkflowTimeSkippingEnabled=true",
    f"frontend.WorkflowTimeSkippingMaxSkipPerSession={_MOST_SKIPS}",
    # Out of the box a timer that has been skipped to waits for a second, and for its turn.
    'history.timerProcessorMaxTimeShift="1ms"',
    "history.timerProcessorMaxPollRPS=100000",
    "history.timerProcessorMaxPollHostRPS=100000",
    # A virtual clock is put forward twice when its workflow continues as new (Server 1.32): none does.
    "limit.historyCount.suggestContinueAsNew=50000",
    "limit.historySize.suggestContinueAsNew=50000000",
)


class SimulationFailed(OpsloopError):
    """The virtual world could not be set up."""

    code = "simulation_failed"


class _NoBank:
    """The core bank of a simulation: every handler that would call it is scripted, so nobody does."""

    def place(self, order: BankOrder) -> OrderReceipt:
        self._refuse(order.kind)

    def find(self, key: str) -> OrderReceipt | None:
        self._refuse(key)

    def revoke(self, key: str) -> OrderReceipt:
        self._refuse(key)

    def contact(self, customer_ref: str, channel: Channel) -> str:  # noqa: ARG002 - the port's signature
        self._refuse(channel)

    def _refuse(self, asked: str) -> NoReturn:
        raise BankUnavailable(f"a simulation reaches no bank ({asked})")


class _Taken:
    """A channel that takes every message and sends none."""

    def send(self, notice: Notice, address: str) -> str:  # noqa: ARG002 - the port's signature
        return "taken by the simulation"


class Recorder:
    """Takes what each run collected."""

    def __init__(self) -> None:
        self.records: dict[str, RunRecord] = {}

    @activity.defn(name="simulate_keep")
    def keep(self, task_id: str, record: RunRecord) -> None:
        """The ticket's run is over."""
        self.records[task_id] = record


class World:
    """Where cases are played: all of them at once, each on its own clock."""

    def __init__(
        self,
        client: Client,
        rulebook: SimulatedRulebook,
        scripts: dict[str, Case],
        kept: Recorder,
    ) -> None:
        self.client = client
        self.rulebook = rulebook
        self._scripts = scripts
        self._kept = kept

    def enter(self, task_id: str, case: Case) -> None:
        """Makes the case's script that of this ticket, before its workflow starts."""
        self._scripts[task_id] = case

    def record(self, task_id: str) -> RunRecord:
        """What the run of this ticket collected."""
        return self._kept.records.get(task_id, RunRecord())


@contextlib.asynccontextmanager
async def virtual_world(rulebook: Rulebook, folder: Path) -> AsyncIterator[World]:
    """A running world. `folder` keeps its store and logs; the server is in memory and ends with it.

    Raises `TemporalNotInstalled`, and `SimulationFailed` when the server does not come up.
    """
    async with _server(folder) as address:
        direct = await Client.connect(address, data_converter=data_converter)
        skipper = TimeSkipper(direct, config=TimeSkippingConfig(max_session_skip_count=_MOST_SKIPS))
        url = f"sqlite:///{folder / 'store.db'}"
        await asyncio.to_thread(upgrade, url)
        store = open_store(url)
        served = SimulatedRulebook(rulebook)
        codes = DecisionCodes(
            secrets.token_hex(32), lambda: served.current().directory, timedelta(minutes=10)
        )
        scripts: dict[str, Case] = {}
        kept = Recorder()
        activities = activity_set(
            rulebook=served,
            bank=_NoBank(),
            senders={each: _Taken() for each in Channel if each is not Channel.DASHBOARD},
            store=store,
            codes=codes,
        )
        ours = (*activities.by_queue[Queue.TICKETS], Cast(direct, codes), kept)
        activities = ActivitySet(by_queue={**activities.by_queue, Queue.TICKETS: ours})
        settings = Settings(core_bank_rate=1000, drain_s=1, data_dir=folder)
        played = _Scripted(scripts, handler_specs(), rulebook.directory)
        try:
            async with running_workers(skipper.client, activities, settings, (played,)):
                yield World(skipper.client, served, scripts, kept)
        finally:
            store.close()


@contextlib.asynccontextmanager
async def _server(folder: Path) -> AsyncIterator[str]:
    """A dev server of our own, on a free port, ended by its pid."""
    server = DevServer(port=free_port(), dynamic_config=_DYNAMIC_CONFIG)
    log = folder / "temporal.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *server.command(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            preexec_fn=die_with_parent(os.getpid()),
        )
    try:
        until = time.monotonic() + _BOOT_S
        while not await server.answers():
            if process.returncode is not None or time.monotonic() > until:
                words = log.read_text(errors="replace").strip()[-500:]
                raise SimulationFailed(f"the Temporal server for the simulation did not start: {words}")
            await asyncio.sleep(0.05)
        yield server.address
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), 10)
            except TimeoutError:
                process.kill()
                await process.wait()


class _Scripted(Interceptor):
    """Puts each ticket's script around its workflow."""

    def __init__(
        self, scripts: Mapping[str, Case], specs: Mapping[str, HandlerSpec], directory: Directory
    ) -> None:
        self._scripts = scripts
        self._specs = specs
        self._directory = directory

    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,  # noqa: ARG002 - the SDK's signature
    ) -> type[WorkflowInboundInterceptor]:
        """A class that knows the scripts: workers make one instance for each run."""
        members = {"scripts": self._scripts, "specs": self._specs, "directory": self._directory}
        return type("ScriptedRun", (_ScriptedRun,), members)


class _ScriptedRun(WorkflowInboundInterceptor):
    """One run of a ticket with its script. It is replayed like the workflow, and holds to the same rules."""

    scripts: Mapping[str, Case]
    specs: Mapping[str, HandlerSpec]
    directory: Directory

    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        """Called before the workflow exists: who asks first opens the notebook."""
        self._calls = ScriptedCalls(outbound, self.specs)
        super().init(self._calls)

    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:
        """Runs the ticket among its people, at most as long as the case follows it."""
        ticket: TicketInput = input.args[0]
        task_id = ticket.task.task_id
        case, clock = self.scripts[task_id], ticket.clock
        notebook = Notebook(case, clock)
        self._calls.notebook = notebook
        received_at = ticket.received_at or notebook.now
        director = Director(workflow.instance(), notebook, self.directory, received_at)
        life = asyncio.create_task(super().execute_workflow(input))
        people = asyncio.create_task(director.direct())
        until = asyncio.create_task(workflow.sleep(_left(received_at + case.until, clock)))
        try:
            await workflow.wait((life, until, people), return_when=asyncio.FIRST_COMPLETED)
            if people.done():
                people.result()
            await director.finish_acting()
        finally:
            people.cancel()
            until.cancel()
        ended = workflow.instance()
        told = {"sent": tuple(director.sent), "view": ended.view(), "events": tuple(ended.timeline())}
        record = notebook.record().model_copy(update=told)
        await workflow.execute_local_activity_method(
            Recorder.keep, args=[task_id, record], summary="keep what the simulation collected", **LOCAL
        )
        if life.done():
            return life.result()
        raise ApplicationError("followed no longer", type=OVER, non_retryable=True)


def _left(until: datetime, clock: BankClock) -> timedelta:
    return max(clock.to_real(until) - workflow.now(), timedelta(0))
