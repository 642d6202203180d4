"""How each handler fares, and which are degraded."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates the table."""
    op.create_table(
        "handler_health",
        sa.Column("handler", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("health", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("handler", name="pk_handler_health"),
    )


def downgrade() -> None:
    """Drops the table."""
    op.drop_table("handler_health")
