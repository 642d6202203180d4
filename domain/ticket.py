"""A ticket as people see it: its timeline and its present state.

The workflow holds both and is the truth. The store keeps a copy for lists and searches; losing it
loses nothing, because it can be written again from the workflows.
"""

from enum import StrEnum
from typing import Any

from pydantic import Field

from domain.dispatch.answer import DispatchAnswer
from domain.lifecycle import TicketState
from domain.model import Instant, Record
from domain.review import ReviewRequest
from domain.rollout import Placement
from domain.sla import SlaTerms, Stopwatch
from domain.task import OpsTask, RiskLevel


class EventKind(StrEnum):
    """What can happen to a ticket."""

    OPENED = "opened"
    DISPATCHED = "dispatched"
    STATE = "state"
    STEP_STARTED = "step_started"
    STEP_DONE = "step_done"
    STEP_FAILED = "step_failed"
    STEP_SKIPPED = "step_skipped"
    """Left out by an operator."""
    STEP_NOT_NEEDED = "step_not_needed"
    """Left out by the SOP: its `when` is false."""
    WAITING = "waiting"
    EVENT = "event"
    """Something from outside reached the ticket."""
    COMPENSATED = "compensated"
    COMPENSATION_FAILED = "compensation_failed"
    MIGRATED = "migrated"
    """The ticket moved to another version of its SOP."""
    RISK = "risk"
    GATE = "gate"
    OUTCOME_UNKNOWN = "outcome_unknown"
    REVIEW_OPENED = "review_opened"
    REVIEW_APPROVED = "review_approved"
    """One of several approvals that a review needs."""
    REVIEW_DECIDED = "review_decided"
    DECISION_REFUSED = "decision_refused"
    REVIEW_LATE = "review_late"
    SLA_LEVEL = "sla_level"
    SLA_SKIPPED = "sla_skipped"
    SLA_CHANGED = "sla_changed"
    """Deadlines moved, because policies, calendars or the SOP's version changed."""
    LEGAL_DEADLINE = "legal_deadline"
    """A legal deadline comes near, or has come."""
    ESCALATED = "escalated"
    HELD = "held"
    RESUMED = "resumed"
    REASSIGNED = "reassigned"
    RESCUED = "rescued"
    """At critical it was put on the fast track, or left to whoever is on call."""
    COMMAND = "command"
    COMMAND_REFUSED = "command_refused"
    SPOT_CHECK_DRAWN = "spot_check_drawn"
    EXPIRY = "expiry"
    """A measure that outlives the ticket is watched until its end, or no more."""
    SHADOW = "shadow"
    """A candidate of a rollout is interpreted beside the ticket, or could not be."""
    CLOSED = "closed"


class TicketEvent(Record):
    """One entry of a ticket's timeline. (task_id, seq) is unique and repeats are the same event."""

    seq: int = Field(ge=1)
    at: Instant
    """Bank time."""
    kind: EventKind
    summary: str
    actor: str = "opsloop"
    step_id: str = ""
    data: dict[str, Any] = {}


class TicketView(Record):
    """The whole state of a ticket, served by a query and copied into the store."""

    task: OpsTask
    maker: str
    state: TicketState
    held: bool = False
    waiting_for: str = ""
    """Who or what the run waits for now, in words: a group, `operator`, `core bank` …"""
    current_step: str = ""
    dispatch: DispatchAnswer | None = None
    sop: str = ""
    sop_id: str = ""
    sop_version: str = ""
    sop_digest: str = ""
    rollout: Placement | None = None
    """Its place in the rollout of a version that could serve it."""
    risk: RiskLevel = RiskLevel.MEDIUM
    risk_reasons: tuple[str, ...] = ()
    sla: SlaTerms | None = None
    stopwatch: Stopwatch | None = None
    deadline_at: Instant | None = None
    worked_by: str = ""
    """The principal who has claimed it."""
    worked_since: Instant | None = None
    next_deadline_at: Instant | None = None
    """When the next threshold or legal deadline is, which the ticket has to tell of."""
    sla_level: str = ""
    spot_check: bool = False
    fast_track: bool = False
    """A rescue put it on the fast track: no waits, no optional steps, every control."""
    open_reviews: tuple[ReviewRequest, ...] = ()
    steps_done: tuple[str, ...] = ()
    steps_skipped: tuple[str, ...] = ()
    steps_failed: tuple[str, ...] = ()
    """Steps that wait for an operator now."""
    result: str = ""
    opened_at: Instant
    closed_at: Instant | None = None
    last_seq: int = 0


class TicketSummary(Record):
    """One line of a list of tickets."""

    task_id: str
    title: str
    state: TicketState
    held: bool = False
    category: str = ""
    action: str = ""
    group: str = ""
    risk: str = ""
    priority: str = ""
    sop: str = ""
    waiting_for: str = ""
    sla_level: str = ""
    deadline_at: Instant | None = None
    opened_at: Instant
    closed_at: Instant | None = None
    spot_check: bool = False
