from collections.abc import Iterator

import pytest

from activities.adapters.store import Store, migrations, open_store


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """An empty store, on each database in turn."""
    migrations.upgrade(store_url)
    opened = open_store(store_url)
    yield opened
    opened.close()
