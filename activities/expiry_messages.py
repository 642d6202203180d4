"""The contract of the expiry workflow: its id, its queue, what it takes, what it answers."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, Literal

from pydantic import Field

from domain.clock import BankClock
from domain.expiry import ExpiryState, Measure
from domain.handlers import Queue
from domain.model import Instant, Model, Record
from domain.steps import StepOutput
from domain.task import OpsTask

EXPIRY_WORKFLOW: Final = "ExpiryWorkflow"
EXPIRY_QUEUE: Final = Queue.TICKETS.value

RENEW_UPDATE: Final = "renew"
CLOSE_UPDATE: Final = "close"
LIFT_SIGNAL: Final = "lift"
EXPIRY_QUERY: Final = "expiry"


def expiry_workflow_id(measure_id: str) -> str:
    """The workflow id of a measure's expiry."""
    return f"expiry-{measure_id}"


def purpose_of(verb: str) -> str:
    """What a code is for that renews or closes a measure; its subject is the measure's id."""
    return f"expiry:{verb}"


def renewal_content(measure_id: str, ends_at: datetime, document_no: str) -> dict[str, Any]:
    """What the code of a renewal is bound to."""
    return {
        "measure_id": measure_id,
        "ends_at": ends_at.astimezone(UTC).isoformat(),
        "document_no": document_no,
    }


def closing_content(measure_id: str, why: str) -> dict[str, Any]:
    """What the code of a closing is bound to."""
    return {"measure_id": measure_id, "why": why}


class ReleaseOrder(Record):
    """What to release, as the effect of the ticket took it."""

    account_ref: str
    amount: Decimal | None = None
    currency: str = "CNY"


class ExpiryCarry(Record):
    """What one run of an expiry leaves to the next."""

    state: ExpiryState
    recorded: int


class ExpiryInput(Record):
    """Starts an expiry."""

    measure: Measure
    order: ReleaseOrder
    clock: BankClock = BankClock()
    steps_per_run: int = Field(default=200, ge=1)
    """Things done after which the run is continued as new."""
    carry: ExpiryCarry | None = None
    """Only between the runs of one expiry."""


class Renewal(Model):
    """A new order came before the end. The code proves who says so."""

    ends_at: Instant
    document_no: str = Field(min_length=1, max_length=60, description="of the order that renews it")
    code: str = Field(default="", max_length=4096)


class Closing(Model):
    """The measure is over, or was dealt with by hand. The code proves who says so."""

    why: str = Field(min_length=1, max_length=2000)
    code: str = Field(default="", max_length=4096)


class Lifted(Model):
    """Another ticket released the measure, or its own undid it."""

    by: str = Field(max_length=100, description="the ticket")
    why: str = Field(max_length=200)


class ExpiryReply(Record):
    """What whoever asked learns."""

    measure_id: str
    accepted: bool
    code: str
    """accepted, decision_code_invalid, not_permitted, four_eyes, input_invalid, late."""
    message: str
    ends_at: Instant


class ExpiryResult(Record):
    """How an expiry ended."""

    measure_id: str
    outcome: str
    why: str
    closed_at: Instant


class EffectDone(Record):
    """A freeze or a release that a ticket carried out."""

    task: OpsTask
    maker: str = ""
    step: str
    """Key of the step; of a compensation that of the step that it undoes, with `.compensation`."""
    action: Literal["freeze", "unfreeze"]
    risk: str = "medium"
    inputs: dict[str, Any] = Field(default_factory=dict)
    output: StepOutput
    at: Instant
    """Bank time."""
    clock: BankClock = BankClock()


class EffectWatched(Record):
    """What became of it."""

    started: str = ""
    """The measure that is watched from now on."""
    ends_at: Instant | None = None
    lifted: tuple[str, ...] = ()
    """The measures that are over by it."""


class OthersOnAccount(Record):
    """Asks which other measures are in force on the account of one."""

    measure: Measure
