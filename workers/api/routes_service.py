"""Routes of the service itself: health, who am I, the audit log, the documentation page."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import HTMLResponse

from activities.ports import AuditLog
from domain.people import Principal, Role
from workers.api.docs_page import docs_page
from workers.api.messages import AuditFilter, AuditPage, Health, WhoAmI
from workers.api.signin import SignedIn
from workers.desk.authority import require
from workers.tickets import TicketDesk


def service_routes(desk: TicketDesk, audit: AuditLog, signed_in: SignedIn) -> APIRouter:
    """The routes beside tickets and reviews."""
    router = APIRouter(tags=["service"])

    @router.get("/healthz", summary="Is the process alive?")
    async def healthz() -> Health:
        """Always `ok` while the process answers. Needs no token."""
        return Health(status="ok")

    @router.get("/readyz", summary="Can the service work?")
    async def readyz() -> Health:
        """`ready` when Temporal and the store answer, else 503 naming the one that does not. No token."""
        await desk.reading.check()
        return Health(status="ready")

    @router.get("/whoami", summary="Who does the token say I am?")
    async def whoami(principal: Annotated[Principal, Depends(signed_in)]) -> WhoAmI:
        """The principal with the roles and groups that the directory gives it now."""
        return WhoAmI.of(principal)

    @router.get("/audit", summary="Read the audit log")
    def entries(
        wanted: Annotated[AuditFilter, Query()], principal: Annotated[Principal, Depends(signed_in)]
    ) -> AuditPage:
        """Needs the role auditor."""
        require(principal, Role.AUDITOR, "read the audit log")
        return AuditPage(entries=tuple(audit.entries(task_id=wanted.task_id, limit=wanted.limit)))

    @router.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> HTMLResponse:
        return docs_page(request.app.openapi())

    return router
