"""Tickets for tests: a view, its events, and a whole story of one ticket."""

from datetime import UTC, datetime, timedelta
from typing import Any

from activities.messages import Progress
from domain.lifecycle import TicketState
from domain.review import PlannedEffect, ReviewKind, ReviewRequest
from domain.task import OpsTask, Priority, RiskLevel
from domain.ticket import EventKind, TicketEvent, TicketView

NIGHT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
"""20:00 in Shanghai."""


def sample_task(task_id: str = "T1", **changes: Any) -> OpsTask:
    """A freeze order."""
    values: dict[str, Any] = {
        "task_id": task_id,
        "title": "Freeze by court order 冻结账户",
        "source": "courts",
        "external_id": f"case-{task_id}",
        "category": "accounts",
        "action": "freeze",
        "risk_level": RiskLevel.MEDIUM,
        "priority": Priority.P1,
        "assigned_group": "Account Operations",
    }
    return OpsTask(**(values | changes))


def sample_view(task_id: str = "T1", **changes: Any) -> TicketView:
    """A ticket at work, ten minutes old, due in an hour. `task` may be a dict of changes."""
    task = changes.pop("task", {})
    values: dict[str, Any] = {
        "task": sample_task(task_id, **task),
        "maker": "intake",
        "state": TicketState.PROCESSING,
        "sop": "account_freeze",
        "sop_version": "1",
        "sop_digest": "d" * 64,
        "deadline_at": NIGHT + timedelta(hours=1),
        "opened_at": NIGHT,
        "last_seq": 1,
    }
    return TicketView(**(values | changes))


def sample_event(seq: int, kind: EventKind = EventKind.STEP_DONE, **changes: Any) -> TicketEvent:
    """An event, a minute after the one before."""
    values: dict[str, Any] = {"at": NIGHT + timedelta(minutes=seq), "summary": kind.value, "data": {}}
    return TicketEvent(seq=seq, kind=kind, **(values | changes))


def sample_review(review_id: str, task_id: str = "T1", **changes: Any) -> ReviewRequest:
    """A question before an effect."""
    values: dict[str, Any] = {
        "kind": ReviewKind.GATE,
        "step_id": "execute_freeze",
        "question": "Freeze the account?",
        "role": "reviewer",
        "group": "Account Operations",
        "effects": (PlannedEffect(step_id="execute_freeze", handler="core_system_freeze", digest="e" * 64),),
        "opened_at": NIGHT + timedelta(minutes=2),
        "deadline_at": NIGHT + timedelta(minutes=30),
    }
    return ReviewRequest(review_id=review_id, task_id=task_id, **(values | changes))


def opened_event(seq: int, review: ReviewRequest) -> TicketEvent:
    """A person is asked."""
    return sample_event(seq, EventKind.REVIEW_OPENED, data={"review": review.model_dump(mode="json")})


def decided_event(seq: int, review: ReviewRequest, by: str = "li.na", verb: str = "approve") -> TicketEvent:
    """A person has decided."""
    data = {"review_id": review.review_id, "verb": verb, "choice": None, "by": by}
    return sample_event(seq, EventKind.REVIEW_DECIDED, actor=by, data=data)


def sample_story(task_id: str) -> list[Progress]:
    """A ticket from its start to its end: asked, refused, reassigned, approved, drawn for a spot check."""
    first = sample_review(f"R1-{task_id}", task_id)
    moved = first.model_copy(update={"group": "Compliance"})
    second = sample_review(f"R2-{task_id}", task_id, kind=ReviewKind.CLOSING)
    refusal = {"review_id": first.review_id, "code": "four_eyes"}
    chapters: list[tuple[list[TicketEvent], dict[str, Any]]] = [
        ([sample_event(1, EventKind.OPENED), sample_event(2, EventKind.DISPATCHED)], {}),
        (
            [sample_event(3, EventKind.STATE), opened_event(4, first)],
            {"state": TicketState.REVIEWING, "open_reviews": (first,), "waiting_for": first.group},
        ),
        (
            [
                sample_event(5, EventKind.DECISION_REFUSED, actor="intake", data=refusal),
                sample_event(6, EventKind.REASSIGNED, actor="ops.lead"),
                opened_event(7, moved),
            ],
            {"state": TicketState.REVIEWING, "open_reviews": (moved,), "waiting_for": moved.group},
        ),
        ([decided_event(8, moved), sample_event(9, EventKind.SPOT_CHECK_DRAWN)], {"spot_check": True}),
        (
            [opened_event(10, second)],
            {"state": TicketState.REVIEWING, "open_reviews": (second,), "spot_check": True},
        ),
        (
            [decided_event(11, second, by="wang.wei"), sample_event(12, EventKind.CLOSED)],
            {
                "state": TicketState.COMPLETED,
                "closed_at": NIGHT + timedelta(minutes=12),
                "result": "done",
                "spot_check": True,
            },
        ),
    ]
    return [
        Progress(events=tuple(events), view=sample_view(task_id, last_seq=events[-1].seq, **changes))
        for events, changes in chapters
    ]
