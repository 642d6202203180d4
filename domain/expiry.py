"""What outlives its ticket: a stop, a freeze with an end. Warned of, renewed in time, then released or paged.

A pure state machine: `decide(measure, state, event, now)` gives the next state and what is to be done. Times
are bank time. What the law says of an end is in `domain.expiry_terms`; how early people are warned is the
bank's choice.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Literal

from pydantic import Field

from domain.expiry_terms import Term, past
from domain.model import Instant, Record
from domain.people import Principal, Role
from domain.task import Priority, RiskLevel

RUNGS: Final = {"72h": timedelta(hours=72), "24h": timedelta(hours=24), "2h": timedelta(hours=2)}
"""How long before the end people are warned (the bank's own choice), the earliest first."""
TRY_AGAIN: Final = timedelta(minutes=15)
"""Between two tries to release, after the bank could not be reached."""
_PASSING: Final = frozenset({"bank_unavailable", "handler_degraded", "outcome_unknown"})
"""Failures that another try may not meet."""


class Measure(Record):
    """What is in force. It names no customer, and the account only by its last characters."""

    measure_id: str = Field(min_length=1, max_length=300)
    """`<task id>-<step>`."""
    task_id: str
    step: str
    kind: Literal["stop", "freeze"]
    authority: str
    term: Term
    reference: str
    """The account, masked."""
    account_digest: str
    document_no: str = ""
    group: str = ""
    priority: Priority = Priority.P2
    risk: RiskLevel = RiskLevel.MEDIUM
    maker: str = ""
    whole: bool = False
    """Whether it covers the whole account, so that a release would lift other measures too."""
    began_at: Instant
    ends_at: Instant
    """Its end as ordered; renewals are in the state."""


class ExpiryPhase(StrEnum):
    """Where a measure stands."""

    RUNNING = "running"
    RELEASING = "releasing"
    WAITING = "waiting"
    """Its end has passed, and a person has to act."""
    OVER = "over"


class ExpiryState(Record):
    """How far an expiry has come."""

    phase: ExpiryPhase = ExpiryPhase.RUNNING
    since: Instant
    """Of the term that runs now: its beginning or last renewal."""
    ends_at: Instant
    renewals: int = 0
    document_no: str = ""
    """Of the order in force."""
    reached: tuple[str, ...] = ()
    """Rungs of the term that runs now that were warned at, or skipped because a later one was due too."""
    due_at: Instant | None = None
    """When something has to happen next; None: when somebody says so."""
    attempts: int = 0
    """Orders to release that were tried."""
    problem: str = ""
    """Why it waits for a person, or is tried again."""
    outcome: Literal["", "released", "lifted", "closed"] = ""
    closed_by: str = ""
    closed_at: Instant | None = None
    why: str = ""


class Due(Record):
    """The instant that the state named has come."""


class Renewed(Record):
    """A new order came before the end."""

    ends_at: Instant
    document_no: str
    by: str


class Released(Record):
    """The bank carried the release out."""

    summary: str = ""


class ReleaseFailed(Record):
    """The bank did not carry it out, and will not under the same key."""

    code: str
    message: str


class Refused(Record):
    """The measure cannot be released by itself."""

    why: str


class Closed(Record):
    """Lifted early by another ticket, undone by its own, or closed by a person."""

    outcome: Literal["lifted", "closed"]
    by: str
    why: str


Event = Due | Renewed | Released | ReleaseFailed | Refused | Closed


class Warn(Record):
    """Tell the group that the end is near."""

    rung: str


class Release(Record):
    """Order the release at the bank; the number is part of the order's key."""

    occurrence: int


class CallPerson(Record):
    """The end has passed, and a person has to act: tell the group and whoever is on call."""

    why: str


Effect = Warn | Release | CallPerson


class Step(Record):
    """What an event leads to."""

    state: ExpiryState
    effects: tuple[Effect, ...] = ()


def opened(measure: Measure, now: datetime) -> ExpiryState:
    """The state in which a measure begins to be watched."""
    state = ExpiryState(since=measure.began_at, ends_at=measure.ends_at, document_no=measure.document_no)
    return _with_due(state, now)


def decide(measure: Measure, state: ExpiryState, event: Event, now: datetime) -> Step:
    """What the event leads to. Whatever comes after the end of the expiry changes nothing."""
    if state.phase is ExpiryPhase.OVER:
        return Step(state=state)
    match event:
        case Due():
            return _due(measure, state, now)
        case Renewed() if objection_to_renewal(measure, state, event.ends_at, now) is None:
            renewed = {
                "since": now,
                "ends_at": event.ends_at,
                "document_no": event.document_no,
                "renewals": state.renewals + 1,
                "reached": (),
            }
            return Step(state=_with_due(state.model_copy(update=renewed), now))
        case Released() if state.phase is ExpiryPhase.RELEASING:
            return Step(state=_over(state, "released", "opsloop", event.summary, now))
        case ReleaseFailed() if state.phase is ExpiryPhase.RELEASING:
            return _failed(state, event, now)
        case Refused() if state.phase is ExpiryPhase.RELEASING:
            return _wait(state, event.why)
        case Closed():
            return Step(state=_over(state, event.outcome, event.by, event.why, now))
        case _:
            return Step(state=state)


def _due(measure: Measure, state: ExpiryState, now: datetime) -> Step:
    match state.phase:
        case ExpiryPhase.RUNNING if state.ends_at <= now:
            if measure.term.on_end == "page":
                return _wait(state, f"it has ended by {measure.term.law}: {measure.term.then}")
            return _release(state)
        case ExpiryPhase.RUNNING:
            due = [rung for rung in _rungs(state) if state.ends_at - RUNGS[rung] <= now]
            new = [rung for rung in due if rung not in state.reached]
            after = _with_due(state.model_copy(update={"reached": tuple(due)}), now)
            # After a jump the latest rung says all that the ones before it would.
            return Step(state=after, effects=(Warn(rung=new[-1]),) if new else ())
        case ExpiryPhase.RELEASING if state.due_at is not None and state.due_at <= now:
            return _release(state)
        case _:
            return Step(state=state)


def _release(state: ExpiryState) -> Step:
    attempts = state.attempts + 1
    update = {"phase": ExpiryPhase.RELEASING, "attempts": attempts, "due_at": None}
    return Step(state=state.model_copy(update=update), effects=(Release(occurrence=attempts),))


def _failed(state: ExpiryState, event: ReleaseFailed, now: datetime) -> Step:
    problem = f"{event.code}: {event.message}"
    if event.code not in _PASSING:
        return _wait(state, f"the release failed: {problem}")
    call = () if state.problem else (CallPerson(why=f"the release failed and is tried again: {problem}"),)
    return Step(
        state=state.model_copy(update={"due_at": now + TRY_AGAIN, "problem": problem}),
        effects=call,
    )


def _wait(state: ExpiryState, why: str) -> Step:
    waiting = state.model_copy(update={"phase": ExpiryPhase.WAITING, "due_at": None, "problem": why})
    return Step(state=waiting, effects=(CallPerson(why=why),))


def _over(state: ExpiryState, outcome: str, by: str, why: str, now: datetime) -> ExpiryState:
    update: dict[str, Any] = {
        "phase": ExpiryPhase.OVER,
        "due_at": None,
        "outcome": outcome,
        "closed_by": by,
        "closed_at": now,
        "why": why,
    }
    return state.model_copy(update=update)


def _rungs(state: ExpiryState) -> list[str]:
    """The rungs that lie within the term that runs now."""
    return [rung for rung, before in RUNGS.items() if state.ends_at - before > state.since]


def _with_due(state: ExpiryState, now: datetime) -> ExpiryState:
    ahead = [state.ends_at - RUNGS[rung] for rung in _rungs(state) if rung not in state.reached]
    return state.model_copy(update={"due_at": max(min([*ahead, state.ends_at]), min(now, state.ends_at))})


def objection_to_renewal(
    measure: Measure, state: ExpiryState, ends_at: datetime, now: datetime
) -> tuple[str, str] | None:
    """Why a measure cannot be renewed until this instant, as (code, words); None when it can."""
    term = measure.term
    if state.phase is not ExpiryPhase.RUNNING or now >= state.ends_at:
        return "late", f"it has ended: a measure is renewed before its end, else it is void ({term.law})"
    if ends_at <= state.ends_at:
        return "input_invalid", "ends_at: a renewal ends after what it renews"
    if term.renewals is not None and state.renewals >= term.renewals:
        most = "not at all" if term.renewals == 0 else f"{term.renewals} time(s)"
        return "not_permitted", f"{term.law} lets it be renewed {most}"
    if term.longest and ends_at > past(state.ends_at, term.longest):
        return "input_invalid", f"ends_at: {term.law} allows at most {term.longest} more"
    return None


def objection_to_person(principal: Principal, measure: Measure, verb: str) -> tuple[str, str] | None:
    """Why a principal may not renew or close a measure; None when they may. Never whoever ordered it."""
    if not principal.may(Role.REVIEWER):
        return "not_permitted", f"{principal.id} may not {verb} a measure: that needs the role reviewer"
    if measure.group and measure.group not in principal.groups:
        return "not_permitted", f"{principal.id} is not in {measure.group}, whose measure it is"
    if principal.id == measure.maker:
        return "four_eyes", f"{principal.id} handed the ticket in; another reviewer has to {verb} it"
    return None


class ExpiryView(Record):
    """A measure and where it stands."""

    measure: Measure
    state: ExpiryState


class RefusedMessage(Record):
    """What somebody asked of an expiry and did not get, for the audit."""

    at: Instant
    actor: str
    verb: str
    code: str
    message: str


class ExpiryProgress(Record):
    """What is new of an expiry, for the store."""

    view: ExpiryView
    number: int
    """Of this record: a later one wins, a repeat changes nothing."""
    at: Instant
    by: str = ""
    """Who renewed it, where somebody did."""
    refused: tuple[RefusedMessage, ...] = ()
