"""The interpreter's runtime on Temporal: handlers as activities, the duty gate, failures, people."""

import asyncio
import contextlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

from activities.gate import GateActivities
from activities.messages import GateQuestion
from definitions.schema import Step
from domain.alerts import Addressee, AlertLevel
from domain.duty import GateVerdict
from domain.lifecycle import TicketState
from domain.review import DecidedReview, ReviewKind, Verb
from domain.steps import StepInput, StepOutput
from domain.task import OpsTask, RiskLevel
from domain.ticket import EventKind
from workflows.alerting import Alerting
from workflows.commands import Commands
from workflows.effect_expiry import watch_effect
from workflows.events import Inbox
from workflows.interpreter import EffectsAhead, PlannedCall, Question, StepFailure, TicketEnded
from workflows.options import (
    DEFAULT_STEP_TIMEOUT,
    FOREVER,
    LOCAL,
    UNKNOWN_PATIENCE,
    heartbeat_of,
    step_retry,
)
from workflows.review_requests import digest_of_effect
from workflows.reviews import ReviewBook
from workflows.run_state import TicketRun

CERTAINLY_NOT_DONE = frozenset(
    {
        "order_refused",
        "bank_unavailable",
        "handler_degraded",
        "input_invalid",
        "not_found",
        "not_permitted",
    }
)
"""Failures of a bank call after which it is certain that nothing was changed. `bank_unavailable` and
`handler_degraded` are answered only when no earlier attempt can have been carried out either."""


