"""Several providers behind one channel: in their order, the ones that have just failed last."""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from activities.adapters.channels.failures import AddressRefused, Throttled
from activities.ports.channels import ChannelHealth
from domain.errors import ChannelFailed, NotFound, StoreUnavailable
from domain.notices import Channel, Notice

REST_S: Final = 60.0
"""How long a provider that failed is tried last."""
_TOLD_EVERY_S: Final = 60.0
_LOG = logging.getLogger(__name__)


class Provider(Protocol):
    """One service that takes messages of a channel."""

    @property
    def name(self) -> str:
        """What people call it. No secret."""

    @property
    def only(self) -> frozenset[str]:
        """The addresses that it alone serves, such as a robot its group; empty: any other address."""

    def send(self, notice: Notice, address: str) -> str:
        """Hands the message over; returns the provider's own words.

        Raises `ChannelFailed`, without the channel's name: `AddressRefused` and `Throttled` where the
        provider is well.
        """


class Providers:
    """Implements `ChannelSender` over one or more providers.

    Each is asked until one takes the message: at least once, as a provider that answers too late may have
    taken it. One that failed is asked last for a minute, but it is asked: nothing goes unsent because of
    what was. What each does is told to `health`, whose own failures hold nothing up.
    """

    def __init__(
        self,
        channel: Channel,
        providers: Sequence[Provider],
        *,
        health: ChannelHealth | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.channel = channel
        self._providers = tuple(providers)
        self._health = health
        self._clock = clock
        self._lock = threading.Lock()
        self._rests_until: dict[str, float] = {}
        self._told_at: dict[str, float] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The providers, the first choice first."""
        return tuple(each.name for each in self._providers)

    def send(self, notice: Notice, address: str) -> str:
        """Hands the message over; returns who took it. Raises `ChannelFailed` with each one's reason."""
        return self._send(notice, address, self._in_order(self._serving(address)))

    def send_by(self, provider: str, notice: Notice, address: str) -> str:
        """As `send`, by this one alone. Raises `NotFound` where the settings name no such provider."""
        chosen = [each for each in self._providers if each.name == provider]
        if not chosen:
            raise NotFound(
                f"{self.channel}: no provider is called {provider!r}; there are {', '.join(self.names)}"
            )
        return self._send(notice, address, chosen)

    def _send(self, notice: Notice, address: str, providers: Sequence[Provider]) -> str:
        failures: dict[str, ChannelFailed] = {}
        for provider in providers:
            try:
                words = provider.send(notice, address)
            except (AddressRefused, Throttled) as error:
                failures[provider.name] = error
            except ChannelFailed as error:
                failures[provider.name] = error
                self._note_failure(provider.name, str(error))
            else:
                self._note_success(provider.name)
                return f"{provider.name}: {words}"
        raise _together(self.channel, failures)

    def _serving(self, address: str) -> list[Provider]:
        own = [each for each in self._providers if address in each.only]
        return own or [each for each in self._providers if not each.only]

    def _in_order(self, providers: Sequence[Provider]) -> list[Provider]:
        """The settings' order; those that rest come last, the one that has rested longest first."""
        now = self._clock()
        with self._lock:
            resting = {name: until for name, until in self._rests_until.items() if until > now}
        return sorted(providers, key=lambda each: resting.get(each.name, 0.0))

    def _note_failure(self, provider: str, reason: str) -> None:
        with self._lock:
            self._rests_until[provider] = self._clock() + REST_S
            self._told_at.pop(provider, None)
        self._tell(lambda health: health.failed(self.channel, provider, reason))

    def _note_success(self, provider: str) -> None:
        now = self._clock()
        with self._lock:
            self._rests_until.pop(provider, None)
            # Every message would be one more write to the store, for a figure that people read.
            if now - self._told_at.get(provider, -_TOLD_EVERY_S) < _TOLD_EVERY_S:
                return
            self._told_at[provider] = now
        self._tell(lambda health: health.taken(self.channel, provider))

    def _tell(self, what: Callable[[ChannelHealth], None]) -> None:
        if self._health is None:
            return
        try:
            what(self._health)
        except StoreUnavailable as error:
            _LOG.warning("the health of %s is not in the store: %s", self.channel, error)


def _together(channel: Channel, failures: Mapping[str, ChannelFailed]) -> ChannelFailed:
    """One error for all of them; throttled or refused as a whole only if each of them was."""
    if not failures:
        return AddressRefused(f"{channel}: no provider serves this address")
    text = f"{channel}: " + "; ".join(f"{name}: {error}" for name, error in failures.items())
    errors = list(failures.values())
    if all(isinstance(each, AddressRefused) for each in errors):
        return AddressRefused(text)
    waits = [each.retry_in_s for each in errors if isinstance(each, Throttled)]
    if waits and all(isinstance(each, AddressRefused | Throttled) for each in errors):
        return Throttled(text, min(waits))
    return ChannelFailed(text)
