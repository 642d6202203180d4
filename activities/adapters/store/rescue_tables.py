"""The table of rescues: who was asked, and what became of the ticket. Rows are never removed."""

from sqlalchemy import JSON, Column, Index, Integer, Table

from activities.adapters.store.tables import Moment, Words, metadata

rescues = Table(
    "rescues",
    metadata,
    Column("task_id", Words, primary_key=True),
    Column("key", Words, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("way", Words, nullable=False),
    Column("from_group", Words, nullable=False),
    Column("to_group", Words, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("rescue", JSON, nullable=False),
)
Index("ix_rescues_way", rescues.c.way, rescues.c.at)
