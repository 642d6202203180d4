"""Ticket workflows as a client meets them: every failure of Temporal told apart, every wait bounded."""

import asyncio
from datetime import timedelta
from typing import ClassVar, Final, TypeVar

import structlog
from pydantic import BaseModel
from temporalio.client import (
    Client,
    WorkflowQueryFailedError,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import OpsloopError
from workflows.contract import TASK_QUEUE, WORKFLOW_TYPE, TicketInput, workflow_id

LATE: Final = "late"

_Answer = TypeVar("_Answer")
_log = structlog.get_logger(__name__)


class EngineUnavailable(OpsloopError):
    """Temporal, or the workers behind it, did not answer in time."""

    code: ClassVar[str] = "engine_unavailable"
    retryable: ClassVar[bool] = True


class MessageRefused(OpsloopError):
    """The workflow did not take a message. `refusal` is the stable code; `late` when it runs no more."""

    code: ClassVar[str] = "message_refused"

    def __init__(self, refusal: str, message: str) -> None:
        super().__init__(message)
        self.refusal = refusal


class TicketWorkflows:
    """Starts, asks and updates the workflows of tickets."""

    def __init__(
        self,
        client: Client,
        *,
        start_patience: timedelta = timedelta(seconds=5),
        update_patience: timedelta = timedelta(seconds=10),
        query_patience: timedelta = timedelta(seconds=2),
    ) -> None:
        self._client = client
        self._start_patience = start_patience
        self._update_patience = update_patience
        self._query_patience = query_patience

    async def start(self, ticket: TicketInput) -> bool:
        """Starts a ticket's workflow. True when it had already run to its end before.

        Raises `EngineUnavailable`; starting the same ticket again is safe.
        """
        task = ticket.task
        try:
            async with asyncio.timeout(self._start_patience.total_seconds()):
                await self._client.start_workflow(
                    WORKFLOW_TYPE,
                    ticket,
                    id=workflow_id(task.task_id),
                    task_queue=TASK_QUEUE,
                    id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                    id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                    static_summary=f"Ticket {task.task_id} from {task.source}",
                    rpc_timeout=self._start_patience,
                )
        except WorkflowAlreadyStartedError:
            return True
        except (TimeoutError, RPCError, RuntimeError) as error:
            _log.warning("ticket.start_failed", task_id=task.task_id, error=str(error))
            raise EngineUnavailable(
                "Temporal cannot be reached; the ticket's place is kept: hand the same ticket in again"
            ) from error
        return False

    async def update(self, task_id: str, name: str, argument: BaseModel, answer: type[_Answer]) -> _Answer:
        """Sends an Update and waits for its answer. Raises `MessageRefused` and `EngineUnavailable`."""
        handle = self._client.get_workflow_handle(workflow_id(task_id))
        try:
            async with asyncio.timeout(self._update_patience.total_seconds()):
                result: _Answer = await handle.execute_update(
                    name, argument, result_type=answer, rpc_timeout=self._update_patience
                )
                return result
        except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError) as error:
            raise EngineUnavailable(
                f"ticket {task_id} did not confirm in time; look at it before you try again: "
                "the message may still be taken"
            ) from error
        except WorkflowUpdateFailedError as error:
            raise _refusal(error.cause) from error
        except (RPCError, RuntimeError) as error:
            if _not_found(error):
                raise MessageRefused(LATE, f"ticket {task_id} has no running workflow") from error
            _log.warning("ticket.update_failed", task_id=task_id, update=name, error=str(error))
            raise EngineUnavailable("Temporal cannot be reached; try again") from error

    async def query(self, task_id: str, name: str, answer: type[_Answer]) -> _Answer | None:
        """The answer of a Query; None when Temporal does not know the ticket. Raises `EngineUnavailable`."""
        handle = self._client.get_workflow_handle(workflow_id(task_id))
        try:
            async with asyncio.timeout(self._query_patience.total_seconds()):
                result: _Answer = await handle.query(
                    name, result_type=answer, rpc_timeout=self._query_patience
                )
                return result
        except (TimeoutError, RPCError, RuntimeError, WorkflowQueryFailedError) as error:
            if _not_found(error):
                return None
            _log.info("ticket.query_failed", task_id=task_id, query=name, error=str(error))
            raise EngineUnavailable(f"the workflow of ticket {task_id} does not answer now") from error

    async def check(self) -> None:
        """Raises `EngineUnavailable` unless the Temporal frontend answers."""
        try:
            async with asyncio.timeout(self._query_patience.total_seconds()):
                if await self._client.service_client.check_health(timeout=self._query_patience):
                    return
        except (TimeoutError, RPCError, RuntimeError) as error:
            raise EngineUnavailable("Temporal cannot be reached") from error
        raise EngineUnavailable("Temporal is not serving")


def _not_found(error: BaseException) -> bool:
    return isinstance(error, RPCError) and error.status is RPCStatusCode.NOT_FOUND


def _refusal(cause: BaseException) -> MessageRefused:
    """What a failed update says: its stable code and its words."""
    if not isinstance(cause, ApplicationError):
        return MessageRefused("refused", str(cause))
    if cause.type == "AcceptedUpdateCompletedWorkflow":
        return MessageRefused(LATE, "the ticket ended before the message was handled")
    return MessageRefused(cause.type or "refused", cause.message)
