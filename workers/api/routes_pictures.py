"""The route of pictures: the SOP that a ticket pinned, with the way that the ticket took through it."""

from collections.abc import Callable
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Response

from domain.errors import NotFound
from domain.people import Principal
from workers.api.routes_tickets import TicketPath
from workers.api.signin import SignedIn
from workers.desk.authority import reads_all
from workers.pictures.ticket import ticket_picture
from workers.tickets import TicketDesk

_TYPES: Final = {"svg": "image/svg+xml", "mermaid": "text/plain; charset=utf-8"}
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"


def picture_routes(desk: TicketDesk, signed_in: SignedIn, zone: Callable[[], str]) -> APIRouter:
    """The route `/tickets/{task_id}/graph`. `zone` is the bank's, in which the picture gives times."""
    router = APIRouter(prefix="/tickets", tags=["tickets"])

    @router.get(
        "/{task_id}/graph",
        summary="The ticket's procedure as a picture, with the path it took",
        response_class=Response,
        responses={200: {"content": {"image/svg+xml": {}, "text/plain": {}}}},
    )
    async def graph(
        task_id: TicketPath,
        principal: Annotated[Principal, Depends(signed_in)],
        wanted: Annotated[
            Literal["svg", "mermaid"], Query(alias="format", description="svg, or mermaid as text")
        ] = "svg",
    ) -> Response:
        """The SOP as the ticket pinned it: later edits of the definitions do not change the picture.

        When Temporal no longer has the history of a ticket, its SOP comes from the definitions that are
        served or were published; 404 where they do not have that version. After a 503 try again: the workflow
        that keeps the SOP did not answer.
        """
        shown = await desk.reading.view(task_id)
        if not reads_all(principal) and shown.view.maker != principal.id:
            raise NotFound(f"there is no ticket {task_id}")
        pinned = await desk.reading.sop(shown)
        timeline = await desk.reading.timeline(shown)
        picture = ticket_picture(pinned, shown.view, timeline.events, ZoneInfo(zone()), wanted)
        return Response(picture, media_type=_TYPES[wanted], headers={"Content-Security-Policy": _POLICY})

    return router
