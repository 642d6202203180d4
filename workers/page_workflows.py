"""Page workflows as a client meets them: every failure of Temporal told apart, every wait bounded."""

import asyncio
from datetime import timedelta
from typing import Final

import structlog
from temporalio.client import (
    Client,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from workers.ticket_workflows import LATE, EngineUnavailable, MessageRefused
from workflows.page_contract import (
    ACKNOWLEDGE_UPDATE,
    PAGE_QUEUE,
    PAGE_WORKFLOW,
    Acknowledgement,
    AckOutcome,
    PageInput,
    page_workflow_id,
)

_PATIENCE: Final = timedelta(seconds=10)
_log = structlog.get_logger(__name__)


class PageWorkflows:
    """Starts pages and takes acknowledgements to them."""

    def __init__(self, client: Client, *, patience: timedelta = _PATIENCE) -> None:
        self._client = client
        self._patience = patience

    async def start(self, start: PageInput) -> None:
        """Starts a page. The same page again, running or over, is the same page.

        Raises `EngineUnavailable`.
        """
        page = start.page
        try:
            async with asyncio.timeout(self._patience.total_seconds()):
                await self._client.start_workflow(
                    PAGE_WORKFLOW,
                    start,
                    id=page_workflow_id(page.page_id),
                    task_queue=PAGE_QUEUE,
                    id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                    id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                    static_summary=f"{'drill' if page.drill else 'page'} of {page.group or 'everybody'}",
                    rpc_timeout=self._patience,
                )
        except WorkflowAlreadyStartedError:
            return
        except (TimeoutError, RPCError, RuntimeError) as error:
            _log.warning("page.start_failed", page_id=page.page_id, error=str(error))
            raise EngineUnavailable("Temporal cannot be reached; nobody was paged: try again") from error

    async def acknowledge(self, page_id: str, acknowledgement: Acknowledgement) -> AckOutcome:
        """Acknowledges a page. Raises `MessageRefused` (`late`: it runs no more) and `EngineUnavailable`."""
        handle = self._client.get_workflow_handle(page_workflow_id(page_id))
        try:
            async with asyncio.timeout(self._patience.total_seconds()):
                outcome: AckOutcome = await handle.execute_update(
                    ACKNOWLEDGE_UPDATE,
                    acknowledgement,
                    result_type=AckOutcome,
                    rpc_timeout=self._patience,
                )
                return outcome
        except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError) as error:
            raise EngineUnavailable(
                f"page {page_id} did not confirm in time; look at it before you try again"
            ) from error
        except WorkflowUpdateFailedError as error:
            cause = error.cause
            refusal = cause.type if isinstance(cause, ApplicationError) and cause.type else "refused"
            ended = refusal == "AcceptedUpdateCompletedWorkflow"
            raise MessageRefused(LATE if ended else refusal, str(cause)) from error
        except (RPCError, RuntimeError) as error:
            if isinstance(error, RPCError) and error.status is RPCStatusCode.NOT_FOUND:
                raise MessageRefused(LATE, f"page {page_id} rings no more") from error
            _log.warning("page.acknowledge_failed", page_id=page_id, error=str(error))
            raise EngineUnavailable("Temporal cannot be reached; try again") from error
