"""Whether a handler works: failures in a row make it degraded, a probe that succeeds makes it healthy again.

While it is degraded, steps that have a fallback take it at once; now and then one call is let through as a
probe. A pure state machine over bank time. Calls are known by their idempotency keys, so that a repeat counts
once, and the retries of one call are one failure.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import Field

from domain.duration import Duration
from domain.errors import (
    BankUnavailable,
    ChannelFailed,
    InvalidInput,
    OrderRefused,
    OutcomeUnknown,
    ServiceUnavailable,
)
from domain.handlers import HandlerSpec
from domain.model import Instant, Model, Record
from domain.task import Identifier

LONGEST_HOLD: Final = timedelta(days=7)
"""How long a person may keep a handler degraded at a time."""
_LONGEST_REASON: Final = 300

_UNWELL: Final = frozenset(
    each.code for each in (OutcomeUnknown, BankUnavailable, ChannelFailed, ServiceUnavailable)
)
_ANSWERED: Final = frozenset({OrderRefused.code})
"""Failures by which the other side shows that it is there."""

Verdict = Literal["well", "unwell", "nothing"]
_Failures = Annotated[int, Field(ge=1, le=100, strict=True)]


def verdict_of(code: str) -> Verdict:
    """What a failure of this code says of the system behind a handler: bad input says nothing."""
    return "well" if code in _ANSWERED else "unwell" if code in _UNWELL else "nothing"


class HandlerRule(Model):
    """What holds for one handler instead."""

    failures: _Failures | None = Field(default=None, description="failed calls in a row")
    probe_every: Duration | None = Field(default=None, description="how long until one call is tried again")


class HandlerPolicy(Model):
    """`policies/handlers.yaml`."""

    failures: _Failures = Field(default=3, description="failed calls in a row that make a handler degraded")
    probe_every: Duration = Field(
        default=timedelta(minutes=1),
        description="while it is degraded, how long until one call is tried again",
        json_schema_extra={"default": "1min"},
    )
    handlers: dict[Identifier, HandlerRule] = Field(
        default_factory=dict, max_length=500, description="by handler, where it is another one"
    )

    def failures_of(self, subject: str) -> int:
        """How many failed calls in a row make this subject degraded."""
        return self._rule(subject).failures or self.failures

    def probe_every_of(self, subject: str) -> timedelta:
        """How long this subject waits for its next probe."""
        return self._rule(subject).probe_every or self.probe_every

    def _rule(self, subject: str) -> HandlerRule:
        return self.handlers.get(subject.partition("/")[0], HandlerRule())


def subject_of(handler: str, inputs: Mapping[str, object]) -> str:
    """What fails together: the handler, and of `http` each service by itself (`http/payments`)."""
    service = inputs.get("service")
    return f"{handler}/{service}" if handler == "http" and isinstance(service, str) else handler


def is_watched(spec: HandlerSpec) -> bool:
    """Whether a handler can become degraded: people and what never leaves the worker cannot."""
    return spec.human is None and not spec.local


class HealthState(StrEnum):
    """How a handler fares."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    PROBING = "probing"
    """Degraded, and one call is being tried."""


class Admission(StrEnum):
    """What becomes of a call."""

    TRY = "try"
    PROBE = "probe"
    FALLBACK = "fallback"
    """The step's fallback at once, if it has one."""


class HandlerHealth(Record):
    """How one handler fares, over all workers."""

    handler: str
    """As `subject_of` names it."""
    state: HealthState = HealthState.HEALTHY
    failed_calls: tuple[str, ...] = ()
    """The calls that failed in a row since the last success, while it is not degraded."""
    reason: str = ""
    """Of the last failure, or why a person degraded it."""
    failed_at: Instant | None = None
    since: Instant | None = None
    """When it became degraded."""
    probe_at: Instant | None = None
    """No probe before."""
    probe_call: str = ""
    """The call that is the probe."""
    by: str = ""
    """Who degraded it by hand; empty: its failures did."""
    until: Instant | None = None
    """When that ends by itself. Until then nothing is probed."""
    episode: int = 0
    """How often it became degraded."""
    to_tell: Literal["", "degraded", "restored"] = ""
    """What on-call has not been told yet."""

    @property
    def is_degraded(self) -> bool:
        """Whether steps with a fallback take it."""
        return self.state is not HealthState.HEALTHY

    def held(self, now: datetime) -> bool:
        """Whether a person keeps it degraded."""
        return bool(self.by) and self.until is not None and now < self.until


