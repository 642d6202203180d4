"""The rulebook in force with the candidates of open rollouts, which the store keeps.

Whether the definitions come from a folder or from the rules library makes no difference here.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import structlog

from activities.ports import RolloutStore
from definitions.book import Rulebook
from definitions.findings import Finding
from definitions.rollout import Candidate
from domain.dispatch.answer import DispatchAnswer
from domain.errors import StoreUnavailable
from domain.people import Directory
from domain.task import OpsTask
from workers.rulebook import ServedRulebook, Serving

_log = structlog.get_logger(__name__)


class RulebookWithCandidates:
    """Adds candidates to a source of definitions; implements `ServedRulebook`. Any thread may use it."""

    def __init__(self, served: ServedRulebook, rollouts: RolloutStore) -> None:
        self._served = served
        self._rollouts = rollouts
        self._candidates: tuple[Candidate, ...] = ()
        self._is_silent = False
        self._made: tuple[Rulebook, Rulebook] | None = None
        """The last rulebook that was served, as it came and with its candidates."""
        self._take_candidates()

    def current(self) -> Rulebook:
        """The last good rulebook, with the candidates as they were read last."""
        book = self._served.current()
        if not self._candidates:
            return book
        made = self._made
        if made is None or made[0] is not book or made[1].candidates is not self._candidates:
            made = self._made = book, replace(book, candidates=self._candidates)
        return made[1]

    def dispatch(self, task: OpsTask) -> DispatchAnswer:
        """Where a ticket goes: rollouts are of SOPs and change nothing about it."""
        return self._served.dispatch(task)

    def is_working_day(self, day: date) -> bool:
        """Whether the bank works on this day."""
        return self._served.is_working_day(day)

    def reload(self) -> list[Finding]:
        """Takes what is new, definitions and candidates."""
        findings = self._served.reload()
        self._take_candidates()
        return findings

    def directory(self) -> Directory:
        """Who there is, as of now."""
        return self._served.directory()

    def serving(self) -> Serving:
        """What is served, and what was refused."""
        return self._served.serving()

    def _take_candidates(self) -> None:
        """While the store does not answer, the rollouts stay as they were."""
        try:
            found: Sequence[Candidate] = self._rollouts.candidates()
        except StoreUnavailable as error:
            if not self._is_silent:
                _log.warning("rollouts.store_unreachable", error=str(error))
            self._is_silent = True
            return
        self._is_silent = False
        if tuple(found) != self._candidates:
            self._candidates = tuple(found)
            told = [f"{each.path} version {each.version}: {each.stage} {each.share} %" for each in found]
            _log.info("rollouts.changed", open=told)
