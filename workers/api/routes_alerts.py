"""Routes of alerts: what was told to whom, why somebody was not told, and who has it."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from pydantic import Field

from activities.alert_messages import AlertAckOutcome
from domain.alert_events import ListedDeskAlert, LoggedAlert
from domain.alerts import AlertLevel
from domain.model import Model, Record
from domain.people import Principal
from workers.api.errors import refusal
from workers.api.routes_tickets import TicketPath
from workers.api.signin import SignedIn
from workers.desk.alerts import AlertOffice

AlertPath = Annotated[
    str, Path(pattern=r"^A[A-Z2-7]{9}$", description="the consolidated alert's id, such as A7KQ2XMZ4P")
]


class AlertFilter(Model):
    """Which alerts to list."""

    group: str | None = Field(default=None, max_length=100, description="only alerts of this group")
    level: AlertLevel | None = Field(default=None, description="only alerts of this level")
    open_only: bool = Field(
        default=False, description="only alerts that nobody has acknowledged and whose tickets run"
    )
    limit: int = Field(default=50, ge=1, le=500, description="how many at most")


class AlertList(Record):
    """Consolidated alerts, the latest first."""

    alerts: tuple[ListedDeskAlert, ...]


class TicketAlerts(Record):
    """Every alert that a ticket raised, in their order: its fate, the reason, and who was told."""

    alerts: tuple[LoggedAlert, ...]


def alert_routes(office: AlertOffice, staff: SignedIn) -> APIRouter:
    """The routes under `/alerts`, and a ticket's alerts. Staff read; the group and on-call acknowledge."""
    router = APIRouter(tags=["alerts"])

    @router.get("/alerts", summary="List alerts", dependencies=[Depends(staff)])
    async def alerts(wanted: Annotated[AlertFilter, Query()]) -> AlertList:
        """Each is what a group's desk made of alerts of one level: how many tickets, the most urgent one,
        how often it was sent, and who has it.
        """
        found = await office.desk_alerts(
            group=wanted.group, level=wanted.level, open_only=wanted.open_only, limit=wanted.limit
        )
        return AlertList(alerts=tuple(found))

    @router.get(
        "/tickets/{task_id}/alerts", summary="Why was I (not) alerted?", dependencies=[Depends(staff)]
    )
    async def alerts_of(task_id: TicketPath) -> TicketAlerts:
        """Every alert of a ticket with its one fate and the reason; people are ids and group names."""
        return TicketAlerts(alerts=tuple(await office.alerts_of(task_id)))

    @router.post("/alerts/{desk_alert_id}/ack", summary="Acknowledge an alert")
    async def acknowledge(
        desk_alert_id: AlertPath, principal: Annotated[Principal, Depends(staff)]
    ) -> AlertAckOutcome:
        """You have its tickets: they do not alert again unless they get worse. It approves nothing.

        Operators and reviewers of the group, and whoever may be on call; 403 for others. Repeating is safe.
        """
        outcome = await office.acknowledge(desk_alert_id, principal)
        if not outcome.accepted:
            raise refusal(outcome.code, outcome.message)
        return outcome

    return router
