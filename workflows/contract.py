"""The contract of the ticket workflow: its id, its queue, what it takes, what it answers.

Clients (API, CLI, intake services, the Temporal UI) need nothing else.
"""

from typing import Any, Final

from pydantic import Field

from definitions.book import PinnedSop
from domain.clock import BankClock
from domain.handlers import Queue
from domain.lifecycle import TicketState
from domain.model import Instant, Model, Record
from domain.task import Identifier, OpsTask
from workflows.snapshot import TicketSnapshot

WORKFLOW_TYPE: Final = "TicketWorkflow"
TASK_QUEUE: Final = Queue.TICKETS.value

DECIDE_UPDATE: Final = "decide"
DECIDE_SIGNAL: Final = "submit_decision"
VIEW_QUERY: Final = "view"
TIMELINE_QUERY: Final = "timeline"
SOP_QUERY: Final = "sop"
JOURNAL_QUERY: Final = "journal"
TERMS_UPDATE: Final = "review_terms"
EVENT_UPDATE: Final = "deliver_event"
EVENT_SIGNAL: Final = "submit_event"
COMMANDS: Final = (
    "hold",
    "resume",
    "reassign",
    "claim",
    "unclaim",
    "retry_step",
    "skip_step",
    "cancel",
    "migrate",
)
CLAIMS: Final = ("claim", "unclaim")
"""Commands that whoever works on tickets of the group may give, and not operators alone."""


def workflow_id(task_id: str) -> str:
    """The workflow id of a ticket."""
    return f"ticket-{task_id}"


class TicketInput(Model):
    """Starts a ticket. Only `task` is needed; the rest has defaults for intake services."""

    task: OpsTask
    maker: str = "intake"
    """The authenticated principal that handed it in; never its approver."""
    received_at: Instant | None = None
    """Bank time of receipt; None: when the workflow starts."""
    clock: BankClock = BankClock()
    carry: TicketSnapshot | None = None
    """Only between the runs of one ticket; a start that brings one is refused."""


class TicketResult(Record):
    """How a ticket ended."""

    task_id: str
    state: TicketState
    result: str
    risk: str
    sop: str
    sop_digest: str
    spot_check: bool = False
    closed_at: Instant


class Command(Model):
    """An operator's command. The code proves who gives it; without one it is recorded and refused."""

    reason: str = Field(min_length=1, max_length=2000)
    code: str = Field(default="", max_length=4096)
    group: str | None = Field(default=None, max_length=100, description="for reassign: the new group")
    step: str | None = Field(
        default=None, max_length=200, description="for retry and skip, where several steps have failed"
    )
    sop_digest: str | None = Field(
        default=None, pattern=r"^[0-9a-f]{64}$", description="for migrate: the version to move to"
    )


class OutsideEvent(Model):
    """Something that happened outside and that an SOP may wait for. The code proves who says so."""

    name: Identifier
    event_id: str = Field(min_length=1, max_length=100, description="the same for repeats of one event")
    data: dict[str, Any] = Field(default_factory=dict, max_length=50)
    code: str = Field(default="", max_length=4096)


def event_content(task_id: str, event: OutsideEvent) -> dict[str, Any]:
    """What an event's code is bound to."""
    return {"task_id": task_id, "name": event.name, "event_id": event.event_id, "data": event.data}


class FinishedStep(Record):
    """A step that came to something in this ticket."""

    key: str
    step_id: str
    outcome: str
    code: str = ""
    """The error code, where the outcome is `failed`."""


class JournalView(Record):
    """What a ticket has done under which SOP: whether it can move to another version follows from it."""

    sop: PinnedSop
    finished: tuple[FinishedStep, ...] = ()
    unfinished: tuple[str, ...] = ()
    """Keys of steps that have begun and not ended."""


class CommandOutcome(Record):
    """What the operator learns."""

    accepted: bool
    code: str
    message: str
    state: TicketState


def command_content(verb: str, task_id: str, command: Command) -> dict[str, str | None]:
    """What a command's code is bound to."""
    content = {"verb": verb, "task_id": task_id, "reason": command.reason, "group": command.group}
    more = {"step": command.step, "sop_digest": command.sop_digest}
    return content | {name: value for name, value in more.items() if value is not None}
