"""Routes of the duty mode: which holds and why, overrides, and authority that was withdrawn."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import Field

from domain.duration import Duration
from domain.model import Instant, Model, Record
from domain.people import Principal
from domain.standing import DutyOverride, Withdrawal
from workers.api.messages import Reason
from workers.api.signin import SignedIn
from workers.desk.duty import DutyDesk, DutyShown


class DutyWanted(Model):
    """For which instant to show the mode."""

    at: Instant | None = Field(default=None, description="ISO 8601 with a zone; default: now")


class DutyRequest(Model):
    """An override of the mode. It has exactly one end."""

    mode: str = Field(min_length=1, max_length=100, description="a mode of policies/duty.yaml")
    until: Instant | None = Field(default=None, description="when it ends, at most 7 days from now")
    lasts: Duration | None = Field(default=None, description="instead: how long it holds, such as 4h")
    reason: Reason = Field(description="why; everybody sees it")


class DutyClear(Model):
    """Ends an override."""

    reason: Reason = Field(description="why; it is kept")


class AuthorityFilter(Model):
    """Which withdrawals to list."""

    all: bool = Field(default=False, description="also those that were given back")


class AuthorityList(Record):
    """Withdrawals of automatic authority, the newest first."""

    withdrawals: tuple[Withdrawal, ...]


class RestoreRequest(Model):
    """Gives a kind its automatic authority back."""

    kind: str = Field(min_length=1, max_length=200, description="category/action, as the list names it")
    reason: Reason = Field(description="why; it is kept")


def duty_routes(desk: DutyDesk, staff: SignedIn) -> APIRouter:
    """The routes under `/duty`. Staff read, on-call sets the mode, releasers give authority back."""
    router = APIRouter(prefix="/duty", tags=["duty"])

    @router.get("", summary="Which mode holds, and why", dependencies=[Depends(staff)])
    def show(wanted: Annotated[DutyWanted, Query()]) -> DutyShown:
        """The mode by clock, calendar or override, its next change, what each risk does in it, and the kinds
        of which nothing runs by itself.
        """
        return desk.show(wanted.at)

    @router.post("/override", summary="Set the mode for a time")
    def override(request: DutyRequest, principal: Annotated[Principal, Depends(staff)]) -> DutyOverride:
        """Needs the role oncall. Another override that holds ends here. 422 without an end, or with one more
        than 7 days away.
        """
        return desk.set(
            request.mode,
            until=request.until,
            lasts=request.lasts,
            reason=request.reason,
            principal=principal,
        )

    @router.post("/clear", summary="Let the clock's mode hold again")
    def clear(request: DutyClear, principal: Annotated[Principal, Depends(staff)]) -> DutyOverride:
        """Needs the role oncall. 404 when no override is in force."""
        return desk.clear(reason=request.reason, principal=principal)

    @router.get("/authority", summary="Kinds of which nothing runs by itself", dependencies=[Depends(staff)])
    def authority(wanted: Annotated[AuthorityFilter, Query()]) -> AuthorityList:
        """Spot checks objected to them more often than the policy bears."""
        return AuthorityList(withdrawals=tuple(desk.authority(open_only=not wanted.all)))

    @router.post("/authority/restore", summary="Give automatic authority back")
    def restore(request: RestoreRequest, principal: Annotated[Principal, Depends(staff)]) -> Withdrawal:
        """Needs the role releaser. The kind's spot checks count anew. 404 when it is not withdrawn."""
        return desk.restore(request.kind, reason=request.reason, principal=principal)

    return router
