"""The journal of a run: what its steps came to.

A run that is continued, or moved to another version of its SOP, walks the SOP again from the top over its
journal: finished steps answer what they answered before, and nothing happens twice.
"""

from collections.abc import Collection
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from definitions.book import PinnedSop
from definitions.migration import owner_of, same_step
from domain.errors import OutcomeUnknown
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
    told: dict[str, Instant] = Field(default_factory=dict)
    """When the timeline told of a wait, by place: once, however often the run is continued."""
    occurrences: dict[str, int] = Field(default_factory=dict)
    """Deliberate tries beyond the first."""

    def occurrence(self, key: str) -> int:
        """Which try of the step this is, from 1."""
        return self.occurrences.get(key, 1)

    def place(self, key: str, occurrence: int) -> str:
        """The step's name in one of its tries: each deliberate new one is another place."""
        return key if occurrence == 1 else f"{key}~{occurrence}"

    def move(self, old: PinnedSop, new: PinnedSop, failed: Collection[str]) -> tuple[str, ...]:
        """Forgets what must not hold under a new version of the SOP, so that it is found out anew there.

        What failed for good, and the steps whose fallbacks did, are tried again as if they had not begun.
        Those whose outcome is unknown are not: they may have had their effect, so an operator who has
        looked says what becomes of them. Their keys are returned.
        Other steps that have not finished and read otherwise there lose what they were given and until when
        they wait. Those that read the same keep it: a question that is open is about just that.
        """
        failures = {key: self.failures[key] for key in failed if key in self.failures}
        unknown = tuple(key for key, failure in failures.items() if failure.code == OutcomeUnknown.code)
        known = [key for key in failed if key not in unknown]
        again = dict.fromkeys([*(owner_of(old, key) for key in known), *known])
        for key in again:
            self._forget(key)
            self.occurrences[key] = self.occurrence(key) + 1
        for place in dict.fromkeys([*self.given, *self.dues, *self.told]):
            key, _, number = place.rpartition("~")
            key = key if number.isdigit() else place
            stands = key in self.finished or (key not in again and same_step(old, new, key))
            if stands or any(each.startswith(f"{place}.") for each in self.finished):
                continue
            for kept in (self.given, self.dues, self.told):
                kept.pop(place, None)
            for inside in [each for each in self.started if each.startswith(f"{place}.")]:
                self._forget(inside)
        return unknown

    def _forget(self, key: str) -> None:
        """As if the step had not begun."""
        self.failures.pop(key, None)
        self.started.pop(key, None)
        self.dues.pop(key, None)
