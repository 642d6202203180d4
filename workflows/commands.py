"""Operators' commands on one ticket: hold, resume, reassign, retry, skip, cancel.

Each needs a code that proves who gives it and what exactly was asked. Without one it is recorded and
refused, because anyone can type a name into the Temporal UI.
"""

import asyncio
from typing import Literal

from temporalio import workflow

from activities.codes import CodeActivities
from activities.messages import CodeCheck
from domain.digest import digest_of
from domain.errors import Conflict
from domain.lifecycle import ENDS, TicketState
from domain.people import Principal, Role
from domain.ticket import EventKind
from workflows.contract import Command, CommandOutcome, command_content
from workflows.interpreter import TicketEnded
from workflows.options import LOCAL
from workflows.reviews import ReviewBook
from workflows.run_state import TicketRun


class Commands:
    """Takes commands, and is where the run waits for what they change."""

    def __init__(self, run: TicketRun, reviews: ReviewBook) -> None:
        self._run = run
        self._reviews = reviews
        self._taking = asyncio.Lock()
        self._choice: Literal["retry", "skip"] | None = None
        self.cancelled_because: str | None = None

    async def take(self, verb: str, command: Command) -> CommandOutcome:
        """Carries the command out, or says why not. Both are recorded."""
        async with self._taking:
            outcome = await self._judge(verb, command)
        await self._run.record()
        return outcome

    def cancel(self, actor: str, reason: str) -> None:
        """Ends the ticket before its next step; an effect that is under way is waited for."""
        if self.cancelled_because is None and self._run.state not in ENDS:
            self.cancelled_because = f"cancelled by {actor}: {reason}"
            self._run.note(EventKind.COMMAND, f"cancel: {reason}", actor=actor, verb="cancel")
            self._reviews.abandon(self.cancelled_because)

    async def checkpoint(self) -> None:
        """Before a step: waits while held; raises `TicketEnded` when cancelled."""
        if self._run.held:
            self._run.waiting_for = "resume"
            self._run.show()
            await workflow.wait_condition(lambda: not self._run.held or self._is_cancelled)
            self._run.waiting_for = ""
            self._run.show()
        if self.cancelled_because is not None:
            raise TicketEnded(TicketState.CANCELLED, self.cancelled_because)

    async def operator_choice(self) -> Literal["retry", "skip"]:
        """Waits until an operator says what becomes of a failed step."""
        await workflow.wait_condition(lambda: self._choice is not None or self._is_cancelled)
        if self.cancelled_because is not None:
            raise TicketEnded(TicketState.CANCELLED, self.cancelled_because)
        # Taken here and nowhere reset: a choice may come while the failure is still being recorded.
        choice, self._choice = self._choice, None
        return choice or "retry"

    @property
    def _is_cancelled(self) -> bool:
        return self.cancelled_because is not None

    async def _judge(self, verb: str, command: Command) -> CommandOutcome:
        task_id = self._run.task.task_id
        verdict = await workflow.execute_local_activity_method(
            CodeActivities.verify_code,
            CodeCheck(
                code=command.code,
                purpose=f"command:{verb}",
                subject=task_id,
                digest=digest_of(command_content(verb, task_id, command)),
            ),
            summary=f"whose command “{verb}” is this?",
            **LOCAL,
        )
        if verdict.principal is None:
            return self._refuse(verb, "decision_code_invalid", verdict.problem, "unknown")
        who = verdict.principal
        if not (who.may(Role.OPERATOR) or who.may(Role.ADMIN)):
            return self._refuse(verb, "not_permitted", f"{who.id} does not hold the role operator", who.id)
        group = self._run.task.assigned_group
        if group not in who.groups and not who.may(Role.ADMIN):
            return self._refuse(verb, "not_permitted", f"{who.id} is not in the group {group}", who.id)
        problem = self._carry_out(verb, command, who)
        if problem:
            return self._refuse(verb, "conflict", problem, who.id)
        self._run.show()
        return CommandOutcome(accepted=True, code="accepted", message=f"{verb} done", state=self._run.state)

    def _carry_out(self, verb: str, command: Command, who: Principal) -> str | None:
        """Does it; returns why it cannot be done."""
        run = self._run
        if run.state in ENDS:
            return f"the ticket has ended: {run.state}"
        try:
            match verb:
                case "hold":
                    run.stopwatch = run.stopwatch.hold(run.now, command.reason, who.id)
                    run.note(EventKind.HELD, command.reason, actor=who.id, reason=command.reason)
                case "resume":
                    run.stopwatch = run.stopwatch.resume(run.now)
                    run.note(EventKind.RESUMED, command.reason, actor=who.id, reason=command.reason)
                case "reassign":
                    return self._reassign(command, who)
                case "retry_step" | "skip_step":
                    return self._choose("retry" if verb == "retry_step" else "skip", command, who)
                case "cancel":
                    self.cancel(who.id, command.reason)
                case _:
                    return f"there is no command {verb!r}"
        except Conflict as conflict:
            return str(conflict)
        return None

    def _reassign(self, command: Command, who: Principal) -> str | None:
        before = self._run.task.assigned_group
        if not command.group:
            return "name the group to give the ticket to"
        if command.group == before:
            return f"the ticket is already with {before}"
        self._run.reassign(command.group)
        self._run.note(
            EventKind.REASSIGNED,
            f"{before} → {command.group}: {command.reason}",
            actor=who.id,
            reason=command.reason,
        )
        self._reviews.reassign(before, command.group)
        return None

    def _choose(self, choice: Literal["retry", "skip"], command: Command, who: Principal) -> str | None:
        if self._run.state is not TicketState.FAILED:
            return f"no step has failed: the ticket is {self._run.state}"
        if self._choice is not None:
            return f"somebody already chose to {self._choice} this step"
        self._choice = choice
        self._run.hands.add(who.id)
        kind = EventKind.COMMAND if choice == "retry" else EventKind.STEP_SKIPPED
        self._run.note(
            kind,
            f"{choice} {self._run.current_step}: {command.reason}",
            actor=who.id,
            step_id=self._run.current_step,
            verb=choice,
        )
        return None

    def _refuse(self, verb: str, code: str, message: str, actor: str) -> CommandOutcome:
        self._run.note(
            EventKind.COMMAND_REFUSED, f"{verb} refused: {message}", actor=actor, verb=verb, code=code
        )
        return CommandOutcome(accepted=False, code=code, message=message, state=self._run.state)
