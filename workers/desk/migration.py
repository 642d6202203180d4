"""Moving running tickets to the version of their SOP that is in force, where what they did still stands."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Final

from pydantic import computed_field

from activities.ports import TicketReader
from definitions.book import PinnedSop
from definitions.migration import objections_to
from domain.errors import Conflict, NotFound, NotPermitted
from domain.lifecycle import ENDS, TicketState
from domain.model import Record
from domain.people import Principal, Role
from domain.steps import StepOutput
from domain.ticket import TicketSummary
from workers.desk.authority import Trail, require
from workers.desk.commands import Commands
from workers.desk.reading import Reading
from workers.ticket_workflows import EngineUnavailable
from workflows.contract import Command, CommandOutcome, FinishedStep, JournalView

_PAGE: Final = 500
_AT_ONCE: Final = 8
"""Tickets that are asked for their journals at the same time."""


class SopVersion(Record):
    """One version of an SOP."""

    version: str
    digest: str

    @classmethod
    def of(cls, pinned: PinnedSop) -> "SopVersion":
        """The version of a pinned SOP."""
        return cls(version=pinned.version, digest=pinned.digest)


class Candidate(Record):
    """A running ticket that is on another version of its SOP than the one in force."""

    task_id: str
    state: TicketState
    sop: str
    """The SOP's id; its name where the ticket itself does not answer."""
    pinned: SopVersion | None = None
    target: SopVersion | None = None
    """The version in force."""
    finished: tuple[FinishedStep, ...] = ()
    objections: tuple[str, ...] = ()
    """Why it cannot be moved."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def stands(self) -> bool:
        """Whether it can be moved: all that it finished still stands under the version in force."""
        return not self.objections


class MigrationPlan(Record):
    """Which running tickets could move to the versions in force."""

    candidates: tuple[Candidate, ...]
    current: int
    """Running tickets that are on the version in force already."""
    left_out: int
    """Further tickets that were not asked, because of the limit."""


class Migration:
    """Shows what could move, and moves what an operator names."""

    def __init__(
        self,
        reading: Reading,
        reader: TicketReader,
        commands: Commands,
        trail: Trail,
        *,
        in_force: Callable[[], Mapping[str, PinnedSop]],
    ) -> None:
        """`in_force` gives every SOP in force, pinned, by id."""
        self._reading = reading
        self._reader = reader
        self._commands = commands
        self._trail = trail
        self._in_force = in_force

    async def plan(self, sop: str | None, limit: int) -> MigrationPlan:
        """The running tickets of an SOP (id or name; None: of all), each with what speaks against moving it.

        At most `limit` tickets are asked. Raises `NotFound` for an unknown SOP, `EngineUnavailable` and
        `StoreUnavailable`.
        """
        await self._reading.check()
        in_force = await asyncio.to_thread(self._in_force)
        wanted = _resolved(sop, in_force) if sop is not None else None
        outdated, current = await asyncio.to_thread(self._outdated, wanted, in_force)
        gate = asyncio.Semaphore(_AT_ONCE)

        async def ask(summary: TicketSummary) -> Candidate:
            async with gate:
                return await self._candidate(summary, in_force)

        found = await asyncio.gather(*(ask(each) for each in outdated[:limit]))
        if wanted is not None:
            # Under a name that nobody has now, the ticket itself had to say which SOP it is.
            found = [each for each in found if each.sop in (wanted.sop.id, wanted.sop.name)]
        return MigrationPlan(candidates=tuple(found), current=current, left_out=max(0, len(outdated) - limit))

    async def move(self, task_id: str, reason: str, *, principal: Principal) -> CommandOutcome:
        """Moves a ticket to the version of its SOP that is in force.

        The workflow's own refusal is an outcome with `accepted` false. Raises `NotPermitted`, `NotFound`,
        `Conflict` (the ticket has ended, is on that version already, or something speaks against it),
        `EngineUnavailable` and `StoreUnavailable`.
        """
        try:
            require(principal, Role.OPERATOR, "migrate tickets")
            target = await self._target(task_id)
        except (NotPermitted, Conflict) as error:
            await self._trail.refused("command.migrate.refused", principal, str(error), task_id=task_id)
            raise
        command = Command(reason=reason, sop_digest=target.digest)
        return await self._commands.give("migrate", task_id, command, principal=principal)

    async def _target(self, task_id: str) -> PinnedSop:
        """The version to move this ticket to. Raises `Conflict` with everything that speaks against it."""
        shown = await self._reading.view(task_id)
        if shown.view.state in ENDS:
            raise Conflict(await self._reading.how_it_ended(task_id, f"ticket {task_id} has ended"))
        journal = await self._reading.journal(task_id)
        if journal is None:
            raise Conflict(f"ticket {task_id} runs under no SOP now")
        target = (await asyncio.to_thread(self._in_force)).get(journal.sop.sop.id)
        if target is not None and target.digest == journal.sop.digest:
            raise Conflict(f"ticket {task_id} is on version {target.version} already, which is in force")
        objections = _objections(journal, target)
        if target is None or objections:
            raise Conflict(
                f"ticket {task_id} stays on version {journal.sop.version}: {'; '.join(objections)}"
            )
        return target

    def _outdated(
        self, wanted: PinnedSop | None, in_force: Mapping[str, PinnedSop]
    ) -> tuple[list[TicketSummary], int]:
        """By the read model: the open tickets that are not on a version in force, and how many are."""
        names = {each.sop.name: each for each in in_force.values()}
        outdated, current, offset = [], 0, 0
        while page := self._reader.tickets(open_only=True, limit=_PAGE, offset=offset):
            offset += len(page)
            for summary in page:
                known = names.get(summary.sop)
                if not summary.sop or (wanted is not None and known is not None and known is not wanted):
                    continue
                view = self._reader.view(summary.task_id) if known is not None else None
                if view is not None and known is not None and view.sop_digest == known.digest:
                    current += 1
                else:
                    outdated.append(summary)
        return outdated, current

    async def _candidate(self, summary: TicketSummary, in_force: Mapping[str, PinnedSop]) -> Candidate:
        silent = Candidate(task_id=summary.task_id, state=summary.state, sop=summary.sop)
        try:
            journal = await self._reading.journal(summary.task_id)
        except EngineUnavailable as error:
            return silent.model_copy(update={"objections": (str(error),)})
        if journal is None:
            return silent.model_copy(update={"objections": ("it runs under no SOP now",)})
        target = in_force.get(journal.sop.sop.id)
        return Candidate(
            task_id=summary.task_id,
            state=summary.state,
            sop=journal.sop.sop.id,
            pinned=SopVersion.of(journal.sop),
            target=SopVersion.of(target) if target else None,
            finished=journal.finished,
            objections=tuple(_objections(journal, target)),
        )


def _objections(journal: JournalView, target: PinnedSop | None) -> Sequence[str]:
    """What can be seen from here against a move; the ticket knows more of its steps and judges again."""
    if target is None:
        return (f"the SOP {journal.sop.sop.id!r} is not in force any more",)
    finished = {each.key: StepOutput(outcome=each.outcome) for each in journal.finished}
    return objections_to(journal.sop, target, finished, journal.unfinished)


def _resolved(sop: str, in_force: Mapping[str, PinnedSop]) -> PinnedSop:
    by_name = {each.sop.name: each for each in in_force.values()}
    found = in_force.get(sop) or by_name.get(sop)
    if found is None:
        near = get_close_matches(sop, [*in_force, *by_name], n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"expected one of: {', '.join(in_force)}"
        raise NotFound(f"there is no SOP {sop!r} in force; {hint}")
    return found
