"""What the page workflow sends to its activities, and what they answer."""

from domain.model import Instant, Record
from domain.paging import Notify, PageRequest, PagingPolicy


class OnCallQuestion(Record):
    """Who is on call for a group?"""

    group: str
    at: Instant
    """Bank time."""


class OnCallAnswer(Record):
    """Whom to page now, and by which rules."""

    line: tuple[str, ...]
    supervisor: str = ""
    """The lead of the policy's supervisor group."""
    next_handover_at: Instant | None = None
    policy: PagingPolicy


class PageNotice(Record):
    """One notification of a page."""

    page: PageRequest
    notice: Notify


class PageDelivery(Record):
    """What became of a notification."""

    sent: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    """`channel: why`."""
    withheld: bool = False
    """The page was acknowledged meanwhile: nothing was sent from then on."""
