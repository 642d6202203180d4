"""The interpreter's runtime on Temporal: handlers as activities, the duty gate, failures, people."""

import asyncio
from datetime import timedelta
from typing import Literal

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

from activities.gate import GateActivities
from activities.messages import GateQuestion
from definitions.schema import Step
from domain.alerts import Addressee, AlertLevel
from domain.duty import GateVerdict
from domain.handlers import HandlerSpec
from domain.lifecycle import TicketState
from domain.review import DecidedReview, ReviewKind
from domain.steps import StepInput, StepOutput, effect_digest
from domain.task import RiskLevel
from domain.ticket import EventKind
from workflows.alerting import Alerting
from workflows.commands import Commands
from workflows.interpreter import Question, StepFailure
from workflows.options import (
    DEFAULT_STEP_TIMEOUT,
    FOREVER,
    LOCAL,
    UNKNOWN_PATIENCE,
    queue_priority,
    step_retry,
)
from workflows.reviews import ReviewBook
from workflows.run_state import TicketRun

_DEFINITE = frozenset({"order_refused", "bank_unavailable", "input_invalid", "not_found", "not_permitted"})
"""Failures of a bank call after which it is certain that nothing was changed. The handler answers
`bank_unavailable` only when no earlier attempt can have been carried out either."""


