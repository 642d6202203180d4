"""PageWorkflow: one page, from its first notification to an acknowledgement and the end of its matter.

`domain.paging` decides; here are its timers, its messages and its activities. A store that does not answer
delays the record, never the next notification.
"""

import asyncio
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError
from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, FailureError

from activities.codes import CodeActivities
from activities.messages import CodeCheck
from activities.page_messages import OnCallQuestion, PageDelivery, PageNotice
from activities.paging import PageActivities, PageSending
from domain.errors import InvalidInput, NoDecisionCode
from domain.handlers import Queue
from domain.page_views import PageProgress, PageStep, PageView, RefusedAcknowledgement
from domain.paging import (
    Acknowledged,
    Delivered,
    Due,
    Event,
    Notify,
    PagePhase,
    PageState,
    Progressed,
    Resolved,
    Silence,
    decide,
    objection,
    opened,
)
from domain.paging_policy import PagingPolicy
from workflows.metering import PAGE_LATENCY, PAGE_NOTIFICATIONS, PAGES_OVER, count, observe_seconds
from workflows.options import LOCAL, queue_priority
from workflows.page_contract import (
    ACK_PURPOSE,
    OUTCOME_SIGNAL,
    PAGE_WORKFLOW,
    Acknowledgement,
    AckOutcome,
    AlsoAbout,
    PageCarry,
    PageInput,
    PageOutcome,
    Resolution,
    Taken,
    page_workflow_id,
)

_NOTHING: Any = None
_BOUNDED: RetryPolicy = RetryPolicy(
    initial_interval=timedelta(milliseconds=200), backoff_coefficient=2, maximum_attempts=3
)
"""For a record that the next one makes good."""
_SEND_ONCE = timedelta(seconds=60)
_SEND_WITHIN = timedelta(seconds=120)
"""Real time for one notification with its retries, waiting for a worker included; then the page climbs."""


def _unfit(problem: str) -> ApplicationError:
    return ApplicationError(problem, type=InvalidInput.code, non_retryable=True)


def check_start(start: PageInput | None) -> None:
    """Raises `ApplicationError`, which ends the workflow as failed, for a start that cannot be a page's."""
    if start is None:
        raise _unfit("PageInput: missing; expected an object with `page`")
    expected = page_workflow_id(start.page.page_id)
    if workflow.info().workflow_id != expected:
        raise _unfit(f"the workflow id must be {expected}: one workflow a page")
    if start.carry is not None and workflow.info().continued_run_id is None:
        raise _unfit("carry: is only for the runs of one page; leave it out")


