"""The route of events: what happened outside, told to the ticket that may wait for it."""

from typing import Annotated

from fastapi import APIRouter, Depends

from domain.people import Principal
from workers.api.errors import refusal
from workers.api.messages import EventRequest
from workers.api.routes_tickets import TicketPath
from workers.api.signin import SignedIn
from workers.desk.events import EventOutcome
from workers.tickets import TicketDesk
from workflows.contract import OutsideEvent


def event_routes(desk: TicketDesk, signed_in: SignedIn) -> APIRouter:
    """The route `/tickets/{task_id}/events`."""
    router = APIRouter(prefix="/tickets", tags=["events"])

    @router.post("/{task_id}/events", summary="Tell a ticket what happened outside")
    async def deliver(
        task_id: TicketPath, request: EventRequest, principal: Annotated[Principal, Depends(signed_in)]
    ) -> EventOutcome:
        """For intake services, and for operators of the ticket's group.

        Counts once for each `event_id`: a repeat gives the same answer with `repeated`. An event that
        comes before the step that waits for it is kept. At most 16 KB of data. After a 503 send the same
        event again.
        """
        event = OutsideEvent(**request.model_dump())
        outcome = await desk.events.deliver(task_id, event, principal=principal)
        if not outcome.accepted:
            raise refusal(outcome.code, outcome.message)
        return outcome

    return router
