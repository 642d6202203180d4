"""An SOP of 1,000 steps: how long until it serves, and until a ticket under it has begun its first work.

`python -m bench.large_sop [--json]` measures, each time anew and one after the other:

    load        the YAML text read, validated, and held against every check
    first task  the ticket's first workflow task on a real worker, from when the worker got it until it
                answered: dispatch, pinning, the pinned SOP written and read as a payload, the interpreter
                up to the first bank order

Each load reads a text that no cache has seen; the tickets all run under one SOP, as those of a bank do. The
task is timed by the server's own clock. The collector is set as a worker sets it, `workers.worker`. A
Temporal dev server of its own is started on free ports and stopped.
"""

import argparse
import asyncio
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker

from activities.adapters.store import open_store
from activities.adapters.store.migrations import upgrade
from activities.catalogue import activities_of
from bench.interpreter import low_risk_freeze
from bench.world import InstantBank, InstantSender, NoCodes
from definitions.book import with_people
from definitions.findings import has_errors
from definitions.loader import parse_sop
from definitions.policy_files import read_policies
from definitions.schema import all_steps
from domain.handlers import Queue
from domain.notices import Channel
from workers.activity_set import activity_set, handler_specs
from workers.composition import connect
from workers.dev_server import DevServer
from workers.logs import configure_logs
from workers.rulebook import RulebookFiles
from workers.settings import PROJECT, Settings
from workers.supervisor import Supervisor, free_port
from workers.worker import collect_seldom, compile_workflows
from workflows.contract import TicketInput, workflow_id
from workflows.sandbox import workflow_runner
from workflows.shadow import ShadowWorkflow
from workflows.ticket import TicketWorkflow

STEPS = 1_000
TARGET_MS = 200
"""Of all parts together, at p99."""
_WARM_UP = 3
"""Of each part, not counted."""


def large_sop(number: int, steps: int = STEPS) -> str:
    """An SOP file with this many steps of every kind. Another number gives other names and expressions."""
    written: list[dict[str, Any]] = [{"name": "Assess", "handler": "risk_assessor"}]
    group = 0
    while (left := steps - len(written)) > 0:
        group += 1
        written += _group(f"N{number} G{group}", number * STEPS + group)[:left]
    sop = {
        "name": f"Large {number}",
        "trigger": {"category": "accounts", "action": "freeze"},
        "steps": written,
        "sla": "30d",
    }
    return yaml.dump(sop, sort_keys=False, default_flow_style=None, width=400)


def _group(name: str, number: int) -> list[dict[str, Any]]:
    """Ten steps as procedures have them: an order, a message, people, conditions, checks, a wait."""
    own = name.lower().replace(" ", "_")
    return [
        {"name": f"{name} Freeze", "handler": "core_system_freeze", "retry": 3, "fallback": "manual_freeze"},
        {"name": f"{name} Tell", "handler": "sms_notifier", "timeout": "10s", "async": True},
        {
            "name": f"{name} Ask",
            "review": {"question": "May this go on?", "group": "Compliance Review", "deadline": "2h"},
            "branch": {"yes": [f"{own}_read"], "no": ["reject"]},
        },
        {"name": f"{name} Rest", "wait": {"duration": "10min"}},
        {"name": f"{name} Read", "when": f"fields.n > {number}", "handler": "break_classifier"},
        {"name": f"{name} Papers", "manual": {"instructions": "Get the papers.", "deadline": "1d"}},
        {"name": f"{name} Event", "wait": {"event": "papers", "deadline": "1d", "on_late": "go_on"}},
        {
            "name": f"{name} Again",
            "handler": "sanctions_screener",
            "branch": {"clear": [], "hit": ["reject"]},
        },
        {
            "name": f"{name} Odd",
            "when": f'risk == "high" && size(task.title) > {number}',
            "handler": "break_classifier",
        },
        {
            "name": f"{name} Late",
            "when": f'has(steps.{own}_ask) && steps.{own}_ask.outcome == "yes"',
            "handler": "email_notifier",
        },
    ]


def load_ms(repeats: int) -> list[float]:
    """Milliseconds of each load."""
    policies, _ = read_policies(PROJECT / "definitions" / "policies")
    catalogue = with_people(handler_specs(), policies.people)
    times = []
    for number in range(_WARM_UP + repeats):
        if number == _WARM_UP:
            collect_seldom()
        text = large_sop(number)
        started = time.perf_counter()
        sop, findings = parse_sop(text, catalogue)
        times.append((time.perf_counter() - started) * 1_000)
        if sop is None or has_errors(findings) or len(list(all_steps(sop.steps))) != STEPS:
            raise SystemExit("\n".join(map(str, findings[:10])))
    return times[_WARM_UP:]


