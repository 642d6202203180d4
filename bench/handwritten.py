"""The freeze procedure, written by hand: what an engineer writes who has no interpreter.

The same duties as the SOP: authorise, assess, ask compliance at high risk, freeze, fall back to a person,
tell the customer, close with four eyes; the same thresholds, decisions and commands; the same activities and
the same records in the store. Only the order of steps is Python instead of an SOP.
`bench.interpreter` compares with it.
"""

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.checks import CheckActivities
from activities.core_bank import CoreBankActivities
from activities.gate import GateActivities
from activities.messages import GateQuestion, OpenTicket
from activities.notices import NoticeActivities
from activities.opening import OpeningActivities
from domain.handlers import Queue
from domain.lifecycle import TicketState
from domain.review import Decision, DecisionOutcome, ReviewKind, Verb
from domain.steps import StepInput, StepOutput
from domain.task import RiskLevel
from domain.ticket import EventKind, TicketEvent, TicketView
from workflows.alerting import Alerting
from workflows.commands import Commands
from workflows.contract import Command, CommandOutcome, TicketInput, TicketResult
from workflows.interpreter import Journal, Question
from workflows.options import LOCAL, queue_priority, step_retry
from workflows.reviews import ReviewBook
from workflows.run_state import TicketRun
from workflows.sla_clock import SlaClock


@workflow.defn
class HandwrittenFreezeWorkflow:
    """Authorise, assess, freeze, tell the customer."""

    @workflow.init
    def __init__(self, ticket: TicketInput) -> None:
        self._run = TicketRun(ticket)
        self._alerting = Alerting(self._run)
        self._reviews = ReviewBook(self._run, self._alerting)
        self._commands = Commands(self._run, self._reviews, Journal())
        self._sla = SlaClock(self._run, self._alerting, self._reviews)
        self._results: dict[str, StepOutput] = {}

    @workflow.update
    async def decide(self, decision: Decision) -> DecisionOutcome:
        """A reviewer's decision."""
        return await self._reviews.decide(decision)

    @workflow.update
    async def hold(self, command: Command) -> CommandOutcome:
        """Stops the clock and the run."""
        return await self._commands.take("hold", command)

    @workflow.update
    async def resume(self, command: Command) -> CommandOutcome:
        """Lets the ticket go on."""
        return await self._commands.take("resume", command)

    @workflow.update
    async def reassign(self, command: Command) -> CommandOutcome:
        """Gives the ticket to another group."""
        return await self._commands.take("reassign", command)

    @workflow.update
    async def retry_step(self, command: Command) -> CommandOutcome:
        """Tries a failed step again."""
        return await self._commands.take("retry_step", command)

    @workflow.update
    async def skip_step(self, command: Command) -> CommandOutcome:
        """Leaves a failed step out."""
        return await self._commands.take("skip_step", command)

    @workflow.update
    async def cancel(self, command: Command) -> CommandOutcome:
        """Ends the ticket before its next step."""
        return await self._commands.take("cancel", command)

    @workflow.signal
    async def submit_decision(self, decision: Decision) -> None:
        """A reviewer's decision as a signal."""
        await self._reviews.decide(decision)

    @workflow.query
    def timeline(self) -> list[TicketEvent]:
        """Everything that happened."""
        return self._run.events

    @workflow.query
    def view(self) -> TicketView:
        """The whole state."""
        return self._run.view()

    @workflow.run
    async def run(self, ticket: TicketInput) -> TicketResult:
        """Runs a freeze to its end."""
        run = self._run
        run.note(EventKind.OPENED, f"received from {run.task.source}", actor=run.maker)
        run.open(
            await workflow.execute_local_activity_method(
                OpeningActivities.open_ticket,
                OpenTicket(task=run.task, now=run.now),
                summary="dispatch, agree the SLA",
                **LOCAL,
            )
        )
        run.show()
        clock = asyncio.create_task(self._sla.tick())

        await self._check(CheckActivities.auth_validator, "Authorization Check")
        risk = await self._check(CheckActivities.risk_assessor, "Risk Assessment")
        run.assess(RiskLevel(risk.outcome), risk.data["reasons"])
        if run.risk is RiskLevel.HIGH:
            await self._ask("Compliance Review", "High risk: may the freeze go ahead?")
        await self._effect(CoreBankActivities.core_system_freeze, "Execute Freeze", Queue.CORE_BANK)
        await self._effect(NoticeActivities.sms_notifier, "Notify Customer", Queue.CHANNELS)

        if await self._gate() == "ask":
            await self._ask(run.task.assigned_group, "Is everything done as it should be?")
        run.move_to(TicketState.REVIEWING)
        run.close(TicketState.COMPLETED, "frozen")
        clock.cancel()
        await self._alerting.settle()
        await run.record()
        run.show()
        await workflow.wait_condition(workflow.all_handlers_finished)
        return TicketResult(
            task_id=run.task.task_id,
            state=run.state,
            result=run.result,
            risk=run.risk,
            sop="handwritten",
            sop_digest="",
            closed_at=run.now,
        )

    async def _ask(self, group: str, question: str) -> None:
        decided = await self._reviews.ask(
            Question(
                key=question, kind=ReviewKind.STEP, step_id="ask", text=question, role="reviewer", group=group
            )
        )
        if decided.verb is Verb.REJECT:
            raise ApplicationError(decided.refusal)

    async def _check(self, method: object, name: str) -> StepOutput:
        await self._commands.checkpoint()
        request = self._begin(name, {})
        output: StepOutput = await workflow.execute_local_activity_method(
            method,  # type: ignore[call-overload]  # any of the checks
            request,
            start_to_close_timeout=timedelta(seconds=10),
            retry_policy=step_retry(1),
            summary=name,
        )
        self._finish(name, output)
        return output

    async def _effect(self, method: object, name: str, queue: Queue) -> None:
        await self._commands.checkpoint()
        request = self._begin(name, self._results if queue is Queue.CHANNELS else {})
        if await self._gate() == "ask":
            await self._ask(self._run.task.assigned_group, f"May “{name}” run?")
        await self._run.record()
        output: StepOutput = await workflow.execute_activity_method(
            method,  # type: ignore[call-overload]  # any of the effects
            request,
            task_queue=queue,
            start_to_close_timeout=timedelta(seconds=30),
            retry_policy=step_retry(3),
            summary=name,
            priority=queue_priority(self._run.task.priority),
        )
        self._finish(name, output)

    async def _gate(self) -> str:
        verdict = await workflow.execute_local_activity_method(
            GateActivities.decide_gate,
            GateQuestion(risk=self._run.risk, now=self._run.now),
            summary=f"may {self._run.risk} risk run now?",
            **LOCAL,
        )
        self._run.note(EventKind.GATE, verdict.reason, verdict=verdict.verdict, mode=verdict.mode)
        return verdict.verdict

    def _begin(self, name: str, results: dict[str, StepOutput]) -> StepInput:
        self._run.note(EventKind.STEP_STARTED, name, step_id=name)
        return StepInput(
            task=self._run.task,
            step_id=name,
            step_name=name,
            handler=name,
            risk=self._run.risk,
            now=self._run.now,
            sop="handwritten",
            results=results,
        )

    def _finish(self, name: str, output: StepOutput) -> None:
        self._results[name] = output
        self._run.note(EventKind.STEP_DONE, f"{name}: {output.summary}", step_id=name)
