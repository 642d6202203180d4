"""The rules library: every version of every definition, and what was in force when. Nothing is ever changed.

Changes take their turn: one lock for the whole library, so that numbers have no gaps and each change is
made onto the state that it was checked against.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Literal

from sqlalchemy import Connection, func, insert, select

from activities.adapters.store.audit import mask_digits
from activities.adapters.store.engine import Database
from activities.adapters.store.tables import (
    audit,
    change_set_files,
    change_sets,
    definition_versions,
    release_files,
    releases,
    rollouts,
    withdrawals,
)
from definitions.releases import (
    ABSENT,
    ChangeSet,
    FileChange,
    InForce,
    Move,
    Publication,
    Release,
    Version,
    Withdrawal,
    waiting,
)
from definitions.sources import content_digest
from domain.audit import AuditEntry
from domain.errors import Conflict, NotFound

_LOCK = "rules library"
_VERSION = [definition_versions.c[name] for name in Version.model_fields]


class SqlRulesLibrary:
    """`RulesLibrary` in the store's database. Every method raises `StoreUnavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def last_release(self) -> int:
        """The number of the latest release, 0 while there is none."""
        with self._database.reading() as connection:
            return _last_release(connection)

    def in_force(self) -> InForce:
        """All files in force after the latest release: of one release, never a mixture of two."""
        with self._database.reading() as connection:
            number = _last_release(connection)
            if not number:
                return InForce()
            head = connection.execute(select(releases).where(releases.c.number == number)).one()
            rows = connection.execute(_files_at(number)).all()
        return InForce(
            release=number,
            released_by=head.released_by,
            released_at=head.released_at,
            versions={row.path: row.version for row in rows},
            contents={row.path: row.content for row in rows},
        )

    def versions(self, path: str | None = None) -> Sequence[Version]:
        """The versions of one file or of all, by path and number."""
        query = select(*_VERSION).order_by(definition_versions.c.path, definition_versions.c.number)
        if path is not None:
            query = query.where(definition_versions.c.path == path)
        with self._database.reading() as connection:
            return [Version.model_validate(row) for row in _rows(connection, query)]

    def content(self, path: str, version: int) -> str | None:
        """A version's text; None for one that removes the file. Raises `NotFound`."""
        query = select(definition_versions.c.content).where(
            definition_versions.c.path == path, definition_versions.c.number == version
        )
        with self._database.reading() as connection:
            row = connection.execute(query).first()
        if row is None:
            raise NotFound(f"the rules library has no version {version} of {path}")
        text: str | None = row.content
        return text

    def change_sets(self) -> Sequence[ChangeSet]:
        """Every change set, in the order of publication."""
        with self._database.reading() as connection:
            return _change_sets(connection)

    def releases(self) -> Sequence[Release]:
        """Every release and rollback, in order, with what each moved."""
        with self._database.reading() as connection:
            return _releases(connection)

    def publish(self, changes: Mapping[str, str | None], *, note: str, by: str, onto: int) -> Publication:
        """Keeps new contents by path (None removes the file) as one change set.

        Contents that are in force already are left out; with none left there is no change set. What waits for
        its release in the same form already is that change set, again. Raises `Conflict` when another release
        than `onto` is the latest.
        """
        with self._database.writing() as connection:
            _take_turn(connection)
            _check_latest(connection, onto)
            last = _last_moves(connection)
            files, unchanged = [], []
            for path, content in sorted(changes.items()):
                before = last.get(path, ABSENT)
                version = self._version(connection, path, content, before=before, note=note, by=by)
                if version == before:
                    unchanged.append(path)
                else:
                    files.append(FileChange(path=path, version=version, based_on=before))
            if not files:
                return Publication(unchanged=tuple(unchanged))
            known = next((each for each in _waiting(connection) if each.files == tuple(files)), None)
            if known is not None:
                return Publication(change_set=known, repeated=True, unchanged=tuple(unchanged))
            made = ChangeSet(
                number=_next(connection, change_sets.c.number),
                note=note,
                published_by=by,
                published_at=self._database.now(),
                files=tuple(files),
            )
            connection.execute(insert(change_sets).values(made.model_dump(exclude={"files", "withdrawal"})))
            rows = [{"change_set": made.number, **file.model_dump()} for file in files]
            connection.execute(insert(change_set_files), rows)
            self._note(connection, "definitions.published", by, note, change_set=made.number, files=files)
            return Publication(change_set=made, unchanged=tuple(unchanged))

    def withdraw(self, number: int, *, reason: str, by: str) -> ChangeSet:
        """Takes back a change set that waits; its versions stay, and publishing them again makes a new one.

        Raises `Conflict` when it does not wait (any more), or when one of its versions is being rolled out.
        """
        withdrawal = Withdrawal(reason=reason, withdrawn_by=by, withdrawn_at=self._database.now())
        with self._database.writing() as connection:
            _take_turn(connection)
            change = next((each for each in _waiting(connection) if each.number == number), None)
            if change is None:
                raise Conflict(f"change set {number} does not wait for its release")
            _check_no_rollout(connection, change)
            connection.execute(insert(withdrawals).values(change_set=number, **dict(withdrawal)))
            self._note(connection, "definitions.withdrawn", by, reason, change_set=number, files=change.files)
        return change.model_copy(update={"withdrawal": withdrawal})

    def release(self, change_set: ChangeSet, *, by: str, onto: int) -> Release:
        """Puts a change set in force. Raises `Conflict` when another release than `onto` is the latest, and
        when it does not wait or its publisher releases it, which whoever calls should have seen first.
        """
        moves = {file.path: file.version for file in change_set.files}
        return self._move(
            moves, kind="release", change_set=change_set, reason=change_set.note, by=by, onto=onto
        )

    def roll_back(self, versions: Mapping[str, int], *, reason: str, by: str, onto: int) -> Release:
        """Puts these versions by path back in force; `ABSENT` takes the file away. Raises `Conflict`."""
        return self._move(versions, kind="rollback", change_set=None, reason=reason, by=by, onto=onto)

    def _move(
        self,
        versions: Mapping[str, int],
        *,
        kind: Literal["release", "rollback"],
        change_set: ChangeSet | None,
        reason: str,
        by: str,
        onto: int,
    ) -> Release:
        number, at = onto + 1, self._database.now()
        head = {
            "number": number,
            "kind": kind,
            "change_set": change_set.number if change_set else None,
            "reason": reason,
            "released_by": by,
            "released_at": at,
        }
        with self._database.writing() as connection:
            _take_turn(connection)
            _check_latest(connection, onto)
            if change_set is not None and change_set.number not in {
                each.number for each in _waiting(connection)
            }:
                raise Conflict(f"change set {change_set.number} does not wait for its release")
            last = _last_moves(connection)
            files = [
                {"release": number, "path": path, "version": version, "was": last.get(path, ABSENT)}
                for path, version in sorted(versions.items())
            ]
            published_by = change_set.published_by if change_set else None
            connection.execute(insert(releases).values(**head, published_by=published_by))
            connection.execute(insert(release_files), files)
            made = _release(head, files)
            action = "definitions.released" if kind == "release" else "definitions.rolled_back"
            self._note(
                connection, action, by, reason, release=number, change_set=made.change_set, files=made.moves
            )
        return made

    def _version(
        self, connection: Connection, path: str, content: str | None, *, before: int, note: str, by: str
    ) -> int:
        """The number of this content among the path's versions, a new one where it is new."""
        if content is None and before == ABSENT:
            return ABSENT
        digest = "" if content is None else content_digest(content.encode())
        known: int | None = connection.scalar(
            select(definition_versions.c.number).where(
                definition_versions.c.path == path, definition_versions.c.sha256 == digest
            )
        )
        if known is not None:
            return known
        number = _next(connection, definition_versions.c.number, definition_versions.c.path == path)
        connection.execute(
            insert(definition_versions).values(
                path=path,
                number=number,
                sha256=digest,
                content=content,
                note=note,
                published_by=by,
                published_at=self._database.now(),
            )
        )
        return number

    def _note(
        self,
        connection: Connection,
        action: str,
        by: str,
        reason: str,
        *,
        files: Sequence[FileChange] | Sequence[Move],
        **numbers: int | None,
    ) -> None:
        entry = AuditEntry(
            at=self._database.now(),
            actor=by,
            action=action,
            reason=mask_digits(reason),
            detail={
                **{name: number for name, number in numbers.items() if number is not None},
                "files": {file.path: file.version for file in files},
            },
        )
        connection.execute(insert(audit).values(entry.model_dump(mode="python")))


