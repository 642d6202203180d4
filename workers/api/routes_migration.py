"""Routes of migration: which running tickets could move to the SOP in force, and moving one."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from domain.people import Principal
from workers.api.errors import refusal
from workers.api.messages import CommandRequest, MigrationFilter
from workers.api.routes_tickets import TicketPath
from workers.api.signin import SignedIn
from workers.desk.migration import MigrationPlan
from workers.tickets import TicketDesk
from workflows.contract import CommandOutcome


def migration_routes(desk: TicketDesk, signed_in: SignedIn, staff: SignedIn) -> APIRouter:
    """The routes `/migrations` and `/tickets/{task_id}/migrate`."""
    router = APIRouter(tags=["migration"])

    @router.get(
        "/migrations", summary="List what could move to the SOP in force", dependencies=[Depends(staff)]
    )
    async def plan(wanted: Annotated[MigrationFilter, Query()]) -> MigrationPlan:
        """Running tickets on another version, what they finished, and whether that stands.

        Nothing is changed. `objections` says why a ticket cannot be moved.
        """
        return await desk.migration.plan(wanted.sop, wanted.limit)

    @router.post("/tickets/{task_id}/migrate", summary="Move a ticket to the SOP version in force")
    async def migrate(
        task_id: TicketPath,
        request: CommandRequest,
        principal: Annotated[Principal, Depends(signed_in)],
    ) -> CommandOutcome:
        """Needs the role operator. A conflict when what the ticket finished does not stand.

        Nothing runs twice, and its SLA clocks keep the time already spent.
        """
        outcome = await desk.migration.move(task_id, request.reason, principal=principal)
        if not outcome.accepted:
            raise refusal(outcome.code, outcome.message)
        return outcome

    return router
