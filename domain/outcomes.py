"""Outcomes of tickets, counted by the version of the SOP that served them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from statistics import median
from typing import Final

from domain.lifecycle import ENDS, TicketState
from domain.model import Instant, Record
from domain.rollout import Arm
from domain.ticket import EventKind

TOUCHES: Final = frozenset(
    {
        EventKind.REVIEW_APPROVED,
        EventKind.REVIEW_DECIDED,
        EventKind.STEP_SKIPPED,
        EventKind.HELD,
        EventKind.RESUMED,
        EventKind.REASSIGNED,
        EventKind.COMMAND,
    }
)
"""Events of a ticket that cost a person's work, when a person was the actor."""

NO_PERSON: Final = frozenset({"opsloop", "deadline", "temporal", "unknown"})
"""Actors of events that are nobody."""


class TicketOutcome(Record):
    """What one ticket of an SOP came to, for counting."""

    sop_id: str
    sop_version: str
    sop_digest: str
    rollout: int | None = None
    arm: Arm | None = None
    state: TicketState
    opened_at: Instant
    closed_at: Instant | None = None
    deadline_at: Instant | None = None
    spot_check: bool = False
    touches: int = 0


class VersionCounts(Record):
    """The outcomes of all tickets of one version of an SOP."""

    sop_id: str
    version: str
    digest: str
    is_candidate: bool = False
    tickets: int = 0
    completed: int = 0
    rejected: int = 0
    cancelled: int = 0
    failed_now: int = 0
    """Tickets that wait for an operator after a failure."""
    running: int = 0
    """Open tickets that have not failed."""
    touches: int = 0
    """Decisions and commands of people, over all tickets."""
    median_seconds: float | None = None
    """From receipt to the end, of tickets that have ended; bank time."""
    sla_met: int = 0
    sla_missed: int = 0
    """Ended too late, or still open after the deadline."""
    spot_checks: int = 0
    """Tickets drawn for the next day's spot check."""

    @property
    def touches_per_ticket(self) -> float:
        """How often people had to act, on average."""
        return self.touches / self.tickets if self.tickets else 0.0

    @property
    def sla_share(self) -> float | None:
        """The share that met its SLA, of those about which it is known."""
        judged = self.sla_met + self.sla_missed
        return self.sla_met / judged if judged else None


def counts_by_version(
    outcomes: Iterable[TicketOutcome], now: datetime, rollout: int | None = None
) -> list[VersionCounts]:
    """Versions side by side, the candidate of the rollout last, else in the order of their first tickets."""
    ordered = sorted(outcomes, key=lambda each: (each.sop_id, each.sop_digest))
    counted = [
        (min(each.opened_at for each in group), _counts(group, now, rollout))
        for group in (
            list(each) for _, each in groupby(ordered, key=lambda each: (each.sop_id, each.sop_digest))
        )
    ]
    counted.sort(key=lambda each: (each[1].is_candidate, each[0]))
    return [counts for _, counts in counted]


def _counts(outcomes: Sequence[TicketOutcome], now: datetime, rollout: int | None) -> VersionCounts:
    last = max(outcomes, key=lambda each: each.opened_at)
    states = [each.state for each in outcomes]
    durations = [(each.closed_at - each.opened_at).total_seconds() for each in outcomes if each.closed_at]
    judged = [met for each in outcomes if (met := _met_its_sla(each, now)) is not None]
    return VersionCounts(
        sop_id=last.sop_id,
        version=last.sop_version,
        digest=last.sop_digest,
        is_candidate=rollout is not None
        and any(each.arm is Arm.CANDIDATE and each.rollout == rollout for each in outcomes),
        tickets=len(outcomes),
        completed=states.count(TicketState.COMPLETED),
        rejected=states.count(TicketState.REJECTED),
        cancelled=states.count(TicketState.CANCELLED),
        failed_now=states.count(TicketState.FAILED),
        running=sum(each not in ENDS and each is not TicketState.FAILED for each in states),
        touches=sum(each.touches for each in outcomes),
        median_seconds=median(durations) if durations else None,
        sla_met=judged.count(True),
        sla_missed=judged.count(False),
        spot_checks=sum(each.spot_check for each in outcomes),
    )


def _met_its_sla(outcome: TicketOutcome, now: datetime) -> bool | None:
    """None where it is not known yet, and for tickets without a deadline."""
    if outcome.deadline_at is None:
        return None
    if outcome.closed_at is not None:
        return outcome.closed_at <= outcome.deadline_at
    return False if now > outcome.deadline_at else None
