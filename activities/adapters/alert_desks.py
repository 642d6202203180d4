"""The alert desks as workflows: a signal that starts its group's desk where none runs."""

from temporalio import activity
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.alert_messages import (
    CLOSED_SIGNAL,
    DESK_QUEUE,
    DESK_WORKFLOW,
    RAISE_SIGNAL,
    ClosedTicket,
    DeskInput,
    RaisedAlert,
    desk_workflow_id,
)
from domain.clock import BankClock
from domain.desk_rules import DeskRules


class WorkflowAlertDesks:
    """Implements `AlertDesks` on Temporal. `clock` is pinned by desks that it starts."""

    def __init__(
        self, clock: BankClock, *, rules: DeskRules | None = None, client: Client | None = None
    ) -> None:
        """Without a client, that of the worker which runs the activity."""
        self._clock = clock
        self._rules = rules or DeskRules()
        self._client = client

    async def hand_over(self, raised: RaisedAlert, *, timezone: str) -> None:
        """Signals with a start: Temporal has the alert when it returns. Raises `RPCError`."""
        group = raised.alert.group
        await self._temporal().start_workflow(
            DESK_WORKFLOW,
            DeskInput(
                group=group,
                clock=self._clock,
                timezone=timezone,
                rules=raised.rules or self._rules,
            ),
            id=desk_workflow_id(group),
            task_queue=DESK_QUEUE,
            start_signal=RAISE_SIGNAL,
            start_signal_args=[raised],
            static_summary=f"Alert desk of {group}",
        )

    async def ticket_closed(self, task_id: str, group: str) -> None:
        """Signals a desk that runs. Raises `RPCError` when Temporal does not answer."""
        handle = self._temporal().get_workflow_handle(desk_workflow_id(group))
        try:
            await handle.signal(CLOSED_SIGNAL, ClosedTicket(task_id=task_id, groups=(group,)))
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise

    def _temporal(self) -> Client:
        return self._client or activity.client()
