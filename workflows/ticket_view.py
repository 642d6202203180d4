"""A run as people see it: what the query answers and the store keeps."""

from datetime import datetime
from typing import TYPE_CHECKING

from domain.lifecycle import ENDS
from domain.next_deadline import next_deadline
from domain.ticket import TicketView

if TYPE_CHECKING:
    from workflows.run_state import TicketRun


def view_of(run: "TicketRun") -> TicketView:
    """The whole state of a ticket."""
    opening = run.opening
    return TicketView(
        task=run.task,
        maker=run.maker,
        state=run.state,
        held=run.held,
        waiting_for=run.waiting_for,
        current_step="" if run.state in ENDS else run.current_step,
        dispatch=opening.answer if opening else None,
        sop=opening.sop.sop.name if opening else "",
        sop_id=opening.sop.sop.id if opening else "",
        sop_version=opening.sop.version if opening else "",
        sop_digest=opening.sop.digest if opening else "",
        rollout=opening.rollout if opening else None,
        risk=run.risk,
        risk_reasons=run.risk_reasons,
        sla=opening.sla if opening else None,
        stopwatch=run.stopwatch,
        deadline_at=run.deadline_at(),
        next_deadline_at=_next_deadline(run),
        worked_by=run.claimed.by,
        worked_since=run.claimed.since,
        sla_level=run.sla_level,
        spot_check=run.spot_check,
        fast_track=run.on_fast_track,
        open_reviews=tuple(run.open_reviews.values()),
        steps_done=tuple(run.steps_done),
        steps_skipped=tuple(run.steps_skipped),
        steps_failed=tuple(run.failed_steps),
        result=run.result,
        opened_at=run.opened_at,
        closed_at=run.closed_at,
        last_seq=run.last_seq,
    )


def _next_deadline(run: "TicketRun") -> datetime | None:
    if run.opening is None or run.state in ENDS:
        return None
    return next_deadline(run.opening.sla, run.stopwatch, run.fired)
