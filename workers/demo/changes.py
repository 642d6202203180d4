"""What operations staff change while tickets run: scenes of edits and commands, at their times."""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from workers.demo.api import Api
from workers.demo.chronicle import Chronicle
from workers.demo.clock import NightClock
from workers.demo.commands import Terminal, apply_edits
from workers.demo.mishaps import WORKER
from workers.demo.screen import printable
from workers.demo.script import Part, Script
from workers.demo.script_files import Command, Page, Scene
from workers.demo.stage import from_here, worker_polls
from workers.demo.watch import Watch
from workers.embedded import Embedded
from workers.settings import Settings

_READER: Final = "auditor"
_LIBRARY: Final = {"OPSLOOP_DEFINITIONS_SOURCE": "library"}
_GLANCE_S: Final = 0.2
_LONGEST_S: Final = 30.0
_RELOAD_S: Final = 2.0
"""Real seconds from a change to the ticket that shows it: longer than processes take to see it."""


@dataclass(frozen=True)
class Move:
    """A ticket that was moved to another version, and its deadline before and after."""

    name: str
    before: str
    after: str


@dataclass
class Changes:
    """Plays the scenes of the night, and keeps what later verdicts are drawn from."""

    terminal: Terminal
    embedded: Embedded
    api: Api
    clock: NightClock
    chronicle: Chronicle
    zone: ZoneInfo
    watch: Watch
    moments: dict[str, datetime] = field(default_factory=dict)
    """Bank time at which what a scene changed was in force, by the scene's name."""
    moves: list[Move] = field(default_factory=list)
    planned_restarts: int = 0
    """How often the worker was started anew on purpose."""
    _over: dict[str, asyncio.Event] = field(default_factory=dict)

    async def run(self, script: Script) -> None:
        """Plays the scenes, one after the other, none before its time. Returns after the last one."""
        for scene in script.changes.night:
            await self.clock.until(script.night.at(scene.at))
            await self._play(scene)
            self._end_of(scene.name).set()

    async def after(self, scene: str) -> None:
        """Returns when this scene is over and every process has had the time to see its change."""
        await self._end_of(scene).wait()
        await asyncio.sleep(_RELOAD_S)

    async def tell_version(self, part: Part) -> None:
        """Says under which version a ticket runs that came after a change, and how soon that was."""
        pinned_at = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LONGEST_S):
                while (pinned_at := self.watch.pinned_at(part.task_id)) is None:
                    await asyncio.sleep(_GLANCE_S)
        if pinned_at is None:
            return
        shown = await self.api.get(_READER, f"/tickets/{part.task_id}")
        version = f"#{part.number:02d} runs under “{shown['view']['sop_version']}”"
        moment = self.moments.get(part.scene)
        if moment is None:
            self.chronicle.headline(pinned_at, f"{version}, as before")
            return
        seconds = self.clock.real_seconds(pinned_at - moment)
        self.chronicle.headline(pinned_at, f"Served after {seconds:.1f} s: {version}")

    async def _play(self, scene: Scene) -> None:
        self.chronicle.headline(self.clock.now(), scene.headline)
        deadline = await self._deadline(scene.moves) if scene.moves else ""
        if scene.edits:
            told = apply_edits(scene.edits, self.embedded.settings.data_dir)
            now = self.clock.now()
            # What two people have to release is not in force when it is saved.
            if not scene.refused and not self.planned_restarts:
                self.moments[scene.name] = now
            for edit, words in zip(scene.edits, told, strict=True):
                self.chronicle.tell(now, f"✎ {Path(edit.file).name}: {words}")
        for command in scene.commands:
            said = await self.terminal.run(command)
            self.chronicle.tell(self.clock.now(), f"$ {said.command}")
            for line in said.shown:
                self.chronicle.tell(self.clock.now(), f"  {line}")
        if scene.serve_library:
            await self._serve_library()
        if scene.released:
            self.moments[scene.name] = await self._released_at(scene.released)
        if scene.moves:
            move = Move(scene.moves, deadline, await self._deadline(scene.moves))
            self.moves.append(move)
            due = datetime.fromisoformat(move.after).astimezone(self.zone)
            words = "keeps" if move.before == move.after else f"✗ had {move.before}, now has"
            self.chronicle.tell(self.clock.now(), f"the ticket {words} its deadline: {due:%H:%M}")

    async def _serve_library(self) -> None:
        """Starts worker and API anew, the way they run in production: folders are not served."""
        restart = self.embedded.supervisor.restart
        await asyncio.gather(*(restart(name, _LIBRARY) for name in (WORKER, "api")))
        self.planned_restarts += 1
        await worker_polls(self.embedded)
        serving = (await self._status())["serving"]
        self.chronicle.tell(
            self.clock.now(), f"worker and API started anew: tickets are served by {serving['edition']}"
        )

    async def _released_at(self, path: str) -> datetime:
        files = (await self._status())["files"]
        return next(datetime.fromisoformat(each["released_at"]) for each in files if each["path"] == path)

    async def _status(self) -> dict[str, Any]:
        status: dict[str, Any] = await self.api.get(_READER, "/definitions/status")
        return status

    async def _deadline(self, name: str) -> str:
        shown = await self.api.get(_READER, f"/tickets/{self.terminal.names[name]}")
        return str(shown["view"]["deadline_at"])

    def _end_of(self, scene: str) -> asyncio.Event:
        return self._over.setdefault(scene, asyncio.Event())


def environment_of(data_dir: Path, zone: ZoneInfo) -> Mapping[str, str]:
    """What tells commands which installation they work on, the demo's, and whose hours they show."""
    here = {"OPSLOOP_DATA_DIR": data_dir, "OPSLOOP_DEFINITIONS_DIR": data_dir / "definitions"}
    return {"TZ": zone.key, **{name: str(path.resolve()) for name, path in here.items()}}


def names_of(settings: Settings, script: Script) -> Mapping[str, str]:
    """What commands of the script can name: the demo's folders, and tickets."""
    folders = {"folder": settings.data_dir, "sops": settings.definitions_dir / "sops"}
    named = {part.name: part.task_id for part in script.parts if part.name}
    return {**{name: from_here(path) for name, path in folders.items()}, **named}


async def play_pages(pages: tuple[Page, ...], terminal: Terminal, folder: Path, console: Console) -> None:
    """Plays what comes before or after the night, straight onto the console."""
    for page in pages:
        console.print()
        console.print(Text(page.headline, style="bold"))
        for edit, words in zip(page.edits, apply_edits(page.edits, folder), strict=True):
            _print(console, f"  ✎ {Path(edit.file).name}: {words}", "dim")
        for command in page.commands:
            await _type(command, terminal, console)


async def _type(command: Command, terminal: Terminal, console: Console) -> None:
    """What a command refuses is folded, to be read whole; other lines are cut to the width of a terminal."""
    with console.status("…"):
        said = await terminal.run(command)
    _print(console, f"  $ {said.command}", "cyan")
    for line in said.lines:
        if said.exit_code and console.is_terminal:
            console.print(Padding(Text(printable(line)), (0, 0, 0, 4)))
        else:
            _print(console, f"    {line}")
    if said.summary:
        console.print(Text(printable(f"  ✓ {said.summary}"), style="green"), soft_wrap=True)


def _print(console: Console, line: str, style: str = "") -> None:
    """One line, cut to the width of a terminal; whole in a log."""
    text = Text(printable(line), style=style)
    if console.is_terminal:
        text.truncate(console.width, overflow="ellipsis")
    console.print(text, soft_wrap=True)
