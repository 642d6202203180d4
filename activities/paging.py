"""Paging: who is on call now, the notifications of a page, and its record.

Sending is at least once, under a notice id that is the same for every repeat. Before each message goes out
the store is asked whether somebody has acknowledged meanwhile: a message that waited in a queue, or whose
worker came back, rings nobody any more.
"""

import logging
from collections.abc import Mapping
from datetime import tzinfo
from zoneinfo import ZoneInfo

from activities.catalogue import task
from activities.on_call import overrides_in_force
from activities.page_matters import moved_since, over_because
from activities.page_messages import OnCallAnswer, OnCallQuestion, PageDelivery, PageNotice
from activities.ports import AddressBook, ChannelSender, NoticeLog, RulebookSource, TicketReader
from activities.ports.pages import PageLinks, PageStore, RosterOverrides
from activities.sending import NoticeSending, with_backups
from domain.errors import ChannelFailed, StoreUnavailable
from domain.notices import Channel, Notice
from domain.page_views import PageProgress
from domain.paging import PageRequest
from domain.roster import next_handover, on_call

_LOG = logging.getLogger(__name__)


class PageActivities:
    """The page workflow's own, quick ones: local activities."""

    def __init__(
        self,
        rulebook: RulebookSource,
        pages: PageStore,
        overrides: RosterOverrides,
        tickets: TicketReader | None = None,
    ) -> None:
        """Without `tickets` only messages end a page."""
        self._rulebook = rulebook
        self._pages = pages
        self._overrides = overrides
        self._tickets = tickets

    @task
    def resolve_on_call(self, question: OnCallQuestion) -> OnCallAnswer:
        """Whom to page for a group now, and whether there is still something to page about."""
        book = self._rulebook.current()
        stored = overrides_in_force(self._overrides, question.at)
        over, moves = self._standing(question)
        supervisors = book.directory.group(book.paging.supervisor)
        handover = next_handover(book.roster, question.at, group=question.group, overrides=stored)
        return OnCallAnswer(
            line=on_call(book.roster, question.at, group=question.group, overrides=stored),
            supervisor=supervisors.lead if supervisors else "",
            next_handover_at=handover.at if handover else None,
            policy=book.paging,
            over=over,
            moves=moves,
        )

    @task
    def record_page(self, progress: PageProgress) -> None:
        """Writes a page's progress into the store; repeats change nothing."""
        self._pages.record(progress)

    def _standing(self, question: OnCallQuestion) -> tuple[str, bool]:
        """Why the matter is over, and whether it moves. A store that does not answer ends no page."""
        matters, since = question.matters, question.quiet_since
        if self._tickets is None or not matters:
            return "", False
        try:
            over = over_because(self._tickets, matters)
            moves = not over and since is not None and moved_since(self._tickets, matters, since)
        except StoreUnavailable as error:
            _LOG.warning("what a page is about cannot be read, so it rings on: %s", error)
            return "", False
        return over, moves


class PageSending:
    """The activity that sends a page's notifications."""

    def __init__(
        self,
        *,
        senders: Mapping[Channel, ChannelSender],
        log: NoticeLog,
        addresses: AddressBook,
        rulebook: RulebookSource,
        pages: PageStore,
        links: PageLinks | None = None,
    ) -> None:
        self._sending = NoticeSending(senders, log)
        self._addresses = addresses
        self._rulebook = rulebook
        self._pages = pages
        self._links = links

    @task
    def send_page(self, order: PageNotice) -> PageDelivery:
        """Sends one notification: on all its channels, then on the backups, its own and those of
        `alerts.yaml`, until one takes it.

        What no channel took is said in the answer, not raised: the page climbs.
        """
        notice = order.notice
        sent: list[str] = []
        failed: list[str] = []
        policy = self._rulebook.current().alerts
        for channel in with_backups(policy, (*notice.channels, *notice.backups)):
            if sent and channel not in notice.channels:
                break
            if notice.reason != "manual_queue" and not self._may_ring(order.page.page_id):
                return PageDelivery(sent=tuple(sent), failed=tuple(failed), withheld=True)
            problem = self._tell(order, channel)
            if problem:
                failed.append(f"{channel}: {problem}")
            else:
                sent.append(channel.value)
        return PageDelivery(sent=tuple(sent), failed=tuple(failed))

    def _tell(self, order: PageNotice, channel: Channel) -> str:
        """Tells the person on this channel; why it could not be done, or nothing."""
        page, to = order.page, order.notice.to
        addresses = self._addresses.addresses(to, channel)
        if not addresses:
            self._sending.note(self._notice(order, channel, 1), accepted=False, detail="no address")
            return "no address"
        problems = []
        for place, address in enumerate(addresses, start=1):
            notice = self._notice(order, channel, place)
            try:
                self._sending.send_once(notice, address)
            except ChannelFailed as error:
                problems.append(str(error).removeprefix(f"{channel}: "))
        if len(problems) < len(addresses):
            return ""
        _LOG.warning("page %s: %s took no message", page.page_id, channel)
        return "; ".join(dict.fromkeys(problems))

    def _notice(self, order: PageNotice, channel: Channel, place: int) -> Notice:
        page, notice = order.page, order.notice
        link = self._links.url(page, notice.to, notice.step) if self._links and _rings(order) else ""
        zone = ZoneInfo(self._rulebook.current().duty.timezone)
        suffix = f"/{place}" if place > 1 else ""
        return Notice(
            notice_id=f"{page.page_id}/page-{notice.step}/{channel}/{notice.to}{suffix}",
            channel=channel,
            to=notice.to,
            subject=page_subject(page),
            body=page_text(order, zone, link),
            task_id=page.task_id,
        )

    def _may_ring(self, page_id: str) -> bool:
        try:
            return self._pages.may_ring(page_id)
        except StoreUnavailable:
            # One message too many is a smaller harm than none.
            return True


def page_subject(page: PageRequest) -> str:
    """What stands on the lock screen."""
    return f"{'DRILL ' if page.drill else ''}{page.priority} page: {page.subject}"


def page_text(order: PageNotice, zone: tzinfo, link: str) -> str:
    """What whoever is paged reads: the matter, until when, the choices, what silence means, how to answer."""
    page, notice = order.page, order.notice
    until = f"Until {page.deadline_at.astimezone(zone):%m-%d %H:%M}." if page.deadline_at else ""
    choices = f"You can: {', '.join(page.choices)}." if page.choices else ""
    silence = f"If nobody answers: {page.silence}." if page.silence else ""
    why = _WHY.get(notice.reason, "")
    if notice.reason == "manual_queue":
        answer = f"See: opsloop page show {page.page_id}"
    elif link:
        answer = f"Acknowledge (approves nothing): {link}"
    else:
        answer = f"Acknowledge (approves nothing): opsloop page ack {page.page_id}"
    subject = page.subject if page.subject.endswith((".", "?", "!", "。", "？")) else f"{page.subject}."
    return " ".join(part for part in (why, subject, until, choices, silence, answer) if part)


_WHY = {
    "climb": "Nobody answered before you.",
    "supervisor": "Nobody on call answered.",
    "stale": "It was acknowledged, and nothing has happened since.",
    "handover": "You have taken over the shift, with this open page.",
    "manual_queue": "Nobody answered this page; it waits for your group.",
}
"""Why this person is told, where it is not plain."""


def _rings(order: PageNotice) -> bool:
    return order.notice.reason != "manual_queue"
