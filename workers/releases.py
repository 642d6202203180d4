"""The release desk: who may publish, release and roll back definitions, and what must hold before they do.

Every change is checked against all that is in force at that moment and made onto exactly that: where another
release comes in between, the check is done again. What is refused here is audited here; what is done, the
library audits itself.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeVar

from activities.adapters.store.audit import mask_digits
from activities.ports import AuditLog, RulesLibrary
from definitions.findings import Finding, has_errors, suggestion
from definitions.loader import is_definition, load_rulebook
from definitions.policy_files import FILES
from definitions.releases import (
    ABSENT,
    ChangeSet,
    InForce,
    Move,
    Publication,
    Release,
    custody,
    earlier_versions,
    outdated_by,
    released_as,
    waiting,
)
from definitions.sources import DefinitionFiles
from domain.audit import AuditEntry
from domain.clock import BankClock
from domain.errors import Conflict, DefinitionError, InvalidInput, NotFound, NotPermitted
from domain.handlers import HandlerSpec
from domain.model import Record
from domain.people import Principal, Role
from workers.desk.authority import require
from workers.library_reading import LibraryReading
from workers.rulebook import Serving

_MOST_TRIES: Final = 8
_LONGEST_REASON: Final = 2000
_MOST_LISTED: Final = 3
_DIRECTORY: Final = f"policies/{FILES['directory'].path}"

_Done = TypeVar("_Done")


class DefinitionsRefused(DefinitionError):
    """The definitions would have errors with this change. `findings` has all of them, each with its place.

    `hint` says what to do, where it is something else than to mend them.
    """

    def __init__(self, message: str, findings: Sequence[Finding], hint: str = "") -> None:
        super().__init__(message)
        self.findings = tuple(findings)
        self.hint = hint


class Published(Publication):
    """What became of an attempt to publish, with the warnings about the files of the change set."""

    warnings: tuple[Finding, ...] = ()


class Released(Record):
    """A release or rollback, or the one before of which this is a repetition."""

    release: Release
    repeated: bool = False
    """It was so before; nothing was changed."""
    warnings: tuple[Finding, ...] = ()


class Withdrawn(Record):
    """A change set that waits no more, or was taken back before."""

    change_set: ChangeSet
    repeated: bool = False
    """It was so before; nothing was changed."""


class ReleaseDesk:
    """Publishes, withdraws, releases and rolls back on behalf of a principal. Any thread may use it.

    Every method raises `StoreUnavailable`; those that change something raise `NotPermitted` for who may not.
    """

    def __init__(
        self,
        library: RulesLibrary,
        *,
        audit: AuditLog,
        handlers: Mapping[str, HandlerSpec],
        serving: Callable[[], Serving],
        folder: Path,
        clock: BankClock,
    ) -> None:
        self._library = library
        self._audit = audit
        self._handlers = dict(handlers)
        self._clock = clock
        self.reading = LibraryReading(library, serving=serving, folder=folder)

    def publish(self, changes: Mapping[str, str | None], *, note: str, principal: Principal) -> Published:
        """Keeps new contents by path (None removes the file) as one change set that waits for its release.

        Raises `InvalidInput` for a path that no definition has, `DefinitionsRefused` when the definitions
        would have errors with these changes.
        """
        with self._refusals("definitions.publish.refused", principal):
            require(principal, Role.AUTHOR, "publish definitions")
            _check_note(note, "note")
            if not changes:
                raise InvalidInput("there is nothing to publish: name at least one file", field="files")

            def publish(in_force: InForce) -> Published:
                for path in changes:
                    _check_path(path, in_force)
                encoded = {path: _encoded(path, text) for path, text in changes.items()}
                findings = self._checked(in_force, in_force.files.with_changes(encoded), "publish")
                done = self._library.publish(changes, note=note, by=principal.id, onto=in_force.release)
                return Published(
                    **dict(done), warnings=tuple(each for each in findings if each.file in changes)
                )

            return self._onto_the_latest(publish)

    def release(self, number: int | None, *, principal: Principal) -> Released:
        """Puts a change set in force; None means the only one that waits.

        Raises `NotFound`, `NotPermitted` when the principal published any of it (four eyes), `Conflict` when
        it was withdrawn, or a file has another version in force than it was based on, `DefinitionsRefused`.
        """
        with self._refusals("definitions.release.refused", principal, change_set=number):
            require(principal, Role.RELEASER, "release definitions")
            change = self._wanted(number)

            def release(in_force: InForce) -> Released:
                releases = self._library.releases()
                before = released_as(change, releases)
                if before is not None:
                    return Released(release=before, repeated=True)
                _check_waits(change)
                self._check_four_eyes(change, principal)
                _check_base(change, _moves(releases))
                contents = {
                    file.path: _bytes(self._library.content(file.path, file.version)) for file in change.files
                }
                findings = self._checked(in_force, in_force.files.with_changes(contents), "release")
                done = self._library.release(change, by=principal.id, onto=in_force.release)
                return Released(
                    release=done, warnings=tuple(each for each in findings if each.file in contents)
                )

            return self._onto_the_latest(release)

    def withdraw(self, number: int, *, reason: str, principal: Principal) -> Withdrawn:
        """Takes back a change set that nobody has released: its publisher may, and every releaser.

        Raises `InvalidInput` without a reason, `NotFound`, `Conflict` once it was released, and while one of
        its versions is being rolled out.
        """
        with self._refusals("definitions.withdraw.refused", principal, change_set=number):
            change = self._change_set(number)
            if principal.id != change.published_by:
                require(principal, Role.RELEASER, "withdraw what somebody else published")
            _check_note(reason, "reason", needed=True)
            if change.withdrawal is not None:
                return Withdrawn(change_set=change, repeated=True)
            release = released_as(change, self._library.releases())
            if release is not None:
                raise Conflict(
                    f"change set {number} was released by {release.released_by} (release {release.number}): "
                    f"`opsloop sop rollback {number}` goes back"
                )
            return Withdrawn(change_set=self._library.withdraw(number, reason=reason, by=principal.id))

    def roll_back(
        self, target: str | int, *, to: int | None = None, reason: str, principal: Principal
    ) -> Released:
        """Goes back to an earlier state: of a file (its path), or of all files of a change set (its number).

        A file goes to the version before, or to version `to`, which was in force once; 0 takes it away.
        Raises `NotFound`, `InvalidInput`, `Conflict`, `DefinitionsRefused`.
        """
        with self._refusals("definitions.rollback.refused", principal, target=target, to=to):
            require(principal, Role.RELEASER, "roll definitions back")
            _check_note(reason, "reason", needed=True)

            def roll_back(in_force: InForce) -> Released:
                releases = self._library.releases()
                if isinstance(target, int):
                    versions = _before_change_set(target, to, self._change_set(target), releases)
                else:
                    version = self._earlier(target, to, _moves(releases))
                    before = _last_move(target, _moves(releases))
                    if version == before.version:
                        return Released(release=releases[before.release - 1], repeated=True)
                    versions = {target: version}
                contents = {
                    path: None if version == ABSENT else _bytes(self._library.content(path, version))
                    for path, version in versions.items()
                }
                self._checked(in_force, in_force.files.with_changes(contents), "rollback")
                done = self._library.roll_back(
                    versions, reason=reason, by=principal.id, onto=in_force.release
                )
                return Released(release=done)

            return self._onto_the_latest(roll_back)

    def _onto_the_latest(self, change: Callable[[InForce], _Done]) -> _Done:
        """Makes a change onto what is in force, anew for as long as other releases come in between."""
        for _ in range(_MOST_TRIES):
            in_force = self._library.in_force()
            try:
                return change(in_force)
            except Conflict:
                if self._library.last_release() == in_force.release:
                    raise
        raise Conflict("releases keep coming in between: try again in a moment")

    def _checked(self, in_force: InForce, files: DefinitionFiles, verb: str) -> list[Finding]:
        """All findings of the whole rulebook. Raises `DefinitionsRefused` with the errors among them."""
        rulebook, findings = load_rulebook(files, self._handlers)
        if rulebook is not None:
            findings += custody(rulebook.directory, _DIRECTORY)
        if not has_errors(findings):
            return findings
        errors = [each for each in findings if has_errors([each])]
        hint = "" if in_force.release else "the library is empty: publish all files at once (--all)"
        raise DefinitionsRefused(
            f"{verb} refused: with this change the definitions have {len(errors)} "
            f"error{'' if len(errors) == 1 else 's'}{hint and f'; {hint}'}: " + "; ".join(map(str, errors)),
            errors,
            hint,
        )

    def _wanted(self, number: int | None) -> ChangeSet:
        if number is not None:
            return self._change_set(number)
        unreleased = waiting(self._library.change_sets(), self._library.releases())
        if not unreleased:
            raise NotFound("nothing waits for its release")
        if len(unreleased) > 1:
            listed = ", ".join(f"{each.number} (by {each.published_by})" for each in unreleased)
            raise InvalidInput(f"several change sets wait: say which: {listed}", field="change_set")
        return unreleased[0]

    def _change_set(self, number: int) -> ChangeSet:
        found = next((each for each in self._library.change_sets() if each.number == number), None)
        if found is None:
            raise NotFound(f"there is no change set {number}")
        return found

    def _check_four_eyes(self, change: ChangeSet, principal: Principal) -> None:
        own = [
            file.path
            for file in change.files
            for version in self._library.versions(file.path)
            if version.number == file.version and version.published_by == principal.id
        ]
        if change.published_by == principal.id or own:
            raise NotPermitted(
                f"{principal.id} published {_listed(own) or f'change set {change.number}'} "
                "and cannot also release it: four eyes"
            )

    def _earlier(self, path: str, to: int | None, moves: Sequence[Move]) -> int:
        """The version of a path to go back to."""
        known = {move.path for move in moves}
        if path not in known:
            raise NotFound(f"{path} was never in force{suggestion(path, known)}")
        if to is None:
            passed = earlier_versions(path, moves)
            if len(passed) == 1:
                raise Conflict(f"{path} is not in force, and nothing was before: --to N names a version")
            return passed[-2]
        once = {ABSENT, *(move.version for move in moves if move.path == path)}
        if to in once:
            return to
        if any(version.number == to for version in self._library.versions(path)):
            raise Conflict(f"version {to} of {path} was never released: two people release its change set")
        raise NotFound(f"the rules library has no version {to} of {path}")

    @contextlib.contextmanager
    def _refusals(self, action: str, principal: Principal, **detail: object) -> Iterator[None]:
        """Audits what is refused inside."""
        try:
            yield
        except (NotPermitted, InvalidInput, NotFound, Conflict, DefinitionError) as error:
            self._audit.write(
                AuditEntry(
                    at=self._clock.to_bank(datetime.now(UTC)),
                    actor=principal.id,
                    action=action,
                    accepted=False,
                    reason=mask_digits(str(error))[:_LONGEST_REASON],
                    detail={name: value for name, value in detail.items() if value is not None},
                )
            )
            raise


def _moves(releases: Sequence[Release]) -> list[Move]:
    return [move for release in releases for move in release.moves]


def _last_move(path: str, moves: Sequence[Move]) -> Move:
    return next(move for move in reversed(moves) if move.path == path)


def _before_change_set(
    number: int, to: int | None, change: ChangeSet, releases: Sequence[Release]
) -> dict[str, int]:
    """The versions that a change set's files had before its release."""
    if to is not None:
        raise InvalidInput("`to` belongs to a file: a change set goes back as a whole", field="to")
    release = released_as(change, releases)
    if release is None:
        raise Conflict(f"change set {number} was never released")
    moves = _moves(releases)
    for own in release.moves:
        last = _last_move(own.path, moves)
        if last.release != release.number:
            raise Conflict(
                f"{own.path} was changed since, by {last.by} ({last.kind} {last.release}): "
                "roll its files back one by one"
            )
    return {move.path: move.was for move in release.moves}


