"""How activities are called: time-outs and retries of everything that is not an SOP's to decide.

These are technical durations in real time. The accelerated clock does not change them.
"""

from datetime import timedelta
from typing import TypedDict

from temporalio.common import Priority, RetryPolicy

from domain.handlers import Queue
from domain.task import Priority as TicketPriority

DEFAULT_STEP_TIMEOUT = timedelta(seconds=30)
DEFAULT_STEP_RETRIES = 3
"""More attempts for a step whose SOP says nothing."""

FOREVER = RetryPolicy(
    initial_interval=timedelta(milliseconds=500),
    backoff_coefficient=2,
    maximum_interval=timedelta(seconds=20),
)
"""For what must happen and can wait: the record of a ticket, an unknown outcome at the bank."""


UNKNOWN_PATIENCE = timedelta(seconds=20)
"""How long an outcome at the bank may stay unknown before people are told."""


class LocalOptions(TypedDict):
    """Keyword arguments of a local activity of the workflow's own."""

    start_to_close_timeout: timedelta
    retry_policy: RetryPolicy
    local_retry_threshold: timedelta


LOCAL: LocalOptions = {
    "start_to_close_timeout": timedelta(seconds=15),
    "retry_policy": RetryPolicy(
        initial_interval=timedelta(milliseconds=200),
        backoff_coefficient=2,
        maximum_interval=timedelta(minutes=2),
    ),
    # From here on a durable timer waits for the next attempt: while the store is down, a ticket writes a few
    # events every two minutes instead of a few every eight seconds.
    "local_retry_threshold": timedelta(seconds=5),
}

HEARTBEAT = timedelta(seconds=15)
"""A worker that dies in a call to the bank is noticed after this time, not only after the step's time-out."""

ALERT_TIMEOUT = timedelta(seconds=60)
ALERT_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    backoff_coefficient=2,
    maximum_interval=timedelta(seconds=30),
    maximum_attempts=12,
)
"""About four minutes: a ticket closes even when nobody can be told, and its timeline says so."""


def step_retry(more_attempts: int | None) -> RetryPolicy:
    """The retry policy of a step: `retry: 3` means three attempts beyond the first."""
    more = DEFAULT_STEP_RETRIES if more_attempts is None else more_attempts
    return RetryPolicy(
        initial_interval=timedelta(seconds=1),
        backoff_coefficient=2,
        maximum_interval=timedelta(seconds=30),
        maximum_attempts=more + 1,
    )


def heartbeat_of(queue: Queue, timeout: timedelta) -> timedelta | None:
    """How long the worker of a long call to the bank may be silent before another one takes over."""
    return HEARTBEAT if queue is Queue.CORE_BANK and timeout > HEARTBEAT else None


def queue_priority(priority: TicketPriority) -> Priority:
    """Where a ticket's activities stand in their queue: P1 first."""
    return Priority(priority_key=priority.rank)
