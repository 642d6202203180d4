"""One page: who is told when, until a person acknowledges. A pure state machine over bank time.

    state, event, now → state, effects

Acknowledging a page says "I am looking at it" and approves nothing. Silence never approves either: what
happens when nobody answers at all is one of `NobodyAnswers.then`.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import Field

from domain.digest import digest_of
from domain.model import Instant, Record
from domain.notices import Channel
from domain.paging_policy import Answerless, PagingPolicy
from domain.people import Principal, Role
from domain.task import Priority


class PageRequest(Record):
    """What a page is about: all that whoever is paged reads. It names no customer and no account."""

    page_id: str = Field(min_length=1, max_length=120)
    task_id: str = ""
    group: str = ""
    """Whose rotation is paged."""
    priority: Priority = Priority.P1
    subject: str = Field(min_length=1, max_length=300)
    """Masked: it is read on lock screens."""
    choices: tuple[str, ...] = ()
    """What the person can do about it."""
    silence: str = ""
    """What it means for the matter when nobody answers."""
    deadline_at: Instant | None = None
    """Until when the matter has to be decided."""
    matter_digest: str = ""
    """SHA-256 of what is to be decided, such as a review's digest."""
    opened_at: Instant
    asked_by: str = ""
    """The principal who started a drill."""
    drill: bool = False
    """A rehearsal: it is over with its acknowledgement."""
    ends_at: Instant | None = None
    """When the matter is over by itself; None: when somebody says so."""

    @property
    def digest(self) -> str:
        """SHA-256 of what is shown. An acknowledgement is bound to it."""
        return digest_of(self)


class PagePhase(StrEnum):
    """Where a page stands."""

    RINGING = "ringing"
    ACKNOWLEDGED = "acknowledged"
    OVER = "over"


Reason = Literal["first", "repeat", "climb", "supervisor", "stale", "handover", "manual_queue"]


class Notify(Record):
    """Tell one person (or, at the end, a group) of the page."""

    step: int
    to: str
    reason: Reason
    channels: tuple[Channel, ...]
    """All of them."""
    backups: tuple[Channel, ...] = ()
    """One after the other, where none of `channels` takes it."""


class Silence(Record):
    """Nobody answered: what the policy says happens now."""

    then: Answerless


Effect = Notify | Silence


class Due(Record):
    """The instant that the page waited for has come; with who is on call now."""

    line: tuple[str, ...]
    supervisor: str = ""
    next_handover_at: Instant | None = None


class Delivered(Record):
    """What became of a notification."""

    step: int
    to: str
    reached: bool
    """Whether a channel took it."""


class Acknowledged(Record):
    """A person says: I am looking at it."""

    by: str


class Progressed(Record):
    """Something happened in the matter, so the acknowledgement is not stale."""


class Resolved(Record):
    """The matter is over."""

    why: str


Event = Due | Delivered | Acknowledged | Progressed | Resolved


class PageState(Record):
    """All that a page remembers. Carried from run to run."""

    phase: PagePhase = PagePhase.RINGING
    ringing_since: Instant
    next_at: Instant
    """When the next person is told (ringing), or when the acknowledgement is stale."""
    handover_at: Instant | None = None
    ends_at: Instant | None = None
    drill: bool = False
    step: int = 0
    """Notifications ordered so far."""
    rounds: int = 0
    """How often everybody on the line was told in full."""
    told: dict[str, int] = Field(default_factory=dict)
    """How often each person was told in this round."""
    line: tuple[str, ...] = ()
    in_charge: str = ""
    """The first on call when that was last asked."""
    current: str = ""
    """Who was told last because it was their turn."""
    rung: tuple[str, ...] = ()
    """Everybody who was told at some time."""
    acknowledged_by: str = ""
    acknowledged_at: Instant | None = None
    stale_by: str = ""
    """Whose acknowledgement went stale and who has to be told of it."""
    silence: str = ""
    """What was done when nobody answered; empty: it did not come to that."""
    silence_at: Instant
    outcome: str = ""
    closed_at: Instant | None = None

    @property
    def due_at(self) -> datetime | None:
        """When to ask who is on call and go on; None when the page is over."""
        if self.phase is PagePhase.OVER:
            return None
        times = [self.next_at, self.handover_at, self.ends_at]
        if self.phase is PagePhase.RINGING and not self.silence:
            times.append(self.silence_at)
        return min(each for each in times if each is not None)


