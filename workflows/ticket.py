"""TicketWorkflow: one ticket from intake to its end.

Opens (dispatch, pinned SOP, SLA), interprets the SOP, closes with four eyes where the risk asks for it.
Decisions and commands arrive as messages at any time; thresholds fire from durable timers beside.
"""

import asyncio
from datetime import timedelta
from typing import Any

from pydantic import ValidationError
from temporalio import workflow
from temporalio.exceptions import ApplicationError

from definitions.book import PinnedSop
from domain.alerts import AlertLevel
from domain.errors import InvalidInput
from domain.lifecycle import TicketState
from domain.review import Decision, DecisionOutcome, ReviewKind, Verb
from domain.ticket import EventKind, TicketEvent, TicketView
from workflows.alerting import Alerting
from workflows.commands import Commands
from workflows.contract import (
    Command,
    CommandOutcome,
    FinishedStep,
    JournalView,
    OutsideEvent,
    TicketInput,
    TicketResult,
    workflow_id,
)
from workflows.events import Inbox
from workflows.interpreter import FAILED, Interpreter, Journal, Question, TicketEnded, Undone
from workflows.opening import open_ticket
from workflows.payloads import refusal_of
from workflows.reviews import ReviewBook
from workflows.run_state import TicketRun
from workflows.shadow_start import start_shadow
from workflows.sla_clock import SlaClock
from workflows.snapshot import TicketSnapshot
from workflows.step_runtime import StepRuntime, told_by

