"""What the workflow sends to its own activities (handlers have `StepInput` and `StepOutput`)."""

from definitions.book import PinnedSop
from domain.clock import BankClock
from domain.dispatch.answer import DispatchAnswer
from domain.model import Instant, Record
from domain.people import Principal
from domain.rollout import Placement
from domain.sla import SlaTerms
from domain.task import OpsTask, RiskLevel
from domain.ticket import TicketEvent, TicketView


class OpenTicket(Record):
    """Asks for everything that a ticket pins at its start."""

    task: OpsTask
    now: Instant
    """Bank time."""
    received_at: Instant | None = None
    """Since when the ticket's clocks run, in bank time; None: since now."""
    clock: BankClock = BankClock()
    """The clock that the start asked for."""


class Opening(Record):
    """What a ticket is from now on: no later edit of a definition changes it."""

    answer: DispatchAnswer
    sop: PinnedSop
    sla: SlaTerms
    timezone: str = "UTC"
    """The bank's zone, for texts that people read."""
    rollout: Placement | None = None
    """The ticket's place in the rollout of a version that could serve it."""
    shadow: PinnedSop | None = None
    """The candidate that is interpreted in shadow when the ticket has ended."""


class ReopenTicket(Record):
    """Asks for the version in force of the SOP that a ticket runs under."""

    opening: Opening
    digest: str
    """The version that was asked for; another one in force by now is refused."""
    task: OpsTask
    received_at: Instant
    """Since when the ticket's clocks run, in bank time."""


class AgreeAnew(Record):
    """Asks for the terms that would hold for a running ticket by the policies and calendars in force."""

    opening: Opening
    task: OpsTask
    received_at: Instant
    """Since when the ticket's clocks run, in bank time."""


class Progress(Record):
    """New events of a ticket and its state after them."""

    events: tuple[TicketEvent, ...]
    view: TicketView


class GateQuestion(Record):
    """May an effect of this risk run now?"""

    risk: RiskLevel
    now: Instant
    category: str = ""
    """With the action: the kind, whose automatic authority may be withdrawn. Empty: no kind."""
    action: str = ""


class CodeCheck(Record):
    """Whose code is this, and was it given for this purpose and this content?"""

    code: str
    purpose: str
    """`decide`, or `command:<verb>`."""
    subject: str
    """The review id, or the task id of a command."""
    digest: str
    """SHA-256 of what was shown; for commands of what is asked."""


class CodeVerdict(Record):
    """The principal, or the problem."""

    principal: Principal | None = None
    problem: str = ""
