"""Paging: pages, their notifications, used links, and overrides of the roster."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Creates the tables."""
    op.create_table(
        "pages",
        sa.Column("page_id", sa.Text, nullable=False),
        sa.Column("task_id", sa.Text, nullable=False),
        sa.Column("page_group", sa.Text, nullable=False),
        sa.Column("phase", sa.Text, nullable=False),
        sa.Column("is_open", sa.Boolean, nullable=False),
        sa.Column("drill", sa.Boolean, nullable=False),
        sa.Column("opened_at", _INSTANT, nullable=False),
        sa.Column("acknowledged_by", sa.Text, nullable=False),
        sa.Column("acknowledged_at", _INSTANT),
        sa.Column("closed_at", _INSTANT),
        sa.Column("due_at", _INSTANT),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("request", sa.JSON, nullable=False),
        sa.Column("state", sa.JSON, nullable=False),
        sa.Column("updated_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("page_id", name="pk_pages"),
    )
    op.create_index("ix_pages_task_id", "pages", ["task_id"])
    op.create_index("ix_pages_open", "pages", ["is_open", "opened_at"])
    op.create_table(
        "page_steps",
        sa.Column("page_id", sa.Text, nullable=False),
        sa.Column("step", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("fate", sa.Text, nullable=False),
        sa.Column("sent", sa.JSON, nullable=False),
        sa.Column("failed", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("page_id", "step", name="pk_page_steps"),
        sa.ForeignKeyConstraint(["page_id"], ["pages.page_id"], name="fk_page_steps_page_id"),
    )
    op.create_table(
        "page_links",
        sa.Column("link_id", sa.Text, nullable=False),
        sa.Column("page_id", sa.Text, nullable=False),
        sa.Column("used_by", sa.Text, nullable=False),
        sa.Column("used_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("link_id", name="pk_page_links"),
        sa.ForeignKeyConstraint(["page_id"], ["pages.page_id"], name="fk_page_links_page_id"),
    )
    op.create_index("ix_page_links_page_id", "page_links", ["page_id"])
    op.create_table(
        "roster_overrides",
        sa.Column("override_id", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("rotation", sa.Text, nullable=False),
        sa.Column("starts_at", _INSTANT, nullable=False),
        sa.Column("ends_at", _INSTANT, nullable=False),
        sa.Column("people", sa.JSON, nullable=False),
        sa.Column("instead_of", sa.JSON, nullable=False),
        sa.Column("given_by", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("given_at", _INSTANT, nullable=False),
        sa.Column("withdrawn_at", _INSTANT),
        sa.PrimaryKeyConstraint("override_id", name="pk_roster_overrides"),
        sa.UniqueConstraint("number", name="uq_roster_overrides_number"),
        sa.CheckConstraint("ends_at > starts_at", name="ck_roster_overrides_has_an_end"),
    )
    op.create_index("ix_roster_overrides_ends_at", "roster_overrides", ["ends_at"])


def downgrade() -> None:
    """Drops the tables."""
    for name in ("roster_overrides", "page_links", "page_steps", "pages"):
        op.drop_table(name)
