"""Rollout: how a new version of an SOP comes into force, step by step, and back.

A version begins in shadow: it is interpreted beside tickets that the version in force serves, changes
nothing, and is compared with what people did. Then it serves a share of the tickets, then all.
"""

import hashlib
from enum import StrEnum
from typing import Final

from domain.model import Record

_BUCKETS: Final = 10_000


class Stage(StrEnum):
    """How far a rollout has come."""

    SHADOW = "shadow"
    PERCENTAGE = "percentage"
    FULL = "full"
    WITHDRAWN = "withdrawn"

    @property
    def is_open(self) -> bool:
        """Whether tickets are still placed in it."""
        return self in (Stage.SHADOW, Stage.PERCENTAGE)


class Arm(StrEnum):
    """Which version serves a ticket of a rollout."""

    CANDIDATE = "candidate"
    IN_FORCE = "in_force"


class Placement(Record):
    """A ticket's place in a rollout. It is pinned with the ticket's SOP and never changes."""

    rollout: int
    arm: Arm
    stage: Stage
    percent: int
    """The candidate's share when the ticket opened."""
    version: int
    """The candidate's, in the rules library."""

    @property
    def words(self) -> str:
        """For the timeline."""
        if self.arm is Arm.CANDIDATE:
            return f"candidate {self.percent} %: version {self.version} in rollout {self.rollout}"
        return f"version in force, with version {self.version} in shadow in rollout {self.rollout}"


def is_chosen(task_id: str, digest: str, percent: int) -> bool:
    """Whether a candidate with this digest serves this ticket at this share.

    Always the same answer for the same ticket; and who is in at 10 % is in at 20 %.
    """
    drawn = int.from_bytes(hashlib.sha256(f"{digest}/{task_id}".encode()).digest()[:8]) % _BUCKETS
    return drawn * 100 < percent * _BUCKETS
