"""Moves a database between versions of the schema.

To change the schema, change `tables.py` and add a revision to `versions/`, in the shape of those that are
there; a test shows where the two differ. Each move is one transaction that holds a lock, so that many
processes may start at once and a move that fails leaves the schema as it was.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text

from activities.adapters.store.engine import Database
from domain.errors import InvalidInput

_LOCK = 0x6F70736C  # "opsl": any number that other users of the server do not lock


def upgrade(url: str, revision: str = "head") -> None:
    """Brings the schema up to a revision; nothing happens where it already is.

    Raises `InvalidInput` for a revision that this version does not know, `StoreUnavailable`.
    """
    with _locked(url) as config:
        command.upgrade(config, revision)


def downgrade(url: str, revision: str) -> None:
    """Takes the schema back to a revision; `base` drops every table. Raises as `upgrade` does."""
    with _locked(url) as config:
        command.downgrade(config, revision)


def current(url: str) -> str | None:
    """The revision a database is at, or None before the first. Raises `StoreUnavailable`."""
    database = Database(url)
    try:
        with database.reading() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    finally:
        database.close()


def head() -> str | None:
    """The revision that this version of the code works with."""
    return ScriptDirectory.from_config(_config()).get_current_head()


@contextmanager
def _locked(url: str) -> Iterator[Config]:
    database = Database(url)
    try:
        # On SQLite the writing transaction itself is the lock.
        with database.writing() as connection:
            if database.dialect == "postgresql":
                _lock_postgresql(connection)
            yield _config(connection)
    except CommandError as error:
        raise InvalidInput(
            f"{error}; this version knows revisions up to {head()}", field="revision"
        ) from error
    finally:
        database.close()


def _lock_postgresql(connection: Connection) -> None:
    # A large table takes the time it takes.
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    connection.execute(text("SET LOCAL lock_timeout = 0"))
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


def _config(connection: Connection | None = None) -> Config:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
