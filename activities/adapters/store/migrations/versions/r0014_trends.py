"""Which kinds of tickets surge, and the index by which arrivals are counted."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates table and index."""
    op.create_table(
        "trends",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("surging", sa.Boolean, nullable=False),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trend", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_trends"),
    )
    op.create_index(
        "ix_tickets_opened", "tickets", ["opened_at", "category", "action", "assigned_group", "task_id"]
    )


def downgrade() -> None:
    """Drops both."""
    op.drop_index("ix_tickets_opened", "tickets")
    op.drop_table("trends")
