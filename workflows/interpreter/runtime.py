"""What the interpreter needs of the ticket around it, and what the two tell each other."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

from definitions.schema import Step
from domain.fields import FormField
from domain.handlers import HandlerSpec
from domain.lifecycle import TicketState
from domain.review import DecidedReview, ReviewKind
from domain.steps import StepOutput
from domain.task import RiskLevel
from domain.ticket import EventKind


class StepFailure(Exception):
    """All attempts of a step failed. `code` is that of the error tree."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class TicketEnded(Exception):
    """The run is over: rejected or cancelled."""

    def __init__(self, state: TicketState, reason: str) -> None:
        super().__init__(reason)
        self.state = state
        self.reason = reason


@dataclass(frozen=True)
class PlannedCall:
    """One call of a handler, everything settled but its result."""

    key: str
    """The step within the ticket: its id, after the place of the foreach, repeat or call that it is in."""
    step: Step
    spec: HandlerSpec
    inputs: Mapping[str, Any]
    occurrence: int = 1
    results: Mapping[str, StepOutput] = field(default_factory=dict)


@dataclass(frozen=True)
class Question:
    """What the interpreter wants to ask a person."""

    key: str
    """The same when the same question is asked again after the run was continued or moved."""
    kind: ReviewKind
    step_id: str
    text: str
    role: str
    group: str = ""
    deadline: timedelta | None = None
    on_late: Literal["wait", "escalate", "go_on", "reject"] = "wait"
    choices: tuple[str, ...] = ()
    quorum: int = 1
    four_eyes: bool = True
    form: Mapping[str, FormField] = field(default_factory=dict)
    because: str = ""
    """What went wrong before, where this is a fallback."""
    ahead: tuple[PlannedCall, ...] = ()
    """Effects that may follow: an approval covers them."""


EffectsAhead = Callable[[], tuple[PlannedCall, ...]]
"""Tells which effects may follow; asked only where a person is, because it looks at every step ahead."""


class Runtime(Protocol):
    """What the interpreter needs of the ticket around it.

    Whatever waits raises `TicketEnded` when the ticket is cancelled or another part of it has ended it.
    """

    @property
    def now(self) -> datetime:
        """Bank time."""

    @property
    def risk(self) -> RiskLevel:
        """The ticket's risk as it stands."""

    @property
    def on_fast_track(self) -> bool:
        """Whether waits are cut short and optional steps left out, as it stands."""

    def task_facts(self) -> dict[str, Any]:
        """The ticket as JSON, for expressions."""

    async def checkpoint(self) -> None:
        """Called before each step. Waits while the ticket is held."""

    async def admit(self, call: PlannedCall, ahead: EffectsAhead) -> None:
        """The duty gate before an effect. Raises `TicketEnded` when a person says no."""

    async def call(self, call: PlannedCall) -> StepOutput:
        """Runs the handler with the step's time-out and retries. Raises `StepFailure`."""

    async def ask(self, question: Question) -> DecidedReview:
        """Asks a person and waits for the answer, which may be a no."""

    async def wait_until(self, key: str, due: datetime, *, in_full: bool = True) -> None:
        """Waits until the bank's clock shows this; not `in_full`, no longer than to the fast track."""

    async def wait_for_event(
        self, key: str, name: str, since: datetime, deadline: timedelta | None
    ) -> dict[str, Any] | None:
        """The data of an event of this name; None when it has not come by the deadline (SLA time)."""

    async def failed(self, key: str, step: Step, failure: StepFailure) -> Literal["retry", "skip"]:
        """The step failed for good: waits for an operator."""

    async def warn(self, key: str, step: Step, failure: StepFailure) -> None:
        """Something that does not hold the run failed: tells people, and the run goes on."""

    def abandon(self, end: TicketEnded) -> None:
        """The ticket ends: whatever still waits raises this."""

    def assessed(self, level: RiskLevel, reasons: tuple[str, ...]) -> None:
        """The ticket's risk is settled."""

    def demand_caution(self, reason: str) -> None:
        """Something happened that makes the ticket high risk, whatever an assessor says later."""

    def note(self, kind: EventKind, summary: str, *, step_id: str = "", **data: object) -> None:
        """Adds to the timeline."""
