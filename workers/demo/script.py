"""The demo's script: which tickets come when, who answers them, and what goes wrong."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ValidationError

from definitions.policy_files import read_document
from definitions.validation import validated
from domain.duration import parse_duration
from domain.errors import DefinitionError
from domain.task import task_id_for
from workers.demo.script_files import Answer, ChangesFile, NightFile, OutsideNews, TicketEntry, TicketsFile
from workers.ticket_request import TicketRequest

FOLDER: Final = Path(__file__).parent
CHANGES: Final = "changes.yaml"
_NOON: Final = time(12)
_WEEKS_TO_LOOK_BACK: Final = 8

_File = TypeVar("_File", bound=BaseModel)


@dataclass(frozen=True)
class Night:
    """The two dates of a night."""

    evening: date
    morning: date
    zone: ZoneInfo

    def at(self, bank_time: str) -> datetime:
        """The instant that a time of day means in this night."""
        clock = time.fromisoformat(bank_time)
        day = self.evening if clock >= _NOON else self.morning
        return datetime.combine(day, clock, self.zone)


@dataclass(frozen=True)
class Part:
    """One ticket of this night, ready to be handed in."""

    number: int
    at: datetime
    request: TicketRequest
    again_at: datetime | None
    answers: tuple[Answer, ...]
    headlines: dict[str, str]
    visitor: bool
    name: str = ""
    """How commands of the script call it."""
    scene: str = ""
    """The scene after which it is handed in, however long that takes."""
    events: tuple[OutsideNews, ...] = ()
    sop_version: str = ""
    """The version of its SOP that it has to run under; empty where the night does not look."""

    @property
    def task_id(self) -> str:
        """The id that opsloop gives the ticket."""
        return task_id_for(self.request.source, self.request.external_id)

    @property
    def label(self) -> str:
        """How the screen names the ticket."""
        return f"#{self.number:02d} {self.request.title}"


@dataclass(frozen=True)
class Script:
    """A whole night: its hours, its tickets in the order of their times, and its mishaps."""

    night: Night
    hours: NightFile
    parts: tuple[Part, ...]
    changes: ChangesFile = field(default_factory=ChangesFile)
    """What operations staff change."""

    @property
    def begins_at(self) -> datetime:
        """When the night begins."""
        return self.night.at(self.hours.begins)

    @property
    def ends_at(self) -> datetime:
        """When it is over."""
        return self.night.at(self.hours.ends)

    @property
    def opens_at(self) -> datetime:
        """When the first ticket is handed in, which may be a little before the night begins."""
        return min([self.begins_at, *(part.at for part in self.parts)])


def latest_night(today: date, is_working_day: Callable[[date], bool], zone: ZoneInfo) -> Night:
    """The latest two working days in a row, neither after today. Raises `DefinitionError` without any."""
    for back in range(7 * _WEEKS_TO_LOOK_BACK):
        morning = today - timedelta(days=back)
        evening = morning - timedelta(days=1)
        if is_working_day(morning) and is_working_day(evening):
            return Night(evening=evening, morning=morning, zone=zone)
    raise DefinitionError("the calendar has no two working days in a row in the last eight weeks")


def read_script(night: Night, folder: Path = FOLDER) -> Script:
    """The script in this folder, for this night. Raises `DefinitionError` with file, line and field."""
    hours = _read(folder / "night.yaml", NightFile)
    entries = _read(folder / "tickets.yaml", TicketsFile).root
    changes = ChangesFile()
    if (folder / CHANGES).exists():
        changes = _read(folder / CHANGES, ChangesFile)
    parts = [
        _part(number, entry, night) for number, entry in enumerate((*entries, *changes.tickets), start=1)
    ]
    _check_names(changes, parts)
    ordered = sorted(parts, key=lambda part: part.at)
    return Script(night=night, hours=hours, parts=tuple(ordered), changes=changes)


def _check_names(changes: ChangesFile, parts: Iterable[Part]) -> None:
    scenes = [scene.name for scene in changes.night]
    for part in parts:
        if part.scene and part.scene not in scenes:
            known = ", ".join(scenes) or "none"
            raise DefinitionError(f"ticket {part.number}: no scene is called {part.scene!r}; known: {known}")


def _read(path: Path, model: type[_File]) -> _File:
    document, findings = read_document(path)
    value = None
    if document is not None:
        value, findings = validated(document, model)
    if value is None:
        raise DefinitionError("\n".join(str(finding) for finding in findings))
    return value


def _part(number: int, entry: TicketEntry, night: Night) -> Part:
    at = night.at(entry.at)
    body = _resolved(entry.ticket, night, at)
    try:
        request = TicketRequest(external_id=f"N-{number:03d}", **body)
    except (ValidationError, TypeError) as error:
        raise DefinitionError(f"ticket {number} at {entry.at}: {error}") from error
    return Part(
        number=number,
        at=at,
        request=request,
        again_at=at + entry.again if entry.again else None,
        answers=entry.answers,
        headlines=entry.headlines,
        visitor=entry.visitor,
        name=entry.name,
        scene=entry.scene,
        events=entry.events,
        sop_version=entry.sop_version,
    )


def _resolved(value: Any, night: Night, at: datetime) -> Any:
    """The value with its placeholders filled in, however deep they stand."""
    if isinstance(value, dict):
        return {key: _resolved(each, night, at) for key, each in value.items()}
    if isinstance(value, list):
        return [_resolved(each, night, at) for each in value]
    if not isinstance(value, str):
        return value
    value = value.replace("{evening}", night.evening.isoformat()).replace(
        "{morning}", night.morning.isoformat()
    )
    return re.sub(r"\{at(?:([+-])([0-9a-z]+))?\}", lambda found: _instant(at, found[1], found[2]), value)


def _instant(at: datetime, sign: str | None, distance: str | None) -> str:
    if not sign or not distance:
        return at.isoformat()
    step = parse_duration(distance)
    return (at + step if sign == "+" else at - step).isoformat()
