"""The contract of spot checks: ids, what the workflows take, what people send."""

from typing import Final

from domain.clock import BankClock
from domain.handlers import Queue
from domain.model import Instant, Record
from domain.spot_check import SpotCheck

SPOT_CHECK_TYPE: Final = "SpotCheckWorkflow"
DRAW_TYPE: Final = "SpotCheckDrawWorkflow"
TASK_QUEUE: Final = Queue.TICKETS.value
DECIDE_UPDATE: Final = "decide_spot_check"
CHECK_QUERY: Final = "check"
PURPOSE: Final = "spot_check"
"""What the code of an answer is given for."""
DRAW_ID: Final = "spot-check-draw"


def spot_check_id(task_id: str) -> str:
    """The workflow id of a ticket's spot check."""
    return f"spot-check-{task_id}"


class SpotCheckInput(Record):
    """Starts the check of one ticket."""

    check: SpotCheck
    clock: BankClock = BankClock()
    reminders: int = 0
    """How often people were told that it is late."""


class DrawInput(Record):
    """Starts a draw."""

    clock: BankClock = BankClock()
    repeating: bool = False
    """Waits for the next working morning of the bank's clock, draws, and begins anew: where bank time is not
    real time, no schedule of Temporal's could know the morning."""
    at: Instant | None = None
    """The draw that is under way, where it was continued as new."""
    after: str = ""


class DrawResult(Record):
    """What a draw came to."""

    at: Instant
    drawn: int = 0
    known: int = 0
    """Checks that ran already: they were drawn before."""
    left_out: int = 0
