"""Routes of handlers: how each fares, and which on-call degrades or restores."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field

from domain.duration import Duration
from domain.handler_health import HandlerHealth
from domain.model import Instant, Model, Record
from domain.people import Principal
from workers.api.messages import Reason
from workers.api.signin import SignedIn
from workers.desk.handlers import HandlerDesk, HandlerStatus

_Handler = Annotated[
    str, Field(min_length=1, max_length=130, description="as the list names it: a handler, or http/SERVICE")
]


class HandlerList(Record):
    """Every handler that can become degraded, the degraded first."""

    handlers: tuple[HandlerStatus, ...]


class HandlerDegrade(Model):
    """Keeps a handler degraded. It has exactly one end."""

    handler: _Handler
    until: Instant | None = Field(default=None, description="when it ends, at most 7 days from now")
    lasts: Duration | None = Field(default=None, description="instead: how long it holds, such as 2h")
    reason: Reason = Field(description="why; everybody sees it")


class HandlerRestore(Model):
    """Lets the next call of a handler be tried."""

    handler: _Handler
    reason: Reason = Field(description="why; it is kept")


def handler_routes(desk: HandlerDesk, staff: SignedIn) -> APIRouter:
    """The routes under `/handlers`. Staff read; on-call degrades and restores."""
    router = APIRouter(prefix="/handlers", tags=["handlers"])

    @router.get("/health", summary="How do the handlers fare?", dependencies=[Depends(staff)])
    def status() -> HandlerList:
        """State, failures in a row, the reason of the last one, and when the next probe is due."""
        return HandlerList(handlers=desk.status())

    @router.post("/degrade", summary="Keep a handler degraded for a time")
    async def degrade(
        request: HandlerDegrade, principal: Annotated[Principal, Depends(staff)]
    ) -> HandlerHealth:
        """Needs the role oncall. Steps with a fallback take it at once, and nothing probes the handler."""
        return await desk.degrade(
            request.handler,
            until=request.until,
            lasts=request.lasts,
            reason=request.reason,
            principal=principal,
        )

    @router.post("/restore", summary="Let a handler be tried again")
    async def restore(
        request: HandlerRestore, principal: Annotated[Principal, Depends(staff)]
    ) -> HandlerHealth:
        """Needs the role oncall. 409 where it is not degraded."""
        return await desk.restore(request.handler, reason=request.reason, principal=principal)

    return router