class StepRuntime:
    """Implements `workflows.interpreter.Runtime`."""

    def __init__(
        self,
        run: TicketRun,
        reviews: ReviewBook,
        commands: Commands,
        inbox: Inbox,
        alerting: Alerting,
        *,
        effects_done: Mapping[str, str] | None = None,
    ) -> None:
        self._run = run
        self._reviews = reviews
        self._commands = commands
        self._inbox = inbox
        self._alerting = alerting
        self.effects_done: dict[str, str] = dict(effects_done or {})
        """Digests of the gated effects that took place, and of what was done by hand, by key of the step."""
        self._facts: tuple[OpsTask, dict[str, Any]] | None = None

    @property
    def now(self) -> datetime:
        """Bank time."""
        return self._run.now

    @property
    def risk(self) -> RiskLevel:
        """The ticket's risk as it stands."""
        return self._run.risk

    @property
    def on_fast_track(self) -> bool:
        """Whether waits are cut short and optional steps left out, as it stands."""
        return self._run.on_fast_track

    def task_facts(self) -> dict[str, Any]:
        """The ticket as JSON, made anew when the ticket has changed."""
        task = self._run.task
        if self._facts is None or self._facts[0] is not task:
            self._facts = task, task.model_dump(mode="json")
        return self._facts[1]

    async def checkpoint(self) -> None:
        """Waits while held; raises `TicketEnded` when the ticket ends early."""
        await self._commands.checkpoint()
        if self._run.state is not TicketState.PROCESSING:
            self._run.settle_state()

    async def admit(self, call: PlannedCall, ahead: EffectsAhead) -> None:
        """The duty gate: risk and the hour decide whether this effect may run by itself."""
        run = self._run
        if not call.spec.effect.gated or self._reviews.approves(call):
            return
        if not run.risk_assessed:
            run.demand_caution("an effect was reached before the risk was assessed")
        key = f"{call.key}/gate/{call.occurrence}"
        verdict = await self.gate()
        # A question that is open stays one, also where the hour has changed since the run was continued.
        if verdict.verdict == "ask" or self._reviews.asks(key):
            decided = await self._reviews.ask(
                Question(
                    key=key,
                    kind=ReviewKind.GATE,
                    step_id=call.key,
                    text=f"{verdict.reason}. May “{call.step.name}” run?",
                    role="reviewer",
                    ahead=ahead(),
                ),
                instead=told_by(verdict),
            )
            if decided.verb is Verb.REJECT:
                raise TicketEnded(TicketState.REJECTED, decided.refusal)
        elif verdict.verdict == "spot_check":
            self.draw_spot_check(verdict)
        await self.checkpoint()

    async def gate(self) -> GateVerdict:
        """What duty × risk says now, for the record."""
        verdict = await self._verdict()
        self._run.note(EventKind.GATE, verdict.reason, verdict=verdict.verdict, mode=verdict.mode)
        return verdict

    async def _verdict(self) -> GateVerdict:
        with self._run.working():
            return await workflow.execute_local_activity_method(
                GateActivities.decide_gate,
                GateQuestion(
                    risk=self._run.risk,
                    now=self._run.now,
                    category=self._run.task.category or "",
                    action=self._run.task.action or "",
                ),
                summary=f"may {self._run.risk} risk run now?",
                **LOCAL,
            )

    def draw_spot_check(self, verdict: GateVerdict) -> None:
        """Marks the ticket for the next day's spot check, once."""
        if not self._run.spot_check:
            self._run.spot_check = True
            self._run.note(EventKind.SPOT_CHECK_DRAWN, verdict.reason)

    async def call(self, call: PlannedCall) -> StepOutput:
        """Runs the handler; an unknown outcome at the bank is settled before anything else happens."""
        run, spec = self._run, call.spec
        request = StepInput(
            task=run.task,
            step_id=call.key,
            step_name=call.step.name,
            handler=spec.name,
            occurrence=call.occurrence,
            risk=run.risk,
            now=run.now,
            sop=run.pinned.sop.sop.name,
            inputs=dict(call.inputs),
            results=dict(call.results),
            has_fallback=call.step.fallback is not None,
        )
        with run.working():
            if not spec.local:
                # What is about to happen is on record before it happens.
                await run.record()
            try:
                output = await self._execute(call, request)
            except (ActivityError, ApplicationError) as error:
                failure = failure_of(error)
                if spec.resolver is None or failure.code in CERTAINLY_NOT_DONE:
                    raise failure from error
                output = await self._resolve(call, spec.resolver, request, failure)
            await watch_effect(run, self._alerting, request, output)
        if spec.effect.gated:
            self.effects_done[call.key] = digest_of_effect(call, run.task)
        return output

    async def _execute(self, call: PlannedCall, request: StepInput) -> StepOutput:
        step, spec = call.step, call.spec
        timeout = step.timeout or DEFAULT_STEP_TIMEOUT
        output: StepOutput
        if spec.local:
            output = await workflow.execute_local_activity(
                spec.name,
                request,
                result_type=StepOutput,
                start_to_close_timeout=timeout,
                retry_policy=step_retry(step.retry),
                summary=step.name,
            )
            return output
        output = await workflow.execute_activity(
            spec.name,
            request,
            result_type=StepOutput,
            task_queue=spec.queue,
            start_to_close_timeout=timeout,
            heartbeat_timeout=heartbeat_of(spec.queue, timeout),
            retry_policy=step_retry(step.retry),
            summary=step.name,
            priority=self._run.queue_priority,
        )
        return output

    async def _resolve(
        self, call: PlannedCall, resolver: str, request: StepInput, failure: StepFailure
    ) -> StepOutput:
        """Asks the bank by key until it answers: done, or fenced off so that it never will be."""
        run, name = self._run, call.step.name
        run.note(
            EventKind.OUTCOME_UNKNOWN,
            f"{name}: {failure.message}; asking the bank about {request.idempotency_key}",
            step_id=call.key,
        )
        run.waits[call.key] = "core bank"
        run.show()
        await run.record()
        asking = asyncio.create_task(self._ask_bank(call, resolver, request))
        try:
            await workflow.wait_condition(
                asking.done, timeout=UNKNOWN_PATIENCE, timeout_summary="the bank's answer is due"
            )
        except TimeoutError:
            self._alerting.raise_alert(
                AlertLevel.FAILURE,
                key=f"unknown-{request.idempotency_key}",
                subject=f"outcome unknown: {name} on {run.task.task_id}",
                body=f"{failure.message}. opsloop asks the bank until it knows; do nothing by hand",
                action=f"opsloop ticket show {run.task.task_id}",
            )
        output = await asking
        run.waits.pop(call.key, None)
        if output.outcome == "not_executed":
            raise StepFailure(failure.code, f"the bank did not execute it and will not: {failure.message}")
        return output

    async def _ask_bank(self, call: PlannedCall, resolver: str, request: StepInput) -> StepOutput:
        output: StepOutput = await workflow.execute_activity(
            resolver,
            request,
            result_type=StepOutput,
            task_queue=call.spec.queue,
            start_to_close_timeout=timedelta(seconds=60),
            retry_policy=FOREVER,
            summary=f"settle the unknown outcome of {call.step.name}",
            priority=self._run.queue_priority,
        )
        return output

    async def ask(self, question: Question) -> DecidedReview:
        """Asks a person and waits. What a person did by hand nobody else has approved yet."""
        decided = await self._reviews.ask(question, instead=told_by(await self._verdict()))
        if question.kind is ReviewKind.MANUAL and decided.verb is Verb.APPROVE and not decided.late:
            self.effects_done[question.step_id] = f"by hand: {question.step_id}"
        return decided

    async def wait_until(self, key: str, due: datetime, *, in_full: bool = True) -> None:
        """Waits until the bank's clock shows this; raises `TicketEnded` when the ticket ends meanwhile.

        Not `in_full`, it waits no longer than until the ticket is on the fast track.
        """
        run = self._run
        await self._begin_waiting(key, f"{due:%Y-%m-%d %H:%M} UTC")
        if run.now < due:
            # The accelerated clock rounds: what is left after the timer is less than it can tell.
            with contextlib.suppress(TimeoutError):
                await workflow.wait_condition(
                    lambda: run.ending is not None or (run.on_fast_track and not in_full),
                    timeout=run.real_time_until(due),
                    timeout_summary=f"{key} waits until {due:%Y-%m-%d %H:%M} UTC",
                )
        self._end_waiting(key)

    async def wait_for_event(
        self, key: str, name: str, since: datetime, deadline: timedelta | None
    ) -> dict[str, Any] | None:
        """The data of an event of this name; None when it has not come by the deadline (SLA time)."""
        await self._begin_waiting(key, f"event {name}")
        data = await self._inbox.wait(name, since, deadline)
        self._end_waiting(key)
        return data

    async def _begin_waiting(self, key: str, what: str) -> None:
        """Whoever looks sees what the run waits for, here and in the store."""
        run = self._run
        run.waits[key] = what
        with run.working():
            run.show()
            await run.record()

    def _end_waiting(self, key: str) -> None:
        run = self._run
        del run.waits[key]
        run.show()
        if run.ending is not None:
            raise run.ending

    async def failed(self, key: str, step: Step, failure: StepFailure) -> Literal["retry", "skip"]:
        """PROCESSING → FAILED, alert at once, and an operator decides."""
        run = self._run
        told = key in run.failed_steps
        run.failed_steps[key] = step.name
        run.waits[key] = "operator"
        run.settle_state()
        if not told:
            with run.working():
                self._alert_failure(
                    key, step, failure, f"opsloop ticket retry|skip|cancel {run.task.task_id} --reason …"
                )
                run.show()
                await run.record()
        choice = await self._commands.operator_choice(key)
        del run.failed_steps[key], run.waits[key]
        run.settle_state()
        run.show()
        return choice

    async def warn(self, key: str, step: Step, failure: StepFailure) -> None:
        """A failure that does not stop the ticket."""
        self._alert_failure(key, step, failure, f"opsloop ticket show {self._run.task.task_id}")

    def abandon(self, end: TicketEnded) -> None:
        """The ticket ends: whatever still waits gives up."""
        if self._run.ending is None:
            self._run.ending = end

    def assessed(self, level: RiskLevel, reasons: tuple[str, ...]) -> None:
        """The risk is settled."""
        self._run.assess(level, reasons)

    def demand_caution(self, reason: str) -> None:
        """High risk from now on."""
        self._run.demand_caution(reason)

    def note(self, kind: EventKind, summary: str, *, step_id: str = "", **data: object) -> None:
        """Adds to the timeline."""
        self._run.note(kind, summary, actor="opsloop", step_id=step_id, **data)

    def _alert_failure(self, key: str, step: Step, failure: StepFailure, action: str) -> None:
        self._alerting.raise_alert(
            AlertLevel.FAILURE,
            key=f"failed-{key}-{self._run.last_seq}",
            subject=f"{step.name} failed on {self._run.task.task_id}",
            body=f"{failure.code}: {failure.message}",
            action=action,
        )


def told_by(verdict: GateVerdict) -> Addressee | None:
    """Whom the duty gate tells that a person is asked; None: whom the level's rule names."""
    if verdict.tell == "on_call":
        return Addressee(to="on_call", channel=verdict.channel)
    return None


def failure_of(error: ActivityError | ApplicationError) -> StepFailure:
    """What went wrong, in the codes of the error tree. A time-out is an unknown outcome.

    A failed local activity raises its own error; an ordinary one wraps it.
    """
    cause = error.cause if isinstance(error, ActivityError) else error
    if isinstance(cause, ApplicationError):
        return StepFailure(cause.type or "step_failed", cause.message)
    return StepFailure("outcome_unknown", f"no answer in time ({cause or error})")
