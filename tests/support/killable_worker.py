"""A whole installation around a worker that kills itself on order, for tests of crashes.

Everything is real: Temporal on a file, the sandbox bank, the sinks, the store, and the worker's own
composition. The worker process only has one interceptor more. It notes every boundary of an activity that
it passes, and ends itself with SIGKILL where an order says so:

    boundaries/<workflow id>    the boundaries passed, one a line
    orders/<workflow id>        the boundary to die at; the worker removes it as its last act

`python -m tests.support.killable_worker FOLDER` is that process. It forks a worker and forks the next one
when that was killed, so that a restart costs no imports.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import httpx
from temporalio import activity
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from activities.adapters.channels import message_id
from activities.adapters.store import Store, open_store
from activities.adapters.store.migrations import upgrade
from domain.lifecycle import ENDS, TicketState
from domain.task import OpsTask
from tests.support.dev_server import RunningDevServer, running_dev_server
from tests.support.sandbox import sandbox_in
from tests.support.sinks import Sinks, running_sinks
from workers.composition import connect, install
from workers.settings import Settings
from workers.worker import running_workers
from workflows.contract import TASK_QUEUE, TicketInput, TicketResult, workflow_id
from workflows.ticket import TicketWorkflow

_ROOT = Path(__file__).resolve().parents[2]
_ORPHAN_CHECK_S = 0.5
_PATIENCE_S = 200
"""A freeze whose worker died is tried again after its 30 seconds; several such deaths still fit."""
_NUMBERS = count(1)


class KillSwitch(Interceptor):
    """Notes the boundaries of activities and dies at the one that is ordered."""

    def __init__(self, folder: Path) -> None:
        self._boundaries = folder / "boundaries"
        self._orders = folder / "orders"

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Boundary(next, self)

    def passed(self, side: str) -> None:
        """Called before and after each execution of an activity, ordinary or local."""
        info = activity.info()
        ticket = str(info.workflow_id)
        boundary = f"{side} {info.activity_type} {info.activity_id}, attempt {info.attempt}"
        with (self._boundaries / ticket).open("a") as passed:
            passed.write(f"{boundary}\n")
        order = self._orders / ticket
        if order.exists() and order.read_text() == boundary:
            order.unlink()
            os.kill(os.getpid(), signal.SIGKILL)


class _Boundary(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, switch: KillSwitch) -> None:
        super().__init__(next)
        self._switch = switch

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        self._switch.passed("before")
        try:
            return await super().execute_activity(input)
        finally:
            self._switch.passed("after")


@dataclass(frozen=True)
class Submitted:
    """A ticket that Temporal has acknowledged."""

    task: OpsTask
    handle: WorkflowHandle[Any, TicketResult]


class CrashSite:
    """A running installation whose worker and Temporal server can be killed."""

    def __init__(
        self, folder: Path, temporal: RunningDevServer, bank_url: str, sinks: Sinks, store: Store
    ) -> None:
        self._folder = folder
        self.temporal = temporal
        self.bank = httpx.Client(base_url=bank_url, trust_env=False)
        self.sinks = sinks
        self.store = store

    async def submit(self, client: Client, *, die_at: str = "") -> Submitted:
        """A customer's own freeze of CNY 1.00, low risk; orders the worker's death before it starts."""
        number = next(_NUMBERS)
        customer = number % 28 + 1
        task = OpsTask(
            task_id=f"K{number}",
            title="Please freeze my account",
            source="test",
            external_id=str(number),
            category="accounts",
            action="freeze",
            account_ref=f"62220202{customer:08d}",
            customer_ref=f"C{customer:04d}",
            fields={
                "authority": "customer",
                "document_no": f"K-{number}",
                "identity_verified": True,
                "amount": "1.00",
            },
        )
        if die_at:
            (self._folder / "orders" / workflow_id(task.task_id)).write_text(die_at)
        handle = await client.start_workflow(
            TicketWorkflow.run,
            TicketInput(task=task),
            id=workflow_id(task.task_id),
            task_queue=TASK_QUEUE,
            # A workflow task that died with its worker is given to the next one after this.
            task_timeout=timedelta(seconds=2),
        )
        return Submitted(task, handle)

    def boundaries(self, ticket: Submitted) -> list[str]:
        """The boundaries that this ticket passed, each once, in their order."""
        lines = (self._folder / "boundaries" / ticket.handle.id).read_text().splitlines()
        return list(dict.fromkeys(lines))

    async def killed(self, ticket: Submitted, seconds: float = 60) -> None:
        """Waits until the worker has died as this ticket's order said."""
        order = self._folder / "orders" / ticket.handle.id
        async with asyncio.timeout(seconds):
            while order.exists():
                await asyncio.sleep(0.02)

    async def check(self, *tickets: Submitted) -> None:
        """Acknowledged means done: once at the bank, at least once to the customer, all of it on record."""
        async with asyncio.timeout(_PATIENCE_S):
            # All of them first: a worker that still dies would leave the queries below without an answer.
            results = [await ticket.handle.result() for ticket in tickets]
        for ticket, result in zip(tickets, results, strict=True):
            assert result.state is TicketState.COMPLETED, result
            assert self.effects(ticket) == {f"{ticket.task.task_id}/execute_freeze/1": 1}
            assert self.told(ticket) >= 1
            reader, task_id = self.store.reader, ticket.task.task_id
            assert list(reader.timeline(task_id)) == await ticket.handle.query(TicketWorkflow.timeline)
            assert reader.view(task_id) == await ticket.handle.query(TicketWorkflow.view)

    def is_running(self, ticket: Submitted) -> bool:
        """Whether the ticket has not ended, as far as the store knows."""
        view = self.store.reader.view(ticket.task.task_id)
        return view is None or view.state not in ENDS

    def effects(self, ticket: Submitted) -> dict[str, int]:
        """The bank's own ledger: how often each order key of the ticket changed an account."""
        rows = self.bank.get("/ledger").raise_for_status().json()
        prefix = f"{ticket.task.task_id}/"
        return {row["key"]: row["effects"] for row in rows if row["key"].startswith(prefix)}

    def told(self, ticket: Submitted) -> int:
        """How often the customer got the one message of this ticket."""
        wanted = message_id(f"{ticket.task.task_id}/notify_customer/1")
        messages = self.sinks.messages(channel="sms", limit=10_000)
        return sum(message["message_id"] == wanted for message in messages)


