"""The expiry workflows: started once a measure, told when the measure is over."""

from temporalio import activity
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from activities.expiry_messages import (
    EXPIRY_QUEUE,
    EXPIRY_WORKFLOW,
    LIFT_SIGNAL,
    ExpiryInput,
    Lifted,
    expiry_workflow_id,
)


class WorkflowExpiries:
    """Implements `Expiries` on Temporal, with the client of the worker that runs the activity."""

    def __init__(self, client: Client | None = None) -> None:
        self._client = client

    async def start(self, start: ExpiryInput) -> None:
        """Starts an expiry; the same measure again, running or over, changes nothing."""
        measure = start.measure
        try:
            await self._temporal().start_workflow(
                EXPIRY_WORKFLOW,
                start,
                id=expiry_workflow_id(measure.measure_id),
                task_queue=EXPIRY_QUEUE,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                static_summary=f"The end of the {measure.kind} of {measure.task_id}",
            )
        except WorkflowAlreadyStartedError:
            return

    async def lift(self, measure_id: str, lifted: Lifted) -> bool:
        """Tells an expiry that its measure is over. False where none runs."""
        handle = self._temporal().get_workflow_handle(expiry_workflow_id(measure_id))
        try:
            await handle.signal(LIFT_SIGNAL, lifted)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return False
        return True

    def _temporal(self) -> Client:
        return self._client or activity.client()
