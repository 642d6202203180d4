"""Channels, the notice log and an address book in memory, behind their ports."""

from collections.abc import Mapping, Sequence

from domain.errors import ChannelFailed, StoreUnavailable
from domain.notices import Channel, Delivery, Notice


class FakeSender:
    """Takes every message, except the next ones that it was told to refuse."""

    def __init__(self, *, refuse: int = 0) -> None:
        self.sent: list[tuple[Notice, str]] = []
        self.refuse = refuse

    @property
    def addresses(self) -> list[str]:
        """Where messages went, in order."""
        return [address for _, address in self.sent]

    def send(self, notice: Notice, address: str) -> str:
        if self.refuse > 0:
            self.refuse -= 1
            raise ChannelFailed(f"{notice.channel}: refused")
        self.sent.append((notice, address))
        return "taken"


class FakeNoticeLog:
    """Keeps all records. `down = True` makes it raise `StoreUnavailable`."""

    def __init__(self) -> None:
        self.records: list[tuple[Notice, Delivery]] = []
        self.down = False

    def delivered(self, notice_id: str) -> bool:
        self._check_up()
        return any(each.accepted for notice, each in self.records if notice.notice_id == notice_id)

    def record(self, notice: Notice, delivery: Delivery) -> None:
        self._check_up()
        self.records.append((notice, delivery))

    def _check_up(self) -> None:
        if self.down:
            raise StoreUnavailable("the database does not answer")


class FakeAddressBook:
    """Addresses by addressee and channel."""

    def __init__(self, addresses: Mapping[tuple[str, Channel], Sequence[str]]) -> None:
        self._addresses = dict(addresses)

    def addresses(self, to: str, channel: Channel) -> Sequence[str]:
        return self._addresses.get((to, channel), ())
