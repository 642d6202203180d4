"""TicketWorkflow: one ticket from intake to its end.

Opens (dispatch, pinned SOP, SLA), interprets the SOP, closes with four eyes where the risk asks for it.
Decisions and commands arrive as messages at any time; thresholds fire from durable timers beside.
"""

import asyncio
import contextlib
from datetime import timedelta
from typing import Any

from pydantic import ValidationError
from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.messages import OpenTicket
from activities.opening import OpeningActivities
from domain.alerts import AlertLevel
from domain.errors import InvalidInput
from domain.lifecycle import TicketState
from domain.review import Decision, DecisionOutcome, ReviewKind
from domain.ticket import EventKind, TicketEvent, TicketView
from workflows.alerting import Alerting
from workflows.commands import Commands
from workflows.contract import Command, CommandOutcome, TicketInput, TicketResult, workflow_id
from workflows.interpreter import Interpreter, Question, TicketEnded
from workflows.options import LOCAL
from workflows.payloads import refusal_of
from workflows.reviews import ReviewBook
from workflows.run_state import TicketRun
from workflows.sla_clock import SlaClock
from workflows.step_runtime import StepRuntime, told_by

_NOTHING: Any = None
"""What a start without an argument leaves: refused by `check_start`, where it would hang otherwise."""
_SKEW = timedelta(minutes=10)
"""How far clocks of our machines may differ before a start counts as one from the future."""


def _unfit(problem: str) -> ApplicationError:
    return ApplicationError(problem, type=InvalidInput.code, non_retryable=True)


def _refuse_empty(message: object) -> None:
    if message is None:
        raise _unfit("the message is empty; expected one JSON object")


def check_start(ticket: TicketInput | None) -> None:
    """Raises `ApplicationError`, which ends the workflow as failed, for a start that cannot be a ticket's."""
    if ticket is None:
        raise _unfit("TicketInput: missing; expected an object with `task`")
    expected = workflow_id(ticket.task.task_id)
    if workflow.info().workflow_id != expected:
        raise _unfit(f"the workflow id must be {expected}: one workflow a ticket")
    try:
        now = ticket.clock.to_bank(workflow.now())
    except (OverflowError, ValueError):
        raise _unfit("clock: shows no date now; leave it out for real time") from None
    if ticket.received_at and ticket.received_at > now + _SKEW:
        raise _unfit("received_at: is in the future")


