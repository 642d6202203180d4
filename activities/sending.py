"""Sending one notice and remembering it, and the channels that stand in for others."""

import logging
from collections.abc import Iterable, Mapping

from activities.ports import ChannelSender, NoticeLog
from domain.errors import ChannelFailed, StoreUnavailable
from domain.notices import Channel, Delivery, HasBackups, Notice, next_channel

_LOG = logging.getLogger(__name__)


class NoticeSending:
    """Hands notices to their channels; every attempt is in the log, as far as the log can be reached."""

    def __init__(self, senders: Mapping[Channel, ChannelSender], log: NoticeLog) -> None:
        self._senders = senders
        self._log = log

    def send(self, notice: Notice, address: str) -> None:
        """Raises `ChannelFailed` where the channel does not take it, or is not set up."""
        sender = self._senders.get(notice.channel)
        try:
            if sender is None:
                raise ChannelFailed(
                    f"{notice.channel}: not configured; set OPSLOOP_{notice.channel.upper()}_URL"
                )
            words = sender.send(notice, address)
        except ChannelFailed as error:
            self.note(notice, accepted=False, detail=str(error))
            raise
        self.note(notice, accepted=True, detail=words)

    def send_once(self, notice: Notice, address: str) -> None:
        """Sends what has not gone out under its id yet. Raises `ChannelFailed`.

        For people on duty: while the store is away they are told twice rather than not at all.
        """
        try:
            before = self._log.delivered(notice.notice_id)
        except StoreUnavailable:
            before = False
        if before:
            self.note(notice, accepted=True, repeated=True, detail="sent before")
        else:
            self.send(notice, address)

    def note(self, notice: Notice, *, accepted: bool, detail: str, repeated: bool = False) -> None:
        """Keeps what became of a notice."""
        delivery = Delivery(
            notice_id=notice.notice_id,
            channel=notice.channel,
            accepted=accepted,
            repeated=repeated,
            detail=detail,
        )
        try:
            self._log.record(notice, delivery)
        except StoreUnavailable as error:
            # The message is out, or its failure is reported already: failing now would send it again.
            _LOG.warning("notice %s is not in the log: %s", notice.notice_id, error)


def with_backups(policy: HasBackups, channels: Iterable[Channel]) -> tuple[Channel, ...]:
    """The channels, and after them those that the policy has stand in for the last one."""
    order = list(channels)
    while (following := next_channel(policy, order)) is not None:
        order.append(following)
    return tuple(order)
