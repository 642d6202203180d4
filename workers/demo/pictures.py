"""Pictures of the demo for the documentation: set `DEMO_PICTURES` to a folder."""

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from rich.console import Console

from workers.demo import ending
from workers.demo.screen import Scene, rendered
from workers.demo.script import Script
from workers.demo.watch import Waiting

VARIABLE: Final = "DEMO_PICTURES"
_WIDTH, _HEIGHT = 104, 32
_BANK_TIME: Final = "03:40"


@dataclass
class Pictures:
    """Saves one scene of the night, and its ending, as SVG; nothing without a folder."""

    script: Script
    folder: Path | None = None
    taken_at: datetime | None = field(default=None)

    @classmethod
    def from_environment(cls, script: Script) -> "Pictures":
        """Into the folder that the environment names."""
        folder = os.environ.get(VARIABLE, "")
        return cls(script, Path(folder) if folder else None)

    def night(self, scene: Scene) -> None:
        """Saves `demo-night.svg` once, in the small hours."""
        if self.folder is None or self.taken_at or scene.now < self.script.night.at(_BANK_TIME):
            return
        self.taken_at = scene.now
        console = _canvas()
        console.print(rendered(scene, self.script.night.zone, _WIDTH, _HEIGHT))
        self._save(console, "demo-night.svg", "one bank night")

    def ending(self, evidence: ending.Evidence, waiting: Sequence[Waiting]) -> None:
        """Saves `demo-ledger.svg`."""
        if self.folder is None:
            return
        console = _canvas()
        ending.report(console, evidence, waiting)
        self._save(console, "demo-ledger.svg", "the morning after")

    def _save(self, console: Console, name: str, title: str) -> None:
        assert self.folder is not None  # noqa: S101 - its callers looked
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_text(_without_web_fonts(console.export_svg(title=title)), encoding="utf-8")


def _without_web_fonts(svg: str) -> str:
    """A picture fetches nothing: the viewer's own monospace font serves as well."""
    while (start := svg.find("@font-face")) >= 0:
        svg = svg[:start] + svg[svg.index("}", start) + 1 :]
    return svg.replace("Fira Code, monospace", "monospace")


def _canvas() -> Console:
    return Console(
        record=True,
        file=io.StringIO(),
        width=_WIDTH,
        force_terminal=True,
        color_system="truecolor",
        highlight=False,
    )
