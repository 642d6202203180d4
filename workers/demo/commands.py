"""Commands that operations staff type: each is the real `opsloop`, in a process of its own."""

import asyncio
import os
import re
import shlex
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from domain.errors import InvalidInput
from workers.demo.script_files import Command, Edit
from workers.demo.stage import from_here
from workers.settings import PROJECT

_LONGEST_S: Final = 60.0
_TRIES: Final = 6
_PAUSE_S: Final = 0.8
_WIDE: Final = "250"
"""Columns that tables may have: lines are cut by the screen, not by the command."""


@dataclass(frozen=True)
class Said:
    """What a command did."""

    command: str
    """As a person types it, without the program's folder."""
    lines: tuple[str, ...]
    """Of its output, those that are shown."""
    summary: str
    exit_code: int
    as_expected: bool
    seconds: float

    @property
    def shown(self) -> list[str]:
        """All that a screen says of it."""
        return [*self.lines, *([self.summary] if self.summary else [])]


@dataclass
class Terminal:
    """Types commands for people, with this environment and these names for what they act on."""

    environment: Mapping[str, str]
    names: Mapping[str, str]
    folder: Path
    """Of the demo: its own commands and what the API says name files below it alike, as seen from here."""
    typed: list[Said] = field(default_factory=list)

    async def run(self, command: Command) -> Said:
        """Runs one. A `patient` one is typed again until it does what it should, for some seconds."""
        said = await self._once(command)
        for _ in range(_TRIES - 1 if command.patient else 0):
            if said.as_expected:
                break
            await asyncio.sleep(_PAUSE_S)
            said = await self._once(command)
        self.typed.append(said)
        return said

    async def _once(self, command: Command) -> Said:
        words = [_filled(word, self.names) for word in shlex.split(command.run)]
        if command.by:
            words += ["--as", command.by]
        began = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "workers.cli",
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, "COLUMNS": _WIDE, "PYTHONPATH": _python_path(), **self.environment},
        )
        try:
            async with asyncio.timeout(_LONGEST_S):
                output, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        text = output.decode(errors="replace").replace(str(self.folder.resolve()), from_here(self.folder))
        ran = _Ran(shlex.join(["opsloop", *words]), text, process.returncode or 0, time.monotonic() - began)
        return _said(command, ran, self.names)


def apply_edits(edits: tuple[Edit, ...], folder: Path) -> list[str]:
    """Changes files below the folder, as a person does who saves each once; returns what is told of it.

    Raises `InvalidInput` where a file does not have the text exactly once.
    """
    texts: dict[Path, str] = {}
    told = []
    for edit in edits:
        path = folder / edit.file
        text = texts.get(path) or path.read_text(encoding="utf-8")
        if text.count(edit.old) != 1:
            raise InvalidInput(f"{path}: expected {edit.old!r} exactly once", field="edits")
        texts[path] = text.replace(edit.old, edit.new)
        told.append(f"{_words(edit.old)} → {_words(edit.new)}")
    for path, text in texts.items():
        # Readers see the old file or the new one, and never half of it.
        fresh = path.with_suffix(".saving")
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(path)
    return told


@dataclass(frozen=True)
class _Ran:
    typed: str
    text: str
    code: int
    seconds: float


def _said(command: Command, ran: _Ran, names: Mapping[str, str]) -> Said:
    everything = [line.rstrip() for line in ran.text.splitlines() if line.strip()]
    matching = [line for line in everything if any(re.search(each, line) for each in command.show)]
    silent = [each for each in command.show if not any(re.search(each, line) for line in everything)]
    found = re.search(command.find, ran.text, re.MULTILINE) if command.find else None
    if ran.code != command.exit or silent or (command.find and not found):
        # What went wrong is shown whole enough to be understood.
        wrong = f"exit code {ran.code}, expected {command.exit}" if ran.code != command.exit else "unexpected"
        return Said(ran.typed, (*everything[-8:], f"✗ {wrong}"), "", ran.code, False, ran.seconds)
    lines = () if command.quiet else tuple(matching if command.show else everything[-1:])
    facts = {"seconds": f"{ran.seconds:.1f}", "count": str(len(matching))}
    summary = _filled(command.tell, {**names, **facts, **(found.groupdict() if found else {})})
    return Said(ran.typed, lines, summary, ran.code, True, ran.seconds)


def _filled(word: str, names: Mapping[str, str]) -> str:
    """The word with `{name}` replaced. Raises `InvalidInput` for a name that nothing has."""
    try:
        return word.format_map(names)
    except (KeyError, ValueError, IndexError) as error:
        raise InvalidInput(f"{word}: nothing is called {error}; known: {', '.join(names)}") from error


def _words(text: str) -> str:
    return " ".join(text.split())


def _python_path() -> str:
    return os.pathsep.join(filter(None, (str(PROJECT), os.environ.get("PYTHONPATH", ""))))
