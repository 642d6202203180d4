"""Routes of tickets: hand in, list, show, command."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query, Response

from activities.ports import TicketReader
from domain.errors import NotFound
from domain.people import Principal
from workers.api.errors import refusal
from workers.api.messages import (
    CommandRequest,
    Links,
    ReassignRequest,
    StepRequest,
    TicketAccepted,
    TicketFilter,
    TicketList,
    TicketShown,
)
from workers.api.signin import SignedIn
from workers.desk.authority import reads_all
from workers.desk.reading import TicketAsOf, TimelineAsOf
from workers.settings import Settings
from workers.ticket_request import TicketRequest
from workers.tickets import TicketDesk
from workflows.contract import Command, CommandOutcome, workflow_id

TicketPath = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$", description="the ticket's id")]

_COMMANDS: Final = {
    "hold": ("hold", "Hold: the service clock stands still until the ticket is resumed"),
    "resume": ("resume", "Resume a ticket on hold"),
    "cancel": ("cancel", "Cancel the ticket"),
    "claim": ("claim", "Claim: you work on it, and what gets no worse alerts nobody again"),
    "unclaim": ("unclaim", "Give a claimed ticket back: nobody works on it any more"),
}
_STEP_COMMANDS: Final = {
    "retry": ("retry_step", "Retry a step that failed"),
    "skip": ("skip_step", "Skip a step that failed; skipping a control makes the ticket high risk"),
}


def ticket_routes(
    desk: TicketDesk, reader: TicketReader, settings: Settings, signed_in: SignedIn, staff: SignedIn
) -> APIRouter:
    """The routes under `/tickets`."""
    router = APIRouter(prefix="/tickets", tags=["tickets"])

    async def shown_to(task_id: str, principal: Principal) -> TicketAsOf:
        """The ticket, if the principal may read it. To strangers it does not exist."""
        shown = await desk.reading.view(task_id)
        if not reads_all(principal) and shown.view.maker != principal.id:
            raise NotFound(f"there is no ticket {task_id}")
        return shown

    @router.post("", status_code=202, summary="Hand a ticket in, exactly once")
    async def submit(
        request: TicketRequest, principal: Annotated[Principal, Depends(signed_in)], response: Response
    ) -> TicketAccepted:
        """Answers when the ticket is durable. The same body again gives the same answer with `repeated`.

        The same source and external id with another body is a conflict. After a 503 hand the same ticket
        in again: nothing is lost and nothing runs twice.
        """
        receipt = await desk.intake.submit(request, principal)
        links = _links(receipt.task_id, settings)
        response.headers["Location"] = links["self"]
        return TicketAccepted(**dict(receipt), links=links)

    @router.get("", summary="List tickets", dependencies=[Depends(staff)])
    def tickets(wanted: Annotated[TicketFilter, Query()]) -> TicketList:
        """The read model's list. It may lag behind the workflows by a moment."""
        return TicketList(tickets=tuple(reader.tickets(**wanted.model_dump())))

    @router.get("/{task_id}", summary="Show a ticket")
    async def ticket(task_id: TicketPath, principal: Annotated[Principal, Depends(signed_in)]) -> TicketShown:
        """The whole state as last recorded, or live from the workflow where nothing is yet: see `as_of`."""
        shown = await shown_to(task_id, principal)
        return TicketShown(**dict(shown), links=_links(task_id, settings))

    @router.get("/{task_id}/timeline", summary="Show what happened to a ticket")
    async def timeline(
        task_id: TicketPath, principal: Annotated[Principal, Depends(signed_in)]
    ) -> TimelineAsOf:
        """Every event in order, with who, when and why."""
        return await desk.reading.timeline(await shown_to(task_id, principal))

    @router.post("/{task_id}/reassign", tags=["commands"], summary="Give the ticket to another group")
    async def reassign(
        task_id: TicketPath,
        request: ReassignRequest,
        principal: Annotated[Principal, Depends(signed_in)],
    ) -> CommandOutcome:
        """Needs the role operator."""
        return await give("reassign", task_id, request, principal)

    async def give(verb: str, task_id: str, request: CommandRequest, principal: Principal) -> CommandOutcome:
        command = Command(**request.model_dump())
        outcome = await desk.commands.give(verb, task_id, command, principal=principal)
        if not outcome.accepted:
            raise refusal(outcome.code, outcome.message)
        return outcome

    def command(verb: str) -> Callable[..., Awaitable[CommandOutcome]]:
        async def run(
            task_id: TicketPath,
            request: CommandRequest,
            principal: Annotated[Principal, Depends(signed_in)],
        ) -> CommandOutcome:
            """Needs the role operator."""
            return await give(verb, task_id, request, principal)

        return run

    def step_command(verb: str) -> Callable[..., Awaitable[CommandOutcome]]:
        async def run(
            task_id: TicketPath,
            request: StepRequest,
            principal: Annotated[Principal, Depends(signed_in)],
        ) -> CommandOutcome:
            """Needs the role operator. Where several steps have failed, `step` says which."""
            return await give(verb, task_id, request, principal)

        return run

    def add(name: str, route: Callable[..., Any], summary: str) -> None:
        router.add_api_route(
            f"/{{task_id}}/{name}", route, methods=["POST"], name=name, tags=["commands"], summary=summary
        )

    for name, (verb, summary) in _COMMANDS.items():
        add(name, command(verb), summary)
    for name, (verb, summary) in _STEP_COMMANDS.items():
        add(name, step_command(verb), summary)
    return router


def _links(task_id: str, settings: Settings) -> Links:
    history = f"namespaces/{settings.temporal_namespace}/workflows/{workflow_id(task_id)}"
    return {
        "self": f"/tickets/{task_id}",
        "timeline": f"/tickets/{task_id}/timeline",
        "temporal_ui": f"{settings.temporal_ui_url.rstrip('/')}/{history}",
    }
