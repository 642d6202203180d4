"""Temporal as the patrol sees it: lists for the whole, the workflow itself where it matters."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from temporalio import activity
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowUpdateFailedError
from temporalio.service import RPCError, RPCStatusCode

from domain.handlers import Queue
from domain.patrol import Finding, Kind

_TICKETS: Final = "WorkflowType = 'TicketWorkflow' AND ExecutionStatus = 'Running'"
_PREFIX: Final = "ticket-"
_TERMS: Final = "review_terms"
_PAGE: Final = 1_000
_FRESH: Final = timedelta(seconds=150)
"""A poll waits for up to a minute before it is renewed."""
_WAIT: Final = timedelta(seconds=10)
_TRIES: Final = 3
"""Attempts of one workflow task after which it stands still."""
_KINDS: Final = {
    Queue.TICKETS: (TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY),
    **dict.fromkeys(
        (Queue.CORE_BANK, Queue.CHANNELS, Queue.SERVICES), (TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,)
    ),
}


class TemporalPatrolEngine:
    """Implements `PatrolEngine`. Every method raises `RPCError` when Temporal does not answer."""

    def __init__(self, client: Client | None = None) -> None:
        """Without a client, that of the worker which runs the activity."""
        self._given = client

    async def running_tickets(self) -> AsyncIterator[tuple[str, datetime]]:
        """Ids of tickets whose workflow runs, with its real start."""
        async for each in self._client.list_workflows(_TICKETS, page_size=_PAGE):
            if each.id.startswith(_PREFIX):
                yield each.id.removeprefix(_PREFIX), each.start_time

    async def is_running(self, task_id: str) -> bool:
        """Whether a ticket's workflow runs, asked of the workflow itself: lists lag behind."""
        try:
            told = await self._client.get_workflow_handle(f"{_PREFIX}{task_id}").describe(rpc_timeout=_WAIT)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise
        return told.status is WorkflowExecutionStatus.RUNNING

    async def why_stuck(self, task_id: str) -> str:
        """Why a ticket's workflow stands still, in words; empty when it does not."""
        try:
            told = await self._client.get_workflow_handle(f"{_PREFIX}{task_id}").describe(rpc_timeout=_WAIT)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return ""
            raise
        pending = told.raw_description.pending_workflow_task
        if pending.attempt >= _TRIES:
            return f"its workflow task fails: attempt {pending.attempt}"
        return ""

    async def silent_queues(self) -> Sequence[Finding]:
        """The queues that no worker has asked lately."""
        return [
            Finding(kind=Kind.SILENT_QUEUE, subject=queue.value, words="no worker asks for its work")
            for queue, kinds in _KINDS.items()
            if not all([await self._is_served(queue, kind) for kind in kinds])
        ]

    async def review_terms(self, task_id: str) -> bool | None:
        """Has a ticket hold its terms against the policies in force; whether something changed.

        One that has ended meanwhile has nothing to change. None: it did not answer in time.
        """
        handle = self._client.get_workflow_handle(f"{_PREFIX}{task_id}")
        try:
            outcome = await handle.execute_update(_TERMS, rpc_timeout=_WAIT)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            activity.logger.warning("%s did not review its terms: %s", task_id, error)
            return None
        except WorkflowUpdateFailedError as error:
            activity.logger.warning("%s did not review its terms: %s", task_id, error)
            return None
        return isinstance(outcome, dict) and outcome.get("code") == "accepted"

    async def _is_served(self, queue: Queue, kind: TaskQueueType.ValueType) -> bool:
        answer = await self._client.workflow_service.describe_task_queue(
            DescribeTaskQueueRequest(
                namespace=self._client.namespace,
                task_queue=TaskQueue(name=queue.value),
                task_queue_type=kind,
            ),
            timeout=_WAIT,
        )
        now = datetime.now(UTC)
        return any(now - each.last_access_time.ToDatetime(UTC) < _FRESH for each in answer.pollers)

    @property
    def _client(self) -> Client:
        return self._given or activity.client()
