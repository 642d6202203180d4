"""What an attempt of an activity can know of the attempts before it."""

from temporalio import activity


def earlier_attempts_were_not_taken() -> bool:
    """Whether each attempt so far is known not to have reached the other side.

    Such an attempt leaves its number as its heartbeat (`note_not_taken`). An attempt that was cut off
    leaves none, or an older number, and counts as sent. Without this, a service that is down would look
    like an unknown outcome.
    """
    info = activity.info()
    return info.attempt == 1 or list(info.heartbeat_details) == [info.attempt - 1]


def note_not_taken() -> None:
    """Leaves word for the next attempt that this one changed nothing."""
    activity.heartbeat(activity.info().attempt)
