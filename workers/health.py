"""The health checks of production's containers: `python -m workers.health worker|api`, exit code 0 or 1.

They read the same settings as the process that they judge.
"""

import argparse
import asyncio
import os
import socket
import sys
from datetime import UTC, datetime, timedelta

import httpx
from pydantic import ValidationError
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

from workers.settings import Settings
from workflows.contract import TASK_QUEUE

_FRESH = timedelta(seconds=150)
"""A poll waits for up to a minute before it is renewed."""


async def polling_workers(client: Client, now: datetime) -> set[str]:
    """The identities (`pid@host`) of the workers that lately asked Temporal for tickets."""
    answer = await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=TASK_QUEUE),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        ),
        timeout=timedelta(seconds=5),
    )
    return {
        poller.identity for poller in answer.pollers if now - poller.last_access_time.ToDatetime(UTC) < _FRESH
    }


async def worker_health(settings: Settings) -> str:
    """Empty when a worker on this host serves tickets, else what is wrong."""
    try:
        client = await Client.connect(settings.temporal_address, namespace=settings.temporal_namespace)
        workers = await polling_workers(client, datetime.now(UTC))
    except (RuntimeError, RPCError) as error:
        return f"Temporal at {settings.temporal_address} does not answer: {error}"
    if any(identity.endswith(f"@{socket.gethostname()}") for identity in workers):
        return ""
    return f"no worker on this host polls {TASK_QUEUE}; others: {', '.join(sorted(workers)) or 'none'}"


async def api_health(settings: Settings) -> str:
    """Empty when the API of this host can work, else what is wrong."""
    url = f"http://127.0.0.1:{settings.api_port}/readyz"
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=5.0) as client:
            answer = await client.get(url)
    except httpx.HTTPError as error:
        return f"{url} does not answer: {error!r}"
    return "" if answer.is_success else f"{url} answers {answer.status_code}: {answer.text}"


def main() -> int:
    """Prints what is wrong, if anything."""
    parser = argparse.ArgumentParser(prog="python -m workers.health", description=__doc__)
    parser.add_argument("process", choices=("worker", "api"))
    process = parser.parse_args().process
    try:
        settings = Settings()
    except ValidationError as error:
        wrong = str(error)
    else:
        wrong = asyncio.run(worker_health(settings) if process == "worker" else api_health(settings))
    if wrong:
        print(wrong, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # Temporal's core may abort in an ordinary exit
