"""Random expressions of the SOP language, built from a typed grammar over what can be named at a place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Final, Protocol, TypeVar

from domain.fields import FieldType

_T = TypeVar("_T")

FIELDS: Final[Mapping[str, Any]] = {
    "n": 3,
    "zero": 0,
    "amount": "1200.50",
    "urgent": True,
    "name": "Li Wei",
    "due": "2026-11-23T15:30:00+08:00",
    "lines": [{"n": 1, "net": "1.00"}, {"n": 2, "net": "2.50"}, {"n": 3, "net": "0.10"}],
    "tags": ["a", "b"],
    "none": [],
}
"""The fields of every ticket that random SOPs are run for."""


class Choices(Protocol):
    """Where randomness comes from: Hypothesis, which can shrink it, or a seed."""

    def number(self, low: int, high: int) -> int:
        """A whole number, both ends included; simple ones are small."""

    def one_of(self, options: Sequence[_T]) -> _T:
        """One of these; simple ones come first."""

    def chance(self, percent: int) -> bool:
        """Whether something rather unusual happens."""


class Seeded:
    """Choices that a seed settles."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311 - nothing is kept secret

    def number(self, low: int, high: int) -> int:
        return self._random.randint(low, high)

    def one_of(self, options: Sequence[_T]) -> _T:
        return self._random.choice(options)

    def chance(self, percent: int) -> bool:
        return self._random.randrange(100) < percent


@dataclass(frozen=True)
class Sight:
    """What expressions at a place can name."""

    outcomes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Of the steps that may have run before, by id."""
    items: Mapping[str, str] = field(default_factory=dict)
    """Loop variables, each with the sort of its items: line, text or number."""
    inputs: Mapping[str, FieldType] = field(default_factory=dict)

    def after(self, step_id: str, outcomes: tuple[str, ...]) -> "Sight":
        """With one more step that has run."""
        return replace(self, outcomes={**self.outcomes, step_id: outcomes})

    def within(self, item: str, sort: str) -> "Sight":
        """Inside a loop."""
        return replace(self, items={**self.items, item: sort})


class Expressions:
    """Writes expressions of a wanted type."""

    def __init__(self, choices: Choices) -> None:
        self._choices = choices

    def flag(self, sight: Sight, depth: int = 2) -> str:
        """A condition."""
        choices = self._choices
        if depth and choices.chance(35):
            left, right = self.flag(sight, depth - 1), self.flag(sight, depth - 1)
            return choices.one_of(
                (
                    f"!({left})",
                    f"({left}) && ({right})",
                    f"({left}) || ({right})",
                    f"({left}) ? ({right}) : false",
                )
            )
        if choices.chance(4):
            # These fail when they are asked.
            return choices.one_of(("fields.missing > 1", "10 / fields.zero > 1", "fields.lines[9].n == 1"))
        options = [
            "fields.urgent",
            'risk == "high"',
            'risk in ["low", "medium"]',
            f"{self.number(sight)} > {choices.number(0, 5)}",
            f'now > timestamp("2026-11-23T{choices.number(10, 23)}:00:00Z")',
            "has(fields.missing)",
            f"size({self.items(sight)[0]}) > {choices.number(0, 3)}",
            "fields.lines.exists(l, l.n > 2)",
            "amount(fields.amount) > amount('100.00')",
            'task.category == "accounts"',
            'sop.version.startsWith("1")',
        ]
        options += [f"inputs.{name}" for name, kind in sight.inputs.items() if kind is FieldType.FLAG]
        for step_id, outcomes in list(sight.outcomes.items())[-4:]:
            asked = f'steps.{step_id}.outcome == "{choices.one_of(outcomes)}"'
            options.append(asked if choices.chance(15) else f"has(steps.{step_id}) && {asked}")
        return choices.one_of(options)

    def number(self, sight: Sight) -> str:
        """A whole number."""
        options = ["fields.n", "size(fields.tags)", "fields.n * 2 + 1", "size(fields.name)"]
        for name, sort in sight.items.items():
            options.append({"line": f"{name}.n", "text": f"size({name})", "number": name}[sort])
        options += [f"int(inputs.{name})" for name, kind in sight.inputs.items() if kind is FieldType.NUMBER]
        return self._choices.one_of(options)

    def items(self, sight: Sight) -> tuple[str, str]:
        """A list, and the sort of its items."""
        options = [
            ("fields.lines", "line"),
            ("fields.tags", "text"),
            ("[1, 2, 3]", "number"),
            ("fields.none", "number"),
            (f"fields.lines.filter(l, l.n > {self._choices.number(0, 3)})", "line"),
            ("fields.lines.map(l, l.n)", "number"),
            ('now > timestamp("2026-11-23T13:00:00Z") ? fields.lines : [{"n": 7, "net": "7.00"}]', "line"),
            ('risk == "high" ? fields.tags : ["c"]', "text"),
        ]
        options += [
            (f"inputs.{name}", "line") for name, kind in sight.inputs.items() if kind is FieldType.LIST
        ]
        if sight.outcomes and self._choices.chance(20):
            step_id = self._choices.one_of(list(sight.outcomes))
            options.append((f'has(steps.{step_id}) ? ["with"] : ["without", "it"]', "text"))
        return self._choices.one_of(options)

    def instant(self, sight: Sight) -> str:
        """When a wait is over."""
        return self._choices.one_of(
            (
                "timestamp(fields.due)",
                f'now + duration("{self._choices.number(1, 300)}m")',
                '"2026-11-23T22:00:00+08:00"',
                'timestamp("2026-11-23T16:00:00Z")',
                'timestamp("2020-01-01T00:00:00Z")',
            )
        )

    def value(self, kind: FieldType, sight: Sight) -> Any:
        """What `with` gives for a field of this type: a value, or a text with expressions."""
        choices = self._choices
        match kind:
            case FieldType.FLAG:
                return choices.one_of((True, False, f"${{ {self.flag(sight, 1)} }}"))
            case FieldType.NUMBER:
                return choices.one_of((1, f"${{ {self.number(sight)} }}"))
            case FieldType.MONEY:
                lines = [name for name, sort in sight.items.items() if sort == "line"]
                given = [
                    f"${{ inputs.{name} }}" for name, of in sight.inputs.items() if of is FieldType.MONEY
                ]
                return choices.one_of(
                    ("12.00", "${ fields.amount }", *(f"${{ {name}.net }}" for name in lines), *given)
                )
            case FieldType.LIST:
                return choices.one_of(([1, 2], "${ fields.lines }"))
        return choices.one_of(
            ("a text", "for ${ fields.name }: ${ fields.n }", "at ${ now }", "${ risk } in ${ sop.name }")
        )
