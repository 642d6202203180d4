"""The rules library: versions of definitions, the change sets they were published in, and their releases.

Its rows are only ever added, as those of the audit log are: triggers refuse everything else.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)
_TABLES = ("definition_versions", "change_sets", "change_set_files", "releases", "release_files")


def upgrade() -> None:
    """Creates the tables."""
    _create_change_sets()
    _create_releases()
    _protect()


def downgrade() -> None:
    """Drops the tables."""
    for name in reversed(_TABLES):
        op.drop_table(name)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION rules_library_is_append_only()")


def _create_change_sets() -> None:
    op.create_table(
        "definition_versions",
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("content", sa.Text),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("published_by", sa.Text, nullable=False),
        sa.Column("published_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("path", "number", name="pk_definition_versions"),
        sa.UniqueConstraint("path", "sha256", name="uq_definition_versions_path_sha256"),
    )
    op.create_table(
        "change_sets",
        sa.Column("number", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("published_by", sa.Text, nullable=False),
        sa.Column("published_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_change_sets"),
    )
    op.create_table(
        "change_set_files",
        sa.Column("change_set", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("based_on", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("change_set", "path", name="pk_change_set_files"),
        sa.ForeignKeyConstraint(
            ["change_set"], ["change_sets.number"], name="fk_change_set_files_change_set"
        ),
        sa.ForeignKeyConstraint(
            ["path", "version"],
            ["definition_versions.path", "definition_versions.number"],
            name="fk_change_set_files_path_version",
        ),
    )


def _create_releases() -> None:
    op.create_table(
        "releases",
        sa.Column("number", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("change_set", sa.Integer),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("published_by", sa.Text),
        sa.Column("released_by", sa.Text, nullable=False),
        sa.Column("released_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_releases"),
        sa.UniqueConstraint("change_set", name="uq_releases_change_set"),
        sa.ForeignKeyConstraint(["change_set"], ["change_sets.number"], name="fk_releases_change_set"),
        sa.CheckConstraint(
            "published_by IS NULL OR published_by <> released_by", name=op.f("ck_releases_four_eyes")
        ),
        sa.CheckConstraint("(kind = 'release') = (change_set IS NOT NULL)", name=op.f("ck_releases_kind")),
    )
    op.create_table(
        "release_files",
        sa.Column("release", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("was", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("release", "path", name="pk_release_files"),
        sa.ForeignKeyConstraint(["release"], ["releases.number"], name="fk_release_files_release"),
    )
    op.create_index("ix_release_files_path", "release_files", ["path", "release"])


def _protect() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            """
            CREATE FUNCTION rules_library_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                RAISE EXCEPTION 'the rules library is only ever added to'
                USING ERRCODE = 'restrict_violation';
            END $$
            """
        )
        for table in _TABLES:
            op.execute(
                f"""
                CREATE TRIGGER {table}_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
                FOR EACH STATEMENT EXECUTE FUNCTION rules_library_is_append_only()
                """
            )
        return
    for table in _TABLES:
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"""
                CREATE TRIGGER {table}_refuses_{change.lower()} BEFORE {change} ON {table}
                BEGIN SELECT RAISE(ABORT, 'the rules library is only ever added to'); END
                """
            )
