"""The table of patrols: what each found. The latest ones are kept."""

from sqlalchemy import JSON, BigInteger, Boolean, Column, Integer, Table

from activities.adapters.store.tables import Moment, metadata

patrols = Table(
    "patrols",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("at", Moment, nullable=False, index=True),
    Column("all_well", Boolean, nullable=False),
    Column("report", JSON, nullable=False),
)
