"""ExpiryWorkflow: one measure with an end, from the effect that put it in force until it is over.

`domain.expiry` decides; here are its timers, its messages and its activities. A store that does not answer
delays the record, never a release.
"""

import asyncio
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError
from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

from activities.alert_desk import AlertActivities
from activities.codes import CodeActivities
from activities.core_bank import NOT_EXECUTED, CoreBankActivities
from activities.expiry import ExpiryActivities
from activities.expiry_messages import (
    EXPIRY_WORKFLOW,
    Closing,
    ExpiryCarry,
    ExpiryInput,
    ExpiryReply,
    ExpiryResult,
    Lifted,
    OthersOnAccount,
    Renewal,
    closing_content,
    expiry_workflow_id,
    purpose_of,
    renewal_content,
)
from activities.messages import CodeCheck
from domain.alerts import Alert, AlertLevel
from domain.digest import digest_of
from domain.errors import InvalidInput, NoDecisionCode
from domain.expiry import (
    CallPerson,
    Closed,
    Due,
    Effect,
    Event,
    ExpiryPhase,
    ExpiryProgress,
    ExpiryView,
    Refused,
    RefusedMessage,
    Release,
    Released,
    ReleaseFailed,
    Renewed,
    Warn,
    decide,
    objection_to_person,
    objection_to_renewal,
    opened,
)
from domain.expiry_alerts import alert_of
from domain.handlers import Queue
from domain.people import Principal
from domain.steps import StepInput, StepOutput
from domain.task import OpsTask
from workflows.options import (
    ALERT_RETRY,
    ALERT_TIMEOUT,
    DEFAULT_STEP_TIMEOUT,
    FOREVER,
    LOCAL,
    queue_priority,
    step_retry,
)
from workflows.step_runtime import CERTAINLY_NOT_DONE, failure_of

_NOTHING: Any = None
_BOUNDED: RetryPolicy = RetryPolicy(
    initial_interval=timedelta(milliseconds=200), backoff_coefficient=2, maximum_attempts=3
)
"""For a record that the next one makes good."""


def _unfit(problem: str) -> ApplicationError:
    return ApplicationError(problem, type=InvalidInput.code, non_retryable=True)


def _refuse_empty(message: object) -> None:
    if message is None:
        raise _unfit("the message is empty; expected one JSON object")


def check_start(start: ExpiryInput | None) -> None:
    """Raises `ApplicationError`, which ends the workflow as failed, for what starts no expiry."""
    if start is None:
        raise _unfit("ExpiryInput: missing; expected an object with `measure` and `order`")
    expected = expiry_workflow_id(start.measure.measure_id)
    if workflow.info().workflow_id != expected:
        raise _unfit(f"the workflow id must be {expected}: one workflow a measure")
    if start.carry is not None and workflow.info().continued_run_id is None:
        raise _unfit("carry: is only for the runs of one expiry; leave it out")


