"""How the providers of each channel fare, as every worker tells it."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, and_, delete, not_, or_, select, true

from activities.adapters.store.channel_tables import channel_providers
from activities.adapters.store.engine import Database, insert_into
from domain.notices import Channel, ProviderHealth

_LONGEST_REASON = 500
_LAST = 1_000
"""The place of a provider that was never announced."""


class SqlChannelHealth:
    """`ChannelHealth` in the store's database. Every method raises `StoreUnavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def announce(self, providers: Mapping[Channel, Sequence[str]]) -> None:
        """Notes which providers there are, keeping what is known of them; forgets the others."""
        table = channel_providers.c
        named = [
            and_(table.channel == channel.value, table.provider.in_(list(names)))
            for channel, names in providers.items()
        ]
        with self._database.writing() as connection:
            connection.execute(delete(channel_providers).where(not_(or_(*named)) if named else true()))
            for channel, names in providers.items():
                for place, name in enumerate(names, start=1):
                    _put(connection, channel, name, {"place": place}, {"place": place})

    def taken(self, channel: Channel, provider: str) -> None:
        """Ends the provider's failures in a row."""
        change = {"failures": 0, "taken_at": self._database.now()}
        with self._database.writing() as connection:
            _put(connection, channel, provider, change, change)

    def failed(self, channel: Channel, provider: str, reason: str) -> None:
        """Counts one more failure in a row."""
        seen = {"failed_at": self._database.now(), "reason": reason[:_LONGEST_REASON]}
        with self._database.writing() as connection:
            _put(
                connection,
                channel,
                provider,
                {**seen, "failures": 1},
                {**seen, "failures": channel_providers.c.failures + 1},
            )

    def all(self) -> Sequence[ProviderHealth]:
        """Every provider, by channel and place."""
        query = select(channel_providers).order_by(
            channel_providers.c.channel, channel_providers.c.place, channel_providers.c.provider
        )
        with self._database.reading() as connection:
            return [ProviderHealth.model_validate(dict(row)) for row in connection.execute(query).mappings()]


def _put(
    connection: Connection, channel: Channel, provider: str, new: dict[str, Any], change: dict[str, Any]
) -> None:
    fresh = {"place": _LAST, "failures": 0, "reason": "", **new}
    insert = insert_into(connection.dialect.name, channel_providers).values(
        channel=channel.value, provider=provider, **fresh
    )
    keys = [channel_providers.c.channel, channel_providers.c.provider]
    connection.execute(insert.on_conflict_do_update(index_elements=keys, set_=change))
