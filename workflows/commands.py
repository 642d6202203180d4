"""Operators' commands on one ticket: hold, resume, reassign, retry, skip, cancel.

Each needs a code that proves who gives it and what exactly was asked. Without one it is recorded and
refused, because anyone can type a name into the Temporal UI.
"""

import asyncio
from collections.abc import Mapping
from typing import Literal

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.codes import CodeActivities
from activities.messages import CodeCheck, Opening, ReopenTicket
from activities.opening import OpeningActivities
from definitions.migration import objections_to, same_step
from domain.digest import digest_of
from domain.errors import Conflict
from domain.lifecycle import ENDS, TicketState
from domain.people import Principal, Role
from domain.review import ReviewKind
from domain.sla_changes import changes_of_terms
from domain.ticket import EventKind
from workflows.contract import CLAIMS, Command, CommandOutcome, command_content
from workflows.interpreter import Journal, TicketEnded
from workflows.options import LOCAL
from workflows.reviews import ReviewBook
from workflows.run_state import TicketRun


class Commands:
    """Takes commands, and is where the run waits for what they change."""

    def __init__(
        self,
        run: TicketRun,
        reviews: ReviewBook,
        journal: Journal,
        choices: Mapping[str, Literal["retry", "skip"]] | None = None,
    ) -> None:
        self._run = run
        self._reviews = reviews
        self._journal = journal
        self._taking = asyncio.Lock()
        self.choices: dict[str, Literal["retry", "skip"]] = dict(choices or {})
        """What operators chose for failed steps, until the run acts on it."""
        self.migration: Opening | None = None
        """The version that the ticket is to move to."""

    async def take(self, verb: str, command: Command) -> CommandOutcome:
        """Carries the command out, or says why not. Both are recorded."""
        async with self._taking:
            outcome = await self._judge(verb, command)
        await self._run.record()
        return outcome

    def cancel(self, actor: str, reason: str) -> None:
        """Ends the ticket before its next step; an effect that is under way is waited for."""
        if self._run.ending is None and self._run.state not in ENDS:
            self._run.ending = TicketEnded(TicketState.CANCELLED, f"cancelled by {actor}: {reason}")
            self._run.note(EventKind.COMMAND, f"cancel: {reason}", actor=actor, verb="cancel")

    async def checkpoint(self) -> None:
        """Before a step: waits while held; raises `TicketEnded` when the ticket ends early."""
        run = self._run
        if run.held:
            run.waits["hold"] = "resume"
            run.show()
            await workflow.wait_condition(lambda: not run.held or run.ending is not None)
            run.waits.pop("hold", None)
            run.show()
        if run.moving:
            # The run is continued as new as soon as nothing is under way: nothing new begins here.
            await workflow.wait_condition(lambda: run.ending is not None)
        if run.ending is not None:
            raise run.ending

    async def operator_choice(self, key: str) -> Literal["retry", "skip"]:
        """Waits until an operator says what becomes of a failed step."""
        run = self._run
        await workflow.wait_condition(lambda: key in self.choices or run.ending is not None)
        if run.ending is not None:
            raise run.ending
        # Taken here and nowhere reset: a choice may come while the failure is still being recorded.
        return self.choices.pop(key)

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
        if problem := _lacks_role(verb, who):
            return self._refuse(verb, "not_permitted", problem, who.id)
        group = self._run.task.assigned_group
        if group not in who.groups and not who.may(Role.ADMIN):
            return self._refuse(verb, "not_permitted", f"{who.id} is not in the group {group}", who.id)
        problem = (
            await self._migrate(command, who) if verb == "migrate" else self._carry_out(verb, command, who)
        )
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
                case "claim" | "unclaim":
                    return self._claim(verb, command, who)
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

    def _claim(self, verb: str, command: Command, who: Principal) -> str | None:
        run, has_it = self._run, self._run.claimed.by
        if verb == "claim" and has_it == who.id:
            return "you have it already"
        if verb == "unclaim" and not has_it:
            return "nobody has claimed it"
        run.claim(who.id if verb == "claim" else "")
        before = f", who takes over from {has_it}" if verb == "claim" and has_it else ""
        words = f"{verb}ed by {who.id}{before}: {command.reason}"
        run.note(EventKind.COMMAND, words, actor=who.id, verb=verb, reason=command.reason)
        return None

    def _choose(self, choice: Literal["retry", "skip"], command: Command, who: Principal) -> str | None:
        failed = self._run.failed_steps
        if not failed:
            return f"no step has failed: the ticket is {self._run.state}"
        if command.step is not None and command.step not in failed:
            return f"{command.step} has not failed; these have: {', '.join(failed)}"
        if command.step is None and len(failed) > 1:
            return f"several steps have failed, name one: {', '.join(failed)}"
        key = command.step or next(iter(failed))
        if key in self.choices:
            return f"somebody already chose to {self.choices[key]} this step"
        self.choices[key] = choice
        self._run.hands.add(who.id)
        kind = EventKind.COMMAND if choice == "retry" else EventKind.STEP_SKIPPED
        self._run.note(kind, f"{choice} {key}: {command.reason}", actor=who.id, step_id=key, verb=choice)
        return None

    async def _migrate(self, command: Command, who: Principal) -> str | None:
        """Moves the ticket to the version of its SOP that was asked for; returns why it cannot be done."""
        run = self._run
        if run.state in ENDS or run.ending is not None:
            return f"the ticket has ended: {run.state}"
        if run.opening is None:
            return "the ticket has not been opened yet"
        if command.sop_digest is None:
            return "name the digest of the version to move to"
        if command.sop_digest == run.opening.sop.digest:
            return "the ticket runs under this version already"
        try:
            opening = await workflow.execute_local_activity_method(
                OpeningActivities.reopen_ticket,
                ReopenTicket(
                    opening=run.opening,
                    digest=command.sop_digest,
                    task=run.task,
                    received_at=run.opened_at,
                ),
                summary="the version of the SOP that is in force",
                **LOCAL,
            )
        except ApplicationError as error:
            return error.message
        problems = objections_to(run.opening.sop, opening.sop, self._journal.finished, self._journal.started)
        if problems:
            return "; ".join(problems)
        before = run.opening.sop
        new = opening.sop
        terms = run.opening.sla
        self._reviews.withdraw(
            lambda request: request.kind is not ReviewKind.CLOSING and same_step(before, new, request.step_id)
        )
        self.migration = opening
        run.note(
            EventKind.MIGRATED,
            f"{before.sop.name} {before.version} → {opening.sop.version}: {command.reason}",
            actor=who.id,
            verb="migrate",
            reason=command.reason,
            sop_digest=opening.sop.digest,
            before=before.digest,
        )
        if reasons := changes_of_terms(terms, opening.sla, run.now):
            moved = run.stopwatch.on(opening.sla.calendar, run.now).deadline(opening.sla.target)
            run.note_moved(run.deadline_at(), moved, reasons)
        return None

    def _refuse(self, verb: str, code: str, message: str, actor: str) -> CommandOutcome:
        self._run.note(
            EventKind.COMMAND_REFUSED, f"{verb} refused: {message}", actor=actor, verb=verb, code=code
        )
        return CommandOutcome(accepted=False, code=code, message=message, state=self._run.state)


def _lacks_role(verb: str, who: Principal) -> str | None:
    """Which role is missing for a command, or None."""
    if who.may(Role.OPERATOR) or who.may(Role.ADMIN):
        return None
    if verb not in CLAIMS:
        return f"{who.id} does not hold the role operator"
    if who.may(Role.REVIEWER) or who.may(Role.ONCALL):
        return None
    return f"{who.id} holds none of the roles operator, reviewer, oncall"
