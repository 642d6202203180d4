"""Databases for tests: SQLite files, and a PostgreSQL server of the test session's own.

`OPSLOOP_TEST_POSTGRES_URL` names a server to use instead; its role must be allowed to create databases,
and it must be of version 15 or later.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import URL, make_url

_BOOT_S = 30
_DEBIAN = Path("/usr/lib/postgresql")


def absent(reason: str) -> None:
    """Skips the test, or fails it where servers are required."""
    if os.environ.get("OPSLOOP_REQUIRE_SERVERS") == "1":
        pytest.fail(f"{reason}, and OPSLOOP_REQUIRE_SERVERS=1 requires it")
    pytest.skip(reason)


@contextmanager
def postgres_server() -> Iterator[URL]:
    """A running server, as the URL of its maintenance database."""
    given = os.environ.get("OPSLOOP_TEST_POSTGRES_URL")
    if given:
        yield make_url(given)
        return
    binaries = _binaries()
    if binaries is None:
        absent(f"PostgreSQL is not installed: no initdb on the PATH or under {_DEBIAN}")
        return
    with _own_server(binaries) as url:
        yield url


@contextmanager
def fresh_database(server: URL) -> Iterator[str]:
    """A database of the test's own, dropped afterwards; yields its SQLAlchemy URL."""
    # Copying files beats PostgreSQL's own way by four to one where nothing is synced to the disk.
    name = f"opsloop_{uuid.uuid4().hex[:12]}"
    _administer(server, sql.SQL("CREATE DATABASE {} STRATEGY FILE_COPY").format(sql.Identifier(name)))
    try:
        url = server.set(drivername="postgresql+psycopg", database=name)
        yield url.render_as_string(hide_password=False)
    finally:
        _administer(server, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _administer(server: URL, statement: sql.Composed) -> None:
    conninfo = server.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(statement)


def _binaries() -> Path | None:
    # Debian keeps its servers off the PATH; a wrapper on the PATH may lack its neighbours.
    versions = sorted(_DEBIAN.glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if versions:
        return versions[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


@contextmanager
def _own_server(binaries: Path) -> Iterator[URL]:
    owner = _owner()
    folder = Path(tempfile.mkdtemp(prefix="opsloop-postgres-"))
    if owner is not None:
        shutil.chown(folder, owner, pwd.getpwnam(owner).pw_gid)
    try:
        _initialise(binaries, folder, owner)
        port = _free_port()
        server = _start(binaries, folder, owner, port)
        url = URL.create("postgresql+psycopg", "postgres", host="127.0.0.1", port=port, database="postgres")
        try:
            _await_ready(server, url, folder)
            yield url
        finally:
            server.send_signal(signal.SIGQUIT)  # at once: nothing in it is worth a checkpoint
            server.wait(timeout=_BOOT_S)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _owner() -> str | None:
    """Whose processes the server's must be: it refuses to run as root."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        absent("PostgreSQL refuses to run as root, and there is no user postgres")
        raise


def _initialise(binaries: Path, folder: Path, owner: str | None) -> None:
    done = subprocess.run(
        [
            *(binaries / "initdb", "--pgdata", folder / "data", "--username", "postgres"),
            *("--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync"),
        ],
        cwd=folder,
        user=owner,
        group=owner,
        extra_groups=[] if owner else None,
        capture_output=True,
        text=True,
        timeout=_BOOT_S * 2,
        check=False,
    )
    if done.returncode:
        pytest.fail(f"initdb failed: {done.stderr}")


def _start(binaries: Path, folder: Path, owner: str | None, port: int) -> subprocess.Popen[bytes]:
    options = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": "",
        "fsync": "off",
        "full_page_writes": "off",
        "synchronous_commit": "off",
        "autovacuum": "off",
        "timezone": "Asia/Shanghai",  # not UTC, so that a lost zone shows
    }
    settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [binaries / "postgres", "-D", folder / "data", *settings],
            cwd=folder,
            user=owner,
            group=owner,
            extra_groups=[] if owner else None,
            stdout=log,
            stderr=log,
        )


def _await_ready(server: subprocess.Popen[bytes], url: URL, folder: Path) -> None:
    conninfo = url.set(drivername="postgresql").render_as_string(hide_password=False)
    until = time.monotonic() + _BOOT_S
    while True:
        try:
            psycopg.connect(conninfo, connect_timeout=2).close()
            return
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > until:
                pytest.fail(f"PostgreSQL did not start: {(folder / 'log').read_text()}")
            time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
