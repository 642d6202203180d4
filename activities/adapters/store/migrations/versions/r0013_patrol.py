"""The next deadline of each ticket, indexed, and what each patrol found."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column and creates the table. Open tickets fill the column with their next record."""
    op.add_column("tickets", sa.Column("next_deadline_at", sa.DateTime(timezone=True)))
    op.create_index("ix_tickets_next_deadline", "tickets", ["is_open", "next_deadline_at"])
    op.create_index("ix_tickets_open", "tickets", ["is_open", "task_id"])
    op.create_table(
        "patrols",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("all_well", sa.Boolean, nullable=False),
        sa.Column("report", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_patrols"),
    )
    op.create_index("ix_patrols_at", "patrols", ["at"])


def downgrade() -> None:
    """Drops both."""
    op.drop_table("patrols")
    op.drop_index("ix_tickets_open", "tickets")
    op.drop_index("ix_tickets_next_deadline", "tickets")
    op.drop_column("tickets", "next_deadline_at")
