"""AlertDeskWorkflow: the durable alert desk of one group. `domain/alert_desk.py` decides; this drives it.

Notifications go out at once, beside the record of them: a store that is down never holds back a red alert.
"""

import asyncio
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any, Final, get_args

from temporalio import workflow
from temporalio.common import RetryPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    FailureError,
    WorkflowAlreadyStartedError,
)
from temporalio.exceptions import TimeoutError as TemporalTimeout
from temporalio.workflow import ParentClosePolicy

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
    OpenPage,
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
    Log,
    Notify,
    Over,
    StoreChange,
    Taken,
    Tick,
    TicketClosed,
    Undelivered,
    Untold,
)
from domain.alert_pages import covers, page_of
from domain.alerts import why_not_acknowledge
from domain.digest import digest_of
from domain.errors import InvalidInput, NoDecisionCode, NotPermitted
from domain.handlers import Queue
from domain.paging import PagePhase
from domain.paging_policy import Answerless
from workflows.metering import ALERTS, NOTIFICATIONS, count
from workflows.options import ALERT_RETRY, ALERT_TIMEOUT, LOCAL, queue_priority
from workflows.page_contract import (
    ALSO_SIGNAL,
    PAGE_QUEUE,
    PAGE_WORKFLOW,
    RESOLVE_SIGNAL,
    TAKEN_SIGNAL,
    AlsoAbout,
    PageInput,
    PageOutcome,
    Resolution,
    page_workflow_id,
)
from workflows.page_contract import Taken as PageTaken

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
        self._pages = dict(carry.pages) if carry else {}
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
        carry = DeskCarry(desk=self._desk, pages=self._pages, unrecorded=tuple(self._unrecorded))
        workflow.continue_as_new(given.model_copy(update={"carry": carry}))

    @workflow.signal
    def raise_alert(self, raised: RaisedAlert) -> None:
        """A ticket hands over an alert, and with it the rules in force."""
        if raised.rules is not None and raised.rules != self._desk.rules:
            self._desk = self._desk.model_copy(update={"rules": raised.rules})
        self._take(
            AlertRaised(
                at=self._now, alert=raised.alert, dashboard_only=raised.dashboard_only, pages=raised.pages
            )
        )

    @workflow.signal
    def ticket_closed(self, closed: ClosedTicket) -> None:
        """A ticket has ended."""
        self._take(TicketClosed(at=self._now, task_id=closed.task_id))

    @workflow.signal
    def page_outcome(self, outcome: PageOutcome) -> None:
        """What became of a page that this desk has started."""
        found = next((each for each in self._pages.items() if each[1].page_id == outcome.page_id), None)
        if found is None:
            return
        desk_alert_id, page = found
        if outcome.phase is PagePhase.OVER:
            del self._pages[desk_alert_id]
        elif outcome.phase is PagePhase.ACKNOWLEDGED:
            self._pages[desk_alert_id] = page.model_copy(update={"acknowledged": True})
            self._take(Acknowledged(at=self._now, desk_alert_id=desk_alert_id, by=outcome.acknowledged_by))
            return
        if not outcome.acknowledged_by and outcome.outcome in get_args(Answerless):
            reason = f"nobody answered the page {page.page_id}: {outcome.outcome}"
            self._unrecorded.append(Untold(notification_id=page.notification_id, reason=reason))

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
                self._in_background(self._deliver(effect))
            else:
                self._unrecorded.append(effect)
                if isinstance(effect, Log):
                    count(ALERTS, level=effect.entry.level.value, fate=effect.entry.fate.value)
                if isinstance(effect, Taken | Over) and effect.desk_alert_id in self._pages:
                    self._in_background(self._tell_page(effect))

    async def _deliver(self, notify: Notify) -> None:
        paged = await self._page(notify) if notify.pages else ()
        alert = notify.alert.model_copy(update={"paged": bool(paged)})
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
            unknown = isinstance(cause, TemporalTimeout)
            count(NOTIFICATIONS, level=alert.level.value, outcome="unknown" if unknown else "failed")
            if paged:
                # Whoever is on call is rung; the others are told with the next notification.
                failed = (cause.message if isinstance(cause, FailureError) else str(cause),)
                self._take(
                    Delivered(at=self._now, notification_id=notify.notification_id, told=paged, failed=failed)
                )
                return
            self._take(
                Undelivered(
                    at=self._now,
                    notification_id=notify.notification_id,
                    reason=cause.message if isinstance(cause, FailureError) else str(cause),
                    unknown=unknown,
                )
            )
            return
        count(NOTIFICATIONS, level=alert.level.value, outcome="told")
        self._take(
            Delivered(
                at=self._now,
                notification_id=notify.notification_id,
                told=(*paged, *receipt.sent),
                failed=receipt.failed,
            )
        )

    async def _page(self, notify: Notify) -> tuple[str, ...]:
        """Pages whoever is on call. Empty where a page rings already: then they get this message as well."""
        if any(covers(page.matters, notify.matters) for page in self._pages.values()):
            return ()
        rings = self._pages.get(notify.desk_alert_id)
        if rings is not None and not rings.acknowledged:
            try:
                await self._handle(rings).signal(ALSO_SIGNAL, AlsoAbout(matters=notify.matters))
            except FailureError:
                # It is over, and its word of that is still on its way.
                self._pages.pop(notify.desk_alert_id, None)
            else:
                wider = rings.model_copy(update={"matters": notify.matters})
                self._pages[notify.desk_alert_id] = wider
                return ()
        request = page_of(notify.alert, self._now)
        page = OpenPage(
            page_id=request.page_id, notification_id=notify.notification_id, matters=notify.matters
        )
        self._pages[notify.desk_alert_id] = page
        try:
            await workflow.start_child_workflow(
                PAGE_WORKFLOW,
                PageInput(
                    page=request,
                    clock=self._clock,
                    matters=notify.matters,
                    report_to=workflow.info().workflow_id,
                ),
                id=page_workflow_id(page.page_id),
                task_queue=PAGE_QUEUE,
                parent_close_policy=ParentClosePolicy.ABANDON,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                static_summary=f"{notify.alert.level}: {request.subject}"[:200],
                priority=queue_priority(notify.alert.priority),
            )
        except WorkflowAlreadyStartedError:
            workflow.logger.info("page %s runs already", page.page_id)
        except FailureError as error:
            # Then they are told once, like everybody else.
            workflow.logger.warning("page %s was not started: %s", page.page_id, error)
            self._pages.pop(notify.desk_alert_id, None)
            return ()
        return (f"page {page.page_id} → on_call",)

    async def _tell_page(self, effect: Taken | Over) -> None:
        """What was said at the desk holds for its page, too."""
        page = self._pages.get(effect.desk_alert_id)
        if page is None:
            return
        try:
            if isinstance(effect, Over):
                del self._pages[effect.desk_alert_id]
                await self._handle(page).signal(RESOLVE_SIGNAL, Resolution(why="the tickets have ended"))
            elif not page.acknowledged:
                self._pages[effect.desk_alert_id] = page.model_copy(update={"acknowledged": True})
                await self._handle(page).signal(TAKEN_SIGNAL, PageTaken(by=effect.by))
        except FailureError:
            workflow.logger.info("page %s is over already", page.page_id)

    def _handle(self, page: OpenPage) -> workflow.ExternalWorkflowHandle[Any]:
        return workflow.get_external_workflow_handle(page_workflow_id(page.page_id))

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._deliveries.add(task)
        task.add_done_callback(self._deliveries.discard)

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
