"""Routes of the roster: who is on call, holes ahead, overrides, the hand-over sheet."""

from datetime import timedelta
from typing import Annotated, Self

from fastapi import APIRouter, Depends, Path, Query
from pydantic import Field, model_validator

from domain.duration import Duration
from domain.model import Instant, Model
from domain.page_views import HandoverSheet
from domain.people import Principal
from domain.roster import Override
from workers.api.messages import Reason
from workers.api.signin import SignedIn
from workers.desk.roster import RosterDesk, RosterGaps, RosterNow

OverridePath = Annotated[str, Path(min_length=1, max_length=40, description="the override's id")]
_PEOPLE = 10


class RosterFilter(Model):
    """Of which instant."""

    at: Instant | None = Field(default=None, description="an instant with its zone; default: now")


class GapsFilter(Model):
    """How far to look."""

    days: int = Field(default=14, ge=1, le=92, description="how many days ahead")


class SheetFilter(Model):
    """Of whose shift."""

    group: str = Field(
        default="", max_length=100, description="a group of the rotation; empty: the general rotation"
    )


class OverrideRequest(Model):
    """Somebody else for a while."""

    people: tuple[str, ...] = Field(
        default=(), max_length=_PEOPLE, description="paged before everybody else, in this order"
    )
    instead_of: tuple[str, ...] = Field(
        default=(), max_length=_PEOPLE, description="who is not paged meanwhile"
    )
    rotation: str = Field(default="", max_length=100, description="only this one; empty: all")
    starts_at: Instant | None = Field(default=None, description="an instant with its zone; default: now")
    ends_at: Instant | None = Field(default=None, description="an instant with its zone, or `lasts`")
    lasts: Duration | None = Field(default=None, description="how long, such as 8h, from its start")
    why: Reason = Field(description="why; it is kept")

    @model_validator(mode="after")
    def _has_one_end(self) -> Self:
        if (self.ends_at is None) == (self.lasts is None):
            raise ValueError("give ends_at or lasts: an override has one end")
        return self


class WithdrawRequest(Model):
    """Why an override ends before its time."""

    why: Reason = Field(description="why; it is kept")


def roster_routes(desk: RosterDesk, staff: SignedIn) -> APIRouter:
    """The routes under `/on-call/roster`. Staff read; on-call people and operators override."""
    router = APIRouter(prefix="/on-call/roster", tags=["on-call"])
    signed_in = [Depends(staff)]

    @router.get("", summary="Who is on call?", dependencies=signed_in)
    async def show(wanted: Annotated[RosterFilter, Query()]) -> RosterNow:
        """Every rotation with its shift, the order in which people are paged, and the next hand-over."""
        return await desk.now(wanted.at)

    @router.get("/gaps", summary="List holes ahead", dependencies=signed_in)
    async def gaps(wanted: Annotated[GapsFilter, Query()]) -> RosterGaps:
        """Hours in which no shift and no override has anyone, so that only the fallback is paged."""
        return await desk.gaps(wanted.days)

    @router.get("/handover", summary="Show the hand-over sheet", dependencies=signed_in)
    async def handover(wanted: Annotated[SheetFilter, Query()]) -> HandoverSheet:
        """What ran alone in this shift, what waits, holds, expiries, open pages."""
        return await desk.sheet(wanted.group)

    @router.post("/overrides", summary="Override the roster", status_code=201)
    async def override(request: OverrideRequest, principal: Annotated[Principal, Depends(staff)]) -> Override:
        """Puts people on call for a while, or takes some off it. Audited; at most 92 days."""
        starts_at = request.starts_at or desk.clock_now()
        ends_at = request.ends_at or starts_at + (request.lasts or timedelta(0))
        return await desk.override(
            people=request.people,
            instead_of=request.instead_of,
            rotation=request.rotation,
            starts_at=starts_at,
            ends_at=ends_at,
            why=request.why,
            principal=principal,
        )

    @router.post("/overrides/{override_id}/withdraw", summary="End an override")
    async def withdraw(
        override_id: OverridePath,
        request: WithdrawRequest,
        principal: Annotated[Principal, Depends(staff)],
    ) -> Override:
        """Ends it now. Audited."""
        return await desk.withdraw(override_id, why=request.why, principal=principal)

    return router
