"""The store in memory: ticket reader, intake register and audit log, as `activities.ports` describes them."""

from collections.abc import Sequence
from datetime import UTC, datetime

from domain.audit import AuditEntry
from domain.errors import Conflict, StoreUnavailable
from domain.lifecycle import ENDS, TicketState
from domain.review import ReviewKind, ReviewRequest
from domain.task import OpsTask
from domain.ticket import TicketEvent, TicketSummary, TicketView

NIGHT = datetime(2026, 11, 23, 20, 30, tzinfo=UTC)


def a_task(task_id: str = "T1", **changes: object) -> OpsTask:
    """A small ticket."""
    stated = {
        "title": "Freeze the account",
        "source": "gateway",
        "external_id": "X-1",
        "assigned_group": "Ops",
    }
    return OpsTask.model_validate({"task_id": task_id, **stated, **changes})


def a_view(task_id: str = "T1", **changes: object) -> TicketView:
    """A ticket that is being worked on, handed in by `intake`."""
    view = TicketView(task=a_task(task_id), maker="intake", state=TicketState.PROCESSING, opened_at=NIGHT)
    return view.model_copy(update=changes)


def a_review(review_id: str = "R1", task_id: str = "T1", **changes: object) -> ReviewRequest:
    """A closing review of `Account Operations`, in need of four eyes."""
    review = ReviewRequest(
        review_id=review_id,
        task_id=task_id,
        kind=ReviewKind.CLOSING,
        step_id="",
        question="May the ticket be closed?",
        role="reviewer",
        group="Account Operations",
        evidence=("frozen by order 2026-0417",),
        opened_at=NIGHT,
    )
    return review.model_copy(update=changes)


class FakeReader:
    """`TicketReader` over dictionaries. `down` makes every read fail as an absent database does."""

    def __init__(self) -> None:
        self.views: dict[str, TicketView] = {}
        self.events: dict[str, list[TicketEvent]] = {}
        self.reviews: dict[str, ReviewRequest] = {}
        self.down = False

    def view(self, task_id: str) -> TicketView | None:
        self._answer()
        return self.views.get(task_id)

    def timeline(self, task_id: str) -> Sequence[TicketEvent]:
        self._answer()
        return self.events.get(task_id, [])

    def tickets(
        self,
        *,
        state: str | None = None,
        group: str | None = None,
        category: str | None = None,
        open_only: bool = False,
        limit: int = 50,
        offset: int = 0,
    ) -> Sequence[TicketSummary]:
        self._answer()
        found = [
            TicketSummary(
                task_id=view.task.task_id,
                title=view.task.title,
                state=view.state,
                category=view.task.category or "",
                group=view.task.assigned_group,
                sop=view.sop,
                opened_at=view.opened_at,
            )
            for view in self.views.values()
            if state in (None, view.state)
            and group in (None, view.task.assigned_group)
            and category in (None, view.task.category)
            and not (open_only and view.state in ENDS)
        ]
        return found[offset : offset + limit]

    def open_reviews(self, *, group: str | None = None) -> Sequence[ReviewRequest]:
        self._answer()
        return [each for each in self.reviews.values() if group in (None, each.group)]

    def review(self, review_id: str) -> ReviewRequest | None:
        self._answer()
        return self.reviews.get(review_id)

    def _answer(self) -> None:
        if self.down:
            raise StoreUnavailable("the database does not answer")


class FakeIntake:
    """`IntakeRegister` over dictionaries."""

    def __init__(self) -> None:
        self.places: dict[str, tuple[str, datetime]] = {}
        self.makers: dict[str, str] = {}
        self.noted: set[str] = set()
        self.note_fails = False

    def reserve(self, *, task: OpsTask, maker: str, body_digest: str, received_at: datetime) -> datetime:
        first = self.places.setdefault(task.task_id, (body_digest, received_at))
        self.makers.setdefault(task.task_id, maker)
        if first[0] != body_digest:
            raise Conflict(f"handed in before as {task.task_id} with another body")
        return first[1]

    def acknowledge(self, task_id: str) -> None:
        if self.note_fails:
            raise StoreUnavailable("the database does not answer")
        self.noted.add(task_id)

    def acknowledged(self, task_id: str) -> bool:
        return task_id in self.noted


class FakeAudit:
    """`AuditLog` in a list."""

    def __init__(self) -> None:
        self.rows: list[AuditEntry] = []

    def write(self, entry: AuditEntry) -> None:
        self.rows.append(entry)

    def entries(self, *, task_id: str | None = None, limit: int = 200) -> Sequence[AuditEntry]:
        return [row for row in self.rows if task_id in (None, row.task_id)][-limit:]