def admit(
    health: HandlerHealth, policy: HandlerPolicy, call: str, now: datetime
) -> tuple[HandlerHealth, Admission]:
    """What becomes of a call with this key. One call in `probe_every` is the probe, and stays it."""
    health = _settled(health, now)
    if not health.is_degraded:
        return health, Admission.TRY
    if health.by:
        return health, Admission.FALLBACK
    if health.state is HealthState.PROBING and health.probe_call == call:
        return health, Admission.PROBE
    if health.probe_at is not None and now < health.probe_at:
        return health, Admission.FALLBACK
    # A probe whose worker died is replaced by the next one.
    probing = {
        "state": HealthState.PROBING,
        "probe_call": call,
        "probe_at": now + policy.probe_every_of(health.handler),
    }
    return health.model_copy(update=probing), Admission.PROBE


def succeeded(health: HandlerHealth, now: datetime) -> HandlerHealth:
    """A call was answered, the probe or any other: the row of failures is over."""
    health = _settled(health, now)
    if health.by:
        return health
    if health.is_degraded:
        return _healthy(health)
    return health.model_copy(update={"failed_calls": ()}) if health.failed_calls else health


def failed(
    health: HandlerHealth, policy: HandlerPolicy, call: str, reason: str, now: datetime, *, final: bool
) -> HandlerHealth:
    """An attempt of a call failed because the system behind is unwell. It counts with the last attempt.

    A probe has one attempt: it is over with the first failure.
    """
    health = _settled(health, now)
    seen = {"reason": reason[:_LONGEST_REASON], "failed_at": now}
    if health.by:
        return health
    if health.is_degraded:
        if health.probe_call == call:
            seen |= {"state": HealthState.DEGRADED, "probe_call": ""}
        return health.model_copy(update=seen)
    if not final or call in health.failed_calls:
        return health
    calls = (*health.failed_calls, call)
    if len(calls) < policy.failures_of(health.handler):
        return health.model_copy(update={**seen, "failed_calls": calls})
    return health.model_copy(
        update={
            **seen,
            **_degraded(health, now),
            "failed_calls": calls,
            "probe_at": now + policy.probe_every_of(health.handler),
        }
    )


def degrade(health: HandlerHealth, *, by: str, why: str, until: datetime, now: datetime) -> HandlerHealth:
    """A person keeps it degraded until an instant, at most 7 days away. Raises `InvalidInput`."""
    if not why.strip():
        raise InvalidInput("reason: say why", field="reason")
    if not now < until <= now + LONGEST_HOLD:
        raise InvalidInput("until: expected an instant within the next 7 days", field="until")
    health = _settled(health, now)
    started = {} if health.is_degraded else _degraded(health, now)
    held = {"state": HealthState.DEGRADED, "by": by, "until": until, "reason": why[:_LONGEST_REASON]}
    nothing_probed = {"probe_at": None, "probe_call": "", "failed_calls": ()}
    return health.model_copy(update={**started, **held, **nothing_probed})


def restore(health: HandlerHealth) -> HandlerHealth:
    """A person says that it works again: the next call is tried, and failures count anew."""
    return _healthy(health) if health.is_degraded else health.model_copy(update={"failed_calls": ()})


def told(health: HandlerHealth, what: str, episode: int) -> HandlerHealth:
    """On-call was told; what has happened since stays to be told."""
    if (health.to_tell, health.episode) != (what, episode):
        return health
    return health.model_copy(update={"to_tell": ""})


def _settled(health: HandlerHealth, now: datetime) -> HandlerHealth:
    """What a person held is over at its end."""
    return _healthy(health) if health.by and not health.held(now) else health


def _degraded(health: HandlerHealth, now: datetime) -> dict[str, object]:
    return {
        "state": HealthState.DEGRADED,
        "since": now,
        "episode": health.episode + 1,
        "to_tell": "degraded",
    }


def _healthy(health: HandlerHealth) -> HandlerHealth:
    # Whoever never heard that it was degraded need not hear that it is over.
    news = "" if health.to_tell == "degraded" else "restored"
    return HandlerHealth(
        handler=health.handler,
        reason=health.reason,
        failed_at=health.failed_at,
        episode=health.episode,
        to_tell=news,
    )
