"""Tables of alerts: what was consolidated into what, and the fate of every raised alert with its reason.

They are records of their own. People stand in them as principal ids and group names, never as addresses.
"""

from sqlalchemy import JSON, Column, Index, Integer, Table

from activities.adapters.store.tables import Moment, Words, metadata

desk_alerts = Table(
    "desk_alerts",
    metadata,
    Column("desk_alert_id", Words, primary_key=True),
    Column("group", Words, nullable=False),
    Column("level", Words, nullable=False),
    Column("opened_at", Moment, nullable=False),
    Column("tickets", Integer, nullable=False),
    Column("alerts", Integer, nullable=False),
    Column("task_id", Words, nullable=False),  # the most urgent one
    Column("subject", Words, nullable=False),
    Column("deadline_at", Moment),
    Column("notifications", Integer, nullable=False),
    Column("last_sent_at", Moment),
    Column("next_at", Moment),
    Column("acknowledged_by", Words, nullable=False),
    Column("acknowledged_at", Moment),
    Column("over_at", Moment),
)
Index("ix_desk_alerts_group", desk_alerts.c.group, desk_alerts.c.opened_at)
Index("ix_desk_alerts_opened_at", desk_alerts.c.opened_at)

alert_log = Table(
    "alert_log",
    metadata,
    Column("alert_id", Words, primary_key=True),
    Column("task_id", Words, nullable=False),
    Column("level", Words, nullable=False),
    Column("group", Words, nullable=False),
    Column("at", Moment, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("fate", Words, nullable=False),
    Column("reason", Words, nullable=False),
    Column("desk_alert_id", Words, nullable=False),
    Column("notification_id", Words, nullable=False),
    Column("sent_at", Moment),
    Column("told", JSON, nullable=False),
    Column("failed", JSON, nullable=False),
    Column("undelivered", Words, nullable=False),
)
Index("ix_alert_log_task_id", alert_log.c.task_id, alert_log.c.at)
Index("ix_alert_log_desk_alert_id", alert_log.c.desk_alert_id)
Index("ix_alert_log_notification_id", alert_log.c.notification_id)
