"""Routes of rollouts: start one in shadow, let it serve its share, bring it into force, take it back."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import Field, StringConstraints

from definitions.run_report import RunReport
from domain.model import Model, Record
from domain.people import Principal
from domain.task import Identifier
from workers.api.messages import Reason
from workers.api.routes_definitions import TellsFindings
from workers.api.signin import SignedIn
from workers.rollout import RolloutDesk, RolloutDone
from workers.rollout_reading import RolloutShown

SopName = Annotated[str, StringConstraints(min_length=1, max_length=200)]
_SOP_HELP = "id, name or path of the SOP"
_DESPITE_HELP = "why it goes on although the shadow runs do not suffice; kept"


class StartRequest(Model):
    """A published version of an SOP, and the tickets that it is tried on."""

    sop: SopName = Field(description=_SOP_HELP)
    version: int = Field(ge=1, le=2**31 - 1, description="its number in the rules library")
    categories: tuple[Identifier, ...] = Field(
        default=(), max_length=50, description="only tickets of these; default: all that the SOP serves"
    )
    actions: tuple[Identifier, ...] = Field(
        default=(), max_length=50, description="only these; default: all that the SOP serves"
    )
    why: str = Field(default="", max_length=2000, description="what it is to show")


class ServeRequest(Model):
    """Which share of its tickets the candidate serves."""

    sop: SopName = Field(description=_SOP_HELP)
    percent: int = Field(ge=0, le=100, description="0 takes it back into shadow")
    despite: str = Field(default="", max_length=2000, description=_DESPITE_HELP)


class CompleteRequest(Model):
    """Which candidate comes into force."""

    sop: SopName = Field(description=_SOP_HELP)
    despite: str = Field(default="", max_length=2000, description=_DESPITE_HELP)


class WithdrawRequest(Model):
    """Which candidate is taken back, and why."""

    sop: SopName = Field(description=_SOP_HELP)
    reason: Reason = Field(description="why; it is kept with the rollout")


class RolloutFilter(Model):
    """Whose rollouts to show."""

    sop: SopName | None = Field(default=None, description=f"{_SOP_HELP}; default: the latest of every SOP")


class ReportWanted(Model):
    """Whose run report to show."""

    sop: SopName = Field(description=f"{_SOP_HELP}, or the number of a rollout")


class RolloutList(Record):
    """Rollouts with the outcomes of each version."""

    rollouts: tuple[RolloutShown, ...]


def rollout_routes(desk: RolloutDesk, staff: SignedIn) -> APIRouter:
    """The routes under `/rollouts`. Staff read, authors start, releasers move, both or operators end one."""
    router = APIRouter(prefix="/rollouts", tags=["rollouts"], route_class=TellsFindings)
    signed_in = [Depends(staff)]

    @router.get("", summary="Where do rollouts stand?", dependencies=signed_in)
    def status(wanted: Annotated[RolloutFilter, Query()]) -> RolloutList:
        """Stage, moves, shadow runs, and the outcomes of every version of the SOP side by side."""
        return RolloutList(rollouts=tuple(desk.reading.status(wanted.sop)))

    @router.get("/report", summary="Run report of a rollout", dependencies=signed_in)
    def report(wanted: Annotated[ReportWanted, Query()]) -> RunReport:
        """That of a rollout that has ended is the one that was made then."""
        return desk.reading.report(wanted.sop)

    @router.post("/start", summary="Put a version in shadow")
    def start(request: StartRequest, principal: Annotated[Principal, Depends(staff)]) -> RolloutDone:
        """Needs the role author. 409 while another rollout of the SOP is open; 422 `definition_invalid` with
        `findings` when the version does not fit what is in force.
        """
        return desk.start(
            request.sop,
            request.version,
            categories=request.categories,
            actions=request.actions,
            why=request.why,
            principal=principal,
        )

    @router.post("/serve", summary="Let a candidate serve its share")
    def serve(request: ServeRequest, principal: Annotated[Principal, Depends(staff)]) -> RolloutDone:
        """Needs the role releaser, and nobody lets their own version serve: 403. 409 while the shadow runs do
        not suffice, unless `despite` says why.
        """
        return desk.serve(request.sop, request.percent, despite=request.despite, principal=principal)

    @router.post("/complete", summary="Bring a candidate into force")
    def complete(request: CompleteRequest, principal: Annotated[Principal, Depends(staff)]) -> RolloutDone:
        """Releases it in the rules library and ends the rollout with its run report. As for `serve`."""
        return desk.complete(request.sop, despite=request.despite, principal=principal)

    @router.post("/withdraw", summary="Take a candidate back")
    def withdraw(request: WithdrawRequest, principal: Annotated[Principal, Depends(staff)]) -> RolloutDone:
        """Needs the role operator, author or releaser. At once; tickets that run under it keep it."""
        return desk.withdraw(request.sop, reason=request.reason, principal=principal)

    return router