@contextmanager
def crash_site(folder: Path) -> Iterator[CrashSite]:
    """Starts everything in this folder; ends it with the context."""
    for name in ("boundaries", "orders"):
        (folder / name).mkdir()
    with (
        running_dev_server(folder, file_backed=True) as temporal,
        sandbox_in(folder) as bank,
        running_sinks(folder) as sinks,
    ):
        environment = {
            "OPSLOOP_DATA_DIR": str(folder),
            "OPSLOOP_TEMPORAL_ADDRESS": temporal.address,
            "OPSLOOP_CORE_BANK_URL": bank.base_url,
            "OPSLOOP_CORE_BANK_TIMEOUT_S": "0.3",
            "OPSLOOP_EMAIL_URL": sinks.email_url,
            "OPSLOOP_SMS_URL": sinks.sms_url,
            "OPSLOOP_WECOM_URL": sinks.wecom_url,
        }
        url = f"sqlite:///{folder / 'opsloop.db'}"
        upgrade(url)
        store = open_store(url)
        with (folder / "worker.log").open("ab") as log:
            worker = subprocess.Popen(
                [sys.executable, "-m", "tests.support.killable_worker", str(folder)],
                cwd=_ROOT,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            yield CrashSite(folder, temporal, bank.base_url, sinks, store)
            assert worker.poll() is None, (folder / "worker.log").read_text()[-2000:]
        finally:
            worker.terminate()
            worker.wait(timeout=20)
            store.close()


async def _serve(folder: Path, parent: int) -> None:
    settings = Settings()
    activities = install(settings).activities()
    client = await connect(settings)
    async with running_workers(client, activities, settings, interceptors=(KillSwitch(folder),)):
        while os.getppid() == parent:
            await asyncio.sleep(_ORPHAN_CHECK_S)


def _run(folder: Path) -> None:
    """Forks workers, one after the other, as long as they die of SIGKILL."""
    parent = os.getpid()
    while True:
        began = time.monotonic()
        child = os.fork()
        if child == 0:
            asyncio.run(_serve(folder, parent))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(f"worker {child} lived {time.monotonic() - began:.1f} s, status {status}", flush=True)
        if not (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL):
            sys.exit(f"the worker ended by itself: status {status}")


if __name__ == "__main__":
    _run(Path(sys.argv[1]))
