"""Shadow runs: what a candidate would have done for a ticket, compared with what was done.

Nothing here holds personal data: keys of steps, names of handlers, digests, groups and roles.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from enum import StrEnum

from domain.lifecycle import TicketState
from domain.model import Instant, Record
from domain.review import ReviewKind
from domain.rollout import Placement
from domain.task import RiskLevel


class EffectMade(Record):
    """Something that a run changed outside, by a handler or by a person's hand."""

    key: str
    """The step within its ticket."""
    what: str
    """The handler; for work by hand the handler that it stood in for, else `by hand: <step>`."""
    digest: str = ""
    """Of handler and facts, as approvals are bound to; empty for work by hand."""
    in_order: bool = False
    """Whether its place among the others counts: orders to the bank, and work by hand."""


class RunAccount(Record):
    """What one run came to, in terms that runs of two versions can be compared in."""

    sop: str
    version: str
    digest: str
    state: TicketState
    risk: RiskLevel
    touches: int = 0
    """How often a person had to act."""
    effects: tuple[EffectMade, ...] = ()
    """In the order in which they took place."""
    skipped: tuple[str, ...] = ()
    """Keys of failed steps that an operator left out."""


class Suppressed(Record):
    """A call that a shadow run did not make."""

    key: str
    handler: str
    digest: str
    """SHA-256 of the handler, the ticket's facts and its inputs."""


class Asked(Record):
    """A question that a shadow run would have asked."""

    key: str
    kind: ReviewKind
    of: str
    """Group and role."""
    answered: bool
    """Whether somebody answered it in the real run; if not, the first choice or a yes is assumed."""


class Trouble(Record):
    """A step that failed in the shadow run."""

    key: str
    code: str
    stops: bool = True
    """Whether the run would have waited for an operator; leaving the step out is assumed."""


class Agreement(StrEnum):
    """How a shadow run compares with what was done."""

    SAME = "same"
    DIFFERS = "differs"
    FAILED = "failed"
    """The candidate would have come to a stop where the real run did not."""


class ShadowReport(Record):
    """One ticket's shadow run."""

    placement: Placement
    task_id: str
    category: str
    action: str
    at: Instant
    agreement: Agreement
    reasons: tuple[str, ...] = ()
    """What differs, in words."""
    real: RunAccount
    shadow: RunAccount
    suppressed: tuple[Suppressed, ...] = ()
    asked: tuple[Asked, ...] = ()
    troubles: tuple[Trouble, ...] = ()

    @property
    def saved_touches(self) -> int:
        """How many acts of people the candidate would have saved; negative when it needs more."""
        return self.real.touches - self.shadow.touches


class ShadowTally(Record):
    """How many shadow runs of a rollout agreed with what was done."""

    same: int = 0
    differs: int = 0
    failed: int = 0
    saved_touches: int = 0

    @property
    def runs(self) -> int:
        """All of them."""
        return self.same + self.differs + self.failed

    @property
    def agreement(self) -> float | None:
        """The share that agreed; None before the first run."""
        return self.same / self.runs if self.runs else None


def compare(
    real: RunAccount, shadow: RunAccount, troubles: Iterable[Trouble] = ()
) -> tuple[Agreement, tuple[str, ...]]:
    """Whether two runs came to the same, and everything in which they differ."""
    stops = [each for each in troubles if each.stops and each.key not in real.skipped]
    failures = tuple(f"{each.key} would have failed: {each.code}" for each in stops)
    differences = tuple(_differences(real, shadow))
    if failures:
        return Agreement.FAILED, (*failures, *differences)
    return (Agreement.DIFFERS if differences else Agreement.SAME), differences


def _differences(real: RunAccount, shadow: RunAccount) -> Iterator[str]:
    done, planned = _alone(real.effects, shadow.effects)
    for theirs in list(done):
        other = next((each for each in planned if each.what == theirs.what), None)
        if other is not None:
            done.remove(theirs)
            planned.remove(other)
            yield f"{theirs.what} ({theirs.key}) was given other facts than the candidate would give it"
    yield from (f"{each.what} ({each.key}) was done; the candidate would not do it" for each in done)
    yield from (f"{each.what} ({each.key}) was not done; the candidate would do it" for each in planned)
    in_both = Counter(_in_order(real)) & Counter(_in_order(shadow))
    before, after = _first(_in_order(real), in_both), _first(_in_order(shadow), in_both)
    if before != after:
        yield f"the order was {', '.join(before)}; with the candidate it would be {', '.join(after)}"
    if real.state is not shadow.state:
        yield f"it ended {real.state}; with the candidate it would end {shadow.state}"
    if real.risk is not shadow.risk:
        yield f"its risk was {real.risk}; the candidate finds {shadow.risk}"


def _in_order(run: RunAccount) -> list[str]:
    return [each.what for each in run.effects if each.in_order]


def _first(names: Iterable[str], wanted: Counter[str]) -> list[str]:
    """Of each name the first ones, as many as are wanted."""
    left = wanted.copy()
    found = []
    for name in names:
        if left[name]:
            left[name] -= 1
            found.append(name)
    return found


def _alone(
    real: Iterable[EffectMade], shadow: Iterable[EffectMade]
) -> tuple[list[EffectMade], list[EffectMade]]:
    """The effects that only one of the two runs has.

    Whoever worked by hand left no digest: what they did counts as what it stood in for, whatever the facts.
    """
    done, planned = list(real), list(shadow)
    # What is exactly the same first, so that work by hand is left for what nothing else explains.
    for is_same in (_is_exact, _is_by_hand):
        for theirs in list(done):
            found = next((each for each in planned if is_same(theirs, each)), None)
            if found is not None:
                done.remove(theirs)
                planned.remove(found)
    return done, planned


def _is_exact(one: EffectMade, other: EffectMade) -> bool:
    return one.what == other.what and one.digest == other.digest and bool(one.digest)


def _is_by_hand(one: EffectMade, other: EffectMade) -> bool:
    return one.what == other.what and not (one.digest and other.digest)
