"""The rulebook in force: kept as long as it is good, exchanged whole when what it is read from changes.

`RulebookFiles` serves a folder as it is edited, `RulebookLibrary` what was released in the rules library.
Threads may use either at will: an edition is exchanged by one assignment, and whoever works with the former
one goes on with it.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Literal, Protocol

import holidays
import structlog

from activities.ports import RulebookSource, RulesLibrary
from definitions.book import Rulebook
from definitions.calendar_files import holidays_of
from definitions.findings import Finding, Severity, has_errors
from definitions.loader import load_rulebook
from definitions.policy_files import read_directory
from definitions.sources import definition_files
from domain.calendar import works_on
from domain.clock import BankClock
from domain.dispatch.answer import DispatchAnswer
from domain.dispatch.engine import Dispatcher
from domain.errors import DefinitionError, DefinitionsMissing, StoreUnavailable
from domain.handlers import HandlerSpec
from domain.model import Instant, Record
from domain.people import Directory
from domain.task import OpsTask

FOLDER = "folder"
"""The edition of a rulebook that is read from a folder."""

NOTHING_RELEASED = (
    "no definitions were released yet: an author publishes them (`opsloop sop publish --all`), "
    "then another person releases them (`opsloop sop release`)"
)

_log = structlog.get_logger(__name__)

_Fingerprint = tuple[tuple[str, int, int], ...]


class RefusedEdition(Record):
    """Definitions that were not taken, so that the last good ones stay in force."""

    edition: str
    since: Instant
    findings: tuple[Finding, ...]


class Serving(Record):
    """What a process serves its tickets by. Instants are bank time."""

    source: Literal["folder", "library"]
    edition: str = ""
    """`folder` or `release 12`; empty while nothing is served."""
    digest: str = ""
    since: Instant | None = None
    refused: RefusedEdition | None = None


class ServedRulebook(RulebookSource, Protocol):
    """A source of definitions that follows its origin."""

    def reload(self) -> list[Finding]:
        """Takes what is new, if it is good, and returns what is wrong with it. Cheap when nothing is new."""

    def directory(self) -> Directory:
        """Who there is, as of now."""

    def serving(self) -> Serving:
        """What is served, and what was refused."""


@dataclass(frozen=True)
class _Edition:
    rulebook: Rulebook
    dispatcher: Dispatcher
    since: datetime


class _Editions:
    """The edition in force, exchanged whole."""

    def __init__(self, clock: BankClock | None) -> None:
        self._clock = clock or BankClock()
        self._edition: _Edition | None = None
        self._refused: RefusedEdition | None = None

    def current(self) -> Rulebook:
        """The last good rulebook. Raises `DefinitionsMissing` while there is none."""
        return self._in_force().rulebook

    def dispatch(self, task: OpsTask) -> DispatchAnswer:
        """Where a ticket goes by the tables in force, which were compiled when they were read."""
        return self._in_force().dispatcher.dispatch(task)

    def is_working_day(self, day: date) -> bool:
        """Whether the bank works on this day: weekends, public holidays and make-up days count.

        The bank's own calendar says so where it has one, as far as that is resolved; else its country's.
        """
        book = self.current()
        own = book.calendars.get(book.calendar)
        if own is not None and own.knows(day):
            return works_on(own, day)
        return _country_calendar(book.country, day.year).is_working_day(day)

    def _in_force(self) -> _Edition:
        if self._edition is None:
            raise DefinitionsMissing(self._why_missing())
        return self._edition

    def _why_missing(self) -> str:
        return NOTHING_RELEASED

    def _serve(self, rulebook: Rulebook, edition: str) -> None:
        named, former = replace(rulebook, edition=edition), self._edition
        is_same = former is not None and (former.rulebook.digest, former.rulebook.edition) == (
            named.digest,
            edition,
        )
        since = former.since if former is not None and is_same else self._now()
        self._edition = _Edition(named, Dispatcher(named.dispatch), since)
        self._refused = None

    def _refuse(self, edition: str, findings: Sequence[Finding]) -> None:
        self._refused = RefusedEdition(edition=edition, since=self._now(), findings=tuple(findings))
        _log.error(
            "definitions.refused",
            edition=edition,
            in_force=self._edition.rulebook.edition if self._edition else None,
            errors=[str(finding) for finding in findings if has_errors([finding])],
        )

    def _tell(self) -> None:
        book = self.current()
        _log.info("definitions.served", edition=book.edition, digest=book.digest[:12], sops=len(book.sops))

    def _state(self, source: Literal["folder", "library"]) -> Serving:
        edition = self._edition
        if edition is None:
            return Serving(source=source, refused=self._refused)
        return Serving(
            source=source,
            edition=edition.rulebook.edition,
            digest=edition.rulebook.digest,
            since=edition.since,
            refused=self._refused,
        )

    def _now(self) -> datetime:
        return self._clock.to_bank(datetime.now(UTC))


class RulebookFiles(_Editions):
    """Serves the definitions of a folder; implements `ServedRulebook`.

    Raises `DefinitionError` with every error when the first load fails.
    """

    def __init__(
        self, directory: Path, handlers: Mapping[str, HandlerSpec], clock: BankClock | None = None
    ) -> None:
        super().__init__(clock)
        self._directory = directory
        self._handlers = dict(handlers)
        self._reloading = threading.Lock()
        self._fingerprint = self._taken()
        rulebook, self._findings = load_rulebook(directory, self._handlers)
        if rulebook is None:
            raise DefinitionError(_all_errors(directory, self._findings))
        self._serve(rulebook, FOLDER)

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
                self._refuse(FOLDER, self._findings)
            else:
                self._serve(rulebook, FOLDER)
                self._tell()
            return list(self._findings)

    def directory(self) -> Directory:
        """Who there is, as of now."""
        return self.current().directory

    def serving(self) -> Serving:
        """What is served, and the edit that was refused, if the last one was."""
        return self._state("folder")

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


class RulebookLibrary(_Editions):
    """Serves what was released in the rules library; implements `ServedRulebook`.

    An empty library is no error: tickets wait (`DefinitionsMissing`), and the people of `folder` may sign in
    to publish and release the first definitions.
    """

    def __init__(
        self,
        library: RulesLibrary,
        handlers: Mapping[str, HandlerSpec],
        folder: Path,
        clock: BankClock | None = None,
    ) -> None:
        super().__init__(clock)
        self._library = library
        self._handlers = dict(handlers)
        self._folder = folder
        self._reloading = threading.Lock()
        self._read: int | None = None
        """The release that was read last, 0 for an empty library, None while it could not be read."""
        self._findings: list[Finding] = []
        self._is_silent = False
        self.reload()

    def reload(self) -> list[Finding]:
        """Takes the latest release when it is a new one, and returns what is wrong with it.

        A release that this code cannot serve, or a store that does not answer, leaves the last good one in
        force. Cheap when nothing was released, so it can be called every second.
        """
        with self._reloading:
            try:
                if self._library.last_release() != self._read:
                    self._take()
                self._is_silent = False
            except StoreUnavailable as error:
                if not self._is_silent:
                    _log.warning("definitions.library_unreachable", error=str(error))
                self._is_silent = True
            return list(self._findings)

    def directory(self) -> Directory:
        """Who there is, as of now: the folder's people while the library is empty.

        Raises `StoreUnavailable` while nobody knows whether it is.
        """
        if self._edition is not None:
            return self._edition.rulebook.directory
        if self._read is None:
            raise StoreUnavailable(self._why_missing())
        if self._read == 0:
            return read_directory(self._folder)
        raise DefinitionsMissing(self._why_missing())

    def serving(self) -> Serving:
        """What is served, and the release that was refused, if the latest one was."""
        return self._state("library")

    def _take(self) -> None:
        in_force = self._library.in_force()
        if in_force.release == 0:
            _log.warning("definitions.missing", what_to_do=NOTHING_RELEASED)
        else:
            rulebook, self._findings = load_rulebook(in_force.files, self._handlers)
            if rulebook is None:
                self._refuse(in_force.edition, self._findings)
            else:
                self._serve(rulebook, in_force.edition)
                self._tell()
        self._read = in_force.release

    def _why_missing(self) -> str:
        if self._read is None:
            return "the rules library could not be read yet: the store does not answer"
        if self._refused is None:
            return NOTHING_RELEASED
        errors = [str(each) for each in self._refused.findings if has_errors([each])]
        return f"{self._refused.edition} cannot be served by this version of opsloop: {errors[0]}"


class FixedRulebook(_Editions):
    """Serves one rulebook, which never changes; implements `RulebookSource`, for simulations."""

    def __init__(self, rulebook: Rulebook) -> None:
        super().__init__(None)
        self._serve(rulebook, FOLDER)


@lru_cache(maxsize=32)
def _country_calendar(country: str, year: int) -> holidays.HolidayBase:
    return holidays_of(country, (year - 1, year, year + 1))


def _all_errors(directory: Path, findings: list[Finding]) -> str:
    errors = [str(finding) for finding in findings if finding.severity is Severity.ERROR]
    noun = "error" if len(errors) == 1 else "errors"
    return "\n".join([f"the definitions in {directory} have {len(errors)} {noun}:", *errors])
