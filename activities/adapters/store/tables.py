"""The store's tables. All instants are bank time, kept in UTC.

`tickets`, `ticket_events`, `reviews` and `spot_checks` are a read model: the workflows can write them again.
`audit`, `intake` and `notices` are records of their own. So is the rules library (`definition_versions`,
`change_sets`, `change_set_files`, `releases`, `release_files`), whose rows are only ever added, and so are
rollouts: `rollout_moves` and `shadow_reports` are only ever added to, `rollouts` says where each stands.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

NO_DEADLINE = datetime(9999, 12, 31, tzinfo=UTC)
"""`tickets.due_at` of an open ticket without a deadline (on hold, not yet dispatched): the least urgent."""


class Moment(TypeDecorator[datetime]):
    """An aware instant. SQLite has no zones, so UTC is written and the zone put back when read."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """To UTC. A naive value is an error, not a guess."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("the store takes aware instants only")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """Aware, in UTC, from both databases."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Words(TypeDecorator[str]):
    """Text from outside. PostgreSQL refuses NUL in text, so that it becomes the replacement character."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> str | None:
        """Text that both databases take."""
        return value.replace("\x00", "�") if value else value


def _words(name: str) -> Column[Any]:
    return Column(name, Words, nullable=False)


def _flag(name: str) -> Column[Any]:
    return Column(name, Boolean, nullable=False)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

tickets = Table(
    "tickets",
    metadata,
    Column("task_id", Words, primary_key=True),
    _words("title"),
    _words("state"),
    _flag("is_open"),
    _flag("held"),
    _words("category"),
    _words("action"),
    _words("assigned_group"),
    _words("risk"),
    _words("priority"),
    _words("sop"),
    Column("sop_id", Words),  # these five are null in rows from before them
    Column("sop_version", Words),
    Column("sop_digest", Words),
    Column("rollout", Integer),  # null as well for tickets that no rollout placed
    Column("rollout_arm", Words),
    _words("waiting_for"),
    _words("sla_level"),
    _flag("spot_check"),
    Column("deadline_at", Moment),
    Column("next_deadline_at", Moment),  # when the ticket has to tell of something; null: of nothing
    Column("due_at", Moment),  # the sort key of open tickets, never null there; null once closed
    Column("opened_at", Moment, nullable=False),
    Column("closed_at", Moment),
    Column("last_seq", Integer, nullable=False),
    Column("view", JSON, nullable=False),
    Column("updated_at", Moment, nullable=False),
)
Index(
    "ix_tickets_urgency",
    tickets.c.is_open.desc(),
    tickets.c.due_at,
    tickets.c.closed_at.desc(),
    tickets.c.task_id,
)
Index("ix_tickets_next_deadline", tickets.c.is_open, tickets.c.next_deadline_at)
Index("ix_tickets_open", tickets.c.is_open, tickets.c.task_id)
Index("ix_tickets_group", tickets.c.assigned_group, tickets.c.is_open)
Index("ix_tickets_sop", tickets.c.sop_id, tickets.c.sop_digest)
Index("ix_tickets_rollout", tickets.c.rollout)

ticket_events = Table(
    "ticket_events",
    metadata,
    Column("task_id", Words, ForeignKey("tickets.task_id"), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
    _words("kind"),
    _words("summary"),
    _words("actor"),
    _words("step_id"),
    Column("data", JSON, nullable=False),
)

reviews = Table(
    "reviews",
    metadata,
    Column("review_id", Words, primary_key=True),
    Column("task_id", Words, ForeignKey("tickets.task_id"), nullable=False, index=True),
    _flag("is_open"),
    _words("kind"),
    _words("role"),
    _words("review_group"),
    _flag("four_eyes"),
    _words("maker"),
    Column("opened_at", Moment, nullable=False),
    Column("deadline_at", Moment),
    Column("request", JSON, nullable=False),
    Column("verb", Words),
    Column("choice", Words),
    Column("decided_by", Words),
    Column("decided_at", Moment),
    # The workflow checks this first; here it holds even against a mistake there.
    CheckConstraint(
        "NOT four_eyes OR verb IS NULL OR verb <> 'approve' OR decided_by <> maker",
        name="four_eyes",
    ),
)
Index("ix_reviews_queue", reviews.c.is_open, reviews.c.opened_at)

spot_checks = Table(
    "spot_checks",
    metadata,
    Column("task_id", Words, ForeignKey("tickets.task_id"), primary_key=True),
    Column("drawn_at", Moment, nullable=False, index=True),
)

audit = Table(
    "audit",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("at", Moment, nullable=False),
    _words("actor"),
    _words("action"),
    _words("task_id"),
    Column("event_seq", Integer),  # the ticket event that the row is about; null: none
    _flag("accepted"),
    _words("reason"),
    Column("detail", JSON, nullable=False),
    UniqueConstraint("task_id", "event_seq"),
)

intake = Table(
    "intake",
    metadata,
    Column("task_id", Words, primary_key=True),
    _words("source"),
    _words("external_id"),
    _words("body_digest"),
    _words("maker"),
    Column("received_at", Moment, nullable=False),
    Column("acknowledged_at", Moment),
    UniqueConstraint("source", "external_id"),
)

notices = Table(
    "notices",
    metadata,
    Column("notice_id", Words, primary_key=True),
    Column("task_id", Words, nullable=False, index=True),
    _words("channel"),
    _words("recipient"),
    Column("attempts", Integer, nullable=False),
    Column("accepted_at", Moment),
    _words("detail"),
    Column("tried_at", Moment, nullable=False),
)

definition_versions = Table(
    "definition_versions",
    metadata,
    Column("path", Words, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    _words("sha256"),  # empty for a version that removes the file
    Column("content", Words),  # null for a version that removes the file
    _words("note"),
    _words("published_by"),
    Column("published_at", Moment, nullable=False),
    UniqueConstraint("path", "sha256"),
)

change_sets = Table(
    "change_sets",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    _words("note"),
    _words("published_by"),
    Column("published_at", Moment, nullable=False),
)

change_set_files = Table(
    "change_set_files",
    metadata,
    Column("change_set", Integer, ForeignKey("change_sets.number"), primary_key=True, autoincrement=False),
    Column("path", Words, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("based_on", Integer, nullable=False),
    ForeignKeyConstraint(["path", "version"], ["definition_versions.path", "definition_versions.number"]),
)

withdrawals = Table(
    "withdrawals",
    metadata,
    Column("change_set", Integer, ForeignKey("change_sets.number"), primary_key=True, autoincrement=False),
    _words("reason"),
    _words("withdrawn_by"),
    Column("withdrawn_at", Moment, nullable=False),
)

releases = Table(
    "releases",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    _words("kind"),
    Column("change_set", Integer, ForeignKey("change_sets.number"), unique=True),
    _words("reason"),
    Column("published_by", Words),
    _words("released_by"),
    Column("released_at", Moment, nullable=False),
    # The desk checks this first; here it holds even against a mistake there.
    CheckConstraint("published_by IS NULL OR published_by <> released_by", name="four_eyes"),
    CheckConstraint("(kind = 'release') = (change_set IS NOT NULL)", name="kind"),
)

release_files = Table(
    "release_files",
    metadata,
    Column("release", Integer, ForeignKey("releases.number"), primary_key=True, autoincrement=False),
    Column("path", Words, primary_key=True),
    Column("version", Integer, nullable=False),  # in force from then on; 0: the file is not there
    Column("was", Integer, nullable=False),
)
Index("ix_release_files_path", release_files.c.path, release_files.c.release)

rollouts = Table(
    "rollouts",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    _words("path"),
    _words("sop_id"),
    Column("version", Integer, nullable=False),
    _words("published_by"),
    Column("published_at", Moment, nullable=False),
    Column("candidate", JSON, nullable=False),
    Column("moves", Integer, nullable=False),
    _flag("is_open"),
    Column("report", JSON),  # the run report; null until the rollout ends
    ForeignKeyConstraint(["path", "version"], ["definition_versions.path", "definition_versions.number"]),
)
Index(
    "uq_rollouts_open",
    rollouts.c.sop_id,
    unique=True,
    sqlite_where=rollouts.c.is_open,
    postgresql_where=rollouts.c.is_open,
)

rollout_moves = Table(
    "rollout_moves",
    metadata,
    Column("rollout", Integer, ForeignKey("rollouts.number"), primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    _words("by"),
    Column("at", Moment, nullable=False),
    Column("was", Words),
    Column("was_percent", Integer, nullable=False),
    _words("stage"),
    Column("percent", Integer, nullable=False),
    _words("why"),
    _words("despite"),
)

shadow_reports = Table(
    "shadow_reports",
    metadata,
    Column("rollout", Integer, ForeignKey("rollouts.number"), primary_key=True, autoincrement=False),
    Column("task_id", Words, primary_key=True),
    _words("agreement"),
    Column("saved_touches", Integer, nullable=False),
    Column("at", Moment, nullable=False),
    Column("report", JSON, nullable=False),
)
Index("ix_shadow_reports_agreement", shadow_reports.c.rollout, shadow_reports.c.agreement)
