"""What the language leaves out of CEL, so that every expression ends soon and gives the same value anywhere.

Held when an SOP is checked and again before anything is evaluated.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from definitions.expression_cost import MOST_PATTERN, TooCostly, pattern_size, usual_cost
from definitions.expression_syntax import Call, Construction, Literal, Loop, Node, parse, walk

ZONED: Final = frozenset(
    {
        *("getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear"),
        *("getHours", "getMinutes", "getSeconds", "getMilliseconds"),
    }
)
"""Functions of instants that take a zone."""


@dataclass(frozen=True)
class Breach:
    """A rule that an expression breaks: where, what and what was expected instead."""

    offset: int
    message: str
    expected: str


@lru_cache(maxsize=5000)
def breaches(source: str) -> tuple[Breach, ...]:
    """The rules that the expression breaks. Raises `NotCel`."""
    return tuple(_breaches(parse(source)))


def _breaches(expression: Node) -> Iterator[Breach]:
    for node, bound in walk(expression):
        match node:
            case Call(function="matches", arguments=(_, pattern)):
                yield from _pattern(pattern)
            case Call(function=function, arguments=(_, zone)) if function in ZONED:
                # Named zones are read from the machine, where they change from release to release.
                if not (isinstance(zone, Literal) and _is_offset(zone.value)):
                    yield Breach(zone.offset, f"{function} has no fixed zone", 'an offset such as "+08:00"')
            case Construction(offset=offset, message=str() as message) if message:
                yield Breach(offset, f"{message} is no type of the language", "a list or a map")
            case Loop(offset=offset, variable=variable) if variable in bound:
                yield Breach(
                    offset, f"{variable!r} is the variable of a loop around this one", "another name"
                )
    try:
        usual_cost(expression)
    except TooCostly as error:
        yield Breach(0, f"this costs too much: {error}", "fewer or shorter loops")
    except ValueError:
        pass  # a pattern that is none is reported above


def _pattern(pattern: Node) -> Iterator[Breach]:
    if not (isinstance(pattern, Literal) and isinstance(pattern.value, str)):
        yield Breach(pattern.offset, "matches has a pattern that is worked out", "a pattern in quotes")
        return
    try:
        size = pattern_size(pattern.value)
    except ValueError:
        yield Breach(
            pattern.offset, "matches has a pattern that RE2 cannot read", "a regular expression of RE2"
        )
        return
    if size > MOST_PATTERN:
        yield Breach(pattern.offset, "matches has a pattern that is too large", "fewer repetitions")


def _is_offset(zone: object) -> bool:
    if zone == "UTC":
        return True
    match list(zone) if isinstance(zone, str) else []:
        case ["+" | "-", *hours, ":", first, second]:
            digits = [*hours, first, second]
            return len(digits) == 4 and all(each in "0123456789" for each in digits)
    return False
