"""Expiries in the store: their record, with its audit."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, select

from activities.adapters.store.audit import mask_digits
from activities.adapters.store.engine import Database, insert_into
from activities.adapters.store.expiry_tables import expiries
from activities.adapters.store.tables import audit
from domain.audit import AuditEntry
from domain.expiry import ExpiryPhase, ExpiryProgress, ExpiryState, ExpiryView, Measure


class SqlExpiryBook:
    """`ExpiryBook` in the store's database. Every method raises `StoreUnavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, progress: ExpiryProgress) -> None:
        """Writes an expiry's progress with its audit rows in one transaction; repeats change nothing."""
        measure = progress.view.measure
        with self._database.writing() as connection:
            before = connection.execute(
                select(expiries.c.number, expiries.c.state)
                .where(expiries.c.measure_id == measure.measure_id)
                .with_for_update()
            ).one_or_none()
            if before is not None and before.number >= progress.number:
                return
            was = None if before is None else ExpiryState.model_validate(before.state)
            self._write(connection, progress)
            entries = [*_changes(progress, was), *_refusals(progress)]
            if entries:
                connection.execute(insert(audit), [each.model_dump(mode="python") for each in entries])

    def expiry(self, measure_id: str) -> ExpiryView | None:
        """One expiry."""
        query = select(expiries).where(expiries.c.measure_id == measure_id)
        with self._database.reading() as connection:
            row = connection.execute(query).mappings().one_or_none()
            return None if row is None else _view(row)

    def expiries(
        self, *, open_only: bool = False, until: datetime | None = None, limit: int = 50
    ) -> Sequence[ExpiryView]:
        """Expiries, the next end first; those that end by an instant, where one is given."""
        query = select(expiries).order_by(expiries.c.ends_at, expiries.c.measure_id).limit(limit)
        if open_only:
            query = query.where(expiries.c.is_open)
        if until is not None:
            query = query.where(expiries.c.ends_at <= until)
        with self._database.reading() as connection:
            return [_view(row) for row in connection.execute(query).mappings()]

    def in_force(self, account_digest: str) -> Sequence[ExpiryView]:
        """The open expiries of an account."""
        query = select(expiries).where(expiries.c.account_digest == account_digest, expiries.c.is_open)
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(expiries.c.measure_id)).mappings()
            return [_view(row) for row in rows]

    def _write(self, connection: Connection, progress: ExpiryProgress) -> None:
        measure, state = progress.view.measure, progress.view.state
        row = {
            "measure_id": measure.measure_id,
            "task_id": measure.task_id,
            "measure_group": measure.group,
            "kind": measure.kind,
            "phase": state.phase.value,
            "is_open": state.phase is not ExpiryPhase.OVER,
            "account_digest": measure.account_digest,
            "ends_at": state.ends_at,
            "number": progress.number,
            "measure": measure.model_dump(mode="json"),
            "state": state.model_dump(mode="json"),
            "updated_at": self._database.now(),
        }
        statement = insert_into(connection.dialect.name, expiries).values(row)
        changed = {name: statement.excluded[name] for name in row if name != "measure_id"}
        connection.execute(statement.on_conflict_do_update(index_elements=["measure_id"], set_=changed))


def _changes(progress: ExpiryProgress, was: ExpiryState | None) -> list[AuditEntry]:
    """The audit rows of what this record changes."""
    measure, state = progress.view.measure, progress.view.state
    entries = []

    def note(at: datetime, action: str, *, actor: str = "opsloop", reason: str = "", **more: Any) -> None:
        entries.append(
            AuditEntry(
                at=at,
                actor=actor,
                action=action,
                task_id=measure.task_id,
                reason=mask_digits(reason),
                detail={"measure_id": measure.measure_id, **more},
            )
        )

    if was is None:
        end = measure.ends_at.isoformat()
        note(measure.began_at, "expiry.opened", kind=measure.kind, law=measure.term.law, ends_at=end)
        was = ExpiryState(since=measure.began_at, ends_at=measure.ends_at)
    if state.renewals > was.renewals:
        end = state.ends_at.isoformat()
        note(state.since, "expiry.renewed", actor=progress.by or "opsloop", ends_at=end)
    if state.renewals == was.renewals:
        for rung in state.reached:
            if rung not in was.reached:
                note(progress.at, "expiry.warned", rung=rung)
    if state.problem and state.problem != was.problem:
        note(progress.at, "expiry.person_called", reason=state.problem, attempts=state.attempts)
    if state.closed_at is not None and was.closed_at is None:
        note(state.closed_at, f"expiry.{state.outcome}", actor=state.closed_by, reason=state.why)
    return entries


def _refusals(progress: ExpiryProgress) -> list[AuditEntry]:
    measure = progress.view.measure
    return [
        AuditEntry(
            at=each.at,
            actor=each.actor,
            action=f"expiry.{each.verb}.refused",
            task_id=measure.task_id,
            accepted=False,
            reason=mask_digits(each.message),
            detail={"measure_id": measure.measure_id, "code": each.code},
        )
        for each in progress.refused
    ]


def _view(row: RowMapping) -> ExpiryView:
    return ExpiryView(
        measure=Measure.model_validate(row["measure"]), state=ExpiryState.model_validate(row["state"])
    )
