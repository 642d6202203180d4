"""Operators' commands: checked here for what they name, judged and carried out by the ticket itself."""

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import Final

from domain.digest import digest_of
from domain.errors import Conflict, InvalidInput, NotPermitted
from domain.people import Directory, Principal, Role
from workers.desk.authority import CodeIssuer, Trail, require
from workers.desk.reading import Reading
from workers.ticket_workflows import LATE, MessageRefused, TicketWorkflows
from workflows.contract import CLAIMS, COMMANDS, Command, CommandOutcome, command_content

_ON_A_STEP: Final = ("retry_step", "skip_step")


class Commands:
    """Gives commands to tickets on behalf of operators."""

    def __init__(
        self,
        workflows: TicketWorkflows,
        reading: Reading,
        codes: CodeIssuer,
        trail: Trail,
        directory: Callable[[], Directory],
    ) -> None:
        self._workflows = workflows
        self._reading = reading
        self._codes = codes
        self._trail = trail
        self._directory = directory

    async def give(
        self, verb: str, task_id: str, command: Command, *, principal: Principal
    ) -> CommandOutcome:
        """Gives a command (`workflows.contract.COMMANDS`) to a ticket; the desk adds the code.

        The workflow's own refusal is an outcome with `accepted` false. Raises `NotPermitted`,
        `InvalidInput` (an unknown verb, group or step, or several failed steps and none named),
        `NotFound`, `Conflict` (the ticket has ended), `EngineUnavailable` and `StoreUnavailable`.
        """
        try:
            also = (Role.REVIEWER, Role.ONCALL) if verb in CLAIMS else ()
            require(principal, Role.OPERATOR, f"{verb.replace('_', ' ')} tickets", *also)
            self._check(verb, command)
            if verb in _ON_A_STEP:
                await self._check_step(task_id, command.step)
            digest = digest_of(command_content(verb, task_id, command))
            code = self._codes.issue(principal.id, f"command:{verb}", task_id, digest)
            signed = command.model_copy(update={"code": code})
            return await self._workflows.update(task_id, verb, signed, CommandOutcome)
        except MessageRefused as error:
            late = error.refusal == LATE
            message = await self._reading.how_it_ended(task_id, str(error)) if late else str(error)
            await self._trail.refused(f"command.{verb}.refused", principal, message, task_id=task_id)
            if error.refusal == NotPermitted.code:
                raise NotPermitted(message) from error
            raise Conflict(message) from error
        except (NotPermitted, InvalidInput) as error:
            await self._trail.refused(f"command.{verb}.refused", principal, str(error), task_id=task_id)
            raise

    def _check(self, verb: str, command: Command) -> None:
        if verb not in COMMANDS:
            raise InvalidInput(f"{verb!r} is not a command; expected one of {', '.join(COMMANDS)}")
        if command.step is not None and verb not in _ON_A_STEP:
            raise InvalidInput("step belongs to retry and skip only", field="step")
        if (command.sop_digest is None) == (verb == "migrate"):
            raise InvalidInput(
                "sop_digest belongs to migrate, which needs the digest of the version to move to",
                field="sop_digest",
            )
        if verb != "reassign":
            if command.group is not None:
                raise InvalidInput("group belongs to reassign only", field="group")
            return
        directory = self._directory()
        if command.group is None or directory.group(command.group) is None:
            names = ", ".join(each.name for each in directory.groups)
            problem = (
                "reassign needs a group" if command.group is None else f"there is no group {command.group!r}"
            )
            raise InvalidInput(f"{problem}; expected one of: {names}", field="group")

    async def _check_step(self, task_id: str, step: str | None) -> None:
        """Whether it is clear which failed step is meant. The ticket itself checks again."""
        # A ticket is recorded before it waits for an operator: a copy without failed steps refuses nothing.
        failed: Sequence[str] = (await self._reading.view(task_id)).view.steps_failed
        if not failed or step in failed:
            return
        if step is None:
            if len(failed) > 1:
                raise InvalidInput(
                    f"{len(failed)} steps of ticket {task_id} have failed; name one of: {', '.join(failed)}",
                    field="step",
                )
            return
        near = get_close_matches(step, failed, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"expected one of: {', '.join(failed)}"
        raise InvalidInput(f"no step {step!r} of ticket {task_id} has failed; {hint}", field="step")
