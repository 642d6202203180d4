"""Routes of reviews: what waits for a person, and the person's answer."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from activities.ports import TicketReader
from domain.people import Principal, Role
from domain.review import Decision, DecisionOutcome, ReviewRequest
from workers.api.errors import refusal
from workers.api.messages import CodeShown, DecisionRequest, ReviewFilter, ReviewList, ReviewShown
from workers.api.signin import SignedIn
from workers.settings import Settings
from workers.tickets import TicketDesk

ReviewPath = Annotated[str, Path(min_length=1, max_length=100, description="the review's id")]


def review_routes(desk: TicketDesk, reader: TicketReader, settings: Settings, staff: SignedIn) -> APIRouter:
    """The routes under `/reviews`. Who may answer depends on the review: its role, its group, four eyes."""
    router = APIRouter(prefix="/reviews", tags=["reviews"])

    @router.get("", summary="List the reviews that wait")
    def reviews(
        wanted: Annotated[ReviewFilter, Query()], principal: Annotated[Principal, Depends(staff)]
    ) -> ReviewList:
        """Open reviews, the oldest first."""
        waiting = reader.open_reviews(group=wanted.group)
        if wanted.mine:
            waiting = [each for each in waiting if _is_for(each, principal)]
        return ReviewList(reviews=tuple(_shown(each) for each in waiting))

    @router.get("/{review_id}", summary="Show a review", dependencies=[Depends(staff)])
    async def review(review_id: ReviewPath) -> ReviewShown:
        """The question, the evidence, the effects that an approval covers, and the digest of it all."""
        return _shown(await desk.reading.review(review_id))

    @router.post("/{review_id}/decision", summary="Approve or reject")
    async def decide(
        review_id: ReviewPath, request: DecisionRequest, principal: Annotated[Principal, Depends(staff)]
    ) -> DecisionOutcome:
        """Sends the answer to the ticket and tells what became of it.

        Where several must approve, the message says how many have. 403 `not_permitted` or `four_eyes`;
        409 `content_changed` (the review is not what was shown), `conflict` (you have approved already)
        or `late` (decided before, or the ticket has ended); 422 `choice_missing`, `reason_missing`,
        `form_invalid` (the message names each field).
        """
        decision = Decision(review_id=review_id, **request.model_dump(exclude={"digest"}))
        outcome = await desk.reviews.decide(decision, digest=request.digest, principal=principal)
        if not outcome.accepted:
            raise refusal(outcome.code, outcome.message)
        return outcome

    @router.post("/{review_id}/code", summary="Get a decision code")
    async def code(review_id: ReviewPath, principal: Annotated[Principal, Depends(staff)]) -> CodeShown:
        """A short-lived code with which you can answer from the Temporal UI. It is yours alone."""
        issued = await desk.reviews.decision_code(review_id, principal)
        return CodeShown(**dict(issued), expires_in_s=settings.decision_code_ttl_s)

    return router


def _shown(review: ReviewRequest) -> ReviewShown:
    return ReviewShown(review=review, digest=review.digest)


def _is_for(review: ReviewRequest, principal: Principal) -> bool:
    in_group = not review.group or review.group in principal.groups or principal.may(Role.ADMIN)
    return in_group and review.role in principal.roles
