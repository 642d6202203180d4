"""What the visitor sees while the night goes on: a live view on a terminal, plain lines anywhere else."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol, Self
from zoneinfo import ZoneInfo

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.rule import Rule
from rich.text import Text

from workers.demo.chronicle import Line
from workers.demo.watch import Counts, Waiting

_LABEL: Final = 32
"""Most cells of a ticket's name in a line of the live view."""
_PLAIN_LABEL: Final = 48
_PERSON: Final = 30
_SLA_LEVEL: Final = 9
_MOST_WAITING: Final = 3
_STATUS_EVERY: Final = timedelta(hours=1)
_SLA_STYLES: Final = {"pre_alert": "cyan", "orange": "dark_orange", "red": "red", "critical": "bold red"}


@dataclass(frozen=True)
class Scene:
    """The night at one moment."""

    now: datetime
    begins_at: datetime
    ends_at: datetime
    duty: str
    counts: Counts
    waiting: Sequence[Waiting]
    lines: Sequence[Line]
    command: Sequence[str] = ()
    """What the visitor types, as lines of a shell command; empty when nothing waits for the visitor."""


class Screen(Protocol):
    """Shows the night. A context manager: it is closed before the ending is printed."""

    def __enter__(self) -> Self:
        """Opens it."""

    def __exit__(self, *_: object) -> None:
        """Closes it."""

    def tell(self, line: Line) -> None:
        """Something happened."""

    def show(self, scene: Scene) -> None:
        """Some time has passed."""


def screen_for(console: Console, zone: ZoneInfo) -> Screen:
    """The live view on a terminal, else plain lines."""
    return LiveScreen(console, zone) if console.is_terminal else PlainScreen(console, zone)


class PlainScreen:
    """One line an event, with bank time: whole for logs, cut to its width on a terminal."""

    def __init__(self, console: Console, zone: ZoneInfo) -> None:
        self._file = console.file
        self._width = console.width if console.is_terminal else None
        self._zone = zone
        self._next_status: datetime | None = None
        self._commanded = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def tell(self, line: Line) -> None:
        """Prints it."""
        about = f"{_named(line.about)}: " if line.about else ""
        self._print(line.at, f"== {line.text}" if line.headline else f"   {about}{line.text}")

    def show(self, scene: Scene) -> None:
        """Prints the counts once an hour of bank time, and the visitor's command once."""
        if self._next_status is None or scene.now >= self._next_status:
            self._next_status = scene.now + _STATUS_EVERY
            self._print(scene.now, f"-- {counted(scene.counts)}")
        if scene.command and not self._commanded:
            self._commanded = True
            print(*scene.command, sep="\n", file=self._file, flush=True)

    def _print(self, at: datetime, text: str) -> None:
        line = Text(f"{at.astimezone(self._zone):%H:%M} {printable(text)}")
        if self._width is not None:
            line.truncate(self._width, overflow="ellipsis")
        print(line.plain, file=self._file, flush=True)


class LiveScreen:
    """The whole terminal, drawn anew a few times a second, and given back at the end."""

    def __init__(self, console: Console, zone: ZoneInfo) -> None:
        self._console = console
        self._zone = zone
        self._live = Live(console=console, screen=True, auto_refresh=False)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def tell(self, line: Line) -> None:
        """Nothing: the next scene has it."""

    def show(self, scene: Scene) -> None:
        """Draws the scene."""
        size = self._console.size
        self._live.update(rendered(scene, self._zone, size.width, size.height), refresh=True)