async def first_task_ms(repeats: int, folder: Path) -> list[float]:
    """Milliseconds of each first workflow task."""
    definitions = folder / "definitions"
    shutil.copytree(PROJECT / "definitions", definitions)
    for test_cases in definitions.glob("sops/account_freeze.*"):
        test_cases.unlink()
    (definitions / "sops" / "account_freeze.yaml").write_text(large_sop(0), encoding="utf-8")
    url = f"sqlite:///{folder / 'bench.db'}"
    upgrade(url)
    store = open_store(url)
    server = DevServer(free_port())
    async with Supervisor(folder) as supervisor:
        await supervisor.start(server.child())
        client = await connect(Settings(temporal_address=server.address, data_dir=folder))
        activities = activity_set(
            rulebook=RulebookFiles(definitions, handler_specs()),
            bank=InstantBank(),
            senders=dict.fromkeys(Channel, InstantSender()),
            store=store,
            codes=NoCodes(),
        )
        collect_seldom()
        # The queue of the bank has no worker: a ticket goes as far as its first order, and no further.
        worker = Worker(
            client,
            task_queue=Queue.TICKETS,
            workflows=[TicketWorkflow, ShadowWorkflow],
            activities=[
                each for owner in activities.by_queue[Queue.TICKETS] for each in activities_of(owner)
            ],
            activity_executor=ThreadPoolExecutor(4),
            workflow_runner=workflow_runner(),
        )
        async with worker:
            times = [await _first_task(client, number) for number in range(_WARM_UP + repeats)]
    store.close()
    return times[_WARM_UP:]


async def _first_task(client: Client, number: int) -> float:
    task = low_risk_freeze(number)
    handle = await client.start_workflow(
        TicketWorkflow.run,
        TicketInput(task=task, received_at=datetime.now(UTC)),
        id=workflow_id(task.task_id),
        task_queue=Queue.TICKETS,
    )
    try:
        return await _timed(handle)
    finally:
        await handle.terminate("measured")


async def _timed(handle: WorkflowHandle[Any, Any]) -> float:
    """From the start of the first workflow task to its completion, which orders the first activity."""
    started = ended = None
    async with asyncio.timeout(30):
        async for event in handle.fetch_history_events(wait_new_event=True):
            match event.event_type:
                case EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED:
                    started = started or event.event_time.ToDatetime()
                case EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
                    ended = ended or event.event_time.ToDatetime()
                case EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
                    raise SystemExit("the first workflow task failed")
                case EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED if started and ended:
                    return (ended - started) / timedelta(milliseconds=1)
    raise SystemExit("the ticket ended before its first order")


def summed_up(load: Sequence[float], task: Sequence[float]) -> dict[str, float | int]:
    """The figures: percentiles of each part, and of both together."""
    return {
        "steps": STEPS,
        "kilobytes": round(len(large_sop(0).encode()) / 1024, 1),
        "load_p50_ms": percentile(load, 50),
        "load_p99_ms": percentile(load, 99),
        "first_task_p50_ms": percentile(task, 50),
        "first_task_p99_ms": percentile(task, 99),
        "sum_p50_ms": round(percentile(load, 50) + percentile(task, 50), 1),
        "sum_p99_ms": round(percentile(load, 99) + percentile(task, 99), 1),
        "target_ms": TARGET_MS,
        "repeats": len(load),
    }


def percentile(times: Sequence[float], share: int) -> float:
    """Of these times, inclusive: the 99th of 50 is near the worst."""
    return round(statistics.quantiles(times, n=100, method="inclusive")[share - 1], 1)


async def measure(repeats: int, folder: Path) -> dict[str, float | int]:
    """Loads, then runs; nothing else is under way meanwhile."""
    load = load_ms(repeats)
    return summed_up(load, await first_task_ms(repeats, folder))


def main() -> None:
    """Parses arguments, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true", help="one flat JSON object")
    parser.add_argument("--repeats", type=int, default=100, help="how often each part is measured")
    arguments = parser.parse_args()
    compile_workflows()
    configure_logs(Settings(log_level="ERROR"))
    with tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(measure(arguments.repeats, Path(folder)))
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
