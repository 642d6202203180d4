"""The tables of the first version.

Audit rows are only ever added: triggers refuse everything else, whoever asks.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Creates all tables."""
    _create_tickets()
    _create_reviews()
    _create_records()
    _protect_audit()


def downgrade() -> None:
    """Drops all tables."""
    for name in ("notices", "intake", "audit", "spot_checks", "reviews", "ticket_events", "tickets"):
        op.drop_table(name)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_is_append_only()")


def _create_tickets() -> None:
    op.create_table(
        "tickets",
        sa.Column("task_id", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("is_open", sa.Boolean, nullable=False),
        sa.Column("held", sa.Boolean, nullable=False),
        sa.Column("category", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("assigned_group", sa.Text, nullable=False),
        sa.Column("risk", sa.Text, nullable=False),
        sa.Column("priority", sa.Text, nullable=False),
        sa.Column("sop", sa.Text, nullable=False),
        sa.Column("waiting_for", sa.Text, nullable=False),
        sa.Column("sla_level", sa.Text, nullable=False),
        sa.Column("spot_check", sa.Boolean, nullable=False),
        sa.Column("deadline_at", _INSTANT),
        sa.Column("due_at", _INSTANT),
        sa.Column("opened_at", _INSTANT, nullable=False),
        sa.Column("closed_at", _INSTANT),
        sa.Column("last_seq", sa.Integer, nullable=False),
        sa.Column("view", sa.JSON, nullable=False),
        sa.Column("updated_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("task_id", name="pk_tickets"),
    )
    op.create_index(
        "ix_tickets_urgency",
        "tickets",
        [sa.text("is_open DESC"), "due_at", sa.text("closed_at DESC"), "task_id"],
    )
    op.create_index("ix_tickets_group", "tickets", ["assigned_group", "is_open"])
    op.create_table(
        "ticket_events",
        sa.Column("task_id", sa.Text, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("summary", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("step_id", sa.Text, nullable=False),
        sa.Column("data", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("task_id", "seq", name="pk_ticket_events"),
        sa.ForeignKeyConstraint(["task_id"], ["tickets.task_id"], name="fk_ticket_events_task_id"),
    )


def _create_reviews() -> None:
    op.create_table(
        "reviews",
        sa.Column("review_id", sa.Text, nullable=False),
        sa.Column("task_id", sa.Text, nullable=False),
        sa.Column("is_open", sa.Boolean, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("review_group", sa.Text, nullable=False),
        sa.Column("four_eyes", sa.Boolean, nullable=False),
        sa.Column("maker", sa.Text, nullable=False),
        sa.Column("opened_at", _INSTANT, nullable=False),
        sa.Column("deadline_at", _INSTANT),
        sa.Column("request", sa.JSON, nullable=False),
        sa.Column("verb", sa.Text),
        sa.Column("choice", sa.Text),
        sa.Column("decided_by", sa.Text),
        sa.Column("decided_at", _INSTANT),
        sa.PrimaryKeyConstraint("review_id", name="pk_reviews"),
        sa.ForeignKeyConstraint(["task_id"], ["tickets.task_id"], name="fk_reviews_task_id"),
        sa.CheckConstraint(
            "NOT four_eyes OR verb IS NULL OR verb <> 'approve' OR decided_by <> maker",
            name=op.f("ck_reviews_four_eyes"),
        ),
    )
    op.create_index("ix_reviews_task_id", "reviews", ["task_id"])
    op.create_index("ix_reviews_queue", "reviews", ["is_open", "opened_at"])
    op.create_table(
        "spot_checks",
        sa.Column("task_id", sa.Text, nullable=False),
        sa.Column("drawn_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("task_id", name="pk_spot_checks"),
        sa.ForeignKeyConstraint(["task_id"], ["tickets.task_id"], name="fk_spot_checks_task_id"),
    )
    op.create_index("ix_spot_checks_drawn_at", "spot_checks", ["drawn_at"])


def _create_records() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("task_id", sa.Text, nullable=False),
        sa.Column("event_seq", sa.Integer),
        sa.Column("accepted", sa.Boolean, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("detail", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
        sa.UniqueConstraint("task_id", "event_seq", name="uq_audit_task_id_event_seq"),
    )
    op.create_table(
        "intake",
        sa.Column("task_id", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("external_id", sa.Text, nullable=False),
        sa.Column("body_digest", sa.Text, nullable=False),
        sa.Column("maker", sa.Text, nullable=False),
        sa.Column("received_at", _INSTANT, nullable=False),
        sa.Column("acknowledged_at", _INSTANT),
        sa.PrimaryKeyConstraint("task_id", name="pk_intake"),
        sa.UniqueConstraint("source", "external_id", name="uq_intake_source_external_id"),
    )
    op.create_table(
        "notices",
        sa.Column("notice_id", sa.Text, nullable=False),
        sa.Column("task_id", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("accepted_at", _INSTANT),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("tried_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("notice_id", name="pk_notices"),
    )
    op.create_index("ix_notices_task_id", "notices", ["task_id"])


def _protect_audit() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            """
            CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                RAISE EXCEPTION 'audit rows are only ever added' USING ERRCODE = 'restrict_violation';
            END $$
            """
        )
        op.execute(
            """
            CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
            FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()
            """
        )
        return
    for change in ("UPDATE", "DELETE"):
        op.execute(
            f"""
            CREATE TRIGGER audit_refuses_{change.lower()} BEFORE {change} ON audit
            BEGIN SELECT RAISE(ABORT, 'audit rows are only ever added'); END
            """
        )