def rendered(scene: Scene, zone: ZoneInfo, width: int, height: int) -> RenderableType:
    """The scene as exactly so many lines, none longer than the width."""
    waiting = [_waiting(each, zone) for each in scene.waiting[:_MOST_WAITING]]
    if len(scene.waiting) > _MOST_WAITING:
        waiting[-1] = Text(f"  and {len(scene.waiting) - _MOST_WAITING + 1} more", style="dim")
    command = [Text(line, style="bold green") for line in scene.command]
    headlines = [line for line in scene.lines if line.headline]
    events = [line for line in scene.lines if not line.headline]
    room = max(2, height - 6 - max(1, len(waiting)) - len(command))
    story = min(len(headlines), room // 2) or 1
    parts: list[RenderableType] = [
        _header(scene, zone, width),
        _progress(scene, width),
        _fitted(Text(counted(scene.counts)), width),
        _rule("the night so far"),
        *_lines(headlines, story, zone, width),
        _rule("waits for a person"),
        *(_fitted(each, width) for each in waiting or [Text("  nobody is waited for", style="dim")]),
        *(_fitted(each, width) for each in command),
        _rule("just now"),
        *_lines(events, room - story, zone, width),
    ]
    return Group(*parts)


def counted(counts: Counts) -> str:
    """The counts as one line."""
    words = [
        f"{counts.handed_in} tickets",
        f"{counts.running} running",
        f"{counts.waiting} waiting",
        f"{counts.by_itself} unattended",
        f"{counts.with_people} attended",
        f"{counts.rejected} rejected",
    ]
    return " · ".join([*words, *([f"{counts.cancelled} cancelled"] if counts.cancelled else [])])


def printable(text: str) -> str:
    """The text without control characters, whoever wrote it."""
    return "".join(each if each.isprintable() else "�" for each in text)


def _named(about: str) -> str:
    label = Text(about)
    label.truncate(_PLAIN_LABEL, overflow="ellipsis")
    return label.plain


def _header(scene: Scene, zone: ZoneInfo, width: int) -> Text:
    local = scene.now.astimezone(zone)
    night = scene.duty.startswith("night")
    left = Text.assemble((" opsloop ", "bold reverse"), "  one bank night")
    right = Text.assemble(
        (f"{local:%a %d %b}  ", "dim"),
        (f"{local:%H:%M:%S}", "bold"),
        "  ",
        (f" {'☾' if night else '☼'} {scene.duty} ", "white on blue" if night else "black on yellow"),
    )
    gap = max(1, width - left.cell_len - right.cell_len)
    return _fitted(Text.assemble(left, " " * gap, right), width)


def _progress(scene: Scene, width: int) -> Text:
    share = (scene.now - scene.begins_at) / (scene.ends_at - scene.begins_at)
    done = round(min(max(share, 0.0), 1.0) * width)
    return Text.assemble(("━" * done, "bold blue"), ("─" * (width - done), "dim"))


def _rule(title: str) -> Rule:
    return Rule(Text(title, style="dim"), align="left", style="dim")


def _waiting(each: Waiting, zone: ZoneInfo) -> Text:
    person = Text("YOU" if each.visitor else each.person, style="bold green" if each.visitor else "yellow")
    person.truncate(_PERSON, overflow="ellipsis", pad=True)
    level = Text(each.sla_level, style=_SLA_STYLES.get(each.sla_level, ""))
    level.truncate(_SLA_LEVEL, pad=True)
    since = Text(f"{each.since.astimezone(zone):%H:%M}", style="dim")
    return Text(" ").join([since, person, level, Text(printable(each.label))])


def _lines(lines: Sequence[Line], room: int, zone: ZoneInfo, width: int) -> list[Text]:
    """The latest lines that have room, and empty ones below them."""
    shown = [_line(line, zone, width) for line in lines[-room:]] if room > 0 else []
    return [*shown, *(Text("") for _ in range(room - len(shown)))]


def _line(line: Line, zone: ZoneInfo, width: int) -> Text:
    text = Text.assemble((f"{line.at.astimezone(zone):%H:%M} ", "dim"))
    if line.about:
        label = Text(printable(line.about), style="cyan")
        label.truncate(min(_LABEL, width // 3), overflow="ellipsis", pad=True)
        text.append_text(label).append(" ")
    text.append(printable(line.text), style="bold" if line.headline else "")
    return _fitted(text, width)


def _fitted(text: Text, width: int) -> Text:
    text.truncate(width, overflow="ellipsis")
    text.no_wrap = True
    return text
