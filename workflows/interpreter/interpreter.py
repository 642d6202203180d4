"""Runs one SOP for one ticket, from its first step to its end."""

import contextlib
from collections.abc import Mapping

from definitions.book import PinnedSop
from domain.steps import StepOutput
from workflows.interpreter.compensation import Undone, compensate
from workflows.interpreter.journal import Journal
from workflows.interpreter.runtime import Runtime
from workflows.interpreter.scope import Scope
from workflows.interpreter.sequence import Run, Sequence, SopFinished
from workflows.interpreter.steps import perform, replace_failed


class Interpreter:
    """Interprets one pinned SOP; a journal of an earlier run lets it go on where that one was."""

    def __init__(self, pinned: PinnedSop, runtime: Runtime, journal: Journal | None = None) -> None:
        self.journal = journal or Journal()
        self._scope = Scope(sop=pinned.sop)
        self._run = Run(pinned=pinned, runtime=runtime, journal=self.journal, perform=perform)

    @property
    def results(self) -> Mapping[str, StepOutput]:
        """What the SOP's own steps came to, by id."""
        return self._scope.results

    async def run(self) -> None:
        """Runs all steps and waits for those in the background. Raises `TicketEnded`.

        Fallbacks of background steps come last: they may ask a person, when everything else is settled.
        """
        with contextlib.suppress(SopFinished):
            await Sequence(self._run, self._run.pinned.sop.steps, self._scope).walk()
        await self._run.settle()
        await replace_failed(self._run)

    async def undo(self) -> Undone:
        """After a bad end: settles what still runs, then undoes what can be undone."""
        await self._run.settle()
        return await compensate(self._run)
