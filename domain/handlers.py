"""What the interpreter knows of a handler: the entry that the catalogue keeps and a ticket pins."""

from enum import StrEnum
from typing import Literal

from domain.duration import Duration
from domain.model import Record
from domain.people import Role


class Effect(StrEnum):
    """What a handler changes outside opsloop."""

    NONE = "none"
    NOTICE = "notice"
    """A fixed-form notice that commits the bank to nothing, such as an acknowledgement of receipt."""
    MESSAGE = "message"
    BANK = "bank"

    @property
    def gated(self) -> bool:
        """Whether the duty gate stands before it."""
        return self in (Effect.MESSAGE, Effect.BANK)


class Queue(StrEnum):
    """The task queue whose workers run a handler. Queues exist to protect what stands behind them."""

    TICKETS = "opsloop-tickets"
    CORE_BANK = "opsloop-corebank"
    CHANNELS = "opsloop-channels"


class HumanTask(Record):
    """Work that a person does: a decision (review) or something done by hand (manual)."""

    kind: Literal["review", "manual"]
    question: str
    role: Role = Role.REVIEWER
    group: str = ""
    """Empty: the ticket's own group."""
    deadline: Duration | None = None
    on_late: Literal["wait", "reject"] = "wait"
    """What silence means at the deadline: tell again and go on waiting, or end as rejected."""


class HandlerSpec(Record):
    """One entry of the handler catalogue."""

    name: str
    summary: str
    effect: Effect = Effect.NONE
    local: bool = False
    """A local activity: quick, without effects, one event in the history instead of three or more."""
    queue: Queue = Queue.TICKETS
    outcomes: tuple[str, ...] = ("done",)
    control: bool = False
    """A check that must not be skipped quietly: skipping it makes the ticket high risk."""
    assesses_risk: bool = False
    """Its outcome is the ticket's risk level."""
    resolver: str | None = None
    """The activity that settles an unknown outcome by asking the outside by key."""
    human: HumanTask | None = None
