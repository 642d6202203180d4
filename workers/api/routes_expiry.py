"""Routes of expiries: what outlives its ticket, renewals, closings."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from pydantic import Field

from activities.expiry_messages import ExpiryReply
from domain.expiry import ExpiryView
from domain.model import Instant, Model, Record
from domain.people import Principal
from workers.api.errors import refusal
from workers.api.messages import Reason
from workers.api.signin import SignedIn
from workers.desk.expiry import ExpiryDesk

MeasurePath = Annotated[str, Path(min_length=1, max_length=300, description="the measure's id")]


class ExpiryFilter(Model):
    """Which expiries to list."""

    open_only: bool = Field(default=False, description="only those that are not over")
    days: int | None = Field(default=None, ge=1, le=3660, description="only those that end within these days")
    limit: int = Field(default=50, ge=1, le=500, description="how many at most")


class ExpiryList(Record):
    """Expiries, the next end first."""

    expiries: tuple[ExpiryView, ...]


class RenewRequest(Model):
    """A new order that came before the end."""

    ends_at: Instant = Field(description="the new end, an instant with its zone")
    document_no: str = Field(min_length=1, max_length=60, description="number of the order that renews it")


class CloseRequest(Model):
    """Why a measure is watched no more."""

    why: Reason = Field(description="why; it is kept")


def expiry_routes(desk: ExpiryDesk, staff: SignedIn) -> APIRouter:
    """The routes under `/expiries`. Staff read; reviewers of the measure's group renew and close."""
    router = APIRouter(prefix="/expiries", tags=["expiries"])

    @router.get("", summary="List what ends", dependencies=[Depends(staff)])
    async def expiries(wanted: Annotated[ExpiryFilter, Query()]) -> ExpiryList:
        """Stops and freezes with an end, the next end first."""
        within = None if wanted.days is None else timedelta(days=wanted.days)
        found = await desk.listed(open_only=wanted.open_only, within=within, limit=wanted.limit)
        return ExpiryList(expiries=tuple(found))

    @router.get("/{measure_id}", summary="Show an expiry", dependencies=[Depends(staff)])
    async def expiry(measure_id: MeasurePath) -> ExpiryView:
        """The measure, its law, its end, and where it stands."""
        return await desk.shown(measure_id)

    @router.post("/{measure_id}/renew", summary="Renew a measure")
    async def renew(
        measure_id: MeasurePath, request: RenewRequest, principal: Annotated[Principal, Depends(staff)]
    ) -> ExpiryReply:
        """Moves its end, before the end and within what the law allows. Audited.

        403 `not_permitted` or `four_eyes`; 409 `late` (it has ended); 422 `input_invalid` (the new end).
        """
        return _accepted(
            await desk.renew(
                measure_id, ends_at=request.ends_at, document_no=request.document_no, principal=principal
            )
        )

    @router.post("/{measure_id}/close", summary="Close an expiry")
    async def close(
        measure_id: MeasurePath, request: CloseRequest, principal: Annotated[Principal, Depends(staff)]
    ) -> ExpiryReply:
        """Ends the watch; nothing is released from here. Audited.

        403 `not_permitted` or `four_eyes`; 409 `late` or `conflict` (its release is under way).
        """
        return _accepted(await desk.close(measure_id, why=request.why, principal=principal))

    return router


def _accepted(reply: ExpiryReply) -> ExpiryReply:
    if not reply.accepted:
        raise refusal(reply.code, reply.message)
    return reply
