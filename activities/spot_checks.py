"""Spot checks: who is drawn, what came of it, and the ticket that puts an objection right."""

from datetime import datetime

from activities.catalogue import task
from activities.ports import IntakeRegister, RulebookSource
from activities.ports.duty import SpotCheckBook
from domain.digest import digest_of
from domain.dispatch.engine import UNKNOWN_CATEGORY
from domain.model import Instant, Record
from domain.spot_check import (
    CORRECT,
    SOURCE,
    CheckOutcome,
    SpotCheck,
    SpotCheckPolicy,
    is_draw_day,
    is_drawn,
    next_draw,
)
from domain.standing import Withdrawal, kind_of
from domain.task import OpsTask, RiskLevel, task_id_for
from domain.ticket import TicketView


class DrawRequest(Record):
    """Asks for the next page of marked tickets."""

    now: Instant
    """Bank time of the draw: what is drawn together is due together."""
    after: str = ""
    """The last ticket of the page before."""
    limit: int = 100


class Draw(Record):
    """A page of a draw."""

    checks: tuple[SpotCheck, ...] = ()
    left_out: int = 0
    last: str = ""
    """Where the next page begins; empty: there is none."""


class ClosedCheck(Record):
    """What keeping an outcome led to."""

    withdrawal: Withdrawal | None = None


class Correction(Record):
    """The ticket that puts an objection right, with its place at the intake."""

    task: OpsTask
    maker: str
    received_at: Instant


class SpotCheckActivities:
    """What spot checks keep, and what they read."""

    def __init__(self, rulebook: RulebookSource, book: SpotCheckBook, intake: IntakeRegister) -> None:
        self._rulebook = rulebook
        self._book = book
        self._intake = intake

    @task
    def next_spot_check_draw(self, now: datetime) -> datetime:
        """The start of the next working daytime, by the duty policy and calendar in force."""
        return next_draw(self._rulebook.current().duty, now, self._rulebook.is_working_day)

    @task
    def draw_spot_checks(self, request: DrawRequest) -> Draw:
        """Draws from the marked tickets that have ended and were not drawn from before, page by page.

        What a missed morning left over is drawn with the next; on a day off nobody is drawn.
        """
        rulebook = self._rulebook.current()
        if not is_draw_day(rulebook.duty, request.now, self._rulebook.is_working_day):
            return Draw()
        policy = rulebook.spot_checks
        page = self._book.marked(after=request.after, limit=request.limit)
        checks: list[SpotCheck] = []
        for view, marked_at in page:
            hands = self._book.hands(view.task.task_id)
            check = spot_check_of(view, marked_at, hands=tuple(hands), now=request.now, policy=policy)
            if is_drawn(check.task_id, policy.share_of(check.category)):
                checks.append(check)
            else:
                self._book.leave_out(check)
        return Draw(
            checks=tuple(checks),
            left_out=len(page) - len(checks),
            last=page[-1][0].task.task_id if len(page) == request.limit else "",
        )

    @task
    def open_spot_check(self, check: SpotCheck) -> None:
        """Puts a check into the queue."""
        self._book.open(check)

    @task
    def close_spot_check(self, outcome: CheckOutcome) -> ClosedCheck:
        """Keeps an outcome; too many objections withdraw the kind's automatic authority."""
        return ClosedCheck(withdrawal=self._book.close(outcome, self._rulebook.current().spot_checks))

    @task
    def reserve_correction(self, check: SpotCheck, outcome: CheckOutcome) -> Correction:
        """Reserves the place of the corrective ticket, once for each checked ticket.

        The person who objected is its maker, and so cannot approve it.
        """
        task = correction_of(check, outcome)
        received_at = self._intake.reserve(
            task=task,
            maker=outcome.by,
            body_digest=digest_of([outcome.by, task]),
            received_at=outcome.at,
        )
        return Correction(task=task, maker=outcome.by, received_at=received_at)

    @task
    def acknowledge_correction(self, task_id: str) -> None:
        """Notes that the corrective ticket's workflow is durable."""
        self._intake.acknowledge(task_id)


def spot_check_of(
    view: TicketView, marked_at: datetime, *, hands: tuple[str, ...], now: datetime, policy: SpotCheckPolicy
) -> SpotCheck:
    """The check of a ticket that has ended."""
    category, action = view.task.category or "", view.task.action or ""
    return SpotCheck(
        task_id=view.task.task_id,
        kind=kind_of(category, action),
        category=category,
        group=view.task.assigned_group,
        sop=view.sop,
        sop_version=view.sop_version,
        sop_digest=view.sop_digest,
        risk=view.risk,
        result=f"{view.state}: {view.result}",
        maker=view.maker,
        hands=tuple(sorted({view.maker, *hands})),
        marked_at=marked_at,
        drawn_at=now,
        due_at=now + policy.sla,
    )


def correction_task_id(task_id: str) -> str:
    """The id of the one ticket that can put this ticket right."""
    return task_id_for(SOURCE, task_id)


def correction_of(check: SpotCheck, outcome: CheckOutcome) -> OpsTask:
    """The corrective ticket. Its kind and its text lead to no SOP that acts by itself: a person reads it.

    The words of the objection stand in a field, which dispatch does not read: “this freeze was wrong” must
    not freeze anything. No customer is named, so that nobody outside is told of it.
    """
    return OpsTask(
        task_id=correction_task_id(check.task_id),
        title=f"Spot check objection to {check.task_id}",
        description="Somebody has to put right what ran by itself; the field objection says why.",
        source=SOURCE,
        external_id=check.task_id,
        category=UNKNOWN_CATEGORY,
        action=CORRECT,
        risk_level=check.risk.at_least(RiskLevel.MEDIUM),
        fields={
            "corrects": check.task_id,
            "objection": outcome.reason,
            "kind": check.kind,
            "sop": check.sop,
            "group": check.group,
        },
    )
