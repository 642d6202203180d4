"""Definitions before they are read: paths below the definitions folder, and the bytes of each.

A rulebook is read from a folder on disk and from the rules library alike; both come as `DefinitionFiles`.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, TypeVar

from definitions.findings import Finding, Position, found
from definitions.yaml_source import MAX_BYTES, Document, read_yaml
from domain.digest import digest_of

_Value = TypeVar("_Value")

FOLDERS: Final = ("calendars", "policies", "sops")
"""Where definitions lie below the definitions folder."""
CASES: Final = ".test.yaml"
"""How the names of test cases end. They lie beside the SOPs and are no definitions."""


@dataclass(frozen=True)
class DefinitionFiles:
    """Files at one moment, by their paths below the definitions folder (`sops/complaint.yaml`)."""

    contents: Mapping[str, bytes]
    place: str = ""
    """What findings put before a path: the folder on disk, or nothing."""
    unreadable: Mapping[str, str] = field(default_factory=dict)
    """Files that are there and cannot be read, and why."""

    def paths(self) -> list[str]:
        """Every file, in a stable order."""
        return sorted({*self.contents, *self.unreadable})

    def label(self, path: str) -> str:
        """How findings name this file or folder."""
        return str(Path(self.place) / path)

    def below(self, folder: str) -> "DefinitionFiles":
        """The files of one folder, by their paths below it."""
        return DefinitionFiles(
            _below(folder, self.contents), self.label(folder), _below(folder, self.unreadable)
        )

    def with_changes(self, changes: Mapping[str, bytes | None]) -> "DefinitionFiles":
        """The same files with some replaced or added, and those left out whose content is None."""
        contents = {path: each for path, each in self.contents.items() if path not in changes}
        contents |= {path: each for path, each in changes.items() if each is not None}
        return replace(self, contents=contents)

    def document(self, path: str) -> tuple[Document | None, list[Finding]]:
        """The YAML document of a file. One that cannot be read is a finding, not an exception."""
        content = self.contents.get(path)
        if content is None:
            reason = self.unreadable.get(path, "no such file or directory")
            return None, [
                found(
                    self.label(path),
                    Position(1, 1),
                    "OPS001",
                    f"cannot read the file: {reason}",
                    "a YAML file",
                )
            ]
        return read_yaml(self.label(path), content)


def files_in(folder: Path) -> DefinitionFiles:
    """What lies below a folder that is named like a definition, read once.

    Of a file that is too large to be one only the beginning is kept, which is enough to say so.
    """
    contents: dict[str, bytes] = {}
    unreadable: dict[str, str] = {}
    for path in definition_files(folder):
        _read(path, path.relative_to(folder).as_posix(), contents, unreadable)
    return DefinitionFiles(contents, str(folder), unreadable)


def file_at(path: Path) -> DefinitionFiles:
    """One file, wherever it lies, by its name."""
    contents: dict[str, bytes] = {}
    unreadable: dict[str, str] = {}
    _read(path, path.name, contents, unreadable)
    return DefinitionFiles(contents, str(path.parent), unreadable)


def definition_files(folder: Path) -> Iterator[Path]:
    """Every file that a rulebook is read from or that warns there, in a stable order."""
    for name in FOLDERS:
        yield from sorted(each for each in (folder / name).rglob("*.y*ml") if not each.name.endswith(CASES))


def content_digest(content: bytes) -> str:
    """SHA-256 of a file's bytes, as 64 hex digits."""
    return hashlib.sha256(content).hexdigest()


def digest_of_files(digests: Mapping[str, str]) -> str:
    """One digest for many files, from the digest of each by path: the same files, the same digest."""
    return digest_of(dict(digests))


def _read(path: Path, name: str, contents: dict[str, bytes], unreadable: dict[str, str]) -> None:
    try:
        with path.open("rb") as file:
            contents[name] = file.read(MAX_BYTES + 1)
    except OSError as error:
        unreadable[name] = (error.strerror or type(error).__name__).lower()


def _below(folder: str, files: Mapping[str, _Value]) -> dict[str, _Value]:
    start = f"{folder}/"
    return {path.removeprefix(start): value for path, value in files.items() if path.startswith(start)}
