"""Routes of spot checks: what ran by itself at night and waits for a person to look at it."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from pydantic import Field

from domain.model import Model, Record
from domain.people import Principal
from domain.spot_check import CheckReply, CheckState, CheckVerb, ListedCheck
from workers.api.errors import refusal
from workers.api.messages import Reason
from workers.api.signin import SignedIn
from workers.desk.spot_checks import SpotCheckDesk

TaskPath = Annotated[str, Path(min_length=1, max_length=64, description="the id of the checked ticket")]


class CheckFilter(Model):
    """Which checks to list."""

    state: CheckState | None = Field(default=None, description="only checks in this state")
    group: str | None = Field(default=None, max_length=100, description="only checks of this group")
    mine: bool = Field(default=False, description="only checks that I may answer")
    limit: int = Field(default=200, ge=1, le=1000, description="how many at most")


class CheckList(Record):
    """Checks, the open ones first by when they are due."""

    checks: tuple[ListedCheck, ...]


class CheckRequest(Model):
    """A person's answer."""

    verb: CheckVerb
    reason: Reason = Field(description="what was looked at, or what is wrong; it is kept")


def spot_check_routes(desk: SpotCheckDesk, staff: SignedIn) -> APIRouter:
    """The routes under `/spot-checks`. Reviewers of the group answer, never who had a hand in the ticket."""
    router = APIRouter(prefix="/spot-checks", tags=["spot checks"])

    @router.get("", summary="List spot checks")
    async def listed(
        wanted: Annotated[CheckFilter, Query()], principal: Annotated[Principal, Depends(staff)]
    ) -> CheckList:
        """Open ones first, by when they are due; then the latest others, those left out among them."""
        found = await desk.listed(
            state=wanted.state,
            group=wanted.group,
            for_whom=principal if wanted.mine else None,
            limit=wanted.limit,
        )
        return CheckList(checks=tuple(found))

    @router.get("/{task_id}", summary="Show a spot check", dependencies=[Depends(staff)])
    async def shown(task_id: TaskPath) -> ListedCheck:
        """What is to be looked at, by when, and what came of it."""
        return await desk.shown(task_id)

    @router.post("/{task_id}/answer", summary="Pass or object")
    async def answer(
        task_id: TaskPath, request: CheckRequest, principal: Annotated[Principal, Depends(staff)]
    ) -> CheckReply:
        """The ticket stays as it is; an objection opens a ticket that puts it right, and counts towards the
        bound above which its kind runs by itself no more. 403 `not_permitted` or `four_eyes`; 409 when it is
        over.
        """
        reply = await desk.answer(task_id, request.verb, reason=request.reason, principal=principal)
        if not reply.accepted:
            raise refusal(reply.code, reply.message)
        return reply

    return router