def _listed(paths: Sequence[str]) -> str:
    """These paths, or how many there are and the first of them."""
    if len(paths) <= _MOST_LISTED:
        return ", ".join(paths)
    return f"{len(paths)} of its files ({', '.join(paths[:_MOST_LISTED])}, …)"


def _check_waits(change: ChangeSet) -> None:
    taken_back = change.withdrawal
    if taken_back is not None:
        raise Conflict(
            f"change set {change.number} was withdrawn by {taken_back.withdrawn_by} "
            f"({taken_back.reason}): publish it again"
        )


def _check_base(change: ChangeSet, moves: Sequence[Move]) -> None:
    between = outdated_by(change, moves)
    if between is not None:
        based_on = next(file.based_on for file in change.files if file.path == between.path)
        raise Conflict(
            f"change set {change.number} was made from version {based_on} of {between.path}, and "
            f"{between.by} put version {between.version} in force in between "
            f"({between.kind} {between.release}, {between.at.isoformat(timespec='seconds')}): "
            "publish it again on top of that"
        )


def _check_path(path: str, in_force: InForce) -> None:
    if not is_definition(path) and path not in in_force.contents:
        known = [*in_force.contents, *(f"policies/{file.path}" for file in FILES.values())]
        raise InvalidInput(
            f"no definition has the path {path[:100]!r}{suggestion(path, known)}; "
            "expected sops/NAME.yaml, or policies/ with a name from policies/README.md",
            field="files.path",
        )


def _check_note(note: str, field: str, *, needed: bool = False) -> None:
    if needed and not note.strip():
        raise InvalidInput(f"{field}: say why", field=field)
    if len(note) > _LONGEST_REASON:
        raise InvalidInput(f"{field}: longer than {_LONGEST_REASON} characters", field=field)


def _encoded(path: str, text: str | None) -> bytes | None:
    try:
        return _bytes(text)
    except UnicodeEncodeError:
        raise InvalidInput(f"{path}: half a surrogate pair is not text", field="files.content") from None


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else text.encode()
