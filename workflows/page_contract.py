"""The contract of the page workflow: its id, its queue, what it takes, what it answers."""

from typing import Final

from pydantic import Field

from domain.alert_pages import Matter
from domain.clock import BankClock
from domain.handlers import Queue
from domain.model import Instant, Model, Record
from domain.paging import PagePhase, PageRequest, PageState
from domain.paging_policy import PagingPolicy

PAGE_WORKFLOW: Final = "PageWorkflow"
PAGE_QUEUE: Final = Queue.TICKETS.value

ACKNOWLEDGE_UPDATE: Final = "acknowledge"
RESOLVE_SIGNAL: Final = "resolve"
PROGRESS_SIGNAL: Final = "progress"
PAGE_QUERY: Final = "page"
OUTCOME_SIGNAL: Final = "page_outcome"
"""What a page sends to `PageInput.report_to`: acknowledged, over, or that nobody answered. `PageOutcome`."""
TAKEN_SIGNAL: Final = "taken"
ALSO_SIGNAL: Final = "also_about"

ACK_PURPOSE: Final = "ack:page"
"""What a code is for that acknowledges a page; its subject is the page's id, its digest the page's."""


def page_workflow_id(page_id: str) -> str:
    """The workflow id of a page."""
    return f"page-{page_id}"


class PageCarry(Record):
    """What one run of a page leaves to the next."""

    state: PageState
    policy: PagingPolicy
    recorded: int
    """How often the page was recorded: later records win."""
    matters: tuple[Matter, ...] = ()


class PageInput(Model):
    """Starts a page."""

    page: PageRequest
    clock: BankClock = BankClock()
    policy: PagingPolicy | None = None
    """None: that of the rulebook in force when the page begins, which it then keeps."""
    matters: tuple[Matter, ...] = ()
    """What it is about: once the store has all of it as over, so is the page. None: a message ends it."""
    report_to: str = Field(default="", max_length=300)
    """The id of the workflow that learns by the signal `page_outcome` what becomes of the page."""
    steps_per_run: int = Field(default=100, ge=1)
    """Notifications after which the run is continued as new."""
    carry: PageCarry | None = None
    """Only between the runs of one page."""


class Acknowledgement(Model):
    """A person looks at it. The code proves who; acknowledging approves nothing."""

    code: str = Field(default="", max_length=4096)
    via: str = Field(default="", max_length=20, description="how: link, cli, api or ui")


class AckOutcome(Record):
    """What whoever acknowledges learns."""

    page_id: str
    accepted: bool
    code: str
    """accepted, decision_code_invalid, not_permitted, conflict, late."""
    message: str
    acknowledged_by: str = ""
    acknowledged_at: Instant | None = None


class Taken(Model):
    """Somebody acknowledged the matter elsewhere, proved there."""

    by: str = Field(min_length=1, max_length=100)


class AlsoAbout(Model):
    """What the page is about from now on; nothing: more than can be named."""

    matters: tuple[Matter, ...] = ()


class Resolution(Model):
    """The matter is over, so the page is."""

    why: str = Field(min_length=1, max_length=200, description="a few stable words: decided, cancelled …")


class PageOutcome(Record):
    """How a page ended, or that nobody answers it."""

    page_id: str
    task_id: str
    phase: PagePhase
    outcome: str
    """`manual_queue`, `reject`: nobody answered; `keep_waiting`: nobody did so far, and it rings on; else
    why it is over."""
    acknowledged_by: str = ""
    acknowledged_at: Instant | None = None
    notifications: int = 0
    at: Instant
