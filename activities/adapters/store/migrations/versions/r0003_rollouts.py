"""Rollouts of SOPs with their moves and shadow runs, and what tickets have to be counted by version."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)
_ADDED_TO = ("rollout_moves", "shadow_reports")
_NEW_COLUMNS = ("sop_id", "sop_version", "sop_digest", "rollout", "rollout_arm")


def upgrade() -> None:
    """Adds the columns, and creates the tables."""
    _widen_tickets()
    _create_rollouts()
    _protect()


def downgrade() -> None:
    """Drops both."""
    for name in ("shadow_reports", "rollout_moves", "rollouts"):
        op.drop_table(name)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION rollouts_are_append_only()")
    op.drop_index("ix_tickets_rollout", "tickets")
    op.drop_index("ix_tickets_sop", "tickets")
    for name in reversed(_NEW_COLUMNS):
        op.drop_column("tickets", name)


def _widen_tickets() -> None:
    for name in _NEW_COLUMNS:
        op.add_column("tickets", sa.Column(name, sa.Integer if name == "rollout" else sa.Text))
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    found = "view ->> '{}'" if is_postgresql else "json_extract(view, '$.{}')"
    # Rows from before did not keep the id. Without one of its own it is the name in snake case.
    op.execute(
        f"""
        UPDATE tickets SET sop_version = {found.format("sop_version")},
            sop_digest = {found.format("sop_digest")}, sop_id = lower(replace(sop, ' ', '_'))
        """  # noqa: S608 - no text from outside
    )
    op.create_index("ix_tickets_sop", "tickets", ["sop_id", "sop_digest"])
    op.create_index("ix_tickets_rollout", "tickets", ["rollout"])


def _create_rollouts() -> None:
    op.create_table(
        "rollouts",
        sa.Column("number", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("sop_id", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("published_by", sa.Text, nullable=False),
        sa.Column("published_at", _INSTANT, nullable=False),
        sa.Column("candidate", sa.JSON, nullable=False),
        sa.Column("moves", sa.Integer, nullable=False),
        sa.Column("is_open", sa.Boolean, nullable=False),
        sa.Column("report", sa.JSON),
        sa.PrimaryKeyConstraint("number", name="pk_rollouts"),
        sa.ForeignKeyConstraint(
            ["path", "version"],
            ["definition_versions.path", "definition_versions.number"],
            name="fk_rollouts_path_version",
        ),
    )
    op.create_index(
        "uq_rollouts_open",
        "rollouts",
        ["sop_id"],
        unique=True,
        sqlite_where=sa.text("is_open"),
        postgresql_where=sa.text("is_open"),
    )
    op.create_table(
        "rollout_moves",
        sa.Column("rollout", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("was", sa.Text),
        sa.Column("was_percent", sa.Integer, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("percent", sa.Integer, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("despite", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("rollout", "number", name="pk_rollout_moves"),
        sa.ForeignKeyConstraint(["rollout"], ["rollouts.number"], name="fk_rollout_moves_rollout"),
    )
    op.create_table(
        "shadow_reports",
        sa.Column("rollout", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("task_id", sa.Text, nullable=False),
        sa.Column("agreement", sa.Text, nullable=False),
        sa.Column("saved_touches", sa.Integer, nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("report", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("rollout", "task_id", name="pk_shadow_reports"),
        sa.ForeignKeyConstraint(["rollout"], ["rollouts.number"], name="fk_shadow_reports_rollout"),
    )
    op.create_index("ix_shadow_reports_agreement", "shadow_reports", ["rollout", "agreement"])


def _protect() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            """
            CREATE FUNCTION rollouts_are_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                RAISE EXCEPTION 'the record of a rollout is only ever added to'
                USING ERRCODE = 'restrict_violation';
            END $$
            """
        )
        for table in _ADDED_TO:
            op.execute(
                f"""
                CREATE TRIGGER {table}_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
                FOR EACH STATEMENT EXECUTE FUNCTION rollouts_are_append_only()
                """
            )
        return
    for table in _ADDED_TO:
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"""
                CREATE TRIGGER {table}_refuses_{change.lower()} BEFORE {change} ON {table}
                BEGIN SELECT RAISE(ABORT, 'the record of a rollout is only ever added to'); END
                """
            )
