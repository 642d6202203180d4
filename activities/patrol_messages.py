"""The contract of the patrol: its id, what it takes, what it answers."""

from typing import Final

from domain.clock import BankClock
from domain.handlers import Queue
from domain.model import Instant, Record

PATROL_ID: Final = "patrol"
PATROL_TYPE: Final = "PatrolWorkflow"
PATROL_QUEUE: Final = Queue.TICKETS.value


class PatrolInput(Record):
    """Starts a patrol."""

    clock: BankClock = BankClock()
    repeating: bool = False
    """Waits for its next turn itself and begins anew: where bank time is not real time."""


class PatrolOrder(Record):
    """One round."""

    at: Instant
    """Bank time."""
