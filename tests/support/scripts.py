"""Scripts: what everybody and everything around a ticket does, as pure functions of what is asked.

The answer to a question does not depend on when or in what order it is asked, so that a run that is cut
and goes on elsewhere hears the same.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, TypeVar

from domain.fields import FieldType, FormField
from domain.handlers import HandlerSpec
from domain.steps import StepOutput

_T = TypeVar("_T")

FAILURES: Final = ("order_refused", "bank_unavailable", "outcome_unknown", "not_found")
"""Codes that handlers fail with."""
PATIENCE: Final = 2
"""How often an operator tries a step again before leaving it out."""

_ANSWERS: Final[Mapping[FieldType, Any]] = {
    FieldType.TEXT: "as agreed",
    FieldType.NUMBER: 3,
    FieldType.MONEY: "12.50",
    FieldType.FLAG: True,
    FieldType.DATE: "2026-11-24",
    FieldType.TIME: "2026-11-24T09:00:00+08:00",
    FieldType.LIST: [1, 2],
    FieldType.MAP: {"n": 1},
    FieldType.ANY: "anything",
}


@dataclass(frozen=True)
class Script:
    """How the world behaves; all shares in per cent."""

    seed: int = 0
    failing: int = 0
    """Handlers' calls that fail."""
    refusing: int = 0
    """People's answers that are a no."""
    late: int = 0
    """People, and events, that do not come in time."""
    impatient: int = 0
    """Operators who cancel the ticket rather than deal with a failed step."""
    cancelled: int = 0
    """Tickets that are cancelled at some moment, whatever they do then."""

    @classmethod
    def of(cls, written: Mapping[str, int]) -> "Script":
        """From what `written` gave."""
        return cls(**written)

    def written(self) -> dict[str, int]:
        """As JSON."""
        return asdict(self)

    def roll(self, *question: object) -> int:
        """A number from 0 to 99 that belongs to the question."""
        return self._number(*question) % 100

    def seconds(self, low: float, high: float, *question: object) -> float:
        """A span that belongs to the question, unlike that of any other: nothing ends at the same instant."""
        share = (self._number("seconds", *question) % 10_000_019) / 10_000_019
        return round(low + (high - low) * share, 6)

    def pick(self, options: Sequence[_T], *question: object) -> _T:
        """One of the options."""
        return options[self._number("pick", *question) % len(options)]

    def answer(self, spec: HandlerSpec, key: str, occurrence: int) -> StepOutput | str:
        """What a handler answers, or the code of its failure."""
        if self.roll("fails", key, occurrence) < self.failing:
            return self.pick(FAILURES, key, occurrence)
        usual = self.roll("usual", key, occurrence) < 60
        outcome = spec.outcomes[0] if usual else self.pick(spec.outcomes, key, occurrence)
        return StepOutput(outcome=outcome, summary=f"came out as {outcome}", data=self._data(spec, key))

    def person(self, key: str, *, may_be_late: bool) -> Literal["yes", "no", "late"]:
        """What a person says to a question, or whether they say nothing in time."""
        if may_be_late and self.roll("late", key) < self.late:
            return "late"
        return "no" if self.roll("refuses", key) < self.refusing else "yes"

    def form(self, form: Mapping[str, FormField], key: str) -> dict[str, Any]:
        """How a person fills in a form."""
        return {
            name: field.choices[0] if field.choices else _ANSWERS[field.type]
            for name, field in form.items()
            if field.required or self.roll("fills in", key, name) < 50
        }

    def operator(self, key: str, time: int) -> Literal["retry", "skip", "cancel"]:
        """What an operator does about a step that failed for the first, second … time."""
        if self.roll("cancels", key, time) < self.impatient:
            return "cancel"
        return "retry" if time <= PATIENCE and self.roll("retries", key, time) < 60 else "skip"

    def _data(self, spec: HandlerSpec, key: str) -> dict[str, Any]:
        values = {"net": "12.50", "count": self.roll("count", key) % 4, "parts": [{"n": 1}, {"n": 2}]}
        return {name: values[name] for name in spec.outputs if self.roll("data", key, name) < 90}

    def _number(self, *question: object) -> int:
        text = "/".join(map(str, (self.seed, *question)))
        return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")