class Step(Record):
    """What an event came to."""

    state: PageState
    effects: tuple[Effect, ...] = ()


def opened(request: PageRequest, policy: PagingPolicy, now: datetime) -> PageState:
    """A page that begins to ring now."""
    return PageState(
        ringing_since=now,
        next_at=now,
        silence_at=now + policy.nobody_answers.after,
        ends_at=request.ends_at,
        drill=request.drill,
    )


def decide(policy: PagingPolicy, state: PageState, event: Event, now: datetime) -> Step:
    """What an event at this instant changes, and what is to be done. A page that is over stays so."""
    if state.phase is PagePhase.OVER:
        return Step(state=state)
    match event:
        case Resolved():
            return Step(state=_over(state, event.why, now))
        case Acknowledged():
            return Step(state=_acknowledged(policy, state, event.by, now))
        case Progressed() if state.phase is PagePhase.ACKNOWLEDGED:
            return Step(state=_with(state, next_at=now + policy.stale_after))
        case Delivered() if state.phase is PagePhase.RINGING and not event.reached:
            return Step(state=_unreached(policy, state, event.to, now))
        case Due():
            return _due(policy, state, event, now)
        case _:
            return Step(state=state)


def objection(principal: Principal, state: PageState) -> tuple[str, str] | None:
    """Why this person's acknowledgement does not count, as (code, message), or None when it does."""
    if state.phase is PagePhase.OVER:
        return "late", f"the page is over: {state.outcome}"
    if principal.id not in state.rung and not (principal.may(Role.ONCALL) or principal.may(Role.ADMIN)):
        return "not_permitted", f"{principal.id} was not paged and does not hold the role oncall"
    if state.phase is PagePhase.ACKNOWLEDGED and state.acknowledged_by != principal.id:
        at = f" at {state.acknowledged_at:%Y-%m-%d %H:%M:%S} UTC" if state.acknowledged_at else ""
        return "conflict", f"{state.acknowledged_by} acknowledged it already{at}"
    return None


def _due(policy: PagingPolicy, state: PageState, event: Due, now: datetime) -> Step:
    if state.ends_at is not None and now >= state.ends_at:
        return Step(state=_over(state, "expired", now))
    first = event.line[0] if event.line else ""
    relieved = bool(first) and bool(state.in_charge) and first != state.in_charge
    state = _with(
        state,
        line=_once((*event.line, *((event.supervisor,) if event.supervisor else ()))),
        in_charge=first,
        handover_at=_later(event.next_handover_at, now),
    )
    if state.phase is PagePhase.ACKNOWLEDGED:
        stale = now >= state.next_at
        if not stale and (not relieved or first == state.acknowledged_by):
            return Step(state=state)
        state = _ring_again(policy, state, now, stale_by=state.acknowledged_by if stale else "")
    effects: list[Effect] = []
    if not state.silence and now >= state.silence_at:
        then = policy.nobody_answers.then
        state = _with(state, silence=then)
        effects.append(Silence(then=then))
        if then != "keep_waiting":
            if then == "manual_queue" and policy.supervisor:
                state, notice = _to_queue(policy, state)
                effects.append(notice)
            return Step(state=_over(state, then, now), effects=tuple(effects))
    if now >= state.next_at or relieved:
        state, notices = _tell(policy, state, event, relieved=relieved)
        state = _with(state, next_at=now + policy.repeat_every)
        effects += notices
    return Step(state=state, effects=tuple(effects))


