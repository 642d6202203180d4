"""Overrides of the duty mode, and kinds whose automatic authority is withdrawn."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, func, insert, select, update

from activities.adapters.store.audit import mask_digits
from activities.adapters.store.duty_tables import authority_withdrawals, duty_overrides
from activities.adapters.store.engine import Database
from activities.adapters.store.tables import audit
from domain.audit import AuditEntry
from domain.errors import NotFound
from domain.standing import DutyOverride, Standing, Withdrawal

_LOCK = "duty"
_OVERRIDE = [duty_overrides.c[name] for name in DutyOverride.model_fields]
_WITHDRAWAL = [
    authority_withdrawals.c.review_group.label("group") if name == "group" else authority_withdrawals.c[name]
    for name in Withdrawal.model_fields
]


class SqlDutyBook:
    """`DutyBook` in the store's database. Every method raises `StoreUnavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def standing(self, at: datetime) -> Standing:
        """The override and the withdrawals at this instant."""
        with self._database.reading() as connection:
            override = connection.execute(select(*_OVERRIDE).where(_holds(at))).mappings().first()
            withdrawn = connection.execute(select(*_WITHDRAWAL).where(_is_withdrawn(at))).mappings().all()
        return Standing(
            override=DutyOverride.model_validate(dict(override)) if override else None,
            withdrawals=tuple(Withdrawal.model_validate(dict(row)) for row in withdrawn),
        )

    def overrides(self, limit: int = 50) -> Sequence[DutyOverride]:
        """The latest overrides, the newest first."""
        query = select(*_OVERRIDE).order_by(duty_overrides.c.number.desc()).limit(limit)
        with self._database.reading() as connection:
            rows = connection.execute(query).mappings().all()
        return [DutyOverride.model_validate(dict(row)) for row in rows]

    def set_override(
        self, *, mode: str, since: datetime, until: datetime, reason: str, by: str
    ) -> DutyOverride:
        """Puts a mode in force; an override that holds at `since` ends there."""
        row = {"mode": mode, "since": since, "until": until, "reason": reason, "by": by}
        with self._database.writing() as connection:
            take_turn(connection)
            ended = {"ended_at": since, "ended_by": by, "end_reason": f"replaced: {reason}"}
            connection.execute(update(duty_overrides).where(_holds(since)).values(ended))
            number = connection.scalar(
                insert(duty_overrides).values(**row, ended_by="", end_reason="").returning(_OVERRIDE[0])
            )
            made = DutyOverride.model_validate({**row, "number": number})
            end = made.until.isoformat()
            _note(connection, "duty.set", since, by, reason, override=made.number, mode=mode, until=end)
        return made

    def clear_override(self, *, at: datetime, reason: str, by: str) -> DutyOverride:
        """Ends the override that holds. Raises `NotFound` when there is none."""
        with self._database.writing() as connection:
            take_turn(connection)
            row = (
                connection.execute(
                    update(duty_overrides)
                    .where(_holds(at))
                    .values(ended_at=at, ended_by=by, end_reason=reason)
                    .returning(*_OVERRIDE)
                )
                .mappings()
                .first()
            )
            if row is None:
                raise NotFound("no override is in force: the clock's mode holds already")
            ended = DutyOverride.model_validate(dict(row))
            _note(connection, "duty.cleared", at, by, reason, override=ended.number, mode=ended.mode)
        return ended

    def withdrawals(self, *, open_only: bool = False) -> Sequence[Withdrawal]:
        """Withdrawals of automatic authority, the newest first."""
        query = select(*_WITHDRAWAL).order_by(authority_withdrawals.c.number.desc())
        if open_only:
            query = query.where(authority_withdrawals.c.restored_at.is_(None))
        with self._database.reading() as connection:
            rows = connection.execute(query).mappings().all()
        return [Withdrawal.model_validate(dict(row)) for row in rows]

    def restore(self, kind: str, *, at: datetime, reason: str, by: str) -> Withdrawal:
        """Gives a kind its automatic authority back. Raises `NotFound` when it is not withdrawn."""
        is_open = (authority_withdrawals.c.kind == kind) & authority_withdrawals.c.restored_at.is_(None)
        given = {"restored_at": at, "restored_by": by, "restore_reason": reason}
        with self._database.writing() as connection:
            take_turn(connection)
            row = (
                connection.execute(
                    update(authority_withdrawals).where(is_open).values(given).returning(*_WITHDRAWAL)
                )
                .mappings()
                .first()
            )
            if row is None:
                raise NotFound(
                    f"the automatic authority of {kind[:200]!r} is not withdrawn; "
                    "`opsloop duty authority list` shows what is"
                )
            restored = Withdrawal.model_validate(dict(row))
            _note(connection, "authority.restored", at, by, reason, kind=kind, withdrawal=restored.number)
        return restored


def add_withdrawal(connection: Connection, withdrawal: Withdrawal, task_id: str) -> Withdrawal:
    """Withdraws a kind's authority because of this check, with its audit."""
    number = connection.scalar(
        insert(authority_withdrawals)
        .values(
            kind=withdrawal.kind,
            review_group=withdrawal.group,
            since=withdrawal.since,
            reason=withdrawal.reason,
            task_id=task_id,
            restored_by="",
            restore_reason="",
        )
        .returning(authority_withdrawals.c.number)
    )
    made = withdrawal.model_copy(update={"number": number})
    _note(
        connection,
        "authority.withdrawn",
        withdrawal.since,
        "opsloop",
        withdrawal.reason,
        task_id=task_id,
        kind=withdrawal.kind,
        withdrawal=made.number,
    )
    return made


def last_withdrawal(connection: Connection, kind: str) -> Withdrawal | None:
    """The latest withdrawal of a kind, also one that was taken back."""
    query = (
        select(*_WITHDRAWAL)
        .where(authority_withdrawals.c.kind == kind)
        .order_by(authority_withdrawals.c.number.desc())
        .limit(1)
    )
    row = connection.execute(query).mappings().first()
    return Withdrawal.model_validate(dict(row)) if row else None


def withdrawal_by(connection: Connection, task_id: str) -> Withdrawal | None:
    """The withdrawal that the check of this ticket led to."""
    query = select(*_WITHDRAWAL).where(authority_withdrawals.c.task_id == task_id)
    row = connection.execute(query).mappings().first()
    return Withdrawal.model_validate(dict(row)) if row else None


def take_turn(connection: Connection) -> None:
    """One change at a time until the transaction ends; SQLite has one writer at all."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(_LOCK))))


def _holds(at: datetime) -> ColumnElement[bool]:
    ended = func.coalesce(duty_overrides.c.ended_at, duty_overrides.c.until)
    return (duty_overrides.c.since <= at) & (duty_overrides.c.until > at) & (ended > at)


def _is_withdrawn(at: datetime) -> ColumnElement[bool]:
    restored = authority_withdrawals.c.restored_at
    return (authority_withdrawals.c.since <= at) & (restored.is_(None) | (restored > at))


def _note(
    connection: Connection,
    action: str,
    at: datetime,
    by: str,
    reason: str,
    *,
    task_id: str = "",
    **detail: object,
) -> None:
    entry = AuditEntry(
        at=at, actor=by, action=action, task_id=task_id, reason=mask_digits(reason), detail=detail
    )
    connection.execute(insert(audit).values(entry.model_dump(mode="python")))
