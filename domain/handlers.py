"""What the interpreter knows of a handler: the entry that the catalogue keeps and a ticket pins."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Literal

from pydantic import Field

from domain.duration import Duration
from domain.fields import FieldSpec, FormField
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
    SERVICES = "opsloop-services"
    """Other services by HTTP, and a bank's own handlers: a slow one keeps no alert and no order back."""


class HumanTask(Record):
    """Work that a person does: a decision (review) or something done by hand (manual)."""

    kind: Literal["review", "manual"]
    question: str
    role: Role = Role.REVIEWER
    group: str = ""
    """Empty: the ticket's own group."""
    deadline: Duration | None = None
    on_late: Literal["wait", "escalate", "go_on", "reject"] = "wait"
    """What silence means at the deadline: tell again and go on waiting, ask whoever is on call, go on with
    the outcome `late` and nothing approved, or count as a no."""
    quorum: int = 1
    """How many different people must approve."""
    four_eyes: bool = True
    form: dict[str, FormField] = Field(default_factory=dict)


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
    inputs: dict[str, FieldSpec] = Field(default_factory=dict)
    """What `with` may give it."""
    outputs: dict[str, FieldSpec] = Field(default_factory=dict)
    """What later steps find in its data."""
    reads_results: bool = False
    """Whether it is given the results of the steps before."""
    compensation: str | None = None
    """The handler that undoes it."""
    irreversible: str = ""
    """Why nothing undoes it."""
    source: str = ""
    """The distribution that brought it, with its version; empty for opsloop's own."""
    harmless_when: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Inputs with which it changes nothing, such as `method: [GET]`."""

    def called_with(self, inputs: Mapping[str, Any]) -> "HandlerSpec":
        """The entry as it holds for these inputs: without effect where they make it harmless."""
        harmless = self.harmless_when and all(
            inputs.get(name) in values for name, values in self.harmless_when.items()
        )
        return self.model_copy(update={"effect": Effect.NONE}) if harmless else self
