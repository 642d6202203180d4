"""The notice log: which messages a channel took, and how often it was asked."""

from sqlalchemy import func, select

from activities.adapters.store.engine import Database, insert_into
from activities.adapters.store.tables import notices
from domain.notices import Delivery, Notice

_LONGEST_DETAIL = 500


class SqlNoticeLog:
    """`NoticeLog` in the store's database: who, where, when; never the message itself.

    Every method raises `StoreUnavailable`.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def delivered(self, notice_id: str) -> bool:
        """Whether this notice was taken by its channel."""
        query = select(notices.c.accepted_at).where(notices.c.notice_id == notice_id)
        with self._database.reading() as connection:
            return connection.scalar(query) is not None

    def record(self, notice: Notice, delivery: Delivery) -> None:
        """Keeps the outcome of an attempt. Once taken, a notice stays taken."""
        now = self._database.now()
        row = {
            "notice_id": notice.notice_id,
            "task_id": notice.task_id,
            "channel": delivery.channel.value,
            "recipient": notice.to,
            "attempts": 0 if delivery.repeated else 1,
            "accepted_at": now if delivery.accepted else None,
            "detail": delivery.detail[:_LONGEST_DETAIL],
            "tried_at": now,
        }
        with self._database.writing() as connection:
            insert = insert_into(connection.dialect.name, notices).values(row)
            new = insert.excluded
            connection.execute(
                insert.on_conflict_do_update(
                    index_elements=[notices.c.notice_id],
                    set_={
                        "attempts": notices.c.attempts + new.attempts,
                        "accepted_at": func.coalesce(notices.c.accepted_at, new.accepted_at),
                        "detail": new.detail,
                        "tried_at": new.tried_at,
                    },
                )
            )
