"""What the files of the demo's script say: `night.yaml`, `tickets.yaml`, `changes.yaml`."""

from typing import Annotated, Any, Self

from pydantic import Field, RootModel, StringConstraints, model_validator

from domain.duration import Duration
from domain.model import Model
from domain.review import Verb
from workers.sandbox_bank.faults import Fault

BankTime = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
"""A time of day of the night: from noon on the evening's, before noon the morning's."""


class Answer(Model):
    """What a person answers to one review of a ticket."""

    by: str
    others: tuple[str, ...] = ()
    """Who approves as well, one after the other, where a review needs several."""
    after: Duration | None = None
    """Bank time from the question on."""
    at: BankTime | None = None
    verb: Verb = Verb.APPROVE
    reason: str = Field(min_length=1, max_length=300)
    form: dict[str, Any] = {}
    """Of an approval that asks for one."""

    @model_validator(mode="after")
    def _one_time(self) -> Self:
        if (self.after is None) == (self.at is None):
            raise ValueError("give either after or at")
        return self


class OutsideNews(Model):
    """What a source tells a ticket that waits for it, so long after it was handed in."""

    name: str
    after: Duration
    data: dict[str, Any] = {}


class TicketEntry(Model):
    """One ticket as the file has it; `workers/demo/tickets.yaml` says what the fields mean."""

    at: BankTime
    name: str = ""
    scene: str = ""
    ticket: dict[str, Any]
    again: Duration | None = None
    events: tuple[OutsideNews, ...] = ()
    sop_version: str = ""
    answers: tuple[Answer, ...] = ()
    headlines: dict[str, str] = {}
    visitor: bool = False


class TicketsFile(RootModel[tuple[TicketEntry, ...]]):
    """`tickets.yaml`."""


class Edit(Model):
    """One change of a file: a text that stands in it once is replaced by another."""

    file: str = Field(description="below the demo's folder, such as `definitions/sops/complaint.yaml`")
    old: str = Field(min_length=1)
    new: str


class Command(Model):
    """One `opsloop` command that somebody types."""

    run: str = Field(min_length=1, description="its words; {definitions} … and tickets by name are filled in")
    by: str = ""
    """As which principal."""
    exit: int = 0
    """The exit code that it must have."""
    show: tuple[str, ...] = ()
    """Regular expressions: lines of its output that match are shown, and each has to match one. Without any
    the last line is shown."""
    find: str = ""
    """A regular expression whose named groups `tell` can use."""
    tell: str = ""
    """What is said of it: {seconds} it took, {count} lines shown, and what `find` found."""
    quiet: bool = False
    """Only `tell` is shown."""
    patient: bool = False
    """Typed again for some seconds, until it does what it should: an edit takes a second to be served."""


class Page(Model):
    """What operations staff do: they save edits, then they type commands."""

    headline: str
    edits: tuple[Edit, ...] = ()
    commands: tuple[Command, ...] = ()


class Scene(Page):
    """What they change while tickets run."""

    name: str
    at: BankTime
    serve_library: bool = False
    """At the end, worker and API start anew and serve what was released."""
    refused: bool = False
    """What it saves never comes into force."""
    released: str = ""
    """The file whose release counts as the moment of the change; without it, the last edit."""
    moves: str = ""
    """The ticket, by name, whose deadline must be the same before and after."""


class ChangesFile(Model):
    """`changes.yaml`."""

    evening: tuple[Page, ...] = ()
    night: tuple[Scene, ...] = ()
    morning: tuple[Page, ...] = ()
    tickets: tuple[TicketEntry, ...] = ()


class BankFault(Model):
    """Faults that are switched on at the core bank, in place of all that were on before."""

    at: BankTime
    headline: str
    bank: tuple[Fault, ...]


class Kill(Model):
    """When the worker gets SIGKILL: after `at`, with so many orders under way at the bank."""

    at: BankTime
    orders_under_way: int = Field(default=1, ge=0)


class NightFile(Model):
    """`night.yaml`."""

    begins: BankTime
    ends: BankTime
    factor: float = Field(gt=0, le=10_000)
    faults: tuple[BankFault, ...] = ()
    kill: Kill | None = None
