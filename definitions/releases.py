"""The rules library's own terms: versions of files, change sets, releases, and how they relate.

A version is one content of one file, numbered per path. People publish a change set: one or more versions
that belong together. A release puts it in force; a rollback puts older versions back. Everything is only ever
added, so that every state that was once in force can be told again.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final, Literal

from pydantic import Field

from definitions.findings import Finding, Position, found
from definitions.sources import DefinitionFiles, content_digest
from domain.model import Instant, Record
from domain.people import Directory, Role

ABSENT: Final = 0
"""The version number that stands for a file that is not there."""


class VersionState(StrEnum):
    """Where a version stands."""

    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"
    """Never in force, and nothing that waits has it."""
    IN_FORCE = "in_force"
    SUPERSEDED = "superseded"
    ROLLED_BACK = "rolled_back"


class Version(Record):
    """One content of one file. The same content again is the same version."""

    path: str
    number: int
    sha256: str
    """Of the content; empty for a version that removes the file."""
    note: str
    published_by: str
    published_at: Instant

    @property
    def removes(self) -> bool:
        """Whether this version is the file's removal."""
        return not self.sha256


class FileChange(Record):
    """What a change set does to one file."""

    path: str
    version: int
    based_on: int
    """The version that was in force when this was published, or `ABSENT`."""


class Withdrawal(Record):
    """Why a change set does not wait for its release any more."""

    reason: str
    withdrawn_by: str
    withdrawn_at: Instant


class ChangeSet(Record):
    """Versions that were published together and are released together."""

    number: int
    note: str
    published_by: str
    published_at: Instant
    files: tuple[FileChange, ...]
    withdrawal: Withdrawal | None = None
    """None unless it was taken back before anybody released it."""


class Publication(Record):
    """What became of an attempt to publish."""

    change_set: ChangeSet | None = None
    """None when everything is in force already."""
    repeated: bool = False
    """The same change set waited for its release before."""
    unchanged: tuple[str, ...] = ()
    """Files that are in force as they are, and so not part of it."""


class Move(Record):
    """What a release did to one file."""

    release: int
    kind: Literal["release", "rollback"]
    path: str
    version: int
    """In force from then on; `ABSENT` where the file went away."""
    was: int
    by: str
    at: Instant


class Release(Record):
    """A change of what is in force, by whom, when and why."""

    number: int
    kind: Literal["release", "rollback"]
    change_set: int | None
    """None for a rollback."""
    reason: str
    released_by: str
    released_at: Instant
    moves: tuple[Move, ...]


class InForce(Record):
    """The files in force after a release, with their contents."""

    release: int = 0
    """0 while nothing was ever released."""
    released_by: str = ""
    released_at: Instant | None = None
    versions: dict[str, int] = Field(default_factory=dict)
    """Version number by path, of files that are there."""
    contents: dict[str, str] = Field(default_factory=dict)

    @property
    def files(self) -> DefinitionFiles:
        """For the loader."""
        return DefinitionFiles({path: text.encode() for path, text in self.contents.items()})

    @property
    def edition(self) -> str:
        """How tickets name this state of the library."""
        return f"release {self.release}"


class FolderState(StrEnum):
    """How a file of the folder compares with the library."""

    IN_FORCE = "in_force"
    PUBLISHED = "published"
    """It is another version, which was published and is not in force."""
    EDITED = "edited"
    """It was never published."""
    MISSING = "missing"
    """It is in force and not in the folder."""


def states_of(
    path: str, versions: Iterable[Version], moves: Sequence[Move], sets: Iterable[ChangeSet] = ()
) -> dict[int, VersionState]:
    """Where each version of a path stands, by all moves, in the order of releases, and all change sets."""
    states = {each.number: VersionState.PUBLISHED for each in versions if each.path == path}
    of_path = [
        (file.version, change.withdrawal) for change in sets for file in change.files if file.path == path
    ]
    standing = {version for version, withdrawal in of_path if withdrawal is None}
    states |= {version: VersionState.WITHDRAWN for version, _ in of_path if version not in standing}
    for move in moves:
        if move.path != path:
            continue
        if move.was in states:
            states[move.was] = (
                VersionState.ROLLED_BACK if move.kind == "rollback" else VersionState.SUPERSEDED
            )
        if move.version in states:
            states[move.version] = VersionState.IN_FORCE
    return states


def earlier_versions(path: str, moves: Sequence[Move]) -> list[int]:
    """The versions of a path that a rollback would go through, the one in force last.

    A rollback takes back what came after its target, so that the next one goes further back.
    """
    passed = [ABSENT]
    for move in moves:
        if move.path != path:
            continue
        if move.kind == "rollback" and move.version in passed:
            while passed[-1] != move.version:
                passed.pop()
        elif move.version != passed[-1]:
            passed.append(move.version)
    return passed


def outdated_by(change: ChangeSet, moves: Sequence[Move]) -> Move | None:
    """The move that put another version in force than the one that a change set was based on."""
    last = {move.path: move for move in moves}
    for file in change.files:
        move = last.get(file.path)
        if move is not None and move.version != file.based_on:
            return move
    return None


def waiting(sets: Iterable[ChangeSet], releases: Iterable[Release]) -> list[ChangeSet]:
    """The change sets that were neither released nor withdrawn."""
    released = {each.change_set for each in releases}
    return [each for each in sets if each.number not in released and each.withdrawal is None]


def released_as(change: ChangeSet, releases: Iterable[Release]) -> Release | None:
    """The release of a change set, if there was one."""
    return next((each for each in releases if each.change_set == change.number), None)


def folder_states(
    folder: DefinitionFiles, in_force: Mapping[str, str], published: Iterable[Version]
) -> dict[str, FolderState]:
    """How each file of a folder, and each in force, compares.

    `folder` holds definitions only, `in_force` the digest of each file in force, by path.
    """
    known = {(each.path, each.sha256) for each in published}
    states: dict[str, FolderState] = {}
    for path, content in folder.contents.items():
        digest = content_digest(content)
        if in_force.get(path) == digest:
            states[path] = FolderState.IN_FORCE
        else:
            states[path] = FolderState.PUBLISHED if (path, digest) in known else FolderState.EDITED
    states |= {path: FolderState.MISSING for path in in_force if path not in states}
    return dict(sorted(states.items()))


def custody(directory: Directory, file: str) -> list[Finding]:
    """Whether somebody could still publish and another release: what no directory may make impossible."""
    authors = {each.id for each in directory.principals if each.may(Role.AUTHOR) or each.may(Role.ADMIN)}
    releasers = {each.id for each in directory.principals if each.may(Role.RELEASER) or each.may(Role.ADMIN)}
    if authors and releasers and len(authors | releasers) > 1:
        return []
    return [
        found(
            file,
            Position(1, 1),
            "OPS330",
            "with this directory nobody could publish and release the next version",
            "one person with the role author and another one with the role releaser",
        )
    ]