def _tell(
    policy: PagingPolicy, state: PageState, event: Due, *, relieved: bool
) -> tuple[PageState, list[Notify]]:
    """The next person in line, and whoever let the page go stale."""
    told, rounds = dict(state.told), state.rounds
    due = [each for each in state.line if told.get(each, 0) < policy.times]
    if not due and state.line:
        told, rounds = {}, rounds + 1
        due = list(state.line)
    targets: list[tuple[str, Reason]] = []
    if state.stale_by:
        targets.append((state.stale_by, "stale"))
    if relieved and state.in_charge in due:
        due.insert(0, state.in_charge)
    if due and due[0] != state.stale_by:
        targets.append((due[0], _reason(state, due[0], told, event, relieved=relieved)))
    notices = []
    step = state.step
    for to, reason in targets:
        step += 1
        told[to] = told.get(to, 0) + 1
        ways = min(told[to] + rounds * policy.times, len(policy.channels))
        notices.append(
            Notify(
                step=step,
                to=to,
                reason=reason,
                channels=policy.channels[:ways],
                backups=policy.channels[ways:],
            )
        )
    state = _with(
        state,
        told=told,
        rounds=rounds,
        step=step,
        current=due[0] if due else "",
        stale_by="",
        rung=_once((*state.rung, *(to for to, _ in targets))),
    )
    return state, notices


def _reason(state: PageState, to: str, told: dict[str, int], event: Due, *, relieved: bool) -> Reason:
    if state.stale_by:
        return "stale"
    if relieved and to == state.in_charge:
        return "handover"
    if told.get(to, 0) or state.rounds or (to in state.rung and not any(told.values())):
        return "repeat"
    if not state.rung:
        return "first"
    return "supervisor" if to not in event.line else "climb"


def _to_queue(policy: PagingPolicy, state: PageState) -> tuple[PageState, Notify]:
    """The matter goes to people who work on it when they are there: they find it in their queue."""
    ways = tuple(each for each in policy.channels if each is not Channel.SMS) or policy.channels
    notice = Notify(step=state.step + 1, to=policy.supervisor, reason="manual_queue", channels=ways)
    return _with(state, step=notice.step), notice


def _unreached(policy: PagingPolicy, state: PageState, to: str, now: datetime) -> PageState:
    """Nothing reached this person: the page climbs at once, unless it has been through the whole line."""
    told = {**state.told, to: policy.times}
    climbs = to == state.current and any(told.get(each, 0) < policy.times for each in state.line)
    return _with(state, told=told, next_at=now if climbs else state.next_at)


def _acknowledged(policy: PagingPolicy, state: PageState, by: str, now: datetime) -> PageState:
    if state.phase is PagePhase.ACKNOWLEDGED and state.acknowledged_by != by:
        return state
    state = _with(
        state,
        phase=PagePhase.ACKNOWLEDGED,
        acknowledged_by=by,
        acknowledged_at=now,
        next_at=now + policy.stale_after,
        stale_by="",
    )
    return _over(state, "acknowledged", now) if state.drill else state


def _ring_again(policy: PagingPolicy, state: PageState, now: datetime, *, stale_by: str) -> PageState:
    return _with(
        state,
        phase=PagePhase.RINGING,
        ringing_since=now,
        next_at=now,
        told={},
        rounds=0,
        stale_by=stale_by,
        acknowledged_by="",
        acknowledged_at=None,
        silence="",
        silence_at=now + policy.nobody_answers.after,
    )


def _over(state: PageState, outcome: str, now: datetime) -> PageState:
    return _with(state, phase=PagePhase.OVER, outcome=outcome, closed_at=now)


def _with(state: PageState, **changes: object) -> PageState:
    return state.model_copy(update=changes)


def _later(at: datetime | None, now: datetime) -> datetime | None:
    return at if at is not None and at > now else None


def _once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
