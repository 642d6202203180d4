"""The worker process: one poller for each queue, all in one process."""

import asyncio
import compileall
import contextlib
import gc
import signal
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, Final

import structlog
from temporalio.client import Client
from temporalio.worker import Interceptor, Worker

from activities.catalogue import activities_of
from activities.heartbeats import Heartbeats
from definitions.findings import suggestion
from domain.errors import DefinitionError
from domain.handlers import HandlerSpec, Queue
from workers.activity_set import ActivitySet, handler_specs
from workers.composition import connect, install
from workers.dev_server import register_search_attributes
from workers.schedules import keep_schedules
from workers.settings import PROJECT, Settings
from workers.telemetry import runtime_for
from workflows.alert_desk import AlertDeskWorkflow
from workflows.channel_test import ChannelTestWorkflow
from workflows.expiry import ExpiryWorkflow
from workflows.page import PageWorkflow
from workflows.patrol import PatrolWorkflow
from workflows.sandbox import workflow_runner
from workflows.shadow import ShadowWorkflow
from workflows.spot_check import SpotCheckDrawWorkflow, SpotCheckWorkflow
from workflows.ticket import TicketWorkflow
from workflows.trend import TrendWorkflow

WORKFLOWS: Final[tuple[type[Any], ...]] = (
    TicketWorkflow,
    ShadowWorkflow,
    AlertDeskWorkflow,
    PageWorkflow,
    ExpiryWorkflow,
    ChannelTestWorkflow,
    PatrolWorkflow,
    SpotCheckWorkflow,
    SpotCheckDrawWorkflow,
    TrendWorkflow,
)
"""All workflows. They run on the queue of tickets."""

_log = structlog.get_logger(__name__)


@contextlib.asynccontextmanager
async def running_workers(
    client: Client,
    activities: ActivitySet,
    settings: Settings,
    interceptors: tuple[Interceptor, ...] = (),
) -> AsyncIterator[None]:
    """Serves all queues while the context is open; on leaving, running activities get their grace."""
    check_wiring(activities, handler_specs())
    compile_workflows()
    grace = timedelta(seconds=settings.drain_s)
    watch = () if activities.watch is None else (activities.watch(client),)
    around = (Heartbeats(), *watch, *interceptors)
    async with contextlib.AsyncExitStack() as stack:
        for queue, owners in activities.by_queue.items():
            serves_tickets = queue is Queue.TICKETS
            # Threads of its own for each queue: a slow bank must not keep tickets from being recorded.
            executor = ThreadPoolExecutor(settings.worker_threads, thread_name_prefix=queue.value)
            stack.callback(executor.shutdown, wait=False)
            await stack.enter_async_context(
                Worker(
                    client,
                    task_queue=queue,
                    workflows=list(WORKFLOWS) if serves_tickets else [],
                    workflow_runner=workflow_runner(),
                    activities=[each for owner in owners for each in activities_of(owner)],
                    activity_executor=executor,
                    interceptors=around,
                    max_concurrent_workflow_tasks=settings.max_workflow_tasks if serves_tickets else None,
                    max_concurrent_activities=settings.worker_threads,
                    max_task_queue_activities_per_second=(
                        settings.core_bank_rate if queue is Queue.CORE_BANK else None
                    ),
                    graceful_shutdown_timeout=grace,
                )
            )
            _log.info("worker.serves", queue=queue.value, threads=settings.worker_threads)
        yield


def compile_workflows() -> None:
    """Writes the bytecode of `workflows/`, also where the environment forbids it (PYTHONDONTWRITEBYTECODE).

    The sandbox imports these modules anew for each ticket: compiling them each time would cost 7 ms a ticket.
    Where the folder cannot be written nothing happens.
    """
    compileall.compile_dir(PROJECT / "workflows", quiet=2)


def check_wiring(activities: ActivitySet, handlers: dict[str, HandlerSpec]) -> None:
    """Proves that every handler and resolver an SOP can name is registered where it will be called, once.

    Raises `DefinitionError` naming the handler, whose it is, and what is wrong: a ticket would wait for ever.
    """
    registered: dict[Queue, set[str]] = {}
    for queue, owners in activities.by_queue.items():
        for owner in owners:
            names = {_activity_name(each) for each in activities_of(owner)}
            twice = names & registered.setdefault(queue, set())
            if twice:
                raise DefinitionError(
                    f"{type(owner).__name__}: the activity {min(twice)} is registered on {queue} already"
                )
            registered[queue] |= names
    for spec in handlers.values():
        queue = Queue.TICKETS if spec.local else spec.queue
        for name in (spec.name, spec.resolver):
            if name is not None and name not in registered.get(queue, set()):
                raise DefinitionError(
                    f"{_named(spec)}: no activity {name} is registered on {queue}; "
                    "it is a method of the same object"
                )
        if spec.compensation is not None and spec.compensation not in handlers:
            raise DefinitionError(
                f"{_named(spec)}: its compensation {spec.compensation!r} is no handler"
                f"{suggestion(spec.compensation, handlers)}"
            )


def _named(spec: HandlerSpec) -> str:
    return f"handler {spec.name}" + (f" of {spec.source}" if spec.source else "")


def _activity_name(method: Callable[..., Any]) -> str:
    definition = getattr(method, "__temporal_activity_definition")
    return str(definition.name)


def collect_seldom() -> None:
    """What is loaded by now stays, so the garbage collector need not walk through it again.

    A full collection in the middle of a workflow task was its longest part (docs/performance.md).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


async def serve(settings: Settings) -> None:
    """Runs one worker process until SIGINT or SIGTERM. Raises `DefinitionError` for a wrong rulebook."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    installation = install(settings)
    client = await connect(settings, runtime=runtime_for(settings.metrics_address))
    await register_search_attributes(client)
    collect_seldom()
    async with running_workers(client, installation.activities(), settings), installation.kept_fresh():
        schedules = asyncio.create_task(keep_schedules(client, installation.rulebook.current, settings.clock))
        await stop.wait()
        schedules.cancel()
    installation.store.close()
