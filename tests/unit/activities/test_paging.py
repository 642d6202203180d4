"""Sending a page: all channels, then the backups; stable ids; nobody after an acknowledgement."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from activities.page_messages import OnCallQuestion, PageNotice
from activities.paging import PageActivities, PageSending
from domain.errors import StoreUnavailable
from domain.notices import Channel
from domain.page_views import LinkUse, PageProgress, PageView
from domain.paging import Notify, PageRequest, Reason
from domain.paging_policy import PagingPolicy
from domain.roster import Override
from tests.fakes.channels import FakeAddressBook, FakeNoticeLog, FakeSender
from tests.fakes.rulebook import FakeRulebook

NOW = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
PAGE = PageRequest(
    page_id="P1",
    task_id="T1",
    group="Account Operations",
    subject="High risk waits",
    choices=("approve", "reject"),
    silence="it goes on waiting",
    deadline_at=NOW + timedelta(hours=1),
    opened_at=NOW,
)
SMS, WECOM, EMAIL = Channel.SMS, Channel.WECOM, Channel.EMAIL


class FakePages:
    """`PageStore`, as far as sending asks it."""

    def __init__(self) -> None:
        self.ringing = True
        self.asked = 0
        self.stops_after: int | None = None
        self.down = False
        self.records: list[PageProgress] = []

    def may_ring(self, page_id: str) -> bool:
        if self.down:
            raise StoreUnavailable("the database does not answer")
        self.asked += 1
        return self.ringing and (self.stops_after is None or self.asked <= self.stops_after)

    def record(self, progress: PageProgress) -> None:
        self.records.append(progress)

    def page(self, page_id: str) -> PageView | None:
        return None

    def pages(self, *, open_only: bool = False, limit: int = 50) -> Sequence[PageView]:
        return ()

    def claim_link(self, link_id: str, page_id: str, by: str) -> LinkUse | None:
        return None

    def link_use(self, link_id: str) -> LinkUse | None:
        return None

    def release_link(self, link_id: str) -> None:
        return None


class FakeLinks:
    def url(self, page: PageRequest, to: str, step: int) -> str:
        return f"https://pages.bank.example/pages/{page.page_id}-{to}-{step}"


class Desk:
    """Everything of one test."""

    def __init__(self, *, links: bool = False) -> None:
        self.senders = {channel: FakeSender() for channel in (SMS, WECOM, EMAIL)}
        self.log, self.pages = FakeNoticeLog(), FakePages()
        addresses = {("ann", channel): (f"{channel} of ann",) for channel in (SMS, WECOM, EMAIL)}
        self.sending = PageSending(
            senders=self.senders,
            log=self.log,
            addresses=FakeAddressBook({**addresses, ("Supervisors", EMAIL): ("one", "two")}),
            rulebook=FakeRulebook(),
            pages=self.pages,
            links=FakeLinks() if links else None,
        )

    def send(
        self,
        *channels: Channel,
        backups: tuple[Channel, ...] = (),
        reason: Reason = "first",
        to: str = "ann",
        page: PageRequest = PAGE,
    ):  # type: ignore[no-untyped-def]
        notice = Notify(step=1, to=to, reason=reason, channels=channels, backups=backups)
        return self.sending.send_page(PageNotice(page=page, notice=notice))

    def sent(self) -> list[str]:
        return [address for sender in self.senders.values() for address in sender.addresses]


def test_all_channels_are_used_and_no_backup_where_one_took_it() -> None:
    desk = Desk()
    delivery = desk.send(SMS, WECOM, backups=(EMAIL,))
    assert delivery.sent == ("sms", "wecom")
    assert desk.sent() == ["sms of ann", "wecom of ann"]


def test_the_backups_are_tried_in_order_until_one_takes_it() -> None:
    desk = Desk()
    desk.senders[SMS].refuse = 1
    delivery = desk.send(SMS, backups=(WECOM, EMAIL))
    assert (delivery.sent, delivery.failed) == (("wecom",), ("sms: refused",))
    assert desk.sent() == ["wecom of ann"]


def test_whom_nothing_reaches_is_told_of_not_raised() -> None:
    desk = Desk()
    for sender in desk.senders.values():
        sender.refuse = 9
    delivery = desk.send(SMS, backups=(WECOM, EMAIL))
    assert delivery.sent == ()
    assert len(delivery.failed) == 3
    assert desk.send(SMS, backups=(WECOM, EMAIL), to="bob").failed == (
        *(f"{each}: no address" for each in (SMS, WECOM, EMAIL)),
    )


def test_a_page_with_one_channel_has_the_backups_of_alerts() -> None:
    desk = Desk()
    desk.senders[SMS].refuse = desk.senders[WECOM].refuse = 1
    delivery = desk.send(SMS)
    assert (delivery.sent, delivery.failed) == (("email",), ("sms: refused", "wecom: refused"))


def test_a_repeat_after_a_crash_goes_out_once() -> None:
    desk = Desk()
    assert desk.send(SMS).sent == ("sms",)
    assert desk.send(SMS).sent == ("sms",)
    assert desk.sent() == ["sms of ann"]
    assert {notice.notice_id for notice, _ in desk.log.records} == {"P1/page-1/sms/ann"}


def test_nothing_goes_out_once_somebody_has_acknowledged() -> None:
    desk = Desk()
    desk.pages.ringing = False
    delivery = desk.send(SMS, WECOM)
    assert (delivery.withheld, delivery.sent, desk.sent()) == (True, (), [])


def test_an_acknowledgement_between_two_channels_stops_the_second() -> None:
    desk = Desk()
    desk.pages.stops_after = 1
    delivery = desk.send(SMS, WECOM)
    assert (delivery.withheld, delivery.sent) == (True, ("sms",))
    assert desk.sent() == ["sms of ann"]


def test_a_store_that_is_away_stops_no_page() -> None:
    desk = Desk()
    desk.pages.down = desk.log.down = True
    assert desk.send(SMS).sent == ("sms",)


def test_the_queue_is_told_although_the_page_rings_no_more() -> None:
    desk = Desk()
    desk.pages.ringing = False
    assert desk.send(EMAIL, reason="manual_queue", to="Supervisors").sent == ("email",)
    assert desk.sent() == ["one", "two"]
    assert "waits for your group" in desk.senders[EMAIL].sent[0][0].body


def test_a_message_has_the_matter_the_deadline_the_choices_silence_and_a_link() -> None:
    desk = Desk(links=True)
    desk.send(SMS, reason="supervisor")
    notice, _ = desk.senders[SMS].sent[0]
    assert notice.subject == "P1 page: High risk waits"
    assert notice.body == (
        "Nobody on call answered. High risk waits. Until 11-24 05:00. You can: approve, reject. "
        "If nobody answers: it goes on waiting. Acknowledge (approves nothing): https://pages.bank.example/pages/P1-ann-1"
    )
    desk.send(SMS, page=PAGE.model_copy(update={"page_id": "P2", "drill": True}))
    assert desk.senders[SMS].sent[1][0].subject == "DRILL P1 page: High risk waits"


class FakeOverrides:
    """`RosterOverrides` in a list."""

    def __init__(self, *kept: Override) -> None:
        self.kept = kept
        self.down = False

    def in_force(self, since: datetime) -> Sequence[Override]:
        if self.down:
            raise StoreUnavailable("the database does not answer")
        return [each for each in self.kept if each.ends_at > since]

    def add(self, override: Override) -> Override:
        return override

    def withdraw(self, override_id: str, *, by: str, why: str) -> Override:
        return self.kept[0]


@pytest.mark.parametrize("down", [False, True])
def test_overrides_go_first_and_a_store_that_is_away_leaves_the_roster(down: bool) -> None:
    override = Override(
        starts_at=NOW - timedelta(hours=1),
        ends_at=NOW + timedelta(hours=1),
        people=("duty.yang",),
        by="op",
        why="ill",
    )
    overrides = FakeOverrides(override)
    overrides.down = down
    rulebook = FakeRulebook(paging=PagingPolicy(supervisor="Operations Supervisor"))
    activities = PageActivities(rulebook, FakePages(), overrides)
    answer = activities.resolve_on_call(OnCallQuestion(group="Account Operations", at=NOW))
    assert answer.line == (("duty.liu", "duty.yang") if down else ("duty.yang", "duty.liu"))
    assert answer.supervisor == "ma.chao"
    assert answer.next_handover_at == (None if down else override.ends_at)
