"""What a simulated run tells of itself beside its timeline: attempts, alerts, messages, used scripts."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import Field

from domain.model import Instant, Record
from domain.ticket import TicketEvent, TicketView

_Script = TypeVar("_Script")


class Attempt(Record):
    """One attempt of a scripted handler."""

    at: Instant
    step: str
    """The step's key within the ticket."""
    handler: str
    number: int
    """Counts the attempts of one call."""
    outcome: str = ""
    error: str = ""
    """Its code; empty when it answered."""
    message: str = ""
    effect: str = ""
    """The handler whose effect took place with it, of those that the duty gate guards."""


class Raised(Record):
    """One alert, and who was told."""

    at: Instant
    level: str
    subject: str
    told: tuple[str, ...] = ()


class Sent(Record):
    """A message that a scripted person sent to the ticket, and what came of it."""

    at: Instant
    what: str
    """`people.gate[1]`, as the case file has it."""
    by: str
    accepted: bool
    code: str
    message: str
    expected_refusal: str = ""

    @property
    def as_expected(self) -> bool:
        """Whether it was taken, or refused as the case says."""
        return self.code == self.expected_refusal if self.expected_refusal else self.accepted


class RunRecord(Record):
    """What a run collected."""

    attempts: tuple[Attempt, ...] = ()
    alerts: tuple[Raised, ...] = ()
    sent: tuple[Sent, ...] = ()
    used: dict[str, int] = Field(default_factory=dict)
    """How often each script was used, by its name: `handlers.pay[2]`."""
    view: TicketView | None = None
    """The ticket as it stood in the end."""
    events: tuple[TicketEvent, ...] = ()
    """Its timeline, with the last entries of a run that did not end, which the store may lack."""


def names_of(step: str, *more: str) -> tuple[str, ...]:
    """What a script can call a step, the most exact name first: `book.3.pay`, `pay`, then others."""
    return tuple(dict.fromkeys((step, step.rpartition(".")[2], *more)))


def first_named(
    scripts: Mapping[str, Sequence[_Script]], names: Iterable[str]
) -> tuple[str, Sequence[_Script]] | None:
    """The scripts of the first of these names that has any."""
    return next(((name, scripts[name]) for name in names if name in scripts), None)


def script_name(section: str, name: str, index: int) -> str:
    """How findings call one entry of a list: `handlers.pay[2]`, counted as people do."""
    place = f"{section}.{name}" if name else section
    return f"{place}[{index + 1}]"


def script_names(case: Any) -> list[str]:
    """Every script of a case's own."""
    names = []
    for section in ("handlers", "people"):
        for name, scripts in getattr(case, section).items():
            names += [script_name(section, name, index) for index in range(len(scripts))]
    for section in ("events", "commands"):
        names += [script_name(section, "", index) for index in range(len(getattr(case, section)))]
    return names