@workflow.defn(name=PAGE_WORKFLOW)
class PageWorkflow:
    """Tells people until one of them acknowledges."""

    @workflow.init
    def __init__(self, start: PageInput = _NOTHING) -> None:
        check_start(start)
        self._page = start.page
        self._clock = start.clock
        self._report_to = start.report_to
        self._matters = start.carry.matters if start.carry else start.matters
        self._policy = start.carry.policy if start.carry else start.policy
        begins = start.page.opened_at
        policy = self._policy or PagingPolicy()
        self._state = start.carry.state if start.carry else opened(start.page, policy, begins)
        self._reached = begins
        self._number = start.carry.recorded if start.carry else 0
        self._first_step = self._state.step
        self._most_steps = start.steps_per_run
        self._steps: dict[int, PageStep] = {}
        """Those that the store does not know yet."""
        self._refused: list[RefusedAcknowledgement] = []
        self._recorded: PageState | None = start.carry.state if start.carry else None
        self._taking = asyncio.Lock()
        self._recording = asyncio.Lock()

    @workflow.run
    async def run(self, start: PageInput = _NOTHING) -> PageOutcome:
        """Rings until the page is over. A cancellation from outside ends it."""
        while not self._is_over:
            life = asyncio.create_task(self._live())
            while not life.done():
                try:
                    await workflow.wait_condition(life.done)
                except asyncio.CancelledError:
                    self._take(Resolved(why="cancelled in Temporal"))
            await life
            await workflow.wait_condition(workflow.all_handlers_finished)
            if not self._is_over and self._policy is not None:
                await self._record()
                carry = PageCarry(
                    state=self._state, policy=self._policy, recorded=self._number, matters=self._matters
                )
                workflow.continue_as_new(start.model_copy(update={"carry": carry}))
        count(PAGES_OVER, outcome=self._state.outcome)
        await self._tell_asker(self._state.outcome)
        await self._record(for_good=True)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self._outcome(self._state.outcome)

    @workflow.update
    async def acknowledge(self, acknowledgement: Acknowledgement) -> AckOutcome:
        """A person says: I am looking at it. It stops the ringing and approves nothing."""
        async with self._taking:
            verdict = await workflow.execute_local_activity_method(
                CodeActivities.verify_code,
                CodeCheck(
                    code=acknowledgement.code,
                    purpose=ACK_PURPOSE,
                    subject=self._page.page_id,
                    digest=self._page.digest,
                ),
                summary="whose acknowledgement is this?",
                **LOCAL,
            )
            if verdict.principal is None:
                return await self._refuse("unknown", NoDecisionCode.code, verdict.problem)
            problem = objection(verdict.principal, self._state)
            if problem is not None:
                return await self._refuse(verdict.principal.id, *problem)
            if self._state.phase is PagePhase.RINGING:
                rang = (self._now - self._state.ringing_since).total_seconds()
                observe_seconds(PAGE_LATENCY, rang, drill=str(self._page.drill).lower())
            self._take(Acknowledged(by=verdict.principal.id))
            await self._record()
            await self._tell_asker("acknowledged")
            return AckOutcome(
                page_id=self._page.page_id,
                accepted=True,
                code="accepted",
                message="acknowledged: nobody else is called. It approves nothing: the matter is still open",
                acknowledged_by=verdict.principal.id,
                acknowledged_at=self._state.acknowledged_at,
            )

    @acknowledge.validator
    def _has_content(self, acknowledgement: Acknowledgement) -> None:
        if acknowledgement is None:
            raise _unfit("the message is empty; expected one JSON object")

    @workflow.signal
    async def resolve(self, resolution: Any = None, *_more: Any) -> None:
        """The matter is over: nobody is called any more."""
        try:
            why = Resolution.model_validate(resolution).why
        except ValidationError:
            why = "resolved"
        self._take(Resolved(why=why))

    @workflow.signal
    def taken(self, taken: Taken) -> None:
        """Somebody acknowledged the matter elsewhere, as at the alert desk."""
        self._take(Acknowledged(by=taken.by))

    @workflow.signal
    def also_about(self, also: AlsoAbout) -> None:
        """The page is about more, or less, than when it began."""
        self._matters = also.matters

    @workflow.signal
    async def progress(self, *_more: Any) -> None:
        """Something happened in the matter: the acknowledgement is not stale."""
        self._take(Progressed())

    @workflow.query
    def page(self) -> PageView:
        """The page and where it stands; steps of this run that the store may not know yet."""
        return PageView(page=self._page, state=self._state, steps=tuple(self._steps.values()))

    async def _live(self) -> None:
        """Until the page is over or the run is to be continued as new."""
        while not self._is_over and not self._should_move:
            seen, due = self._state, self._state.due_at or self._now
            if due <= self._now:
                await self._step()
                continue
            await self._record()
            try:
                await workflow.wait_condition(
                    lambda seen=seen: self._state is not seen,  # type: ignore[misc]
                    timeout=max(self._clock.to_real(due) - workflow.now(), timedelta(0)),
                    timeout_summary=f"{self._state.phase}: next at {due:%m-%d %H:%M} UTC",
                )
            except TimeoutError:
                # The timer's word counts: a replay may read the clock at another moment.
                self._reached = max(self._reached, due)

    async def _step(self) -> None:
        """Asks who is on call, and tells whoever is next."""
        answer = await workflow.execute_local_activity_method(
            PageActivities.resolve_on_call,
            OnCallQuestion(
                group=self._page.group,
                at=self._now,
                matters=self._matters,
                quiet_since=self._quiet_since,
            ),
            summary="who is on call now?",
            **LOCAL,
        )
        if self._policy is None:
            self._policy = answer.policy
            if self._state.step == 0 and self._state.phase is PagePhase.RINGING:
                self._state = opened(self._page, self._policy, self._page.opened_at)
        if answer.over:
            self._take(Resolved(why=answer.over))
            return
        if answer.moves:
            self._take(Progressed())
        effects = self._take(
            Due(
                line=answer.line,
                supervisor=answer.supervisor,
                next_handover_at=answer.next_handover_at,
            )
        )
        for effect in effects:
            if isinstance(effect, Notify):
                self._steps[effect.step] = PageStep(
                    step=effect.step, to=effect.to, reason=effect.reason, at=self._now
                )
        # Before anybody is told: the link in the message shows what the store knows.
        await self._record()
        for effect in effects:
            match effect:
                case Notify():
                    await self._send(effect)
                case Silence():
                    await self._tell_asker(effect.then)

    async def _send(self, notice: Notify) -> None:
        """One notification. An acknowledgement that comes meanwhile takes it back from the queue."""
        rings_since = self._state.ringing_since

        def wanted() -> bool:
            state = self._state
            is_ringing = state.phase is PagePhase.RINGING and state.ringing_since == rings_since
            return is_ringing or notice.reason == "manual_queue"

        delivery = PageDelivery(withheld=True)
        if wanted():
            sending = workflow.start_activity_method(
                PageSending.send_page,
                PageNotice(page=self._page, notice=notice),
                task_queue=Queue.CHANNELS,
                start_to_close_timeout=_SEND_ONCE,
                schedule_to_close_timeout=_SEND_WITHIN,
                retry_policy=RetryPolicy(initial_interval=timedelta(seconds=1), maximum_attempts=3),
                # What was sent before the acknowledgement is told as it was.
                cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
                summary=f"{notice.reason}: tell {notice.to}",
                priority=queue_priority(self._page.priority),
            )
            await workflow.wait_condition(lambda: sending.done() or not wanted())
            if not sending.done():
                sending.cancel()
            try:
                delivery = await sending
            except (ActivityError, asyncio.CancelledError) as error:
                reason = error.cause if isinstance(error, ActivityError) else error
                if wanted():
                    delivery = PageDelivery(failed=(f"not sent: {type(reason).__name__}",))
        fate = "sent" if delivery.sent else "withheld" if delivery.withheld else "failed"
        self._steps[notice.step] = PageStep(
            step=notice.step,
            to=notice.to,
            reason=notice.reason,
            at=self._now,
            fate=fate,
            sent=delivery.sent,
            failed=delivery.failed,
        )
        count(PAGE_NOTIFICATIONS, reason=notice.reason, fate=fate)
        self._take(Delivered(step=notice.step, to=notice.to, reached=bool(delivery.sent)))
        self._recorded = None

    async def _tell_asker(self, outcome: str) -> None:
        """Tells whoever asked for the page what became of it."""
        if not self._report_to:
            return
        asker = workflow.get_external_workflow_handle(self._report_to)
        try:
            await asker.signal(OUTCOME_SIGNAL, self._outcome(outcome))
        except FailureError as error:
            workflow.logger.warning(
                "page %s: %s runs no more: %s", self._page.page_id, self._report_to, error
            )

    def _take(self, event: Event) -> tuple[Notify | Silence, ...]:
        step = decide(self._policy or PagingPolicy(), self._state, event, self._now)
        self._state = step.state
        return step.effects

    async def _refuse(self, actor: str, code: str, message: str) -> AckOutcome:
        self._refused.append(RefusedAcknowledgement(at=self._now, actor=actor, code=code, message=message))
        await self._record()
        return AckOutcome(
            page_id=self._page.page_id,
            accepted=False,
            code=code,
            message=message,
            acknowledged_by=self._state.acknowledged_by,
            acknowledged_at=self._state.acknowledged_at,
        )

    async def _record(self, *, for_good: bool = False) -> None:
        """Brings the store up to date. Only the last record waits for a store that is away."""
        async with self._recording:
            if self._recorded is self._state and not self._refused:
                return
            state, steps, refused = self._state, dict(self._steps), list(self._refused)
            self._number += 1
            progress = PageProgress(
                page=self._page,
                state=state,
                number=self._number,
                steps=tuple(steps.values()),
                refused=tuple(refused),
            )
            options = LOCAL if for_good else {**LOCAL, "retry_policy": _BOUNDED}
            try:
                await workflow.execute_local_activity_method(
                    PageActivities.record_page, progress, summary=f"record: {state.phase}", **options
                )
            except ActivityError as error:
                workflow.logger.warning("page %s is not recorded: %s", self._page.page_id, error.cause)
                # Not tried again before something new happens.
                self._recorded = state
                return
            self._recorded = state
            del self._refused[: len(refused)]
            for number, step in steps.items():
                if self._steps.get(number) == step and step.fate != "ordered":
                    del self._steps[number]

    @property
    def _is_over(self) -> bool:
        return self._state.phase is PagePhase.OVER

    @property
    def _should_move(self) -> bool:
        long = self._state.step - self._first_step >= self._most_steps
        return self._policy is not None and (long or workflow.info().is_continue_as_new_suggested())

    @property
    def _quiet_since(self) -> datetime | None:
        if self._state.phase is not PagePhase.ACKNOWLEDGED or self._policy is None:
            return None
        return self._state.next_at - self._policy.stale_after

    @property
    def _now(self) -> datetime:
        """Bank time; never before the instant that a timer was set for."""
        return max(self._clock.to_bank(workflow.now()), self._reached)

    def _outcome(self, outcome: str) -> PageOutcome:
        state = self._state
        return PageOutcome(
            page_id=self._page.page_id,
            task_id=self._page.task_id,
            phase=state.phase,
            outcome=outcome,
            acknowledged_by=state.acknowledged_by,
            acknowledged_at=state.acknowledged_at,
            notifications=state.step,
            at=state.closed_at or self._now,
        )