@workflow.defn
class TicketWorkflow:
    """A bank's operations ticket."""

    @workflow.init
    def __init__(self, ticket: TicketInput = _NOTHING) -> None:
        check_start(ticket)
        self._run = TicketRun(ticket)
        self._alerting = Alerting(self._run)
        self._reviews = ReviewBook(self._run, self._alerting)
        self._commands = Commands(self._run, self._reviews)
        self._steps = StepRuntime(self._run, self._reviews, self._commands, self._alerting)
        self._sla = SlaClock(self._run, self._alerting)

    @workflow.run
    async def run(self, ticket: TicketInput = _NOTHING) -> TicketResult:  # noqa: ARG002 - `__init__` has read it
        """Runs the ticket to an end. A cancellation from outside is a command like any other."""
        life = asyncio.create_task(self._live())
        while not life.done():
            try:
                await workflow.wait_condition(life.done)
            except asyncio.CancelledError:
                self._commands.cancel("temporal", "cancellation requested in Temporal")
        await life
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self._result()

    @workflow.update
    async def decide(self, decision: Decision) -> DecisionOutcome:
        """A reviewer's decision; the answer says whether it counted and why not."""
        return await self._reviews.decide(decision)

    @workflow.signal
    async def submit_decision(self, decision: Any = None, *_more: Any) -> None:
        """The same as a signal, for senders that need no answer. One that cannot be read is recorded too."""
        try:
            readable = Decision.model_validate(decision)
        except ValidationError as error:
            await self._reviews.refuse_unreadable(refusal_of(error))
            return
        await self._reviews.decide(readable)

    @workflow.update
    async def hold(self, command: Command) -> CommandOutcome:
        """Stops the service clock and the run before its next step."""
        return await self._commands.take("hold", command)

    @workflow.update
    async def resume(self, command: Command) -> CommandOutcome:
        """Lets a held ticket go on."""
        return await self._commands.take("resume", command)

    @workflow.update
    async def reassign(self, command: Command) -> CommandOutcome:
        """Gives the ticket to another group."""
        return await self._commands.take("reassign", command)

    @workflow.update
    async def retry_step(self, command: Command) -> CommandOutcome:
        """Tries the failed step again, as a new occurrence."""
        return await self._commands.take("retry_step", command)

    @workflow.update
    async def skip_step(self, command: Command) -> CommandOutcome:
        """Leaves the failed step out. A skipped control makes the ticket high risk."""
        return await self._commands.take("skip_step", command)

    @workflow.update
    async def cancel(self, command: Command) -> CommandOutcome:
        """Ends the ticket before its next step."""
        return await self._commands.take("cancel", command)

    # An empty message would fail the workflow task again and again; a validator refuses it instead.

    @decide.validator
    def _decision_has_content(self, decision: Decision) -> None:
        _refuse_empty(decision)

    def _command_has_content(self, command: Command) -> None:
        _refuse_empty(command)

    hold.validator(_command_has_content)
    resume.validator(_command_has_content)
    reassign.validator(_command_has_content)
    retry_step.validator(_command_has_content)
    skip_step.validator(_command_has_content)
    cancel.validator(_command_has_content)

    @workflow.query
    def view(self) -> TicketView:
        """The whole state."""
        return self._run.view()

    @workflow.query
    def timeline(self) -> list[TicketEvent]:
        """Everything that happened."""
        return self._run.events

    async def _live(self) -> None:
        clock = None
        try:
            await self._open()
            clock = asyncio.create_task(self._sla.tick(self._run.pinned.sla))
            interpreter = Interpreter(self._run.pinned.sop, self._steps)
            try:
                await interpreter.run()
            except TicketEnded as end:
                # Effects in the background are waited for; nobody is asked anything any more.
                self._reviews.abandon(end.reason)
                with contextlib.suppress(TicketEnded):
                    await interpreter.settle()
                raise
            await self._review_closing()
            self._run.close(TicketState.COMPLETED, self._run.completion())
        except TicketEnded as end:
            self._end_early(end)
        if clock is not None:
            clock.cancel()
        await self._alerting.settle()
        await self._run.record()
        self._run.show()

    async def _open(self) -> None:
        run = self._run
        run.note(
            EventKind.OPENED, f"received from {run.task.source}", actor=run.maker, source=run.task.source
        )
        run.open(
            await workflow.execute_local_activity_method(
                OpeningActivities.open_ticket,
                OpenTicket(task=run.task, now=run.now, clock=run.clock),
                summary="dispatch, pin the SOP, agree the SLA",
                **LOCAL,
            )
        )
        run.show()

    async def _review_closing(self) -> None:
        """Four eyes on the finished ticket, unless its risk needs none or its effects had them already."""
        await self._commands.checkpoint()
        run = self._run
        effects = self._steps.effects_done
        if effects and effects <= self._reviews.approved:
            run.move_to(TicketState.REVIEWING)
            run.note(EventKind.GATE, "a person approved the same effects in this run")
            return
        verdict = await self._steps.gate()
        if verdict.verdict == "ask":
            await self._reviews.ask(
                Question(
                    kind=ReviewKind.CLOSING,
                    step_id="closing",
                    text=f"{verdict.reason}. Is everything done as it should be?",
                    role="reviewer",
                ),
                evidence=tuple(event.summary for event in run.events if event.kind is EventKind.STEP_DONE),
                instead=told_by(verdict),
            )
            return
        if verdict.verdict == "spot_check":
            self._steps.draw_spot_check(verdict)
        run.move_to(TicketState.REVIEWING)

    def _end_early(self, end: TicketEnded) -> None:
        reason = end.reason
        if self._steps.effects_done:
            reason += "; effects that took place before stay and need correction"
            self._alerting.raise_alert(
                AlertLevel.FAILURE,
                key="ended-after-effects",
                subject=f"{self._run.task.task_id} ended as {end.state} after effects",
                body=reason,
            )
        self._run.close(end.state, reason)

    def _result(self) -> TicketResult:
        run = self._run
        return TicketResult(
            task_id=run.task.task_id,
            state=run.state,
            result=run.result,
            risk=run.risk,
            sop=run.pinned.sop.sop.name if run.opening else "",
            sop_digest=run.pinned.sop.digest if run.opening else "",
            spot_check=run.spot_check,
            closed_at=run.closed_at or run.now,
        )
