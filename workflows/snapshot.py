"""What a ticket takes along when its run is continued as new: everything that is not in the store.

Nothing that people wait for may be lost: open questions, half-met quorums, events that came early, choices of
operators, due times, thresholds that have fired.
"""

from typing import Any, Literal

from pydantic import Field

from activities.messages import Opening
from domain.lifecycle import TicketState
from domain.model import Instant, Record
from domain.review import DecidedReview, DecisionOutcome, ReviewRequest
from domain.sla import Stopwatch
from domain.task import OpsTask, RiskLevel
from workflows.interpreter.journal import Journal


class Claim(Record):
    """Who works on the ticket, and since when; nobody without a name."""

    by: str = ""
    since: Instant | None = None


class RunSnapshot(Record):
    """The ticket itself."""

    task: OpsTask
    hands: tuple[str, ...]
    state: TicketState
    opened_at: Instant
    opening: Opening
    stopwatch: Stopwatch
    risk: RiskLevel
    risk_assessed: bool
    risk_reasons: tuple[str, ...]
    demands: tuple[str, ...]
    """Why the risk is high whatever an assessor says."""
    sla_level: str
    spot_check: bool
    current_step: str
    steps_done: tuple[str, ...]
    steps_skipped: tuple[str, ...]
    failed_steps: dict[str, str]
    """Those that wait for an operator, key → name."""
    evidence: tuple[str, ...]
    """What finished steps said, for the closing review."""
    seq: int
    """Number of the last event."""
    claimed: Claim = Claim()
    alerted: tuple[str, ...] = ()
    """Groups whose alert desks have alerts of the ticket."""
    fast_track: bool = False
    groups: tuple[str, ...] = ()
    """Groups that had the ticket before the one that has it."""


class AskedReview(Record):
    """A question that is open, or answered and not yet acted on."""

    key: str
    request: ReviewRequest
    due: float | None = None
    """Seconds of SLA time at which the next deadline is."""
    told: int = 0


class ReviewsSnapshot(Record):
    """Questions and answers."""

    asked: int = 0
    open: tuple[AskedReview, ...] = ()
    decided: tuple[DecidedReview, ...] = ()
    approved: tuple[str, ...] = ()
    answers: dict[str, DecisionOutcome] = Field(default_factory=dict)
    """By id of the Update that brought them: a repeat is answered the same."""


class CameEvent(Record):
    """An event from outside that no step has used yet."""

    name: str
    event_id: str
    data: dict[str, Any]


class EventsSnapshot(Record):
    """Events from outside."""

    inbox: tuple[CameEvent, ...] = ()
    seen: dict[str, str] = Field(default_factory=dict)
    """Digest of the content, by event id."""


class TicketSnapshot(Record):
    """A whole ticket between two runs."""

    run: RunSnapshot
    reviews: ReviewsSnapshot
    events: EventsSnapshot
    choices: dict[str, Literal["retry", "skip"]] = Field(default_factory=dict)
    sla_fired: tuple[str, ...] = ()
    effects_done: dict[str, str] = Field(default_factory=dict)
    journal: Journal = Field(default_factory=Journal)