class StepRuntime:
    """Implements `workflows.interpreter.Runtime`."""

    def __init__(self, run: TicketRun, reviews: ReviewBook, commands: Commands, alerting: Alerting) -> None:
        self._run = run
        self._reviews = reviews
        self._commands = commands
        self._alerting = alerting
        self.effects_done: set[str] = set()
        """Digests of the gated effects that took place, and of what was done by hand."""

    async def checkpoint(self) -> None:
        """Waits while held; raises `TicketEnded` when cancelled."""
        await self._commands.checkpoint()

    async def admit(self, step: Step, spec: HandlerSpec, ahead: tuple[tuple[str, HandlerSpec], ...]) -> None:
        """The duty gate: risk and the hour decide whether this effect may run by itself."""
        run = self._run
        if not spec.effect.gated or self._reviews.approves(spec.name):
            return
        if not run.risk_assessed:
            run.demand_caution("an effect was reached before the risk was assessed")
        verdict = await self.gate()
        if verdict.verdict == "spot_check":
            self.draw_spot_check(verdict)
        elif verdict.verdict == "ask":
            await self._reviews.ask(
                Question(
                    kind=ReviewKind.GATE,
                    step_id=step.id,
                    text=f"{verdict.reason}. May “{step.name}” run?",
                    role="reviewer",
                    ahead=ahead,
                ),
                instead=told_by(verdict),
            )
        await self.checkpoint()

    async def gate(self) -> GateVerdict:
        """What duty × risk says now, for the record."""
        verdict = await self._verdict()
        self._run.note(EventKind.GATE, verdict.reason, verdict=verdict.verdict, mode=verdict.mode)
        return verdict

    async def _verdict(self) -> GateVerdict:
        return await workflow.execute_local_activity_method(
            GateActivities.decide_gate,
            GateQuestion(risk=self._run.risk, now=self._run.now),
            summary=f"may {self._run.risk} risk run now?",
            **LOCAL,
        )

    def draw_spot_check(self, verdict: GateVerdict) -> None:
        """Marks the ticket for the next day's spot check, once."""
        if not self._run.spot_check:
            self._run.spot_check = True
            self._run.note(EventKind.SPOT_CHECK_DRAWN, verdict.reason)

    async def call(
        self, step: Step, spec: HandlerSpec, occurrence: int, results: dict[str, StepOutput]
    ) -> StepOutput:
        """Runs the handler; an unknown outcome at the bank is settled before anything else happens."""
        run = self._run
        request = StepInput(
            task=run.task,
            step_id=step.id,
            step_name=step.name,
            handler=spec.name,
            occurrence=occurrence,
            risk=run.risk,
            now=run.now,
            sop=run.pinned.sop.sop.name,
            results=results,
        )
        if not spec.local:
            # What is about to happen is on record before it happens.
            await run.record()
        try:
            output = await self._execute(step, spec, request)
        except (ActivityError, ApplicationError) as error:
            failure = failure_of(error)
            if spec.resolver is None or failure.code in _DEFINITE:
                raise failure from error
            output = await self._resolve(step, spec, spec.resolver, request, failure)
        if spec.effect.gated:
            self.effects_done.add(effect_digest(spec.name, run.task))
        return output

    async def _execute(self, step: Step, spec: HandlerSpec, request: StepInput) -> StepOutput:
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
            retry_policy=step_retry(step.retry),
            summary=step.name,
            priority=queue_priority(self._run.task.priority),
        )
        return output

    async def _resolve(
        self, step: Step, spec: HandlerSpec, resolver: str, request: StepInput, failure: StepFailure
    ) -> StepOutput:
        """Asks the bank by key until it answers: done, or fenced off so that it never will be."""
        run = self._run
        run.note(
            EventKind.OUTCOME_UNKNOWN,
            f"{step.name}: {failure.message}; asking the bank about {request.idempotency_key}",
            step_id=step.id,
        )
        run.waiting_for = "core bank"
        run.show()
        await run.record()
        asking = asyncio.create_task(self._ask_bank(step, spec, resolver, request))
        try:
            await workflow.wait_condition(
                asking.done, timeout=UNKNOWN_PATIENCE, timeout_summary="the bank's answer is due"
            )
        except TimeoutError:
            self._alerting.raise_alert(
                AlertLevel.FAILURE,
                key=f"unknown-{request.idempotency_key}",
                subject=f"outcome unknown: {step.name} on {run.task.task_id}",
                body=f"{failure.message}. opsloop asks the bank until it knows; do nothing by hand",
                action=f"opsloop ticket show {run.task.task_id}",
            )
        output = await asking
        run.waiting_for = ""
        if output.outcome == "not_executed":
            raise StepFailure(failure.code, f"the bank did not execute it and will not: {failure.message}")
        return output

    async def _ask_bank(self, step: Step, spec: HandlerSpec, resolver: str, request: StepInput) -> StepOutput:
        output: StepOutput = await workflow.execute_activity(
            resolver,
            request,
            result_type=StepOutput,
            task_queue=spec.queue,
            start_to_close_timeout=timedelta(seconds=60),
            retry_policy=FOREVER,
            summary=f"settle the unknown outcome of {step.name}",
            priority=queue_priority(self._run.task.priority),
        )
        return output

    async def ask(self, question: Question) -> DecidedReview:
        """Asks a person and waits. What a person did by hand nobody else has approved yet."""
        decided = await self._reviews.ask(question, instead=told_by(await self._verdict()))
        if question.kind is ReviewKind.MANUAL:
            self.effects_done.add(f"by hand: {question.step_id}")
        return decided

    async def failed(self, step: Step, failure: StepFailure) -> Literal["retry", "skip"]:
        """PROCESSING → FAILED, alert at once, and an operator decides."""
        run = self._run
        run.move_to(TicketState.FAILED)
        run.waiting_for = "operator"
        self._alert_failure(step, failure, f"opsloop ticket retry|skip|cancel {run.task.task_id} --reason …")
        run.show()
        await run.record()
        choice = await self._commands.operator_choice()
        run.waiting_for = ""
        run.move_to(TicketState.RETRY)
        run.move_to(TicketState.PROCESSING)
        run.show()
        return choice

    async def warn(self, step: Step, failure: StepFailure) -> None:
        """A failure that does not stop the ticket."""
        self._alert_failure(step, failure, f"opsloop ticket show {self._run.task.task_id}")

    def assessed(self, level: RiskLevel, reasons: tuple[str, ...]) -> None:
        """The risk is settled."""
        self._run.assess(level, reasons)

    def demand_caution(self, reason: str) -> None:
        """High risk from now on."""
        self._run.demand_caution(reason)

    def note(self, kind: EventKind, summary: str, *, step_id: str = "", **data: object) -> None:
        """Adds to the timeline."""
        self._run.note(kind, summary, actor="opsloop", step_id=step_id, **data)

    def _alert_failure(self, step: Step, failure: StepFailure, action: str) -> None:
        self._alerting.raise_alert(
            AlertLevel.FAILURE,
            key=f"failed-{step.id}-{len(self._run.events)}",
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
