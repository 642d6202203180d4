"""The database: URLs, transactions, instants, and what its failures become."""

import socket
import sqlite3
import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select, text

from activities.adapters.store import Store, migrations, open_store
from activities.adapters.store.engine import Database
from activities.adapters.store.tables import audit
from domain.audit import AuditEntry
from domain.clock import BankClock
from domain.errors import Conflict, InvalidInput, StoreUnavailable
from tests.support.tickets import NIGHT, sample_task


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("", "not a database URL"),
        ("mysql://bank:s3cret@db/ops", "mysql is not supported"),
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
    ],
)
def test_a_url_that_cannot_be_the_store_is_refused_without_its_password(url: str, problem: str) -> None:
    with pytest.raises(InvalidInput, match=problem) as refused:
        Database(url)
    assert "expected sqlite:///" in str(refused.value)
    assert "s3cret" not in str(refused.value)
    assert refused.value.field == "database_url"


def test_a_server_that_is_not_there_is_unavailable_and_may_be_asked_again() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))  # bound but not listening: nobody else can answer there
        store = open_store(f"postgresql://bank:s3cret@127.0.0.1:{reserved.getsockname()[1]}/ops")
        with pytest.raises(StoreUnavailable, match="does not answer") as error:
            store.reader.view("T1")
    assert error.value.retryable
    assert "s3cret" not in str(error.value)


def test_a_database_that_was_not_migrated_yet_is_unavailable(store_url: str) -> None:
    store = open_store(store_url)
    with pytest.raises(StoreUnavailable, match="tickets"):
        store.reader.view("T1")
    store.close()


def test_a_file_that_another_process_keeps_locked_is_unavailable(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activities.adapters.store.engine._WAIT_S", 0.05)
    migrations.upgrade(sqlite_url)
    store = open_store(sqlite_url)
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="locked"):
        store.audit.write(AuditEntry(at=NIGHT, actor="li.na", action="sign_in"))
    assert store.reader.view("T1") is None, "readers do not wait for writers"
    other.execute("ROLLBACK")
    other.close()
    store.audit.write(AuditEntry(at=NIGHT, actor="li.na", action="sign_in"))
    store.close()


def test_a_file_that_is_no_database_is_not_taken_for_one(tmp_path: Path) -> None:
    path = tmp_path / "opsloop.db"
    path.write_text("this is a text file, and longer than a header\n" * 100)
    store = open_store(f"sqlite:///{path}")
    with pytest.raises(StoreUnavailable, match="not a database"):
        store.reader.view("T1")
    store.close()


def test_a_broken_connection_is_replaced(postgres_url: str) -> None:
    migrations.upgrade(postgres_url)
    store = open_store(postgres_url)
    assert store.reader.view("T1") is None
    other = Database(postgres_url)
    with other.writing() as connection:
        connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        )
    other.close()
    assert store.reader.view("T1") is None
    store.close()


def test_an_exception_leaves_nothing_of_a_transaction(store: Store) -> None:
    row = AuditEntry(at=NIGHT, actor="li.na", action="sign_in").model_dump()
    with pytest.raises(RuntimeError), store.database.writing() as connection:
        connection.execute(insert(audit).values(row))
        raise RuntimeError("the power goes")
    assert store.audit.entries() == []


def test_writers_of_many_threads_take_turns(store: Store) -> None:
    def write(name: str) -> None:
        for turn in range(5):
            store.audit.write(AuditEntry(at=NIGHT, actor=name, action=f"turn.{turn}"))

    threads = [threading.Thread(target=write, args=(f"clerk.{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    written = [(entry.actor, entry.action) for entry in store.audit.entries()]
    assert sorted(written) == sorted(
        (f"clerk.{number}", f"turn.{turn}") for number in range(8) for turn in range(5)
    )


def test_a_broken_constraint_is_a_conflict_that_quotes_no_row(store: Store) -> None:
    row = {**AuditEntry(at=NIGHT, actor="li.na", action="sign_in", reason="6222020200001234").model_dump()}
    with pytest.raises(Conflict, match="the store refuses this") as refused, store.database.writing() as c:
        c.execute(insert(audit).values([{**row, "event_seq": 1}, {**row, "event_seq": 1}]))
    assert "6222020200001234" not in str(refused.value)
    assert refused.value.__cause__ is None, "the cause would go into the workflow's history"


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    at=st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2200, 1, 1)),  # noqa: DTZ001  # bounds must be naive
    offset=st.integers(min_value=-12, max_value=14),
)
def test_an_instant_comes_back_as_it_went_in_aware_and_in_utc(
    store: Store, at: datetime, offset: int
) -> None:
    instant = at.replace(tzinfo=timezone(timedelta(hours=offset)))
    with store.database.writing() as connection:
        row = AuditEntry(at=NIGHT, actor="li.na", action="sign_in").model_dump() | {"at": instant}
        key = connection.execute(insert(audit).values(row).returning(audit.c.id)).scalar_one()
    with store.database.reading() as connection:
        found = connection.execute(select(audit.c.at).where(audit.c.id == key)).scalar_one()
    assert found == instant
    assert found.tzinfo is UTC


def test_an_instant_without_a_zone_is_an_error(store: Store) -> None:
    naive = NIGHT.replace(tzinfo=None)
    with pytest.raises(Exception, match="aware instants only"):
        store.intake.reserve(task=sample_task(), maker="intake", body_digest="a", received_at=naive)


def test_rows_carry_bank_time(sqlite_url: str) -> None:
    origin = datetime.now(UTC)
    clock = BankClock(real_origin=origin, bank_origin=NIGHT, factor=60)
    database = Database(sqlite_url, clock=clock)
    assert NIGHT <= database.now() <= clock.to_bank(datetime.now(UTC))
    database.close()
