"""Tables of the duty gate and of spot checks. They are records of their own: rows are never removed."""

from sqlalchemy import JSON, BigInteger, CheckConstraint, Column, Index, Integer, Table

from activities.adapters.store.tables import Moment, Words, metadata

duty_overrides = Table(
    "duty_overrides",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("mode", Words, nullable=False),
    Column("since", Moment, nullable=False),
    Column("until", Moment, nullable=False, index=True),
    Column("reason", Words, nullable=False),
    Column("by", Words, nullable=False),
    Column("ended_at", Moment),
    Column("ended_by", Words, nullable=False),
    Column("end_reason", Words, nullable=False),
    # The desk checks this first; here it holds even against a mistake there.
    CheckConstraint("until > since", name="has_an_end"),
)

authority_withdrawals = Table(
    "authority_withdrawals",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("kind", Words, nullable=False),
    Column("review_group", Words, nullable=False),
    Column("since", Moment, nullable=False),
    Column("reason", Words, nullable=False),
    Column("task_id", Words, nullable=False, unique=True),  # the check that was one too many
    Column("restored_at", Moment, index=True),
    Column("restored_by", Words, nullable=False),
    Column("restore_reason", Words, nullable=False),
)
Index(
    "uq_authority_withdrawals_open",
    authority_withdrawals.c.kind,
    unique=True,
    sqlite_where=authority_withdrawals.c.restored_at.is_(None),
    postgresql_where=authority_withdrawals.c.restored_at.is_(None),
)

spot_check_reviews = Table(
    "spot_check_reviews",
    metadata,
    Column("task_id", Words, primary_key=True),
    Column("kind", Words, nullable=False),
    Column("review_group", Words, nullable=False),
    Column("state", Words, nullable=False),
    Column("maker", Words, nullable=False),
    Column("drawn_at", Moment, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("spot_check", JSON, nullable=False),
    Column("decided_by", Words),
    Column("decided_at", Moment),
    Column("outcome", JSON),
    # The workflow checks this first, and all other hands; here it holds even against a mistake there.
    CheckConstraint("decided_by IS NULL OR decided_by <> maker", name="four_eyes"),
)
Index("ix_spot_check_reviews_queue", spot_check_reviews.c.state, spot_check_reviews.c.due_at)
Index("ix_spot_check_reviews_kind", spot_check_reviews.c.kind, spot_check_reviews.c.decided_at)
