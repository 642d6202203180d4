"""How a ticket's alert reaches its group's desk, and how the desk keeps its log."""

import asyncio
import logging
from collections.abc import Callable

from temporalio import activity

from activities.alert_messages import ClosedTicket, DeskRecord, RaisedAlert
from activities.catalogue import task, translated
from activities.ports import RulebookSource
from activities.ports.alerts import AlertBook, AlertDesks
from domain.alert_pages import pages_on_call
from domain.alerts import Alert, AlertReceipt
from domain.errors import OpsloopError, StoreUnavailable
from domain.task import RiskLevel

_LOG = logging.getLogger(__name__)


class AlertActivities:
    """The ticket's side. Without desks, as in simulations, an alert is sent at once."""

    def __init__(
        self,
        desks: AlertDesks | None,
        *,
        book: AlertBook,
        rulebook: RulebookSource,
        send: Callable[[Alert], AlertReceipt],
    ) -> None:
        """`send` tells people without a desk."""
        self._desks = desks
        self._book = book
        self._rulebook = rulebook
        self._send = send

    @activity.defn
    async def raise_alert(self, alert: Alert) -> AlertReceipt:
        """Hands an alert to the desk of its group, with what is known of the ticket besides."""
        if self._desks is None:
            return await asyncio.to_thread(self._send, alert)
        try:
            book = self._rulebook.current()
            if not alert.group:
                # A ticket that could not even be dispatched: whoever takes unknown tickets of high risk.
                owner = book.dispatch.escalation.groups[RiskLevel.HIGH]
                alert = alert.model_copy(update={"group": owner})
            quiet = book.alerts.lights_dashboard_only(alert)
            known = alert if quiet else await asyncio.to_thread(self._with_what_is_known, alert)
            pages = not quiet and pages_on_call(known, book.alerts)
            raised = RaisedAlert(alert=known, dashboard_only=quiet, pages=pages, rules=book.alerts.desk)
            await self._desks.hand_over(raised, timezone=book.duty.timezone)
        except OpsloopError as error:
            raise translated(error) from error
        return AlertReceipt(alert_id=alert.alert_id, handed_to=alert.group)

    @activity.defn
    async def close_alerts(self, closed: ClosedTicket) -> None:
        """Tells the desks that have alerts of a ticket that it has ended."""
        if self._desks is not None:
            for group in closed.groups:
                await self._desks.ticket_closed(closed.task_id, group)

    def _with_what_is_known(self, alert: Alert) -> Alert:
        """Who works on the ticket, and whether it was escalated, at whichever desk that was noted."""
        try:
            worked = None if alert.worked_by else self._book.worked_on(alert.task_id)
            escalated_at = alert.escalated_at or self._book.escalated_at(alert.task_id)
        except StoreUnavailable as error:
            # Without it more people are told, never fewer.
            _LOG.warning("what is known of %s cannot be read: %s", alert.task_id, error)
            return alert
        changes: dict[str, object] = {"escalated_at": escalated_at}
        if worked is not None:
            changes |= {"worked_by": worked.by, "worked_since": worked.since}
        return alert.model_copy(update=changes)


class AlertRecords:
    """The desk's own record keeping."""

    def __init__(self, book: AlertBook) -> None:
        self._book = book

    @task
    def record_alerts(self, record: DeskRecord) -> None:
        """Writes what a desk decided into the alert log; repeats change nothing."""
        self._book.keep(record.changes)
