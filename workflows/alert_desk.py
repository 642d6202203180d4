"""AlertDeskWorkflow: the durable alert desk of one group. `domain/alert_desk.py` decides; this drives it.

Notifications go out at once, beside the record of them: a store that is down never holds back a red alert.
"""

import asyncio
from datetime import datetime, timedelta
from typing import Any, Final

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, FailureError
from temporalio.exceptions import TimeoutError as TemporalTimeout

from activities.alert_desk import AlertRecords
from activities.alert_messages import (
    ACK_PURPOSE,
    DESK_WORKFLOW,
    Acknowledgement,
    AlertAckOutcome,
    ClosedTicket,
    DeskCarry,
    DeskInput,
    DeskRecord,
    RaisedAlert,
    acknowledgement_content,
    desk_workflow_id,
)
from activities.codes import CodeActivities
from activities.messages import CodeCheck
from activities.notices import NoticeActivities
from domain.alert_desk import advance, wake_at
from domain.alert_desk_state import Desk
from domain.alert_events import (
    Acknowledged,
    AlertRaised,
    Delivered,
    DeskEvent,
    Light,
    Notify,
    StoreChange,
    Tick,
    TicketClosed,
    Undelivered,
)
from domain.alerts import why_not_acknowledge
from domain.digest import digest_of
from domain.errors import InvalidInput, NoDecisionCode, NotPermitted
from domain.handlers import Queue
from workflows.options import ALERT_RETRY, ALERT_TIMEOUT, LOCAL, queue_priority

_NOTHING: Any = None
_SHORTEST: Final = timedelta(milliseconds=1)
"""A timer is started even for what is due by now, so that a replay meets the same commands."""
_ONCE: Final = RetryPolicy(maximum_attempts=1)
_MOST_RECORDED_AT_ONCE: Final = 200
_MOST_CARRIED: Final = 1000


def _check_start(given: DeskInput | None) -> None:
    """Raises `ApplicationError`, which ends the workflow as failed, for a start that is no desk's."""
    if given is None:
        problem = "DeskInput: missing; expected an object with `group`"
    elif workflow.info().workflow_id != desk_workflow_id(given.group):
        problem = f"the workflow id must be {desk_workflow_id(given.group)}: one desk a group"
    elif given.carry is not None and workflow.info().continued_run_id is None:
        problem = "carry: is only for the runs of one desk; leave it out"
    else:
        return
    raise ApplicationError(problem, type=InvalidInput.code, non_retryable=True)


