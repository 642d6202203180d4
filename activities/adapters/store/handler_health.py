"""How each handler fares, as all workers count it together."""

from collections.abc import Sequence

from sqlalchemy import Connection, insert, select, update

from activities.adapters.store.audit import mask_digits
from activities.adapters.store.engine import Database, insert_into
from activities.adapters.store.handler_health_tables import handler_health
from activities.adapters.store.tables import audit
from activities.ports.handler_health import Change
from domain.audit import AuditEntry
from domain.handler_health import HandlerHealth


class SqlHandlerHealth:
    """`HandlerHealthBook` in the store's database. Every method raises `StoreUnavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, handler: str) -> HandlerHealth:
        """How a handler fares; one that never failed is healthy."""
        query = select(handler_health.c.health).where(handler_health.c.handler == handler)
        with self._database.reading() as connection:
            row = connection.execute(query).scalar()
        return HandlerHealth(handler=handler) if row is None else HandlerHealth.model_validate(row)

    def all(self) -> Sequence[HandlerHealth]:
        """Every handler that ever failed or was degraded, by name."""
        query = select(handler_health.c.health).order_by(handler_health.c.handler)
        with self._database.reading() as connection:
            return [HandlerHealth.model_validate(row) for row in connection.execute(query).scalars()]

    def change(self, handler: str, change: Change, *, by: str = "opsloop", reason: str = "") -> HandlerHealth:
        """Applies a change to how the handler fares by now, one at a time over all workers."""
        with self._database.writing() as connection:
            before = self._locked(connection, handler)
            after = change(before)
            if after == before:
                return after
            values = {
                "state": after.state.value,
                "changed_at": self._database.now(),
                "health": after.model_dump(mode="json"),
            }
            row = handler_health.c.handler == handler
            connection.execute(update(handler_health).where(row).values(values))
            self._note(connection, before, after, by, reason)
        return after

    def _locked(self, connection: Connection, handler: str) -> HandlerHealth:
        """The row, made where it is new; whoever else changes it waits for this transaction's end."""
        fresh = HandlerHealth(handler=handler)
        made = insert_into(connection.dialect.name, handler_health).values(
            handler=handler,
            state=fresh.state.value,
            changed_at=self._database.now(),
            health=fresh.model_dump(mode="json"),
        )
        connection.execute(made.on_conflict_do_nothing(index_elements=[handler_health.c.handler]))
        query = select(handler_health.c.health).where(handler_health.c.handler == handler).with_for_update()
        return HandlerHealth.model_validate(connection.execute(query).scalar_one())

    def _note(
        self, connection: Connection, before: HandlerHealth, after: HandlerHealth, by: str, reason: str
    ) -> None:
        started = after.episode != before.episode or (after.by, after.until) != (before.by, before.until)
        if after.is_degraded and started:
            action = "handler.degraded"
        elif before.is_degraded and not after.is_degraded:
            action = "handler.restored"
        else:
            return
        until = {"until": after.until.isoformat()} if after.until else {}
        entry = AuditEntry(
            at=self._database.now(),
            actor=by,
            action=action,
            reason=mask_digits(reason or (after.reason if after.is_degraded else "a call succeeded")),
            detail={"handler": after.handler, "episode": after.episode, **until},
        )
        connection.execute(insert(audit).values(entry.model_dump(mode="python")))
