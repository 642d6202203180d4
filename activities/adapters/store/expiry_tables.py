"""The table of expiries: measures with an end, and what became of them.

`state` is what the expiry's workflow last said; the columns beside it are what lists look at.
"""

from sqlalchemy import JSON, Boolean, Column, Index, Integer, Table

from activities.adapters.store.tables import Moment, Words, metadata

expiries = Table(
    "expiries",
    metadata,
    Column("measure_id", Words, primary_key=True),
    Column("task_id", Words, nullable=False, index=True),
    Column("measure_group", Words, nullable=False),
    Column("kind", Words, nullable=False),
    Column("phase", Words, nullable=False),
    Column("is_open", Boolean, nullable=False),
    Column("account_digest", Words, nullable=False),
    Column("ends_at", Moment, nullable=False),
    Column("number", Integer, nullable=False),  # of the record: an earlier one changes nothing
    Column("measure", JSON, nullable=False),
    Column("state", JSON, nullable=False),
    Column("updated_at", Moment, nullable=False),
)
Index("ix_expiries_open", expiries.c.is_open, expiries.c.ends_at)
Index("ix_expiries_account", expiries.c.account_digest, expiries.c.is_open)
