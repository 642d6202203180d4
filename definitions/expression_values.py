"""Values on their way into the expression engine and out of it, and its complaints in our words."""

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Final

Paths = Mapping[str, "Paths | None"]
"""Keys by name, and what is used below each; None stands for all of it."""


class Unusable(Exception):  # translated by whoever knows the expression
    """The engine, or a value, is not as an expression needs it. The text may have values of the ticket."""


_REASONS: Final = (
    ("No value with name", "it names something that is not there"),
    ("Iteration budget", "it costs too much: its loops have too many rounds"),
    ("divide by zero", "it divides by zero"),
    ("modulus by zero", "it divides by zero"),
    ("overflow", "a number gets too large"),
    ("out of range", "a number is too large"),
    ("not finite", "a number is not finite"),
    ("Index error", "a list is shorter than it expects"),
    ("out of bounds", "a list is shorter than it expects"),
    ("onversion failed", "a text cannot be converted"),
    ("cannot convert", "a value cannot be converted"),
    (
        "not an amount",
        'amount has got no positive plain decimal such as "86000.00", with two decimals at most',
    ),
    ("SELECT", "it asks a field of something that has none"),
    ("container type", "it asks a field of something that has none"),
    ("Invalid map key", "the keys of a map have to be texts"),
    ("duplicate key", "a map has the same key twice"),
    ("Non-CEL value", "a fact has a type that expressions do not know"),
    ("no JSON", "it gives bytes or a type, which are no JSON"),
)


def without_values(said: str, words: frozenset[str]) -> str:
    """The engine's complaint in our words. Its own can repeat values of the ticket."""
    if "Key not found" in said:
        key = said.rpartition(": ")[2].strip('"')
        name = f" called {key}" if key in words else " of that name"
        return f"there is nothing{name} there (guard it with has(…))"
    if "No matching overload" in said:
        return "a value has not the type that it expects"
    return next((reason for needle, reason in _REASONS if needle in said), "a value does not suit it")


def narrowed(value: Any, paths: Paths | None) -> Any:
    """Only what is used of a fact, as JSON. Raises `Unusable` for what has no such form."""
    if paths is None or not isinstance(value, Mapping):
        return _plain(value)
    found = {}
    for name, below in paths.items():
        try:
            found[name] = narrowed(value[name], below)
        except KeyError:
            continue  # the engine says so, if it gets there
    return found


def _plain(value: Any) -> Any:
    kind = type(value)
    if kind in (str, int, bool, float) or value is None:
        return value
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, Enum):
        return _plain(value.value)
    if isinstance(value, Decimal):
        return format(value, "f")  # money is text
    if isinstance(value, date):  # an instant is one as well
        return value.isoformat()
    raise Unusable("Non-CEL value type")


def checked(value: Any) -> Any:
    """What the engine gave, if it is JSON, an instant or a duration. Raises `Unusable`."""
    match value:
        case None | bool() | int() | str() | timedelta():
            return value
        case float():
            if not math.isfinite(value):
                raise Unusable("not finite")
            return value
        case datetime():
            return value.astimezone(UTC)
        case list():
            return [checked(each) for each in value]
        case dict():
            if not all(isinstance(name, str) for name in value):
                raise Unusable("Invalid map key type")
            return {name: checked(each) for name, each in value.items()}
    raise Unusable("no JSON")


def as_json(value: Any) -> Any:
    """The value with instants as texts with their zone, and durations as texts in seconds."""
    match value:
        case datetime():
            return value.isoformat()
        case timedelta():
            return f"{value.total_seconds():.15g}s"
        case list():
            return [as_json(each) for each in value]
        case dict():
            return {name: as_json(each) for name, each in value.items()}
    return value
