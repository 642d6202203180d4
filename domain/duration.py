"""Durations as people write them in definitions: `5s`, `45min`, `1h`, `2d`, `1h30min`.

They have whole milliseconds, so that text and value are the same in both directions.
"""

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}
_PART = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)\s*(ms|min|s|m|h|d|w)")  # noqa: TID251  # ours, linear
_WHOLE = re.compile(rf"\s*(?:{_PART.pattern}\s*)+")  # noqa: TID251  # on 60 characters at most
_LONGEST = timedelta(days=3660)
_TOO_LONG = _LONGEST.total_seconds() + 1
"""Seconds at which a text is refused anyway, and that a timedelta can still hold."""
EXPECTED = "a duration such as 30s, 45min, 1h, 1h30min or 2d"


def parse_duration(text: str) -> timedelta:
    """The duration that the text names. Raises `ValueError` saying what was expected."""
    if not isinstance(text, str) or len(text) > 60 or not _WHOLE.fullmatch(text):
        raise ValueError(f"{text!r} is not {EXPECTED}")
    seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    return _in_range(timedelta(seconds=min(seconds, _TOO_LONG)), text)


def format_duration(duration: timedelta) -> str:
    """The shortest text that `parse_duration` reads back: `1h30min`."""
    rest = round(duration / timedelta(milliseconds=1))
    parts = []
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1000), ("ms", 1)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def _in_range(duration: timedelta, text: object) -> timedelta:
    whole = timedelta(milliseconds=round(duration / timedelta(milliseconds=1)))
    if not timedelta(0) < whole <= _LONGEST:
        raise ValueError(f"{str(text)!r} is out of range: at least 1 ms and at most ten years")
    return whole


def _read(value: Any) -> Any:
    if isinstance(value, timedelta):
        return _in_range(value, value)
    return parse_duration(value)


Duration = Annotated[
    timedelta,
    BeforeValidator(_read),
    PlainSerializer(format_duration, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "description": EXPECTED, "examples": ["30s", "45min", "1h"]}),
]
"""A pydantic field type: reads and writes the text form, holds a `timedelta`."""
