"""Spot checks: marked tickets, the queue of those that were drawn, and what came of them."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, case, insert, select, update

from activities.adapters.store.audit import mask_digits
from activities.adapters.store.duty import add_withdrawal, last_withdrawal, take_turn, withdrawal_by
from activities.adapters.store.duty_tables import spot_check_reviews as reviews
from activities.adapters.store.engine import Database, insert_into
from activities.adapters.store.tables import audit, spot_checks, ticket_events, tickets
from domain.audit import AuditEntry
from domain.errors import Conflict, NotFound
from domain.outcomes import NO_PERSON
from domain.spot_check import (
    CheckOutcome,
    CheckState,
    CheckVerb,
    ListedCheck,
    SpotCheck,
    SpotCheckPolicy,
    withdrawal_after,
)
from domain.standing import Withdrawal
from domain.ticket import TicketView

_STATE = {CheckVerb.PASS: CheckState.PASSED, CheckVerb.OBJECT: CheckState.OBJECTED}
_LISTED = (reviews.c.spot_check, reviews.c.state, reviews.c.outcome)


class SqlSpotCheckBook:
    """`SpotCheckBook` in the store's database. Every method raises `StoreUnavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def marked(self, *, after: str = "", limit: int = 100) -> Sequence[tuple[TicketView, datetime]]:
        """Marked tickets that have ended and that no draw has decided on, by id."""
        query = (
            select(tickets.c.view, spot_checks.c.drawn_at)
            .join(spot_checks, spot_checks.c.task_id == tickets.c.task_id)
            .outerjoin(reviews, reviews.c.task_id == tickets.c.task_id)
            .where(tickets.c.is_open.is_(False), reviews.c.task_id.is_(None), tickets.c.task_id > after)
            .order_by(tickets.c.task_id)
            .limit(limit)
        )
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return [(TicketView.model_validate(view), marked_at) for view, marked_at in rows]

    def hands(self, task_id: str) -> Sequence[str]:
        """Who worked on a ticket: the people among the actors of its events."""
        query = select(ticket_events.c.actor, ticket_events.c.data).where(ticket_events.c.task_id == task_id)
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        people = {actor for actor, _ in rows} | {str(data.get("by") or "") for _, data in rows}
        return sorted(people - NO_PERSON - {""})

    def leave_out(self, check: SpotCheck) -> None:
        """Notes that the share left a ticket out; nothing changes where it was decided on."""
        with self._database.writing() as connection:
            _add(connection, check, CheckState.NOT_DRAWN)

    def open(self, check: SpotCheck) -> None:
        """Puts a check into the queue; once, however often it is told."""
        with self._database.writing() as connection:
            if _add(connection, check, CheckState.OPEN):
                _note(connection, "spot_check.opened", check.drawn_at, "opsloop", check, digest=check.digest)

    def close(self, outcome: CheckOutcome, policy: SpotCheckPolicy) -> Withdrawal | None:
        """Keeps an outcome, and withdraws the kind's authority where that means it.

        The same again changes nothing and answers the same. Raises `NotFound` for a check that was never
        opened, `Conflict` for one that was closed otherwise.
        """
        with self._database.writing() as connection:
            take_turn(connection)
            found = connection.execute(select(*_LISTED).where(reviews.c.task_id == outcome.task_id)).first()
            if found is None:
                raise NotFound(f"ticket {outcome.task_id} has no spot check")
            if found.outcome is not None:
                if CheckOutcome.model_validate(found.outcome) != outcome:
                    raise Conflict(f"the spot check of {outcome.task_id} was closed otherwise")
                return withdrawal_by(connection, outcome.task_id)
            check = SpotCheck.model_validate(found.spot_check)
            connection.execute(
                update(reviews)
                .where(reviews.c.task_id == outcome.task_id)
                .values(
                    state=_STATE[outcome.verb].value,
                    decided_by=outcome.by,
                    decided_at=outcome.at,
                    outcome=outcome.model_dump(mode="json"),
                )
            )
            _note(
                connection,
                "spot_check.decided",
                outcome.at,
                outcome.by,
                check,
                reason=outcome.reason,
                verb=outcome.verb.value,
                late=outcome.late,
                **({"corrective": outcome.corrective} if outcome.corrective else {}),
            )
            return _withdraw(connection, check, outcome, policy)

    def checks(
        self, *, state: CheckState | None = None, group: str | None = None, limit: int = 200
    ) -> Sequence[ListedCheck]:
        """Checks: open ones first, by when they are due, then the latest others."""
        is_open = reviews.c.state == CheckState.OPEN.value
        query = select(*_LISTED).order_by(
            case((is_open, 0), else_=1),
            case((is_open, reviews.c.due_at)),
            reviews.c.drawn_at.desc(),
            reviews.c.task_id,
        )
        if state is not None:
            query = query.where(reviews.c.state == state.value)
        if group is not None:
            query = query.where(reviews.c.review_group == group)
        with self._database.reading() as connection:
            rows = connection.execute(query.limit(limit)).all()
        return [_listed(row.spot_check, row.state, row.outcome) for row in rows]

    def check(self, task_id: str) -> ListedCheck | None:
        """The check of a ticket."""
        query = select(*_LISTED).where(reviews.c.task_id == task_id)
        with self._database.reading() as connection:
            row = connection.execute(query).first()
        return _listed(row.spot_check, row.state, row.outcome) if row else None


def _withdraw(
    connection: Connection, check: SpotCheck, outcome: CheckOutcome, policy: SpotCheckPolicy
) -> Withdrawal | None:
    """Withdraws the authority of the check's kind where its outcomes mean it and it is not withdrawn."""
    last = last_withdrawal(connection, check.kind)
    if outcome.verb is CheckVerb.PASS or (last and last.restored_at is None):
        return None
    kept = connection.scalars(
        select(reviews.c.outcome).where(
            reviews.c.kind == check.kind, reviews.c.decided_at > outcome.at - policy.window
        )
    )
    outcomes = [CheckOutcome.model_validate(each) for each in kept]
    meant = withdrawal_after(policy, check, outcomes, outcome.at, last.restored_at if last else None)
    return add_withdrawal(connection, meant, check.task_id) if meant else None


def _add(connection: Connection, check: SpotCheck, state: CheckState) -> bool:
    row = {
        "task_id": check.task_id,
        "kind": check.kind,
        "review_group": check.group,
        "state": state.value,
        "maker": check.maker,
        "drawn_at": check.drawn_at,
        "due_at": check.due_at,
        "spot_check": check.model_dump(mode="json"),
    }
    statement = insert_into(connection.dialect.name, reviews).values(row).on_conflict_do_nothing()
    return connection.scalar(statement.returning(reviews.c.task_id)) is not None


def _listed(check: object, state: str, outcome: object) -> ListedCheck:
    return ListedCheck.model_validate({"check": check, "state": state, "outcome": outcome})


def _note(
    connection: Connection,
    action: str,
    at: datetime,
    by: str,
    check: SpotCheck,
    *,
    reason: str = "",
    **detail: object,
) -> None:
    facts = {"kind": check.kind, "group": check.group, "sop": check.sop, "sop_digest": check.sop_digest}
    entry = AuditEntry(
        at=at,
        actor=by,
        action=action,
        task_id=check.task_id,
        reason=mask_digits(reason),
        detail={**facts, **detail},
    )
    connection.execute(insert(audit).values(entry.model_dump(mode="python")))
