"""`paging.yaml`: how a page rings, and what happens when nobody answers it."""

from datetime import timedelta
from typing import Literal

from pydantic import Field, field_validator

from domain.duration import Duration
from domain.model import Model
from domain.notices import Channel

Answerless = Literal["keep_waiting", "manual_queue", "reject"]
"""What happens when no person acknowledges a page. None of them approves."""


class NobodyAnswers(Model):
    """What happens when a page rang so long and no person acknowledged it."""

    after: Duration = timedelta(minutes=45)
    then: Answerless = "keep_waiting"


class PagingPolicy(Model):
    """`paging.yaml`: how a page rings. All durations are bank time."""

    repeat_every: Duration = timedelta(minutes=5)
    """Between one notification and the next."""
    times: int = Field(default=2, ge=1, le=10)
    """How often a person is told before the page climbs to the next."""
    channels: tuple[Channel, ...] = Field(
        default=(Channel.SMS, Channel.WECOM, Channel.EMAIL), min_length=1, max_length=4
    )
    """Each is the backup of those before it: when they fail, and when a person does not acknowledge."""
    stale_after: Duration = timedelta(minutes=30)
    """How long an acknowledgement holds while nothing happens."""
    supervisor: str = ""
    """The group whose lead is told after everybody on call."""
    nobody_answers: NobodyAnswers = NobodyAnswers()

    @field_validator("channels")
    @classmethod
    def _reaches_people(cls, channels: tuple[Channel, ...]) -> tuple[Channel, ...]:
        if Channel.DASHBOARD in channels:
            raise ValueError("the dashboard wakes nobody; expected sms, wecom or email")
        if len(set(channels)) < len(channels):
            raise ValueError("a channel stands here twice")
        return channels
