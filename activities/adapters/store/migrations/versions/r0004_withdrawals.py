"""Change sets that were taken back before anybody released them. Rows are only ever added."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates the table, protected as those of the rules library are."""
    op.create_table(
        "withdrawals",
        sa.Column("change_set", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("withdrawn_by", sa.Text, nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("change_set", name="pk_withdrawals"),
        sa.ForeignKeyConstraint(["change_set"], ["change_sets.number"], name="fk_withdrawals_change_set"),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            """
            CREATE TRIGGER withdrawals_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON withdrawals
            FOR EACH STATEMENT EXECUTE FUNCTION rules_library_is_append_only()
            """
        )
        return
    for change in ("UPDATE", "DELETE"):
        op.execute(
            f"""
            CREATE TRIGGER withdrawals_refuses_{change.lower()} BEFORE {change} ON withdrawals
            BEGIN SELECT RAISE(ABORT, 'the rules library is only ever added to'); END
            """
        )


def downgrade() -> None:
    """Drops the table."""
    op.drop_table("withdrawals")
