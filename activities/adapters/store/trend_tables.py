"""The table of trends, and the index by which arrivals are counted."""

from sqlalchemy import JSON, Boolean, Column, Index, Table

from activities.adapters.store.tables import Moment, Words, metadata, tickets

trends = Table(
    "trends",
    metadata,
    Column("name", Words, primary_key=True),
    Column("surging", Boolean, nullable=False),
    Column("looked_at", Moment, nullable=False),
    Column("trend", JSON, nullable=False),
)

# Everything that is counted: no row of the table itself has to be read.
Index(
    "ix_tickets_opened",
    tickets.c.opened_at,
    tickets.c.category,
    tickets.c.action,
    tickets.c.assigned_group,
    tickets.c.task_id,
)
