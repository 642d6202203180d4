"""What the page workflow sends to its activities, and what they answer."""

from domain.alert_pages import Matter
from domain.model import Instant, Record
from domain.paging import Notify, PageRequest
from domain.paging_policy import PagingPolicy


class OnCallQuestion(Record):
    """Who is on call for a group? And is the matter still open?"""

    group: str
    at: Instant
    """Bank time."""
    matters: tuple[Matter, ...] = ()
    """What the page is about; none: only a message ends it."""
    quiet_since: Instant | None = None
    """When somebody acknowledged it, or the last that is known to have been done in it after that."""


class OnCallAnswer(Record):
    """Whom to page now, and by which rules."""

    line: tuple[str, ...]
    supervisor: str = ""
    """The lead of the policy's supervisor group."""
    next_handover_at: Instant | None = None
    policy: PagingPolicy
    over: str = ""
    """Why there is nothing to page about any more."""
    moves: bool = False
    """Somebody has done something in it since."""


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
