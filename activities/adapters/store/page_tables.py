"""The tables of paging: pages, who was told of them, links that were used, overrides of the roster.

All of them are records of their own. `pages.state` is what the page's workflow last said; the columns beside
it are what lists and the fence look at.
"""

from sqlalchemy import JSON, Boolean, CheckConstraint, Column, ForeignKey, Index, Integer, Table

from activities.adapters.store.tables import Moment, Words, metadata

pages = Table(
    "pages",
    metadata,
    Column("page_id", Words, primary_key=True),
    Column("task_id", Words, nullable=False, index=True),
    Column("page_group", Words, nullable=False),
    Column("phase", Words, nullable=False),
    Column("is_open", Boolean, nullable=False),
    Column("drill", Boolean, nullable=False),
    Column("opened_at", Moment, nullable=False),
    Column("acknowledged_by", Words, nullable=False),
    Column("acknowledged_at", Moment),
    Column("closed_at", Moment),
    Column("due_at", Moment),  # when the page's workflow acts next; null once it is over
    Column("outcome", Words, nullable=False),
    Column("number", Integer, nullable=False),  # of the record: an earlier one changes nothing
    Column("request", JSON, nullable=False),
    Column("state", JSON, nullable=False),
    Column("updated_at", Moment, nullable=False),
)
Index("ix_pages_open", pages.c.is_open, pages.c.opened_at)

page_steps = Table(
    "page_steps",
    metadata,
    Column("page_id", Words, ForeignKey("pages.page_id"), primary_key=True),
    Column("step", Integer, primary_key=True, autoincrement=False),
    Column("person", Words, nullable=False),
    Column("reason", Words, nullable=False),
    Column("at", Moment, nullable=False),
    Column("fate", Words, nullable=False),
    Column("sent", JSON, nullable=False),
    Column("failed", JSON, nullable=False),
)

page_links = Table(
    "page_links",
    metadata,
    Column("link_id", Words, primary_key=True),
    Column("page_id", Words, ForeignKey("pages.page_id"), nullable=False, index=True),
    Column("used_by", Words, nullable=False),
    Column("used_at", Moment, nullable=False),
)

roster_overrides = Table(
    "roster_overrides",
    metadata,
    Column("override_id", Words, primary_key=True),
    Column("number", Integer, nullable=False, unique=True),  # the order in which they were given
    Column("rotation", Words, nullable=False),
    Column("starts_at", Moment, nullable=False),
    Column("ends_at", Moment, nullable=False, index=True),
    Column("people", JSON, nullable=False),
    Column("instead_of", JSON, nullable=False),
    Column("given_by", Words, nullable=False),
    Column("why", Words, nullable=False),
    Column("given_at", Moment, nullable=False),
    Column("withdrawn_at", Moment),
    CheckConstraint("ends_at > starts_at", name="has_an_end"),
)
