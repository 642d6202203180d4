"""The table of channels: how each provider fares, over all workers."""

from sqlalchemy import Column, Integer, Table

from activities.adapters.store.tables import Moment, Words, metadata

channel_providers = Table(
    "channel_providers",
    metadata,
    Column("channel", Words, primary_key=True),
    Column("provider", Words, primary_key=True),
    Column("place", Integer, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("failed_at", Moment),
    Column("reason", Words, nullable=False),
    Column("taken_at", Moment),
)
