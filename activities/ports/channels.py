"""What the channels need of the store: how each provider fares, over all workers."""

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from domain.notices import Channel, Notice, ProviderHealth


class ChannelHealth(Protocol):
    """Remembers how the providers of each channel fare. Reasons in it carry no secrets and no addresses."""

    def announce(self, providers: Mapping[Channel, Sequence[str]]) -> None:
        """Notes which providers the settings name, in their order; others are forgotten."""

    def taken(self, channel: Channel, provider: str) -> None:
        """Notes that a provider took a message: its failures in a row are over."""

    def failed(self, channel: Channel, provider: str, reason: str) -> None:
        """Notes that a provider did not take a message, through no fault of the message's."""

    def all(self) -> Sequence[ProviderHealth]:
        """Every provider, by channel and in its order."""


@runtime_checkable
class NamedProviders(Protocol):
    """A channel whose providers can be asked one by one."""

    def send_by(self, provider: str, notice: Notice, address: str) -> str:
        """As `ChannelSender.send`, by this provider alone. Raises `NotFound` for an unknown one."""
