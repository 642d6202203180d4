"""Expiries at the desk: what ends when, renewals, closings."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog
from pydantic import BaseModel
from temporalio.client import Client, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from activities.expiry_messages import (
    CLOSE_UPDATE,
    RENEW_UPDATE,
    Closing,
    ExpiryReply,
    Renewal,
    closing_content,
    expiry_workflow_id,
    purpose_of,
    renewal_content,
)
from activities.ports.expiry import ExpiryBook
from domain.digest import digest_of
from domain.errors import Conflict, NotFound
from domain.expiry import ExpiryView
from domain.people import Principal
from workers.desk.authority import CodeIssuer, Trail
from workers.ticket_workflows import EngineUnavailable

_PATIENCE: Final = timedelta(seconds=10)
_log = structlog.get_logger(__name__)


class ExpiryDesk:
    """Shows expiries, and renews or closes them on behalf of a principal."""

    def __init__(
        self,
        client: Client,
        book: ExpiryBook,
        *,
        codes: CodeIssuer,
        trail: Trail,
        patience: timedelta = _PATIENCE,
    ) -> None:
        self._client = client
        self._book = book
        self._codes = codes
        self._trail = trail
        self._patience = patience

    async def listed(
        self, *, open_only: bool, within: timedelta | None = None, limit: int = 50
    ) -> Sequence[ExpiryView]:
        """Expiries, the next end first. Raises `StoreUnavailable`."""
        until = None if within is None else self._trail.now() + within
        return await asyncio.to_thread(self._book.expiries, open_only=open_only, until=until, limit=limit)

    async def shown(self, measure_id: str) -> ExpiryView:
        """One expiry. Raises `NotFound` and `StoreUnavailable`."""
        found = await asyncio.to_thread(self._book.expiry, measure_id)
        if found is None:
            raise NotFound(f"there is no expiry {measure_id}; `opsloop expiry list` lists them")
        return found

    async def renew(
        self, measure_id: str, *, ends_at: datetime, document_no: str, principal: Principal
    ) -> ExpiryReply:
        """Renews a measure until this instant, on the order with this number.

        What does not count is a reply with `accepted` false. Raises `NotFound`, `Conflict` for an expiry that
        is over, `EngineUnavailable`, `StoreUnavailable`.
        """
        await self.shown(measure_id)
        content = renewal_content(measure_id, ends_at, document_no)
        code = self._codes.issue(principal.id, purpose_of("renew"), measure_id, digest_of(content))
        return await self._send(
            measure_id, RENEW_UPDATE, Renewal(ends_at=ends_at, document_no=document_no, code=code)
        )

    async def close(self, measure_id: str, *, why: str, principal: Principal) -> ExpiryReply:
        """Closes an expiry: nothing is released from here. Replies and raises as `renew` does."""
        await self.shown(measure_id)
        content = closing_content(measure_id, why)
        code = self._codes.issue(principal.id, purpose_of("close"), measure_id, digest_of(content))
        return await self._send(measure_id, CLOSE_UPDATE, Closing(why=why, code=code))

    async def _send(self, measure_id: str, update: str, message: BaseModel) -> ExpiryReply:
        handle = self._client.get_workflow_handle(expiry_workflow_id(measure_id))
        try:
            async with asyncio.timeout(self._patience.total_seconds()):
                reply: ExpiryReply = await handle.execute_update(
                    update, message, result_type=ExpiryReply, rpc_timeout=self._patience
                )
                return reply
        except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError) as error:
            raise EngineUnavailable(
                f"expiry {measure_id} did not confirm in time; look at it before you try again"
            ) from error
        except WorkflowUpdateFailedError as error:
            cause = error.cause
            if isinstance(cause, ApplicationError) and cause.type != "AcceptedUpdateCompletedWorkflow":
                raise Conflict(cause.message) from error
            raise Conflict(f"expiry {measure_id} ended before this was handled") from error
        except (RPCError, RuntimeError) as error:
            if isinstance(error, RPCError) and error.status is RPCStatusCode.NOT_FOUND:
                raise Conflict(f"expiry {measure_id} is over") from error
            _log.warning("expiry.update_failed", measure_id=measure_id, error=str(error))
            raise EngineUnavailable("Temporal cannot be reached; try again") from error
