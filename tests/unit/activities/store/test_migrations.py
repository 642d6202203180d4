"""The schema: what the revisions build is what the code works with."""

import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect

from activities.adapters.store import migrations
from activities.adapters.store.engine import Database
from activities.adapters.store.tables import metadata
from domain.errors import InvalidInput

ROOT = Path(__file__).parents[4]
UPGRADE = "import sys; from activities.adapters.store import migrations; migrations.upgrade(sys.argv[1])"


def tables_of(url: str) -> set[str]:
    database = Database(url)
    with database.reading() as connection:
        names = set(inspect(connection).get_table_names())
    database.close()
    return names - {"alembic_version"}


def test_the_migrated_schema_is_the_one_that_the_code_declares(store_url: str) -> None:
    migrations.upgrade(store_url)
    database = Database(store_url)
    with database.reading() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        differences = compare_metadata(context, metadata)
    database.close()
    assert differences == []


def test_the_schema_goes_up_down_and_up_again(store_url: str) -> None:
    assert migrations.current(store_url) is None
    migrations.upgrade(store_url)
    assert migrations.current(store_url) == migrations.head()
    assert tables_of(store_url) == set(metadata.tables)
    migrations.downgrade(store_url, "base")
    assert migrations.current(store_url) is None
    assert tables_of(store_url) == set()
    migrations.upgrade(store_url)
    assert tables_of(store_url) == set(metadata.tables)


def test_an_upgrade_of_a_current_database_changes_nothing(store_url: str) -> None:
    migrations.upgrade(store_url)
    migrations.upgrade(store_url)
    assert migrations.current(store_url) == migrations.head()


def test_processes_that_start_at_once_may_all_upgrade(store_url: str) -> None:
    started = [
        subprocess.Popen(
            [sys.executable, "-c", UPGRADE, store_url], cwd=ROOT, stderr=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    problems = [process.communicate(timeout=60)[1] for process in started]
    assert [process.returncode for process in started] == [0, 0, 0], problems
    assert migrations.current(store_url) == migrations.head()


def test_an_unknown_revision_is_refused_and_named(sqlite_url: str) -> None:
    with pytest.raises(InvalidInput, match=rf"'9999'.*revisions up to {migrations.head()}") as refused:
        migrations.upgrade(sqlite_url, "9999")
    assert refused.value.field == "revision"
    assert tables_of(sqlite_url) == set()
