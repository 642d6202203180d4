"""The rulebook in force: read from files, kept as long as it is good, exchanged whole when it is edited."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path

import holidays
import structlog

from definitions.book import Rulebook
from definitions.findings import Finding, Severity, has_errors
from definitions.loader import definition_files, load_rulebook
from domain.dispatch.answer import DispatchAnswer
from domain.dispatch.engine import Dispatcher
from domain.errors import DefinitionError
from domain.handlers import HandlerSpec
from domain.task import OpsTask

_log = structlog.get_logger(__name__)

_Fingerprint = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class _Edition:
    rulebook: Rulebook
    dispatcher: Dispatcher


class RulebookFiles:
    """Serves the definitions of a folder; implements the port `RulebookSource`.

    Threads may use it at will: an edition is exchanged by one assignment, and whoever works with the former
    one goes on with it. Raises `DefinitionError` with every error when the first load fails.
    """

    def __init__(self, directory: Path, handlers: Mapping[str, HandlerSpec]) -> None:
        self._directory = directory
        self._handlers = dict(handlers)
        self._reloading = threading.Lock()
        self._fingerprint = self._taken()
        rulebook, self._findings = load_rulebook(directory, self._handlers)
        if rulebook is None:
            raise DefinitionError(_all_errors(directory, self._findings))
        self._edition = _Edition(rulebook, Dispatcher(rulebook.dispatch))

    def current(self) -> Rulebook:
        """The last good rulebook."""
        return self._edition.rulebook

    def dispatch(self, task: OpsTask) -> DispatchAnswer:
        """Where a ticket goes by the tables in force, which were compiled when they were read."""
        return self._edition.dispatcher.dispatch(task)

    def is_working_day(self, day: date) -> bool:
        """Whether the bank works on this day: weekends, public holidays and make-up days count."""
        return _calendar(self.current().country, day.year).is_working_day(day)

    def reload(self) -> list[Finding]:
        """Reads the files again when one of them changed, and returns what is wrong with them.

        With errors among the findings the last good rulebook stays in force. Cheap when nothing changed,
        so it can be called every second.
        """
        with self._reloading:
            fingerprint = self._taken()
            if fingerprint == self._fingerprint:
                return list(self._findings)
            rulebook, self._findings = load_rulebook(self._directory, self._handlers)
            self._fingerprint = fingerprint
            if rulebook is None:
                _log.error(
                    "definitions refused, the last good ones stay in force",
                    errors=[str(finding) for finding in self._findings if has_errors([finding])],
                )
            else:
                self._edition = _Edition(rulebook, Dispatcher(rulebook.dispatch))
                _log.info("definitions reloaded", sops=len(rulebook.sops))
            return list(self._findings)

    def _taken(self) -> _Fingerprint:
        """What tells an edited file: its name, the instant of its last change, and its size."""
        taken = []
        for path in definition_files(self._directory):
            try:
                status = path.stat()
            except OSError:
                # A file that vanishes in between, as editors do when they save, is seen the next time.
                continue
            taken.append((str(path), status.st_mtime_ns, status.st_size))
        return tuple(taken)


@lru_cache(maxsize=32)
def _calendar(country: str, year: int) -> holidays.HolidayBase:
    # Built for a whole year at once: a calendar that fills itself on demand is not safe between threads.
    return holidays.country_holidays(country, years=(year - 1, year, year + 1), expand=False)


def _all_errors(directory: Path, findings: list[Finding]) -> str:
    errors = [str(finding) for finding in findings if finding.severity is Severity.ERROR]
    noun = "error" if len(errors) == 1 else "errors"
    return "\n".join([f"the definitions in {directory} have {len(errors)} {noun}:", *errors])
