"""The intake register: one ticket per source and external id, whoever hands it in how often."""

from datetime import datetime

from sqlalchemy import select, update

from activities.adapters.store.engine import Database, insert_into
from activities.adapters.store.tables import intake
from domain.errors import Conflict, NotFound
from domain.task import OpsTask


class SqlIntakeRegister:
    """`IntakeRegister` in the store's database. Every method raises `StoreUnavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def reserve(self, *, task: OpsTask, maker: str, body_digest: str, received_at: datetime) -> datetime:
        """Reserves the ticket's place; returns when it was first received, in UTC.

        Raises `Conflict`, naming the first ticket, when the same source handed in another body under
        this external id.
        """
        row = {
            "task_id": task.task_id,
            "source": task.source,
            "external_id": task.external_id,
            "body_digest": body_digest,
            "maker": maker,
            "received_at": received_at,
        }
        with self._database.writing() as connection:
            first: datetime | None = connection.scalar(
                insert_into(connection.dialect.name, intake)
                .values(row)
                .on_conflict_do_nothing()
                .returning(intake.c.received_at)
            )
            if first is not None:
                return first
            known = connection.execute(
                select(intake.c.task_id, intake.c.body_digest, intake.c.received_at).where(
                    intake.c.source == task.source, intake.c.external_id == task.external_id
                )
            ).first()
        if known is None:
            raise Conflict(f"ticket {task.task_id} was handed in under another source or external id")
        if known.body_digest != body_digest:
            raise Conflict(
                f"this source and external id were handed in before, as ticket {known.task_id}, "
                "with another content"
            )
        received_first: datetime = known.received_at
        return received_first

    def acknowledge(self, task_id: str) -> None:
        """Notes that the ticket's workflow is durable. Raises `NotFound` for a ticket never reserved."""
        with self._database.writing() as connection:
            noted = connection.execute(
                update(intake).where(intake.c.task_id == task_id).values(acknowledged_at=self._database.now())
            )
        if not noted.rowcount:
            raise NotFound(f"ticket {task_id} was never reserved")

    def acknowledged(self, task_id: str) -> bool:
        """Whether the ticket's workflow is known to be durable."""
        query = select(intake.c.acknowledged_at).where(intake.c.task_id == task_id)
        with self._database.reading() as connection:
            return connection.scalar(query) is not None
