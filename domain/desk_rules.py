"""How alert desks merge, repeat and forget: `desk` of `policies/alerts.yaml`. Durations are bank time."""

from datetime import timedelta
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from domain.duration import Duration
from domain.model import Model

_SHORTEST: Final = timedelta(seconds=1)
_LONGEST: Final = timedelta(hours=4)


def _sensible(duration: timedelta) -> timedelta:
    if not _SHORTEST <= duration <= _LONGEST:
        raise ValueError("expected a duration from 1s to 4h")
    return duration


_Pause = Annotated[Duration, AfterValidator(_sensible)]


class DeskRules(Model):
    """The rules of a desk. One that runs takes those in force with its next alert."""

    window: _Pause = Field(
        default=timedelta(minutes=5),
        description="how long orange is collected, and how long a type is quiet until it begins anew",
    )
    again: tuple[_Pause, ...] = Field(
        default=(timedelta(seconds=60), timedelta(minutes=5)),
        min_length=1,
        max_length=10,
        description="between notifications of an urgent desk alert, the last for all that follow",
    )
    retry_after: _Pause = Field(
        default=timedelta(minutes=5),
        description="until a notification that reached nobody is tried again",
    )
    most_rounds: int = Field(default=12, ge=1, le=1_000, description="how often it is tried again")
    most_tickets: int = Field(
        default=1_000,
        ge=10,
        le=10_000,
        description="tickets that a desk remembers; one that is forgotten is told again, never the other way",
    )
    most_seen: int = Field(default=2_000, ge=10, le=20_000, description="alerts whose repeats it knows")
