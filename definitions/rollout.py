"""Rollouts of SOPs: the candidate, the steps it has come through, and which tickets it serves.

A rollout is of one version of one SOP. Its moves are only ever added; its candidate says where it stands.
"""

from collections.abc import Sequence
from typing import Final

from definitions.schema import Sop
from domain.digest import digest_of
from domain.dispatch.answer import DispatchAnswer
from domain.errors import Conflict
from domain.model import Instant, Record
from domain.rollout import Arm, Placement, Stage, is_chosen
from domain.shadow import ShadowTally

ALL: Final = 100


class Candidate(Record):
    """A version of an SOP on its way into force, and how far it has come."""

    rollout: int
    path: str
    """Below the definitions folder."""
    version: int
    """Its number in the rules library."""
    sop: Sop
    digest: str
    """Of the SOP alone; whom it serves at which share is drawn by it."""
    stage: Stage = Stage.SHADOW
    percent: int = 0
    categories: tuple[str, ...] = ()
    """Only tickets of these categories; empty: all that the SOP serves."""
    actions: tuple[str, ...] = ()
    since: Instant
    by: str
    """Who brought it to this stage."""

    def is_for(self, answer: DispatchAnswer) -> bool:
        """Whether the rollout is limited to tickets like this one."""
        return (not self.categories or answer.category in self.categories) and (
            not self.actions or answer.action in self.actions
        )

    @property
    def share(self) -> int:
        """Per cent of its tickets that it serves now."""
        return {Stage.PERCENTAGE: self.percent, Stage.FULL: ALL}.get(self.stage, 0)


class RolloutMove(Record):
    """One step of a rollout: who, when, from where to where, and why."""

    number: int
    by: str
    at: Instant
    was: Stage | None
    """None for its start."""
    was_percent: int = 0
    stage: Stage
    percent: int = 0
    why: str = ""
    despite: str = ""
    """Why it went on although the shadow runs did not suffice."""


class Rollout(Record):
    """One rollout from its start."""

    candidate: Candidate
    published_by: str
    published_at: Instant
    moves: tuple[RolloutMove, ...]

    @property
    def number(self) -> int:
        """Its own, counted over all rollouts."""
        return self.candidate.rollout

    @property
    def is_open(self) -> bool:
        """Whether tickets are still placed in it."""
        return self.candidate.stage.is_open

    def moved(self, move: RolloutMove) -> "Rollout":
        """The rollout after one more move. Raises `Conflict` when it has ended."""
        if not self.is_open:
            raise Conflict(
                f"rollout {self.number} of {self.candidate.sop.name} has ended: {self.candidate.stage}"
            )
        stands = {"stage": move.stage, "percent": move.percent, "since": move.at, "by": move.by}
        return self.model_copy(
            update={"candidate": self.candidate.model_copy(update=stands), "moves": (*self.moves, move)}
        )


def candidate_digest(sop: Sop) -> str:
    """What identifies a candidate: for an SOP that calls no other the digest that its tickets pin."""
    return digest_of([sop])


def with_candidate(sops: Sequence[Sop], candidate: Candidate) -> tuple[Sop, ...]:
    """The SOPs as they would be with the candidate in force."""
    return (*(each for each in sops if each.id != candidate.sop.id), candidate.sop)


def placement(candidate: Candidate, task_id: str) -> Placement:
    """Where a ticket that the candidate could serve is placed."""
    chosen = is_chosen(task_id, candidate.digest, candidate.share)
    return Placement(
        rollout=candidate.rollout,
        arm=Arm.CANDIDATE if chosen else Arm.IN_FORCE,
        stage=candidate.stage,
        percent=candidate.share,
        version=candidate.version,
    )


def objection_to_serving(tally: ShadowTally, *, least_runs: int, least_agreement: float) -> str:
    """Why the shadow runs do not suffice for the candidate to serve tickets; empty when they do."""
    if tally.runs < least_runs:
        counted = "1 shadow run" if tally.runs == 1 else f"{tally.runs} shadow runs"
        return f"{counted} so far; at least {least_runs} {'is' if least_runs == 1 else 'are'} needed"
    if (tally.agreement or 0.0) < least_agreement:
        return (
            f"{tally.same} of {tally.runs} shadow runs agree with what was done "
            f"({100 * (tally.agreement or 0.0):.1f} %); at least {100 * least_agreement:g} % are needed"
        )
    return ""