def _take_turn(connection: Connection) -> None:
    """One change at a time until the transaction ends; SQLite has one writer at all."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(_LOCK))))


def _check_latest(connection: Connection, onto: int) -> None:
    latest = _last_release(connection)
    if latest != onto:
        raise Conflict(f"release {latest} came in between: this was checked against release {onto}")


def _last_release(connection: Connection) -> int:
    return connection.scalar(select(func.max(releases.c.number))) or 0


def _next(connection: Connection, column: Any, *where: Any) -> int:
    return (connection.scalar(select(func.max(column)).where(*where)) or 0) + 1


def _latest_of_each(number: int | None = None) -> Any:
    """Path and number of the last release that moved it, up to a release."""
    query = select(release_files.c.path, func.max(release_files.c.release).label("release"))
    if number is not None:
        query = query.where(release_files.c.release <= number)
    return query.group_by(release_files.c.path).subquery()


def _files_at(number: int) -> Any:
    """The files in force after a release.

    Rows of a release are committed with it and never change, so that no later one can mix in.
    """
    last = _latest_of_each(number)
    return (
        select(release_files.c.path, release_files.c.version, definition_versions.c.content)
        .join(last, (last.c.path == release_files.c.path) & (last.c.release == release_files.c.release))
        .join(
            definition_versions,
            (definition_versions.c.path == release_files.c.path)
            & (definition_versions.c.number == release_files.c.version),
        )
        .where(definition_versions.c.content.is_not(None))
        .order_by(release_files.c.path)
    )


def _last_moves(connection: Connection) -> dict[str, int]:
    """The version that the last release of each path put in force; `ABSENT` where it took the file away."""
    last = _latest_of_each()
    rows = connection.execute(
        select(release_files.c.path, release_files.c.version).join(
            last, (last.c.path == release_files.c.path) & (last.c.release == release_files.c.release)
        )
    )
    return {row.path: row.version for row in rows}


def _waiting(connection: Connection) -> list[ChangeSet]:
    return waiting(_change_sets(connection), _releases(connection))


def _check_no_rollout(connection: Connection, change: ChangeSet) -> None:
    """Raises `Conflict` where tickets run beside or under one of its versions: that has its own way back."""
    query = select(rollouts.c.path, rollouts.c.version, rollouts.c.number).where(rollouts.c.is_open)
    versions = {(file.path, file.version) for file in change.files}
    for row in connection.execute(query):
        if (row.path, row.version) in versions:
            raise Conflict(
                f"version {row.version} of {row.path} is being rolled out (rollout {row.number}): "
                f"`opsloop sop rollout back {row.path}` comes first"
            )


def _change_sets(connection: Connection) -> list[ChangeSet]:
    heads = _rows(connection, select(change_sets).order_by(change_sets.c.number))
    query = select(change_set_files).order_by(change_set_files.c.change_set, change_set_files.c.path)
    files = {
        number: list(each) for number, each in groupby(_rows(connection, query), itemgetter("change_set"))
    }
    taken_back = {row.pop("change_set"): row for row in _rows(connection, select(withdrawals))}
    return [
        ChangeSet.model_validate(
            {
                **head,
                "files": files.get(head["number"], []),
                "withdrawal": taken_back.get(head["number"]),
            }
        )
        for head in heads
    ]


def _releases(connection: Connection) -> list[Release]:
    heads = _rows(connection, select(releases).order_by(releases.c.number))
    query = select(release_files).order_by(release_files.c.release, release_files.c.path)
    files = {number: list(each) for number, each in groupby(_rows(connection, query), itemgetter("release"))}
    return [_release(head, files.get(head["number"], [])) for head in heads]


def _release(head: Mapping[str, Any], files: Sequence[Mapping[str, Any]]) -> Release:
    told = {"kind": head["kind"], "by": head["released_by"], "at": head["released_at"]}
    return Release.model_validate({**head, "moves": [{**file, **told} for file in files]})


def _rows(connection: Connection, query: Any) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(query).mappings()]