@workflow.defn(name=EXPIRY_WORKFLOW)
class ExpiryWorkflow:
    """Watches the end of one measure."""

    @workflow.init
    def __init__(self, start: ExpiryInput = _NOTHING) -> None:
        check_start(start)
        carry = start.carry
        self._measure, self._order, self._clock = start.measure, start.order, start.clock
        self._reached = start.measure.began_at
        self._state = carry.state if carry else opened(start.measure, self._reached)
        self._number = carry.recorded if carry else 0
        self._recorded = self._state if carry else None
        self._refused: list[RefusedMessage] = []
        self._renewed_by = ""
        self._steps = 0
        self._most_steps = start.steps_per_run
        self._taking, self._recording = asyncio.Lock(), asyncio.Lock()

    @workflow.run
    async def run(self, start: ExpiryInput = _NOTHING) -> ExpiryResult:
        """Until the measure is over. A cancellation from outside closes the expiry; it releases nothing."""
        while not self._is_over:
            life = asyncio.create_task(self._live())
            while not life.done():
                try:
                    await workflow.wait_condition(life.done)
                except asyncio.CancelledError:
                    self._take(Closed(outcome="closed", by="temporal", why="cancelled in Temporal"))
            await life
            await workflow.wait_condition(workflow.all_handlers_finished)
            if not self._is_over:
                await self._record()
                carry = ExpiryCarry(state=self._state, recorded=self._number)
                workflow.continue_as_new(start.model_copy(update={"carry": carry}))
        await self._record(for_good=True)
        await workflow.wait_condition(workflow.all_handlers_finished)
        state = self._state
        return ExpiryResult(
            measure_id=self._measure.measure_id,
            outcome=state.outcome,
            why=state.why,
            closed_at=state.closed_at or self._now,
        )

    @workflow.update
    async def renew(self, renewal: Renewal) -> ExpiryReply:
        """A new order came before the end: the measure ends later."""
        async with self._taking:
            content = renewal_content(self._measure.measure_id, renewal.ends_at, renewal.document_no)
            asked = await self._who("renew", renewal.code, content)
            if isinstance(asked, ExpiryReply):
                return asked
            problem = objection_to_renewal(self._measure, self._state, renewal.ends_at, self._now)
            if problem is not None:
                return await self._refuse("renew", asked.id, *problem)
            self._take(Renewed(ends_at=renewal.ends_at, document_no=renewal.document_no, by=asked.id))
            self._renewed_by = asked.id
            await self._record()
            return self._accepted(f"renewed: it ends {self._state.ends_at:%Y-%m-%d %H:%M} UTC")

    @workflow.update
    async def close(self, closing: Closing) -> ExpiryReply:
        """The measure is over, or somebody dealt with its end: nothing is released from here."""
        async with self._taking:
            content = closing_content(self._measure.measure_id, closing.why)
            asked = await self._who("close", closing.code, content)
            if isinstance(asked, ExpiryReply):
                return asked
            if self._state.phase is ExpiryPhase.RELEASING and self._state.due_at is None:
                words = "its release is under way at the bank; look again in a minute"
                return await self._refuse("close", asked.id, "conflict", words)
            if self._is_over:
                return await self._refuse("close", asked.id, "late", f"it is over: {self._state.outcome}")
            self._take(Closed(outcome="closed", by=asked.id, why=closing.why))
            await self._record()
            return self._accepted("closed: opsloop watches it no more, and has released nothing")

    @renew.validator
    def _renewal_has_content(self, renewal: Renewal) -> None:
        _refuse_empty(renewal)

    @close.validator
    def _closing_has_content(self, closing: Closing) -> None:
        _refuse_empty(closing)

    @workflow.signal
    async def lift(self, lifted: Any = None, *_more: Any) -> None:
        """A ticket released the measure, renewed it by another, or undid it."""
        try:
            told = Lifted.model_validate(lifted)
        except ValidationError:
            workflow.logger.warning("expiry %s: a signal that says nothing", self._measure.measure_id)
            return
        self._take(Closed(outcome="lifted", by=told.by, why=told.why))

    @workflow.query
    def expiry(self) -> ExpiryView:
        """The measure and where it stands."""
        return ExpiryView(measure=self._measure, state=self._state)

    async def _live(self) -> None:
        """Until the measure is over or the run is to be continued as new."""
        while not self._is_over and not self._should_move:
            seen, due = self._state, self._state.due_at
            if due is not None and due <= self._now:
                self._steps += 1
                for effect in self._take(Due()):
                    await self._carry_out(effect)
                continue
            await self._record()
            try:
                await workflow.wait_condition(
                    lambda seen=seen: self._state is not seen,  # type: ignore[misc]
                    timeout=None
                    if due is None
                    else max(self._clock.to_real(due) - workflow.now(), timedelta(0)),
                    timeout_summary=f"{seen.phase}: next at {due:%m-%d %H:%M} UTC" if due else None,
                )
            except TimeoutError:
                # The timer's word counts: a replay may read the clock at another moment.
                self._reached = max(self._reached, due or self._reached)

    async def _carry_out(self, effect: Effect) -> None:
        match effect:
            case Release():
                for then in self._take(await self._release(effect)):
                    await self._carry_out(then)
            case Warn() | CallPerson():
                await self._alert(alert_of(self._measure, self._state, effect, self._now))

    async def _release(self, release: Release) -> Event:
        """Orders the release; an unknown outcome is settled before anything else happens."""
        measure = self._measure
        if measure.whole:
            others = await workflow.execute_local_activity_method(
                ExpiryActivities.others_in_force,
                OthersOnAccount(measure=measure),
                summary="is anything else in force on the account?",
                **LOCAL,
            )
            if others:
                return Refused(why=f"on the same account there is also in force: {', '.join(others)}")
        if self._is_over:
            return Released()
        request = self._step(release)
        try:
            output = await workflow.execute_activity_method(
                CoreBankActivities.core_system_unfreeze,
                request,
                task_queue=Queue.CORE_BANK,
                start_to_close_timeout=DEFAULT_STEP_TIMEOUT,
                retry_policy=step_retry(None),
                summary=f"release: {measure.kind} of {measure.task_id}",
                priority=queue_priority(measure.priority),
            )
        except ActivityError as error:
            failure = failure_of(error)
            if failure.code in CERTAINLY_NOT_DONE:
                return ReleaseFailed(code=failure.code, message=failure.message)
            output = await self._ask_bank(request)
            if output.outcome == NOT_EXECUTED:
                return ReleaseFailed(code="outcome_unknown", message=output.summary)
        return Released(summary=output.summary)

    async def _ask_bank(self, request: StepInput) -> StepOutput:
        return await workflow.execute_activity_method(
            CoreBankActivities.resolve_order,
            request,
            task_queue=Queue.CORE_BANK,
            start_to_close_timeout=timedelta(seconds=60),
            retry_policy=FOREVER,
            summary="settle the unknown outcome of the release",
            priority=queue_priority(self._measure.priority),
        )

    def _step(self, release: Release) -> StepInput:
        """The order as the bank's handler takes it. The key is the measure's own, one for each try."""
        measure, order = self._measure, self._order
        inputs: dict[str, Any] = {"account_ref": order.account_ref, "currency": order.currency}
        if order.amount is not None:
            inputs["amount"] = f"{order.amount:f}"
        task = OpsTask(
            task_id=measure.task_id,
            title=f"End of the {measure.kind} of {measure.task_id}",
            source="expiry",
            external_id=measure.measure_id,
            account_ref=order.account_ref,
            priority=measure.priority,
        )
        return StepInput(
            task=task,
            step_id=f"{measure.step}.expiry",
            step_name="Release at its end",
            handler="core_system_unfreeze",
            occurrence=release.occurrence,
            risk=measure.risk,
            now=self._now,
            inputs=inputs,
        )

    async def _alert(self, alert: Alert) -> None:
        """Hands an alert to the desk. One that nobody takes is tried again until it is taken or too late."""
        for_good = alert.level is AlertLevel.CRITICAL
        try:
            await workflow.execute_activity_method(
                AlertActivities.raise_alert,
                alert,
                task_queue=Queue.CHANNELS,
                start_to_close_timeout=ALERT_TIMEOUT,
                retry_policy=FOREVER if for_good else ALERT_RETRY,
                summary=f"{alert.level}: {alert.subject}",
                priority=queue_priority(self._measure.priority),
            )
        except ActivityError as error:
            workflow.logger.warning("expiry %s: nobody was told: %s", self._measure.measure_id, error.cause)

    async def _who(self, verb: str, code: str, content: dict[str, Any]) -> Principal | ExpiryReply:
        """The principal whose code this is and who may do this, or the refusal."""
        verdict = await workflow.execute_local_activity_method(
            CodeActivities.verify_code,
            CodeCheck(
                code=code,
                purpose=purpose_of(verb),
                subject=self._measure.measure_id,
                digest=digest_of(content),
            ),
            summary=f"who wants to {verb}?",
            **LOCAL,
        )
        if verdict.principal is None:
            return await self._refuse(verb, "unknown", NoDecisionCode.code, verdict.problem)
        problem = objection_to_person(verdict.principal, self._measure, verb)
        if problem is not None:
            return await self._refuse(verb, verdict.principal.id, *problem)
        return verdict.principal

    async def _refuse(self, verb: str, actor: str, code: str, message: str) -> ExpiryReply:
        self._refused.append(RefusedMessage(at=self._now, actor=actor, verb=verb, code=code, message=message))
        await self._record()
        return self._reply(accepted=False, code=code, message=message)

    def _accepted(self, message: str) -> ExpiryReply:
        return self._reply(accepted=True, code="accepted", message=message)

    def _reply(self, *, accepted: bool, code: str, message: str) -> ExpiryReply:
        return ExpiryReply(
            measure_id=self._measure.measure_id,
            accepted=accepted,
            code=code,
            message=message,
            ends_at=self._state.ends_at,
        )

    def _take(self, event: Event) -> tuple[Effect, ...]:
        step = decide(self._measure, self._state, event, self._now)
        self._state = step.state
        return step.effects

    async def _record(self, *, for_good: bool = False) -> None:
        """Brings the store up to date. Only the last record waits for a store that is away."""
        async with self._recording:
            if self._recorded is self._state and not self._refused:
                return
            state, refused = self._state, list(self._refused)
            self._number += 1
            progress = ExpiryProgress(
                view=ExpiryView(measure=self._measure, state=state),
                number=self._number,
                at=self._now,
                by=self._renewed_by,
                refused=tuple(refused),
            )
            options = LOCAL if for_good else {**LOCAL, "retry_policy": _BOUNDED}
            # Not tried again before something new happens.
            self._recorded = state
            try:
                await workflow.execute_local_activity_method(
                    ExpiryActivities.record_expiry, progress, summary=f"record: {state.phase}", **options
                )
            except ActivityError as error:
                workflow.logger.warning("%s is not recorded: %s", self._measure.measure_id, error.cause)
                return
            del self._refused[: len(refused)]

    @property
    def _is_over(self) -> bool:
        return self._state.phase is ExpiryPhase.OVER

    @property
    def _should_move(self) -> bool:
        return self._steps >= self._most_steps or workflow.info().is_continue_as_new_suggested()

    @property
    def _now(self) -> datetime:
        """Bank time; never before the instant that a timer was set for."""
        return max(self._clock.to_bank(workflow.now()), self._reached)
