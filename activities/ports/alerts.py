"""What alerts need of the outside world."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from activities.alert_messages import RaisedAlert
from domain.alert_events import ListedDeskAlert, LoggedAlert, StoreChange, WorkedOn
from domain.alerts import AlertLevel


class AlertDesks(Protocol):
    """The alert desks of all groups."""

    async def hand_over(self, raised: RaisedAlert, *, timezone: str) -> None:
        """Hands an alert to its group's desk, which is started where none runs.

        When it returns, the alert is durable. The desk knows repeats by the alert's id.
        """

    async def ticket_closed(self, task_id: str, group: str) -> None:
        """Tells a group's desk that a ticket has ended; nothing happens where none runs."""


class AlertBook(Protocol):
    """The alert log and the dashboard's desk alerts. Every method raises `StoreUnavailable`."""

    def keep(self, changes: Sequence[StoreChange]) -> None:
        """Keeps all changes or none, in their order. The same again changes nothing."""

    def worked_on(self, task_id: str) -> WorkedOn | None:
        """Who acknowledged an alert of a ticket last; None when nobody did."""

    def escalated_at(self, task_id: str) -> datetime | None:
        """When somebody was first told of an escalation of a ticket."""

    def desk_alerts(
        self,
        *,
        group: str | None = None,
        level: AlertLevel | None = None,
        open_only: bool = False,
        limit: int = 50,
    ) -> Sequence[ListedDeskAlert]:
        """Desk alerts, the latest first."""

    def desk_alert(self, desk_alert_id: str) -> ListedDeskAlert | None:
        """One desk alert."""

    def alerts_of(self, task_id: str) -> Sequence[LoggedAlert]:
        """Every alert that a ticket raised, in their order, with its fate."""
