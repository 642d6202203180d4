"""Durations as people write them in definitions: `5s`, `45min`, `1h`, `2d`, `1h30min`."""

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}
_PART = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)\s*(ms|min|s|m|h|d|w)")
_WHOLE = re.compile(rf"\s*(?:{_PART.pattern}\s*)+")
_LONGEST = timedelta(days=3660)
EXPECTED = "a duration such as 30s, 45min, 1h, 1h30min or 2d"


def parse_duration(text: str) -> timedelta:
    """The duration that the text names. Raises `ValueError` saying what was expected."""
    if not isinstance(text, str) or len(text) > 60 or not _WHOLE.fullmatch(text):
        raise ValueError(f"{text!r} is not {EXPECTED}")
    seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    duration = timedelta(seconds=seconds)
    if not timedelta(0) < duration <= _LONGEST:
        raise ValueError(f"{text!r} is out of range: more than 0 and at most ten years")
    return duration


def format_duration(duration: timedelta) -> str:
    """The shortest text that `parse_duration` reads back: `1h30min`."""
    rest = round(duration / timedelta(milliseconds=1))
    parts = []
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1000), ("ms", 1)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def _read(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value
    return parse_duration(value)


Duration = Annotated[
    timedelta,
    BeforeValidator(_read),
    PlainSerializer(format_duration, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "description": EXPECTED, "examples": ["30s", "45min", "1h"]}),
]
"""A pydantic field type: reads and writes the text form, holds a `timedelta`."""
