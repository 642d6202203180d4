"""The contract of the watch over trends: its id, what it takes, what it answers."""

from datetime import timedelta
from typing import Final

from domain.alerts import Alert
from domain.clock import BankClock
from domain.duration import Duration
from domain.handlers import Queue
from domain.model import Instant, Record

TREND_ID: Final = "trends"
TREND_TYPE: Final = "TrendWorkflow"
TREND_QUEUE: Final = Queue.TICKETS.value


class TrendInput(Record):
    """Starts a look."""

    clock: BankClock = BankClock()
    repeating: bool = False
    """Waits for its next turn itself and begins anew: where bank time is not real time."""


class TrendOrder(Record):
    """One look."""

    at: Instant
    """Bank time."""


class EndedSurge(Record):
    """A surge that is over, and the group whose desk has its alert."""

    surge_id: str
    desk: str


class TrendLook(Record):
    """What a look came to."""

    at: Instant
    similar: int = 0
    """How many kinds of tickets were looked at."""
    surging: tuple[str, ...] = ()
    """Names of those that surge now."""
    raised: tuple[Alert, ...] = ()
    """To be told."""
    ended: tuple[EndedSurge, ...] = ()
    """To be told as well."""
    every: Duration = timedelta(minutes=1)
    """Bank time until the next look."""
