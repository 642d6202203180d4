"""Messages that leave the system: to customers, groups and the people on call."""

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Annotated, Final, Protocol

from pydantic import AfterValidator, Field

from domain.model import Instant, Record


class Channel(StrEnum):
    """How a message travels."""

    DASHBOARD = "dashboard"
    EMAIL = "email"
    SMS = "sms"
    WECOM = "wecom"
    WEBHOOK = "webhook"


class Notice(Record):
    """One message. The id is stable across retries, so that a repeat can be recognised."""

    notice_id: str = Field(min_length=1, max_length=200)
    channel: Channel
    to: str = Field(
        description="a customer reference, a group or a person's id; the adapter knows the address"
    )
    subject: str = ""
    body: str
    task_id: str = ""


class Delivery(Record):
    """What became of a notice."""

    notice_id: str
    channel: Channel
    accepted: bool
    """The channel took it. That is not yet a receipt by a person."""
    repeated: bool = False
    """It had been sent before; nothing was sent this time."""
    detail: str = ""


class ProviderHealth(Record):
    """How one provider of a channel fares, as all workers have seen it. Instants are bank time."""

    channel: Channel
    provider: str
    """What the settings call it, or its kind and place: `sms-2`. Never its address."""
    place: int = 1
    """1 is tried first."""
    failures: int = 0
    """In a row, up to now."""
    failed_at: Instant | None = None
    reason: str = ""
    """Of the last failure."""
    taken_at: Instant | None = None


class ChannelTest(Record):
    """One real message, marked as a test."""

    test_id: str
    channel: Channel
    to: str
    """A person or group of the directory."""
    provider: str = ""
    """Empty: as any other message, the first that takes it."""
    by: str
    """Who asked for it."""


class ChannelTestResult(Record):
    """What became of a test."""

    test_id: str
    channel: Channel
    to: str
    taken: bool
    detail: str
    """The channel's own words, or why nobody took it."""


DEFAULT_BACKUPS: Final[Mapping[Channel, Channel]] = {
    Channel.SMS: Channel.WECOM,
    Channel.WECOM: Channel.EMAIL,
    Channel.EMAIL: Channel.SMS,
    Channel.WEBHOOK: Channel.WECOM,
}


def _check_backups(backups: Mapping[Channel, Channel | None]) -> Mapping[Channel, Channel | None]:
    for channel, backup in backups.items():
        if Channel.DASHBOARD in (channel, backup):
            raise ValueError("the dashboard reaches nobody: it neither has a backup nor is one")
        if channel is backup:
            raise ValueError(f"{channel} cannot be its own backup")
    return backups


Backups = Annotated[dict[Channel, Channel | None], AfterValidator(_check_backups)]
"""Instead of a channel, which one: over the defaults; null for none."""


class HasBackups(Protocol):
    """A policy that says which channel stands in for which."""

    @property
    def backups(self) -> Mapping[Channel, Channel | None]:
        """The backup of each channel that the policy names."""


def next_channel(policy: HasBackups, tried: Collection[Channel]) -> Channel | None:
    """The channel to try after these, in the order in which they were tried; None when none is left.

    It follows the backups from the last one that was tried, past those that were tried before. None for
    an empty `tried`: the first channel is for the level's rule to choose.
    """
    order = list(tried)
    if not order:
        return None
    channel: Channel | None = order[-1]
    passed: set[Channel] = set()
    while channel is not None and channel not in passed:
        passed.add(channel)
        channel = policy.backups.get(channel, DEFAULT_BACKUPS.get(channel))
        if channel is not None and channel not in order:
            return channel
    return None
