"""The interpreter against a hand-written workflow: the same low-risk freeze, side by side in one run.

`python -m bench.interpreter [--json]` starts a Temporal dev server of its own on free ports and stops it.
Batches of tickets alternate between the two, in turn A B and B A; the ratio is that of the rates over all of
them, because single batches differ by ten per cent on a shared machine.
"""

import argparse
import asyncio
import compileall
import json
import os
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

from temporalio.client import Client, WorkflowFailureError
from temporalio.worker import Worker

from activities.adapters.store import open_store
from activities.adapters.store.migrations import upgrade
from activities.catalogue import activities_of
from bench.handwritten import HandwrittenFreezeWorkflow
from bench.world import InstantBank, InstantSender, NoCodes
from domain.handlers import Queue
from domain.notices import Channel
from domain.task import OpsTask
from workers.activity_set import activity_set, handler_specs
from workers.composition import connect
from workers.dev_server import DevServer
from workers.logs import configure_logs
from workers.rulebook import RulebookFiles
from workers.settings import PROJECT, Settings
from workers.supervisor import Supervisor, free_port
from workers.worker import running_workers
from workflows.contract import TicketInput, workflow_id
from workflows.sandbox import workflow_runner
from workflows.ticket import TicketWorkflow

HANDWRITTEN_QUEUE = "bench-handwritten"

PATIENCE = timedelta(seconds=60)
"""No ticket of the benchmark waits for anybody: one that is open for longer ends the run with its number."""


def low_risk_freeze(number: int) -> OpsTask:
    """A ticket that runs by itself at any hour."""
    return OpsTask(
        task_id=f"B{number:08d}",
        title="Please freeze my account, I lost my card",
        description="The customer asks to freeze the account after losing the card on the underground.",
        source="bench",
        external_id=str(number),
        customer_ref="C1",
        account_ref="6200000000000001",
        # Without an amount it would be the whole account, which a person confirms by day.
        fields={"authority": "customer", "document_no": "K-1", "identity_verified": True, "amount": "500.00"},
    )


async def run_batch(
    client: Client, workflow: type[object], queue: str, tickets: range, at_once: int
) -> float:
    """Tickets a second of one batch, at most `at_once` open at a time."""
    gate = asyncio.Semaphore(at_once)

    async def one(number: int) -> None:
        async with gate:
            task = low_risk_freeze(number)
            try:
                result = await client.execute_workflow(
                    workflow.run,  # type: ignore[attr-defined]  # both have a run method
                    TicketInput(task=task, received_at=datetime.now(UTC)),
                    id=workflow_id(task.task_id),
                    task_queue=queue,
                    execution_timeout=PATIENCE,
                )
            except WorkflowFailureError as failure:
                raise SystemExit(
                    f"ticket {number} of {workflow.__name__} did not end: {failure.cause}"
                ) from failure
            if result.state != "completed":
                raise SystemExit(f"ticket {number} ended as {result.state}: {result.result}")

    started = time.perf_counter()
    await asyncio.gather(*(one(number) for number in tickets))
    return len(tickets) / (time.perf_counter() - started)


async def events_of(client: Client, number: int) -> int:
    """How many events a ticket's history has."""
    handle = client.get_workflow_handle(workflow_id(low_risk_freeze(number).task_id))
    history = await handle.fetch_history()
    return len(history.events)


async def measure(batches: int, size: int, at_once: int, folder: Path) -> dict[str, float | int]:
    """Alternates batches of both and compares them pair by pair."""
    url = f"sqlite:///{folder / 'bench.db'}"
    upgrade(url)
    store = open_store(url)
    server = DevServer(free_port())
    async with Supervisor(folder) as supervisor:
        await supervisor.start(server.child())
        settings = Settings(
            temporal_address=server.address, core_bank_rate=100_000, worker_threads=16, data_dir=folder
        )
        client = await connect(settings)
        activities = activity_set(
            rulebook=RulebookFiles(settings.definitions_dir, handler_specs()),
            bank=InstantBank(),
            senders=dict.fromkeys(Channel, InstantSender()),
            store=store,
            codes=NoCodes(),
        )
        tickets_activities = [
            each for owner in activities.by_queue[Queue.TICKETS] for each in activities_of(owner)
        ]
        by_hand = Worker(
            client,
            task_queue=HANDWRITTEN_QUEUE,
            workflows=[HandwrittenFreezeWorkflow],
            activities=tickets_activities,
            activity_executor=ThreadPoolExecutor(16),
            workflow_runner=workflow_runner(),
            max_concurrent_workflow_tasks=settings.max_workflow_tasks,
        )
        rates: dict[type[object], list[float]] = {TicketWorkflow: [], HandwrittenFreezeWorkflow: []}
        queues: dict[type[object], str] = {
            TicketWorkflow: Queue.TICKETS.value,
            HandwrittenFreezeWorkflow: HANDWRITTEN_QUEUE,
        }
        last: dict[type[object], int] = {}
        async with running_workers(client, activities, settings), by_hand:
            number = 0
            for batch in range(batches + 1):
                order = list(rates) if batch % 2 else list(reversed(rates))
                for workflow in order:
                    numbers = range(number, number + size)
                    number += size
                    rate = await run_batch(client, workflow, queues[workflow], numbers, at_once)
                    last[workflow] = number - 1
                    if batch:  # the first pair warms up
                        rates[workflow].append(rate)
            events = {workflow: await events_of(client, last[workflow]) for workflow in rates}
    store.close()
    pairs = [a / b for a, b in zip(rates[TicketWorkflow], rates[HandwrittenFreezeWorkflow], strict=True)]
    # Batches are equally large, so the harmonic means are the rates over all of them.
    overall = statistics.harmonic_mean(rates[TicketWorkflow]) / statistics.harmonic_mean(
        rates[HandwrittenFreezeWorkflow]
    )
    return {
        "ratio": round(overall, 3),
        "ratio_median": round(statistics.median(pairs), 3),
        "ratio_min": round(min(pairs), 3),
        "ratio_max": round(max(pairs), 3),
        "interpreter_per_s": round(statistics.median(rates[TicketWorkflow]), 2),
        "handwritten_per_s": round(statistics.median(rates[HandwrittenFreezeWorkflow]), 2),
        "events_per_ticket": events[TicketWorkflow],
        "events_handwritten": events[HandwrittenFreezeWorkflow],
        "tickets": number,
        "pairs": len(pairs),
    }


def main() -> None:
    """Parses arguments, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true", help="one flat JSON object")
    parser.add_argument("--batches", type=int, default=16, help="pairs of batches that count")
    parser.add_argument("--size", type=int, default=40, help="tickets in a batch")
    parser.add_argument("--at-once", type=int, default=10, help="tickets open at a time")
    arguments = parser.parse_args()
    # As the worker does for its own workflows: the sandbox must compile neither of the two for each ticket.
    compileall.compile_dir(PROJECT / "bench", quiet=2)
    configure_logs(Settings(log_level="WARNING"))
    with tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(measure(arguments.batches, arguments.size, arguments.at_once, Path(folder)))
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:20} {value}")


if __name__ == "__main__":
    main()
    # Without the interpreter's own shutdown, in which Temporal's core may abort after all is done.
    sys.stdout.flush()
    os._exit(0)
