"""Rescues: decided one after the other, so that no group is given more than it has room for."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, Executable, func, insert, select

from activities.adapters.store.engine import Database
from activities.adapters.store.rescue_tables import rescues
from activities.adapters.store.tables import tickets
from activities.ports.rescues import Decide
from activities.rescue_messages import RescueOrder
from domain.rescue import Desks, KeptRescue, Load, Rescue, RescueWay

_LOCK = "rescues"
_RECENT = timedelta(days=1)
"""A ticket that was rescued before that has recorded something since."""


class SqlRescueBook:
    """`RescueBook` in the store's database. Every method raises `StoreUnavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def rescue(self, order: RescueOrder, groups: Sequence[str], decide: Decide) -> Rescue:
        """Decides by what the desks have and keeps it. A repeated order gets the same answer."""
        with self._database.writing() as connection:
            if connection.dialect.name == "postgresql":
                # One at a time until the transaction ends; SQLite has one writer at all.
                connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(_LOCK))))
            earlier = _rescues_of(connection, order.task_id)
            for each in earlier:
                if each.key == order.key:
                    return each.rescue
            handed_over = [each for each in earlier if each.rescue.to]
            rescue = decide(
                Desks(
                    loads=_loads(connection, groups, order.now),
                    on_fast_track=_on_fast_track(connection),
                    handed_over=len(handed_over),
                    had=frozenset(name for each in handed_over for name in (each.from_group, each.rescue.to)),
                )
            )
            row = {
                "task_id": order.task_id,
                "key": order.key,
                "at": order.now,
                "way": rescue.way.value,
                "from_group": order.group,
                "to_group": rescue.to,
                "seq": order.seq,
                "rescue": rescue.model_dump(mode="json"),
            }
            connection.execute(insert(rescues).values(row))
        return rescue

    def rescues_of(self, task_id: str) -> Sequence[KeptRescue]:
        """The rescues of a ticket, in their order."""
        with self._database.reading() as connection:
            return _rescues_of(connection, task_id)

    def loads(self, groups: Sequence[str]) -> Mapping[str, Load]:
        """What each of these groups has on its desk now."""
        with self._database.reading() as connection:
            return _loads(connection, groups, self._database.now())

    def on_fast_track(self) -> int:
        """How many open tickets are on the fast track."""
        with self._database.reading() as connection:
            return _on_fast_track(connection)


def _rescues_of(connection: Connection, task_id: str) -> list[KeptRescue]:
    columns = [rescues.c[name] for name in KeptRescue.model_fields]
    query = select(*columns).where(rescues.c.task_id == task_id).order_by(rescues.c.seq)
    rows = connection.execute(query).mappings()
    return [KeptRescue.model_validate(dict(row)) for row in rows]


def _loads(connection: Connection, groups: Sequence[str], now: datetime) -> dict[str, Load]:
    """Open tickets by group, and those on their way to it.

    A ticket is on its way until it records anything after its rescue: then its own row says where it is.
    """
    has = (
        select(tickets.c.assigned_group, func.count())
        .where(tickets.c.assigned_group.in_(groups), tickets.c.is_open)
        .group_by(tickets.c.assigned_group)
    )
    comes = (
        select(rescues.c.to_group, func.count())
        .join(tickets, tickets.c.task_id == rescues.c.task_id)
        .where(
            rescues.c.way == RescueWay.IDLE_GROUP.value,
            rescues.c.at > now - _RECENT,
            rescues.c.to_group.in_(groups),
            tickets.c.is_open,
            tickets.c.last_seq <= rescues.c.seq,
        )
        .group_by(rescues.c.to_group)
    )
    here = _counts(connection, has)
    coming = _counts(connection, comes)
    return {name: Load(open=here.get(name, 0), promised=coming.get(name, 0)) for name in groups}


def _counts(connection: Connection, query: Executable) -> dict[str, int]:
    return {row[0]: row[1] for row in connection.execute(query)}


def _on_fast_track(connection: Connection) -> int:
    query = (
        select(func.count())
        .select_from(rescues.join(tickets, tickets.c.task_id == rescues.c.task_id))
        .where(rescues.c.way == RescueWay.FAST_TRACK.value, tickets.c.is_open)
    )
    return connection.scalar(query) or 0
