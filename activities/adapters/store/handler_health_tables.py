"""The table of handlers: how each fares, over all workers."""

from sqlalchemy import JSON, Column, Table

from activities.adapters.store.tables import Moment, Words, metadata

handler_health = Table(
    "handler_health",
    metadata,
    Column("handler", Words, primary_key=True),
    Column("state", Words, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Column("health", JSON, nullable=False),
)
