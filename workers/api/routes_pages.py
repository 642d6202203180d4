"""Routes of pages: lists and acknowledgement for signed-in staff, and the link for whoever was paged."""

from collections.abc import Callable
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Path, Query
from pydantic import Field
from starlette.responses import HTMLResponse

from domain.errors import OpsloopError
from domain.model import Instant, Model, Record
from domain.page_views import PageView
from domain.people import Principal
from workers.api import page_link
from workers.api.errors import as_problem, refusal
from workers.api.signin import SignedIn
from workers.desk.paging import PageDesk
from workflows.page_contract import AckOutcome

PagePath = Annotated[str, Path(min_length=1, max_length=120, description="the page's id")]


class PageFilter(Model):
    """Which pages to list."""

    open_only: bool = Field(default=False, description="only pages that are not over")
    limit: int = Field(default=50, ge=1, le=500, description="how many at most")


class PageList(Record):
    """Pages, the latest first."""

    pages: tuple[PageView, ...]


class PageShown(Record):
    """A page, everybody whom it told, and the digest of what it shows."""

    view: PageView
    digest: str


class DrillRequest(Model):
    """Whom to rehearse with."""

    group: str = Field(
        default="", max_length=100, description="whose rotation is paged; empty: the general one"
    )


class DrillStarted(Record):
    """A drill that rings now."""

    page_id: str
    group: str
    opened_at: Instant
    ends_at: Instant | None


def page_routes(desk: PageDesk, staff: SignedIn) -> APIRouter:
    """The routes under `/on-call/pages`."""
    router = APIRouter(prefix="/on-call", tags=["on-call"])

    @router.get("/pages", summary="List pages", dependencies=[Depends(staff)])
    async def pages(wanted: Annotated[PageFilter, Query()]) -> PageList:
        """Pages without their notifications, the latest first."""
        return PageList(pages=tuple(await desk.pages(open_only=wanted.open_only, limit=wanted.limit)))

    @router.get("/pages/{page_id}", summary="Show a page", dependencies=[Depends(staff)])
    async def page(page_id: PagePath) -> PageShown:
        """What it says, where it stands, and who was told when on which channel."""
        view = await desk.page(page_id)
        return PageShown(view=view, digest=view.page.digest)

    @router.post("/pages/{page_id}/acknowledge", summary="Acknowledge a page")
    async def acknowledge(page_id: PagePath, principal: Annotated[Principal, Depends(staff)]) -> AckOutcome:
        """Says: I am looking at it. Nobody else is called; nothing is approved.

        403 `not_permitted` for who was not paged and is not on call; 409 `conflict` (somebody else did) or
        `late` (the page is over).
        """
        outcome = await desk.acknowledge(page_id, principal)
        if not outcome.accepted:
            raise refusal(outcome.code, outcome.message)
        return outcome

    @router.post("/drills", summary="Rehearse a page", status_code=201)
    async def drill(request: DrillRequest, principal: Annotated[Principal, Depends(staff)]) -> DrillStarted:
        """Starts a page that is marked as a drill, through roster, channels and link. Audited.

        For on-call people and operators.
        """
        started = await desk.drill(request.group, principal)
        return DrillStarted(
            page_id=started.page_id,
            group=started.group,
            opened_at=started.opened_at,
            ends_at=started.ends_at,
        )

    return router


def link_routes(desk: PageDesk, zone: Callable[[], str]) -> APIRouter:
    """The routes under `/pages`, for people who open a link. The link itself is the proof of who they are."""
    router = APIRouter(prefix="/pages", include_in_schema=False)

    @router.api_route("/{token}", methods=["GET", "HEAD"])
    async def show(token: str) -> HTMLResponse:
        """Shows the page. However often it is opened, nothing changes."""
        try:
            return page_link.shown(await desk.open_link(token), ZoneInfo(zone()))
        except OpsloopError as error:
            return _problem(error)

    @router.post("/{token}")
    async def use(token: str) -> HTMLResponse:
        """Acknowledges the page, once."""
        try:
            return page_link.acted(await desk.use_link(token), ZoneInfo(zone()))
        except OpsloopError as error:
            return _problem(error)

    return router


def _problem(error: OpsloopError) -> HTMLResponse:
    told = as_problem(error)
    return page_link.problem(told.status, str(told))
