"""Rescue of a ticket at critical: handed over, put on the fast track, or left to whoever is on call."""

from datetime import timedelta
from typing import Final

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

from activities.rescue import RescueActivities
from activities.rescue_messages import RescueOrder
from domain.rescue import Rescue, RescueWay
from domain.ticket import EventKind
from workflows.opening import failure_of
from workflows.options import LocalOptions
from workflows.reviews import ReviewBook
from workflows.run_state import TicketRun

_PATCH: Final = "rescue"
_QUICK: Final[LocalOptions] = {
    "start_to_close_timeout": timedelta(seconds=5),
    "retry_policy": RetryPolicy(
        initial_interval=timedelta(milliseconds=200), backoff_coefficient=2, maximum_attempts=4
    ),
    "local_retry_threshold": timedelta(seconds=5),
}
"""Whoever is on call does not wait for a store that is down: a late ticket gets later."""


async def rescue(run: TicketRun, reviews: ReviewBook, key: str) -> Rescue | None:
    """Does what is decided and notes it.

    None for a ticket from before there were rescues, and for one that came to its end meanwhile.
    """
    if not workflow.patched(_PATCH):
        return None
    decided = await _decide(run, key)
    if run.closing or run.ending is not None:
        return None
    data = {"way": decided.way.value, "key": key}
    group = run.task.assigned_group
    words = decided.words(group)
    match decided.way:
        case RescueWay.IDLE_GROUP:
            run.reassign(decided.to)
            run.note(EventKind.REASSIGNED, words, reason=decided.why, **data)
            reviews.reassign(group, decided.to)
        case RescueWay.FAST_TRACK:
            run.fast_track = True
            run.note(EventKind.RESCUED, words, **data)
        case RescueWay.ON_CALL:
            run.note(EventKind.RESCUED, words, **data)
    return decided


async def _decide(run: TicketRun, key: str) -> Rescue:
    task = run.task
    waits = bool(run.open_reviews or run.failed_steps or run.held)
    order = RescueOrder(
        task_id=task.task_id,
        key=key,
        seq=run.last_seq,
        now=run.now,
        group=task.assigned_group,
        had=tuple(sorted(run.groups)),
        category=task.category or "",
        action=task.action or "",
        risk=run.risk,
        waits_for_person=waits,
        worked_by=run.claimed.by,
        worked_since=run.claimed.since,
    )
    try:
        decided = await workflow.execute_local_activity_method(
            RescueActivities.rescue_ticket, order, summary="who takes the ticket over?", **_QUICK
        )
    except (ActivityError, ApplicationError) as error:
        return Rescue(way=RescueWay.ON_CALL, why=f"nobody could be looked for: {failure_of(error)}")
    if task.assigned_group == run.task.assigned_group or decided.way is not RescueWay.IDLE_GROUP:
        return decided
    return Rescue(way=RescueWay.ON_CALL, why=f"{run.task.assigned_group} was given it meanwhile")
