"""Tests of channels: one real message to somebody of the bank, marked as a test."""

from collections.abc import Mapping

from activities.catalogue import task
from activities.ports import AddressBook, ChannelSender, NoticeLog
from activities.ports.channels import NamedProviders
from domain.errors import ChannelFailed, NotFound, StoreUnavailable
from domain.notices import Channel, ChannelTest, ChannelTestResult, Delivery, Notice

_SUBJECT = "[TEST 测试] opsloop"
_BODY = (
    "This is a test of the channel {channel}. Nothing is wrong, nothing is to be done.\n"
    "这是一条测试消息（渠道 {channel}），无需处理。"
)


class ChannelTestActivities:
    """Runs where messages are sent from, so that it tests what really sends."""

    def __init__(
        self, senders: Mapping[Channel, ChannelSender], log: NoticeLog, addresses: AddressBook
    ) -> None:
        self._senders = senders
        self._log = log
        self._addresses = addresses

    @task
    def send_channel_test(self, test: ChannelTest) -> ChannelTestResult:
        """Sends it once to each address of the receiver. A channel that fails is an answer, not an error."""
        taken, words = self._outcome(test)
        result = ChannelTestResult(
            test_id=test.test_id, channel=test.channel, to=test.to, taken=taken, detail=words
        )
        self._keep(test, result)
        return result

    def _outcome(self, test: ChannelTest) -> tuple[bool, str]:
        if test.channel not in self._senders:
            return False, f"{test.channel}: not configured; set OPSLOOP_{test.channel.upper()}_URL"
        addresses = self._addresses.addresses(test.to, test.channel)
        if not addresses:
            return False, f"{test.channel}: the directory has no address for {test.to}"
        words: list[str] = []
        taken = 0
        for place, address in enumerate(addresses, start=1):
            try:
                words.append(self._send(test, _notice(test, place), address))
                taken += 1
            except (ChannelFailed, NotFound) as error:
                words.append(str(error))
        return taken == len(addresses), "; ".join(dict.fromkeys(words))

    def _send(self, test: ChannelTest, notice: Notice, address: str) -> str:
        sender = self._senders[test.channel]
        if not test.provider:
            return sender.send(notice, address)
        if isinstance(sender, NamedProviders):
            return sender.send_by(test.provider, notice, address)
        raise NotFound(f"{test.channel}: its providers have no names")

    def _keep(self, test: ChannelTest, result: ChannelTestResult) -> None:
        notice = _notice(test, 1)
        delivery = Delivery(
            notice_id=notice.notice_id, channel=test.channel, accepted=result.taken, detail=result.detail
        )
        try:
            self._log.record(notice, delivery)
        except StoreUnavailable:
            # Who asked still learns the result, and the desk's audit has it.
            return


def _notice(test: ChannelTest, place: int) -> Notice:
    suffix = f"/{place}" if place > 1 else ""
    return Notice(
        notice_id=f"channel-test/{test.test_id}{suffix}",
        channel=test.channel,
        to=test.to,
        subject=_SUBJECT,
        body=_BODY.format(channel=test.channel),
    )
