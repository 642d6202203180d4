"""What outlives its ticket: measures with an end, and what became of them."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates the table."""
    op.create_table(
        "expiries",
        sa.Column("measure_id", sa.Text, nullable=False),
        sa.Column("task_id", sa.Text, nullable=False),
        sa.Column("measure_group", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("phase", sa.Text, nullable=False),
        sa.Column("is_open", sa.Boolean, nullable=False),
        sa.Column("account_digest", sa.Text, nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("measure", sa.JSON, nullable=False),
        sa.Column("state", sa.JSON, nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("measure_id", name="pk_expiries"),
    )
    op.create_index("ix_expiries_task_id", "expiries", ["task_id"])
    op.create_index("ix_expiries_open", "expiries", ["is_open", "ends_at"])
    op.create_index("ix_expiries_account", "expiries", ["account_digest", "is_open"])


def downgrade() -> None:
    """Drops the table."""
    op.drop_table("expiries")
