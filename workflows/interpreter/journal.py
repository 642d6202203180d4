"""The journal of a run: what its steps came to.

A run that is continued, or moved to another version of its SOP, walks the SOP again from the top over its
journal: finished steps answer what they answered before, and nothing happens twice.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from domain.model import Instant, Record
from domain.steps import StepOutput


class Failure(Record):
    """Why a step failed for good."""

    code: str
    message: str


class Journal(BaseModel):
    """By key of the step, in the order in which things happened."""

    model_config = ConfigDict(extra="ignore")

    started: dict[str, Instant] = Field(default_factory=dict)
    finished: dict[str, StepOutput] = Field(default_factory=dict)
    routes: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Where a step led, if it led anywhere."""
    failures: dict[str, Failure] = Field(default_factory=dict)
    """Steps that failed and about which nobody has decided."""
    verdicts: dict[str, bool] = Field(default_factory=dict)
    """Whether the condition of a repeat held, by round."""
    dues: dict[str, Instant] = Field(default_factory=dict)
    """Until when a step waits."""
    given: dict[str, Any] = Field(default_factory=dict)
    """What a step was given when it began, as JSON: the items of a foreach, or the inputs.

    By place. Those of a handler stay only until it is done, or for what undoes it.
    """
    occurrences: dict[str, int] = Field(default_factory=dict)
    """Deliberate tries beyond the first."""

    def occurrence(self, key: str) -> int:
        """Which try of the step this is, from 1."""
        return self.occurrences.get(key, 1)

    def place(self, key: str, occurrence: int) -> str:
        """The step's name in one of its tries: each deliberate new one is another place."""
        return key if occurrence == 1 else f"{key}~{occurrence}"
