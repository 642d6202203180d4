"""What the rules library can tell: versions, differences, and how what is served compares with a folder."""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from activities.ports import RulesLibrary
from definitions.differences import sop_changes, unified_diff
from definitions.findings import suggestion
from definitions.loader import definition_digests, is_definition, parse_sop
from definitions.releases import (
    ABSENT,
    ChangeSet,
    FolderState,
    Move,
    Release,
    Version,
    VersionState,
    folder_states,
    outdated_by,
    states_of,
    waiting,
)
from definitions.schema import Sop
from definitions.sources import DefinitionFiles, files_in
from domain.errors import InvalidInput, NotFound
from domain.model import Instant, Record
from workers.rulebook import Serving

IN_FORCE: Final = "in_force"
FOLDER: Final = "folder"


class VersionShown(Version):
    """A version and where it stands."""

    state: VersionState
    change_sets: tuple[int, ...]
    """Those that it was published in."""
    releases: tuple[int, ...]
    """Those that put it in force."""


class Content(Record):
    """One version of one file."""

    path: str
    version: int
    content: str | None
    """None where this version removes the file."""


class Difference(Record):
    """How two states of a file differ."""

    path: str
    old: str
    new: str
    text: str
    """Unified; empty when they are the same."""
    changes: tuple[str, ...]
    """For an SOP: what became of its steps and its head, one line each."""


class FileStatus(Record):
    """One file: what is in force, and how the folder has it."""

    path: str
    version: int | None
    sha256: str | None
    released_by: str | None
    released_at: Instant | None
    folder: FolderState | None
    """None where the folder has no such file and none is in force."""


class WaitingChangeSet(ChangeSet):
    """A change set that waits for its release."""

    outdated: str = ""
    """Who put another version in force in between; such a change set cannot be released any more."""


class LibraryStatus(Record):
    """What is served, what is in force, and what waits."""

    serving: Serving
    release: int
    """The latest release of the library, 0 while there is none."""
    files: tuple[FileStatus, ...]
    waiting: tuple[WaitingChangeSet, ...]


class LibraryReading:
    """Answers questions about the library; changes nothing. Every method raises `StoreUnavailable`."""

    def __init__(self, library: RulesLibrary, *, serving: Callable[[], Serving], folder: Path) -> None:
        self._library = library
        self._serving = serving
        self._folder = folder

    def versions(self, path: str | None = None) -> list[VersionShown]:
        """The versions of a file, or of all, and where each stands. Raises `NotFound` for an unknown file."""
        versions = self._library.versions(path)
        if path is not None and not versions:
            known = {each.path for each in self._library.versions()}
            raise NotFound(f"the rules library has no {path}{suggestion(path, known)}")
        moves = _moves(self._library.releases())
        sets = self._library.change_sets()
        states = {name: states_of(name, versions, moves, sets) for name in {each.path for each in versions}}
        return [
            VersionShown(
                **dict(each),
                state=states[each.path][each.number],
                change_sets=tuple(one.number for one in sets if _has(one, each)),
                releases=tuple(
                    move.release for move in moves if (move.path, move.version) == (each.path, each.number)
                ),
            )
            for each in versions
        ]

    def content(self, path: str, version: int) -> Content:
        """The text of a version. Raises `NotFound`."""
        return Content(path=path, version=version, content=self._library.content(path, version))

    def difference(self, path: str, old: str = IN_FORCE, new: str = FOLDER) -> Difference:
        """How two states of a file differ: a version's number, `in_force` or `folder`.

        Raises `InvalidInput` for a path that no definition has or a state that is none of these, `NotFound`.
        """
        if not is_definition(path):
            raise InvalidInput(f"no definition has the path {path[:100]!r}", field="path")
        before, after = self._state(path, old), self._state(path, new)
        return difference(path, before, after)

    def status(self) -> LibraryStatus:
        """What this process serves, what is in force, how the folder compares, and what waits."""
        releases = self._library.releases()
        versions, moves = self._library.versions(), _moves(releases)
        by_number = {(each.path, each.number): each for each in versions}
        last = {move.path: move for move in moves}
        in_force = {
            path: by_number[path, move.version].sha256
            for path, move in last.items()
            if (path, move.version) in by_number and not by_number[path, move.version].removes
        }
        folder = folder_states(definitions_of(self._folder), in_force, versions)
        return LibraryStatus(
            serving=self._serving(),
            release=moves[-1].release if moves else 0,
            files=tuple(
                _file_status(path, last.get(path), in_force.get(path), folder.get(path))
                for path in sorted({*in_force, *folder})
            ),
            waiting=tuple(
                WaitingChangeSet(**dict(each), outdated=_told(outdated_by(each, moves)))
                for each in waiting(self._library.change_sets(), releases)
            ),
        )

    def _state(self, path: str, wanted: str) -> tuple[str, str | None]:
        """What a state of a file is called, and its text."""
        if wanted == FOLDER:
            return FOLDER, text_in(definitions_of(self._folder), path)
        if wanted == IN_FORCE:
            in_force = self._library.in_force()
            version = in_force.versions.get(path)
            name = "not in force" if version is None else f"version {version}, in force"
            return name, in_force.contents.get(path)
        if not (wanted.isascii() and wanted.isdecimal() and len(wanted) < 10):
            raise InvalidInput(
                f"{wanted[:40]!r} names no state of a file; "
                f"expected a version's number, {IN_FORCE} or {FOLDER}",
                field="version",
            )
        if int(wanted) == ABSENT:
            return "absent", None
        return f"version {int(wanted)}", self._library.content(path, int(wanted))


def difference(path: str, old: tuple[str, str | None], new: tuple[str, str | None]) -> Difference:
    """How two states of a file differ; each comes as its name and its text."""
    return Difference(
        path=path,
        old=old[0],
        new=new[0],
        text=unified_diff(path, old[1], new[1], names=(old[0], new[0])),
        changes=tuple(sop_changes(_sop(path, old[1]), _sop(path, new[1]))),
    )


def definitions_of(folder: Path) -> DefinitionFiles:
    """The files of a folder that a rulebook is read from."""
    files = files_in(folder)
    digests = definition_digests(files)
    return DefinitionFiles({path: files.contents[path] for path in digests}, files.place)


def text_in(files: DefinitionFiles, path: str) -> str | None:
    """A file's text; what is not UTF-8 in it is shown as such."""
    content = files.contents.get(path)
    return None if content is None else content.decode("utf-8", "replace")


def _sop(path: str, text: str | None) -> Sop | None:
    if text is None or not path.startswith("sops/"):
        return None
    sop, _ = parse_sop(text, None, file=path)
    return sop


def _moves(releases: Sequence[Release]) -> list[Move]:
    return [move for release in releases for move in release.moves]


def _has(change: ChangeSet, version: Version) -> bool:
    return any((file.path, file.version) == (version.path, version.number) for file in change.files)


def _file_status(path: str, move: Move | None, sha256: str | None, folder: FolderState | None) -> FileStatus:
    is_there = move is not None and sha256 is not None
    return FileStatus(
        path=path,
        version=move.version if move and is_there else None,
        sha256=sha256,
        released_by=move.by if move and is_there else None,
        released_at=_at(move) if is_there else None,
        folder=folder,
    )


def _at(move: Move | None) -> datetime | None:
    return None if move is None else move.at


def _told(move: Move | None) -> str:
    return (
        ""
        if move is None
        else f"{move.by} put version {move.version} of {move.path} in force ({move.kind} {move.release})"
    )