_NOTHING: Any = None
"""What a start without an argument leaves: refused by `check_start`, where it would hang otherwise."""
_CANCELLED_OUTSIDE = "cancellation requested in Temporal"
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
    if ticket.carry is not None and workflow.info().continued_run_id is None:
        raise _unfit("carry: is only for the runs of one ticket; leave it out")
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
        carry = ticket.carry
        self._run = TicketRun(ticket)
        self._journal = carry.journal if carry else Journal()
        self._alerting = Alerting(self._run)
        self._reviews = ReviewBook(self._run, self._alerting, carry.reviews if carry else None)
        self._commands = Commands(self._run, self._reviews, self._journal, carry.choices if carry else None)
        self._inbox = Inbox(self._run, carry.events if carry else None)
        self._steps = StepRuntime(
            self._run,
            self._reviews,
            self._commands,
            self._inbox,
            self._alerting,
            effects_done=carry.effects_done if carry else {},
        )
        self._sla = SlaClock(self._run, self._alerting, self._reviews, carry.sla_fired if carry else ())

    @workflow.run
    async def run(self, ticket: TicketInput = _NOTHING) -> TicketResult:
        """Runs the ticket to an end. A cancellation from outside is a command like any other."""
        life = asyncio.create_task(self._live())
        while not life.done():
            try:
                await workflow.wait_condition(lambda: life.done() or self._should_move)
            except asyncio.CancelledError:
                self._commands.cancel("temporal", _CANCELLED_OUTSIDE)
            if self._should_move and not life.done():
                await self._move(ticket, life)
        await life
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self._result()

    @workflow.update
    async def decide(self, decision: Decision) -> DecisionOutcome:
        """A reviewer's decision; the answer says whether it counted and why not."""
        update = workflow.current_update_info()
        return await self._reviews.decide(decision, update.id if update else "")

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
    async def claim(self, command: Command) -> CommandOutcome:
        """A named person works on it: what stays as bad as it was alerts nobody again."""
        return await self._commands.take("claim", command)

    @workflow.update
    async def unclaim(self, command: Command) -> CommandOutcome:
        """Nobody works on it any more."""
        return await self._commands.take("unclaim", command)

    @workflow.update
    async def skip_step(self, command: Command) -> CommandOutcome:
        """Leaves the failed step out. A skipped control makes the ticket high risk."""
        return await self._commands.take("skip_step", command)

    @workflow.update
    async def cancel(self, command: Command) -> CommandOutcome:
        """Ends the ticket before its next step."""
        return await self._commands.take("cancel", command)

    @workflow.update
    async def migrate(self, command: Command) -> CommandOutcome:
        """Moves the ticket to the version of its SOP that is in force, if its finished steps still stand."""
        return await self._commands.take("migrate", command)

    @workflow.update
    async def review_terms(self) -> CommandOutcome:
        """Takes the terms by the policies and calendars in force. It needs no code: it chooses nothing."""
        return await self._sla.review_terms()

    @workflow.update
    async def deliver_event(self, event: OutsideEvent) -> CommandOutcome:
        """Something happened outside that the SOP may wait for."""
        return await self._inbox.take(event)

    @workflow.signal
    async def submit_event(self, event: Any = None, *_more: Any) -> None:
        """The same as a signal. One that cannot be read is recorded too."""
        try:
            readable = OutsideEvent.model_validate(event)
        except ValidationError as error:
            await self._reviews.refuse_unreadable(refusal_of(error))
            return
        await self._inbox.take(readable)

    # An empty message would fail the workflow task again and again; a validator refuses it instead.

    @decide.validator
    def _decision_has_content(self, decision: Decision) -> None:
        _refuse_empty(decision)

    def _command_has_content(self, command: Command) -> None:
        _refuse_empty(command)

    hold.validator(_command_has_content)
    resume.validator(_command_has_content)
    reassign.validator(_command_has_content)
    claim.validator(_command_has_content)
    unclaim.validator(_command_has_content)
    retry_step.validator(_command_has_content)
    skip_step.validator(_command_has_content)
    cancel.validator(_command_has_content)
    migrate.validator(_command_has_content)

    @deliver_event.validator
    def _event_has_content(self, event: OutsideEvent) -> None:
        _refuse_empty(event)

    @workflow.query
    def view(self) -> TicketView:
        """The whole state."""
        return self._run.view()

    @workflow.query
    def timeline(self) -> list[TicketEvent]:
        """Everything that happened since the run began or was last continued; the store has it all."""
        return self._run.events

    @workflow.query
    def sop(self) -> PinnedSop | None:
        """The SOP that the ticket runs under; None before it is open."""
        return self._run.opening.sop if self._run.opening else None

    @workflow.query
    def journal(self) -> JournalView | None:
        """What the ticket's steps came to; None before it is open."""
        if self._run.opening is None:
            return None
        journal = self._journal
        return JournalView(
            sop=self._run.opening.sop,
            finished=tuple(
                FinishedStep(
                    key=key,
                    step_id=key.rsplit(".", 1)[-1],
                    outcome=output.outcome,
                    code=str(output.data.get("code", "")) if output.outcome == FAILED else "",
                )
                for key, output in journal.finished.items()
            ),
            unfinished=tuple(key for key in journal.started if key not in journal.finished),
        )

    @property
    def _should_move(self) -> bool:
        """Whether the run is to be continued as new: its history is long, or its SOP changes."""
        run = self._run
        if run.opening is None or run.closing or run.ending is not None:
            return False
        return self._commands.migration is not None or workflow.info().is_continue_as_new_suggested()

    async def _move(self, ticket: TicketInput, life: asyncio.Task[None]) -> None:
        """Continues as new once nothing is under way. What waits goes on waiting in the next run."""
        run = self._run
        run.moving = True

        def at_rest() -> bool:
            return run.at_rest and self._alerting.at_rest and workflow.all_handlers_finished()

        def over() -> bool:
            return life.done() or run.closing or run.ending is not None

        # What is recorded last may itself find new things to record.
        while not over() and not (at_rest() and run.all_recorded):
            await run.record()
            try:
                await workflow.wait_condition(lambda: at_rest() or over())
            except asyncio.CancelledError:
                self._commands.cancel("temporal", _CANCELLED_OUTSIDE)
        if over():
            run.moving = False
            return
        workflow.continue_as_new(ticket.model_copy(update={"carry": self._snapshot()}))

    def _snapshot(self) -> TicketSnapshot:
        run = self._run
        if migration := self._commands.migration:
            unknown = self._journal.move(run.pinned.sop, migration.sop, run.failed_steps)
            run.opening = migration
            run.stopwatch = run.stopwatch.on(migration.sla.calendar, run.now)
            run.failed_steps = {key: name for key, name in run.failed_steps.items() if key in unknown}
        return TicketSnapshot(
            run=run.snapshot(),
            reviews=self._reviews.snapshot(),
            events=self._inbox.snapshot(),
            choices=self._commands.choices,
            sla_fired=tuple(sorted(self._sla.fired)),
            effects_done=self._steps.effects_done,
            journal=self._journal,
        )

    async def _live(self) -> None:
        clocks: list[asyncio.Task[None]] = []
        try:
            if self._run.opening is None:
                await open_ticket(self._run, self._alerting)
            else:
                self._run.show()
            clocks += [asyncio.create_task(self._sla.tick()), asyncio.create_task(self._sla.tick_legal())]
            interpreter = Interpreter(self._run.pinned.sop, self._steps, self._journal)
            try:
                await interpreter.run()
                await self._review_closing()
                self._run.closing = True
                self._run.close(TicketState.COMPLETED, self._run.completion())
            except TicketEnded as end:
                # Effects under way are waited for and undone; nobody is asked anything any more.
                self._run.closing = True
                self._steps.abandon(end)
                self._end_early(end, await interpreter.undo())
        except TicketEnded as end:
            self._run.close(end.state, end.reason)
        for clock in clocks:
            clock.cancel()
        await self._alerting.settle()
        if self._run.opening is not None and self._run.opening.shadow is not None:
            await start_shadow(
                self._run,
                effects=self._steps.effects_done,
                journal=self._journal,
                reviews=self._reviews.snapshot(),
                events=self._inbox.snapshot(),
            )
        await self._run.record()
        self._run.show()

    async def _review_closing(self) -> None:
        """Four eyes on the finished ticket, unless its risk needs none or its effects had them already."""
        await self._steps.checkpoint()
        run = self._run
        effects = set(self._steps.effects_done.values())
        if effects and effects <= self._reviews.approved:
            run.move_to(TicketState.REVIEWING)
            run.note(EventKind.GATE, "a person approved the same effects in this run")
            return
        verdict = await self._steps.gate()
        if verdict.verdict == "ask" or self._reviews.asks("closing"):
            decided = await self._reviews.ask(
                Question(
                    key="closing",
                    kind=ReviewKind.CLOSING,
                    step_id="closing",
                    text=f"{verdict.reason}. Is everything done as it should be?",
                    role="reviewer",
                ),
                evidence=tuple(run.evidence),
                instead=told_by(verdict),
            )
            if decided.verb is Verb.REJECT:
                raise TicketEnded(TicketState.REJECTED, decided.refusal)
            return
        if verdict.verdict == "spot_check":
            self._steps.draw_spot_check(verdict)
        run.move_to(TicketState.REVIEWING)

    def _end_early(self, end: TicketEnded, undone: Undone) -> None:
        reason = end.reason
        if undone.keys:
            reason += f"; undone: {', '.join(undone.keys)}"
        if undone.stuck:
            reason += f"; could not be undone: {', '.join(undone.stuck)}"
        if self._steps.effects_done.keys() - undone.covered:
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
