"""Prepares what stands outside: the store's tables and Temporal's search attributes."""

import asyncio
from dataclasses import dataclass

from activities.adapters.store import migrations
from workers.composition import connect
from workers.dev_server import register_search_attributes
from workers.settings import Settings
from workers.ticket_workflows import EngineUnavailable


@dataclass(frozen=True)
class Migrated:
    """What is in force now."""

    revision: str | None
    search_attributes: tuple[str, ...]
    """Those that were added by this call."""


async def migrate(settings: Settings) -> Migrated:
    """Brings both up to date. Raises `StoreUnavailable` or `EngineUnavailable`; repeating it is safe."""
    await asyncio.to_thread(migrations.upgrade, settings.store_url)
    try:
        client = await connect(settings)
    except RuntimeError as error:
        where = settings.temporal_address
        raise EngineUnavailable(f"Temporal at {where} does not answer: {error}") from error
    added = await register_search_attributes(client)
    return Migrated(
        revision=await asyncio.to_thread(migrations.current, settings.store_url),
        search_attributes=tuple(sorted(added)),
    )
