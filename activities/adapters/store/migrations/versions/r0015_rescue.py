"""The rescues of tickets: who was asked and who took them over."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates the table."""
    op.create_table(
        "rescues",
        sa.Column("task_id", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("way", sa.Text, nullable=False),
        sa.Column("from_group", sa.Text, nullable=False),
        sa.Column("to_group", sa.Text, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("rescue", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("task_id", "key", name="pk_rescues"),
    )
    op.create_index("ix_rescues_way", "rescues", ["way", "at"])


def downgrade() -> None:
    """Drops the table."""
    op.drop_table("rescues")
