"""What a shadow run is given: the ticket, the candidate, and what people did and decided."""

from typing import Any, Final

from pydantic import Field

from definitions.book import PinnedSop
from domain.clock import BankClock
from domain.handlers import Queue
from domain.model import Instant, Record
from domain.review import ReviewKind, Verb
from domain.rollout import Placement
from domain.shadow import RunAccount
from domain.steps import StepOutput
from domain.task import OpsTask

SHADOW_TYPE: Final = "ShadowWorkflow"
READS: Final = frozenset({Queue.TICKETS, Queue.SERVICES})
"""Queues whose handlers without effect a shadow run calls. The core bank and the channels it never asks."""


def shadow_id(task_id: str, digest: str) -> str:
    """The workflow id of a ticket's shadow run under the candidate with this digest."""
    return f"shadow-{task_id}-{digest[:8]}"


class ShadowAnswer(Record):
    """What somebody decided in the real run."""

    kind: ReviewKind
    step_id: str
    handler: str
    """Of the step that was asked about; empty where it has none."""
    verb: Verb
    choice: str | None = None
    form: dict[str, Any] = Field(default_factory=dict)
    late: bool = False
    by: str
    at: Instant


class ShadowInput(Record):
    """Starts a shadow run."""

    placement: Placement
    candidate: PinnedSop
    task: OpsTask
    """As it was dispatched."""
    opened_at: Instant
    """Bank time; the shadow run's clock begins here."""
    started: dict[str, Instant] = Field(default_factory=dict)
    """When steps of the real run began, by key."""
    clock: BankClock = BankClock()
    real: RunAccount
    standing_in: dict[str, str] = Field(default_factory=dict)
    """The handler of an effect by the name of the work by hand that stands in for it."""
    answers: tuple[ShadowAnswer, ...] = ()
    events: dict[str, tuple[dict[str, Any], ...]] = Field(default_factory=dict)
    """Data of the events that came, by name, in their order."""
    results: dict[str, StepOutput] = Field(default_factory=dict)
    """What effects of the real run came to, by their digest: a suppressed one answers the same."""
