"""What an expression can cost at most, from its syntax and the sizes of the facts.

CEL has no endless loops, but nested ones multiply, and a loop that doubles a text thirty times fills the
memory. So each loop, comparison and concatenation is counted before anything runs: with usual sizes when
an SOP is checked, with the real ones before an expression that could be costly is evaluated.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

import re2

from definitions.expression_syntax import (
    Call,
    Construction,
    Literal,
    Loop,
    Name,
    Node,
    Select,
    path_of,
    walk,
)

MOST_ROUNDS: Final = 10_000
"""Rounds of all loops of one evaluation together; the engine itself stops at the same number."""
MOST_COST: Final = 1_000_000
"""Elements touched; about a tenth of a second at worst."""
MOST_PATTERN: Final = 1000
"""Instructions that a pattern of `matches` may compile to."""
_CHARACTERS = 50  # of a text are touched in the time of one element

Path = tuple[str, ...]


class Extent(NamedTuple):
    """An upper bound of a value's size, in elements; a text counts one for each 50 characters."""

    length: int
    """Rounds that a loop over it has."""
    each: int
    """Weight of its heaviest element."""
    weight: int

    def element(self) -> "Extent":
        """Of any of its elements."""
        return Extent(self.each, self.each, self.each)

    def plus(self, other: "Extent") -> "Extent":
        """Of both joined."""
        return Extent(self.length + other.length, max(self.each, other.each), self.weight + other.weight)


_SCALAR = Extent(0, 1, 1)
_USUAL = Extent(length=50, each=20, weight=1000)
_USUAL_TEXT = 50  # 2,500 characters
_SCALAR_RESULT = frozenset(
    [
        "_&&_",
        "_||_",
        "!_",
        "_==_",
        "_!=_",
        "_<_",
        "_<=_",
        "_>_",
        "_>=_",
        "@in",
        "_-_",
        "_*_",
        "_/_",
        "_%_",
        "-_",
        "size",
        "matches",
        "contains",
        "startsWith",
        "endsWith",
        "int",
        "uint",
        "double",
        "bool",
        "timestamp",
        "duration",
        "amount",
        "type",
    ]
)


class TooCostly(Exception):
    """It would have too many rounds, or touch too many elements."""


def usual_cost(expression: Node) -> None:
    """Counts with lists of 50 items. Raises `TooCostly`."""
    _Count(lambda _: _USUAL, _USUAL_TEXT).check(expression)


def cost_over(expression: Node, facts: Mapping[str, Any]) -> None:
    """Counts with the sizes of these facts (JSON values). Raises `TooCostly`."""
    _Count(lambda path: _extent_at(facts, path), MOST_COST).check(expression)


def can_be_costly(expression: Node) -> bool:
    """Whether its cost can grow faster than the facts: it has loops, or searches texts."""
    return any(
        isinstance(node, Loop) or (isinstance(node, Call) and node.function in ("contains", "matches"))
        for node, _ in walk(expression)
    )


@lru_cache(maxsize=1000)
def pattern_size(pattern: str) -> int:
    """How many instructions RE2 makes of a pattern. Raises `ValueError` for what is none."""
    if len(pattern) > MOST_PATTERN:
        return len(pattern)
    options = re2.Options()
    options.log_errors = False
    try:
        return int(re2.compile(pattern, options).programsize)
    except re2.error as error:
        raise ValueError("not a pattern of RE2") from error


class _Count:
    def __init__(self, extent_at: Callable[[Path], Extent], longest_text: int) -> None:
        self._extent_at = extent_at
        self._longest_text = longest_text
        self._cost = 0
        self._rounds = 0

    def check(self, expression: Node) -> None:
        result = self._of(expression, {})
        if self._rounds > MOST_ROUNDS:
            raise TooCostly(f"its loops can have more than {MOST_ROUNDS:,} rounds together")
        if self._cost + result.weight > MOST_COST:
            raise TooCostly(f"it can touch more than {MOST_COST:,} elements")

    def _of(self, node: Node, bound: Mapping[str, Extent]) -> Extent:
        self._cost += 1
        path = path_of(node)
        if path is not None and path[0] not in bound:
            return self._extent_at(path)
        match node:
            case Literal(value=value):
                return _extent(value)
            case Name(name=name):
                return bound[name]
            case Select(operand=operand):
                return self._of(operand, bound).element()
            case Construction(parts=parts):
                extents = [self._of(part, bound) for part in parts]
                heaviest = max((each.weight for each in extents), default=0)
                return Extent(len(parts), heaviest, 1 + sum(each.weight for each in extents))
            case Loop():
                return self._of_loop(node, bound)
            case Call(function=function, arguments=arguments):
                return self._of_call(function, [self._of(each, bound) for each in arguments], arguments)
        return _SCALAR

    def _of_loop(self, loop: Loop, bound: Mapping[str, Extent]) -> Extent:
        over = self._of(loop.range, bound)
        cost, rounds = self._cost, self._rounds
        inner = {**bound, loop.variable: over.element()}
        made = [self._of(body, inner) for body in loop.bodies]
        self._cost = cost + over.length * (self._cost - cost + 1)
        self._rounds = rounds + over.length * (self._rounds - rounds + 1)
        if loop.macro in ("map", "filter"):
            self._cost += over.length**2  # the engine makes the list anew for each of its elements
        if loop.macro == "filter":
            return over
        if loop.macro == "map":
            return Extent(over.length, made[-1].weight, 1 + over.length * made[-1].weight)
        return _SCALAR

    def _of_call(self, function: str, given: list[Extent], arguments: tuple[Node, ...]) -> Extent:
        if function == "_[_]":
            return given[0].element()
        if function == "_?_:_":
            return Extent(*(max(sizes) for sizes in zip(*given[1:], strict=True)))
        texts = [min(each.weight, self._longest_text) for each in given]
        match function, arguments:
            case "matches", (_, Literal(value=str() as pattern)):
                self._cost += texts[0] * (1 + pattern_size(pattern) // 4)
            case "contains", _:
                self._cost += texts[0] * texts[-1]
            case _:
                self._cost += sum(each.weight for each in given)
        if function in _SCALAR_RESULT:
            return _SCALAR
        joined = given[0] if given else _SCALAR
        for each in given[1:]:
            joined = joined.plus(each)
        return joined


def _extent_at(facts: Mapping[str, Any], path: Path) -> Extent:
    value: Any = facts
    for name in path:
        if not isinstance(value, Mapping) or name not in value:
            return _SCALAR
        value = value[name]
    return _extent(value)


def _extent(value: Any) -> Extent:
    if isinstance(value, str | bytes):
        weight = 1 + len(value) // _CHARACTERS
        return Extent(0, weight, weight)
    if isinstance(value, Mapping):
        parts = [*map(_weight, value), *map(_weight, value.values())]
    elif isinstance(value, list):
        parts = list(map(_weight, value))
    else:
        return _SCALAR
    return Extent(len(value), max(parts, default=0), 1 + sum(parts))


def _weight(value: Any) -> int:
    return _extent(value).weight
