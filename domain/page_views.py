"""Pages as people read them, and the sheet that one shift leaves to the next."""

from typing import Literal

from domain.model import Instant, Record
from domain.paging import PageRequest, PageState, Reason
from domain.roster import Duty, Override

Fate = Literal["ordered", "sent", "failed", "withheld"]
"""Of a notification. withheld: the page was acknowledged before it went out."""


class PageStep(Record):
    """Who was paged when, and what became of it."""

    step: int
    to: str
    reason: Reason
    at: Instant
    fate: Fate = "ordered"
    sent: tuple[str, ...] = ()
    """The channels that took it."""
    failed: tuple[str, ...] = ()
    """`channel: why` for each that did not."""


class PageView(Record):
    """A page, where it stands, and everybody whom it told."""

    page: PageRequest
    state: PageState
    steps: tuple[PageStep, ...] = ()


class RefusedAcknowledgement(Record):
    """Somebody tried to acknowledge and could not."""

    at: Instant
    actor: str
    code: str
    message: str


class PageProgress(Record):
    """What is new about a page, and how it stands after it."""

    page: PageRequest
    state: PageState
    number: int
    """Of this record: a later one wins, a repeat changes nothing."""
    steps: tuple[PageStep, ...] = ()
    refused: tuple[RefusedAcknowledgement, ...] = ()


class LinkUse(Record):
    """When an acknowledgement link was used, and by whom."""

    by: str
    at: Instant


class SheetLine(Record):
    """One ticket or review on a hand-over sheet. It names no customer and no account."""

    id: str
    task_id: str
    title: str
    group: str
    why: str = ""
    """What it waits for, its result, or the question."""
    at: Instant | None = None
    """When it ended, when it has to be answered, or when it expires."""


class HandoverSheet(Record):
    """What the next shift has to know."""

    rotation: str
    shift: str
    since: Instant
    at: Instant
    outgoing: tuple[str, ...]
    """Who is on call, in order."""
    incoming: str = ""
    """Who is in charge next."""
    handover_at: Instant | None = None
    next_shift: Duty | None = None
    ran_alone: tuple[SheetLine, ...] = ()
    """Completed in this shift without any person's decision."""
    waiting: tuple[SheetLine, ...] = ()
    """Reviews that nobody has answered."""
    holds: tuple[SheetLine, ...] = ()
    expiries: tuple[SheetLine, ...] = ()
    """Deadlines of open tickets within the next day, and those that have passed."""
    measures: tuple[SheetLine, ...] = ()
    """Stops and freezes that end within three days, or have ended and wait for a person."""
    pages: tuple[PageView, ...] = ()
    """That are not over."""
    overrides: tuple[Override, ...] = ()
    """In force, or to come within the next day."""
    left_out: dict[str, int] = {}
    """How many lines of a list the sheet has no room for."""
