"""The alert desks' consolidated alerts, and the fate of every raised one."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Creates the tables."""
    op.create_table(
        "desk_alerts",
        sa.Column("desk_alert_id", sa.Text, nullable=False),
        sa.Column("group", sa.Text, nullable=False),
        sa.Column("level", sa.Text, nullable=False),
        sa.Column("opened_at", _INSTANT, nullable=False),
        sa.Column("tickets", sa.Integer, nullable=False),
        sa.Column("alerts", sa.Integer, nullable=False),
        sa.Column("task_id", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("deadline_at", _INSTANT),
        sa.Column("notifications", sa.Integer, nullable=False),
        sa.Column("last_sent_at", _INSTANT),
        sa.Column("next_at", _INSTANT),
        sa.Column("acknowledged_by", sa.Text, nullable=False),
        sa.Column("acknowledged_at", _INSTANT),
        sa.Column("over_at", _INSTANT),
        sa.PrimaryKeyConstraint("desk_alert_id", name="pk_desk_alerts"),
    )
    op.create_index("ix_desk_alerts_group", "desk_alerts", ["group", "opened_at"])
    op.create_index("ix_desk_alerts_opened_at", "desk_alerts", ["opened_at"])
    op.create_table(
        "alert_log",
        sa.Column("alert_id", sa.Text, nullable=False),
        sa.Column("task_id", sa.Text, nullable=False),
        sa.Column("level", sa.Text, nullable=False),
        sa.Column("group", sa.Text, nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("fate", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("desk_alert_id", sa.Text, nullable=False),
        sa.Column("notification_id", sa.Text, nullable=False),
        sa.Column("sent_at", _INSTANT),
        sa.Column("told", sa.JSON, nullable=False),
        sa.Column("failed", sa.JSON, nullable=False),
        sa.Column("undelivered", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("alert_id", name="pk_alert_log"),
    )
    op.create_index("ix_alert_log_task_id", "alert_log", ["task_id", "at"])
    op.create_index("ix_alert_log_desk_alert_id", "alert_log", ["desk_alert_id"])
    op.create_index("ix_alert_log_notification_id", "alert_log", ["notification_id"])


def downgrade() -> None:
    """Drops them."""
    op.drop_table("alert_log")
    op.drop_table("desk_alerts")
