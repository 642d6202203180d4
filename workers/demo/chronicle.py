"""What happened in the night, as lines that a person reads."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Line:
    """One sentence. `about` names the ticket it is about, if any."""

    at: datetime
    text: str
    about: str = ""
    headline: bool = False


class Chronicle:
    """Collects the lines and hands each on as it comes."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self._listeners: list[Callable[[Line], None]] = []

    def listen(self, listener: Callable[[Line], None]) -> None:
        """Hands every later line to the listener as well."""
        self._listeners.append(listener)

    def tell(self, at: datetime, text: str, about: str = "") -> None:
        """Adds what happened."""
        self._add(Line(at, text, about))

    def headline(self, at: datetime, text: str) -> None:
        """Adds a turn of the night's story."""
        self._add(Line(at, text, headline=True))

    def _add(self, line: Line) -> None:
        self.lines.append(line)
        for listener in self._listeners:
            listener(line)
