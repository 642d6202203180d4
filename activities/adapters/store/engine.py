"""The database behind the store: SQLite embedded, PostgreSQL in production, one behaviour.

Every use is a transaction, for reading or for writing. A database that cannot be reached, is locked,
shuts down or has no tables yet raises `StoreUnavailable`; a constraint that is broken raises `Conflict`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from psycopg.errors import UndefinedTable
from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, exc, make_url
from sqlalchemy.dialects import postgresql, sqlite

from domain.clock import BankClock
from domain.errors import Conflict, InvalidInput, StoreUnavailable

_EXPECTED = "sqlite:///path/to/file.db or postgresql://user:password@host/database"
_WAIT_S = 10
_STATEMENT_MS = 12_000
_WRITES = "opsloop_writes"
_OUR_MISTAKES = (exc.ProgrammingError, exc.DataError, exc.NotSupportedError)
"""Errors that no waiting mends. (A missing table is mended by the migration that is to come.)"""


class Database:
    """Connections to one database, shared by all threads of a process.

    `clock` gives the bank time of rows that carry the instant of writing. Raises `InvalidInput` for a
    URL that names no SQLite file and no PostgreSQL database.
    """

    def __init__(self, url: str, *, clock: BankClock | None = None) -> None:
        self._clock = clock or BankClock()
        self._engine = _engine(_parsed(url))

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._engine.dialect.name

    def now(self) -> datetime:
        """Bank time."""
        return self._clock.to_bank(datetime.now(UTC))

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that only reads. It never waits for writers."""
        with _translated(), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that writes: committed at the end, rolled back whole by any exception."""
        with (
            _translated(),
            self._engine.connect().execution_options(**{_WRITES: True}) as connection,
            connection.begin(),
        ):
            yield connection

    def close(self) -> None:
        """Closes all connections that are not in use."""
        self._engine.dispose()


def insert_into(dialect: str, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An insert that can say `on conflict`, for `sqlite` or `postgresql`."""
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except exc.ArgumentError:
        raise InvalidInput(f"not a database URL; expected {_EXPECTED}", field="database_url") from None
    backend = parsed.drivername.partition("+")[0]
    if backend in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise InvalidInput(f"{backend} is not supported; expected {_EXPECTED}", field="database_url")
    if parsed.database in (None, "", ":memory:"):
        raise InvalidInput(f"the store needs a file to share; expected {_EXPECTED}", field="database_url")
    return parsed


def _engine(url: URL) -> Engine:
    # Parameters hold personal data; an error message with them would end in logs and histories.
    shared: dict[str, Any] = {"hide_parameters": True, "pool_size": 20, "max_overflow": 20}
    if url.get_backend_name() == "postgresql":
        limits: dict[str, Any] = {
            "connect_timeout": 5,
            "tcp_user_timeout": _STATEMENT_MS,
            "application_name": "opsloop",
            "options": f"-c lock_timeout={_WAIT_S}s -c statement_timeout={_STATEMENT_MS}ms",
        }
        limits = {name: value for name, value in limits.items() if name not in url.query}
        return create_engine(url, pool_pre_ping=True, connect_args=limits, **shared)
    engine = create_engine(url, connect_args={"timeout": _WAIT_S}, **shared)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun by `_begin_sqlite`, not by the driver
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")  # an audit row that was written survives a power cut
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later cannot wait for another writer: it fails at once.
    # So writers take their turn at the start.
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except exc.TimeoutError as error:
        raise StoreUnavailable("the store does not answer: all connections are in use") from error
    except exc.IntegrityError as error:
        # PostgreSQL adds the whole row to its message, so only the first line goes on.
        raise Conflict(f"the store refuses this: {_first_line(error.orig)}") from None
    except exc.DBAPIError as error:
        if isinstance(error, _OUR_MISTAKES) and not isinstance(error.orig, UndefinedTable):
            raise
        raise StoreUnavailable(f"the store does not answer: {_first_line(error.orig)}") from error


def _first_line(error: BaseException | None) -> str:
    return str(error).strip().partition("\n")[0]
