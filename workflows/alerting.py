"""Alerts of one ticket. They go out beside the run, which never waits for a channel before it works on."""

import asyncio
from datetime import datetime

from temporalio import workflow
from temporalio.exceptions import ActivityError

from activities.alert_desk import AlertActivities
from activities.alert_messages import ClosedTicket
from domain.alerts import Addressee, Alert, AlertLevel
from domain.handlers import Queue
from domain.redaction import mask_reference
from domain.ticket import EventKind
from workflows.options import ALERT_RETRY, ALERT_TIMEOUT
from workflows.run_state import TicketRun


class Alerting:
    """Raises alerts and knows which are still on their way."""

    def __init__(self, run: TicketRun) -> None:
        self._run = run
        self._under_way: list[asyncio.Task[None]] = []

    def raise_alert(
        self,
        level: AlertLevel,
        *,
        key: str,
        subject: str,
        body: str,
        action: str = "",
        deadline_at: datetime | None = None,
        group: str = "",
        instead: Addressee | None = None,
        also: Addressee | None = None,
        silence: str = "",
        review_id: str = "",
    ) -> None:
        """Hands an alert to its desk in the background: the ticket's group's, unless another is named.

        `action` is a command that helps; the deadline is the SLA's unless another is given. `silence` says
        what it leads to when nobody does anything.

        The same key in the same ticket is the same alert.
        """
        task = self._run.task
        alert = Alert(
            alert_id=f"{task.task_id}/{key}",
            task_id=task.task_id,
            level=level,
            group=group or task.assigned_group,
            subject=subject,
            body=f"{body} [account {mask_reference(task.account_ref)}]" if task.account_ref else body,
            action=action,
            deadline_at=deadline_at or self._run.deadline_at(),
            instead=instead,
            also=also,
            raised_at=self._run.now,
            priority=task.priority,
            risk=self._run.risk,
            silence=silence,
            review_id=review_id,
            worked_by=self._run.claimed.by,
            worked_since=self._run.claimed.since,
        )
        self._under_way.append(asyncio.create_task(self._send(alert)))

    @property
    def at_rest(self) -> bool:
        """Whether no alert is on its way."""
        return all(task.done() for task in self._under_way)

    async def settle(self) -> None:
        """At the ticket's end: waits for the alerts that are on their way, and tells their desks of it."""
        while self._under_way:
            await self._under_way.pop(0)
        groups = tuple(sorted(self._run.alerted))
        if not groups:
            return
        try:
            await workflow.execute_activity_method(
                AlertActivities.close_alerts,
                ClosedTicket(task_id=self._run.task.task_id, groups=groups),
                task_queue=Queue.CHANNELS,
                start_to_close_timeout=ALERT_TIMEOUT,
                retry_policy=ALERT_RETRY,
                summary=f"no more alerts for {', '.join(groups)}",
            )
        except ActivityError as error:
            self._run.note(
                EventKind.ESCALATED, f"the alert desk of {', '.join(groups)} was not told: {error.cause}"
            )

    async def _send(self, alert: Alert) -> None:
        try:
            receipt = await workflow.execute_activity_method(
                AlertActivities.raise_alert,
                alert,
                task_queue=Queue.CHANNELS,
                start_to_close_timeout=ALERT_TIMEOUT,
                retry_policy=ALERT_RETRY,
                summary=f"{alert.level}: {alert.subject}",
                priority=self._run.queue_priority,
            )
        except ActivityError as error:
            self._run.note(EventKind.ESCALATED, f"nobody could be told of {alert.alert_id}: {error.cause}")
            return
        if receipt.handed_to:
            self._run.alerted.add(receipt.handed_to)
            self._run.note(
                EventKind.ESCALATED,
                f"{alert.level} handed to the alert desk of {receipt.handed_to}",
                alert_id=receipt.alert_id,
                desk=receipt.handed_to,
            )
        elif receipt.sent or receipt.failed:
            self._run.note(
                EventKind.ESCALATED,
                f"{alert.level} told: {', '.join(receipt.sent) or 'nobody'}",
                alert_id=receipt.alert_id,
                sent=list(receipt.sent),
                failed=list(receipt.failed),
            )