@workflow.defn(name=DESK_WORKFLOW)
class AlertDeskWorkflow:
    """Consolidates, suppresses and sends the alerts of one group, for as long as the group exists."""

    @workflow.init
    def __init__(self, given: DeskInput = _NOTHING) -> None:
        _check_start(given)
        carry = given.carry
        self._clock = given.clock
        self._desk = (
            carry.desk if carry else Desk(group=given.group, timezone=given.timezone, rules=given.rules)
        )
        self._unrecorded: list[StoreChange] = list(carry.unrecorded) if carry else []
        self._recording = False
        self._deliveries: set[asyncio.Task[None]] = set()

    @workflow.run
    async def run(self, given: DeskInput = _NOTHING) -> None:
        """Runs until its history is long, then goes on in a new run with all that it knows."""
        recorder = asyncio.create_task(self._record())
        while not self._may_move:
            wake = wake_at(self._desk)
            try:
                await workflow.wait_condition(
                    lambda seen=wake: self._may_move or wake_at(self._desk) != seen,  # type: ignore[misc]
                    timeout=self._real_time_until(wake) if wake else None,
                    timeout_summary="the next notification, or the end of a desk alert",
                )
            except TimeoutError:
                if wake:
                    # The timer's word counts: a replay may read the clock at another moment.
                    self._take(Tick(at=max(wake, self._now)))
        recorder.cancel()
        carry = DeskCarry(desk=self._desk, unrecorded=tuple(self._unrecorded))
        workflow.continue_as_new(given.model_copy(update={"carry": carry}))

    @workflow.signal
    def raise_alert(self, raised: RaisedAlert) -> None:
        """A ticket hands over an alert."""
        self._take(AlertRaised(at=self._now, alert=raised.alert, dashboard_only=raised.dashboard_only))

    @workflow.signal
    def ticket_closed(self, closed: ClosedTicket) -> None:
        """A ticket has ended."""
        self._take(TicketClosed(at=self._now, task_id=closed.task_id))

    @workflow.update
    async def acknowledge(self, given: Acknowledgement) -> AlertAckOutcome:
        """A person has the tickets of a desk alert; the code proves who."""
        desk_alert_id, group = given.desk_alert_id, self._desk.group
        verdict = await workflow.execute_local_activity_method(
            CodeActivities.verify_code,
            CodeCheck(
                code=given.code,
                purpose=ACK_PURPOSE,
                subject=desk_alert_id,
                digest=digest_of(acknowledgement_content(desk_alert_id, group)),
            ),
            summary=f"who acknowledges {desk_alert_id}?",
            **LOCAL,
        )
        principal = verdict.principal
        if principal is None:
            return _refused(desk_alert_id, NoDecisionCode.code, verdict.problem)
        problem = why_not_acknowledge(principal, group)
        if problem:
            return _refused(desk_alert_id, NotPermitted.code, problem)
        self._take(Acknowledged(at=self._now, desk_alert_id=desk_alert_id, by=principal.id))
        return AlertAckOutcome(
            desk_alert_id=desk_alert_id,
            accepted=True,
            code="accepted",
            message=f"{principal.id} has it; worse alerts of its tickets still come",
        )

    @property
    def _now(self) -> datetime:
        return self._clock.to_bank(workflow.now())

    @property
    def _may_move(self) -> bool:
        """Whether the run can be continued as new, and should be."""
        return (
            workflow.info().is_continue_as_new_suggested()
            and not self._deliveries
            and not self._recording
            and len(self._unrecorded) <= _MOST_CARRIED
            and workflow.all_handlers_finished()
        )

    def _real_time_until(self, bank: datetime) -> timedelta:
        return max(self._clock.to_real(bank) - workflow.now(), _SHORTEST)

    def _take(self, event: DeskEvent) -> None:
        self._desk, effects = advance(self._desk, event)
        for effect in effects:
            if isinstance(effect, Notify):
                delivery = asyncio.create_task(self._deliver(effect))
                self._deliveries.add(delivery)
                delivery.add_done_callback(self._deliveries.discard)
            else:
                self._unrecorded.append(effect)

    async def _deliver(self, notify: Notify) -> None:
        alert = notify.alert
        try:
            receipt = await workflow.execute_activity_method(
                NoticeActivities.deliver_alert,
                alert,
                task_queue=Queue.CHANNELS,
                start_to_close_timeout=ALERT_TIMEOUT,
                # What may have gone out is repeated under the same id, but for orange.
                retry_policy=ALERT_RETRY if alert.level.is_urgent else _ONCE,
                summary=f"{alert.level}: {alert.subject}",
                priority=queue_priority(alert.priority),
            )
        except ActivityError as error:
            cause = error.cause or error
            self._take(
                Undelivered(
                    at=self._now,
                    notification_id=notify.notification_id,
                    reason=cause.message if isinstance(cause, FailureError) else str(cause),
                    unknown=isinstance(cause, TemporalTimeout),
                )
            )
            return
        self._take(
            Delivered(
                at=self._now,
                notification_id=notify.notification_id,
                told=receipt.sent,
                failed=receipt.failed,
            )
        )

    async def _record(self) -> None:
        """Brings the store up to date, in order, however long it is away."""
        while True:
            await workflow.wait_condition(lambda: bool(self._unrecorded))
            self._recording = True
            batch = self._unrecorded[:_MOST_RECORDED_AT_ONCE]
            try:
                await workflow.execute_local_activity_method(
                    AlertRecords.record_alerts,
                    DeskRecord(changes=tuple(_without_outdated(batch))),
                    summary=f"record {len(batch)} changes",
                    **LOCAL,
                )
            except FailureError:
                # The store will never take these; what comes after them must not wait for ever.
                workflow.logger.exception("the alert log refuses %d changes", len(batch))
            del self._unrecorded[: len(batch)]
            self._recording = False


def _without_outdated(changes: list[StoreChange]) -> list[StoreChange]:
    """Of the dashboard's lines for one desk alert the last is enough."""
    last = {each.line.desk_alert_id: place for place, each in enumerate(changes) if isinstance(each, Light)}
    return [
        each
        for place, each in enumerate(changes)
        if not isinstance(each, Light) or last[each.line.desk_alert_id] == place
    ]


def _refused(desk_alert_id: str, code: str, message: str) -> AlertAckOutcome:
    return AlertAckOutcome(desk_alert_id=desk_alert_id, accepted=False, code=code, message=message)
