"""Overrides of the duty mode, withdrawn authority, and the queue of spot checks."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def _number() -> sa.Column[int]:
    return sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False)


def upgrade() -> None:
    """Creates the tables."""
    op.create_table(
        "duty_overrides",
        _number(),
        sa.Column("mode", sa.Text, nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("ended_by", sa.Text, nullable=False),
        sa.Column("end_reason", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_duty_overrides"),
        sa.CheckConstraint("until > since", name="ck_duty_overrides_has_an_end"),
    )
    op.create_index("ix_duty_overrides_until", "duty_overrides", ["until"])
    op.create_table(
        "authority_withdrawals",
        _number(),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("review_group", sa.Text, nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("task_id", sa.Text, nullable=False),
        sa.Column("restored_at", sa.DateTime(timezone=True)),
        sa.Column("restored_by", sa.Text, nullable=False),
        sa.Column("restore_reason", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_authority_withdrawals"),
        sa.UniqueConstraint("task_id", name="uq_authority_withdrawals_task_id"),
    )
    op.create_index("ix_authority_withdrawals_restored_at", "authority_withdrawals", ["restored_at"])
    op.create_index(
        "uq_authority_withdrawals_open",
        "authority_withdrawals",
        ["kind"],
        unique=True,
        sqlite_where=sa.text("restored_at IS NULL"),
        postgresql_where=sa.text("restored_at IS NULL"),
    )
    op.create_table(
        "spot_check_reviews",
        sa.Column("task_id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("review_group", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("maker", sa.Text, nullable=False),
        sa.Column("drawn_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("spot_check", sa.JSON, nullable=False),
        sa.Column("decided_by", sa.Text),
        sa.Column("decided_at", sa.DateTime(timezone=True)),
        sa.Column("outcome", sa.JSON),
        sa.PrimaryKeyConstraint("task_id", name="pk_spot_check_reviews"),
        sa.CheckConstraint(
            "decided_by IS NULL OR decided_by <> maker", name="ck_spot_check_reviews_four_eyes"
        ),
    )
    op.create_index("ix_spot_check_reviews_queue", "spot_check_reviews", ["state", "due_at"])
    op.create_index("ix_spot_check_reviews_kind", "spot_check_reviews", ["kind", "decided_at"])


def downgrade() -> None:
    """Drops the tables."""
    for name in ("spot_check_reviews", "authority_withdrawals", "duty_overrides"):
        op.drop_table(name)
