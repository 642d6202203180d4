"""The health of channels in memory, behind its port."""

from collections.abc import Mapping, Sequence

from domain.notices import Channel, ProviderHealth


class FakeChannelHealth:
    """Shows what a test puts into `providers`."""

    def __init__(self, *providers: ProviderHealth) -> None:
        self.providers = list(providers)

    def announce(self, providers: Mapping[Channel, Sequence[str]]) -> None:
        self.providers = [
            ProviderHealth(channel=channel, provider=name, place=place)
            for channel, names in providers.items()
            for place, name in enumerate(names, start=1)
        ]

    def taken(self, channel: Channel, provider: str) -> None:
        self._change(channel, provider, failures=0)

    def failed(self, channel: Channel, provider: str, reason: str) -> None:
        [known] = [each for each in self.providers if (each.channel, each.provider) == (channel, provider)]
        self._change(channel, provider, failures=known.failures + 1, reason=reason)

    def all(self) -> Sequence[ProviderHealth]:
        return tuple(self.providers)

    def _change(self, channel: Channel, provider: str, **changes: object) -> None:
        self.providers = [
            each.model_copy(update=changes) if (each.channel, each.provider) == (channel, provider) else each
            for each in self.providers
        ]
