"""JSON read strictly: what a second reader could understand differently, or cannot store, is an error."""

import json
import math
from typing import Any, Final

from domain.errors import InvalidInput

MAX_DEPTH: Final = 20
_LONGEST_INTEGER: Final = 40


def read_json(raw: bytes) -> Any:
    """The value that the bytes hold.

    Raises `InvalidInput` naming line and column, or the field, for: other encodings than UTF-8, syntax
    errors, repeated keys, NaN and infinities, integers of more than 40 digits, more than 20 levels, and
    characters that no database takes (NUL, lone surrogates).
    """
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"byte {error.start + 1} is not UTF-8; expected JSON in UTF-8") from error
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_no_constant,
            parse_int=_integer,
            parse_float=_float,
        )
    except json.JSONDecodeError as error:
        raise InvalidInput(
            f"line {error.lineno}, column {error.colno}: {error.msg}; expected JSON"
        ) from error
    except RecursionError as error:
        raise InvalidInput(_TOO_DEEP) from error
    _check(value, "", 1)
    return value


_TOO_DEEP = f"nested too deep; expected at most {MAX_DEPTH} levels"


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise InvalidInput(f"the key {key[:50]!r} appears twice; expected each key once", field=key[:50])
        found[key] = value
    return found


def _no_constant(name: str) -> Any:
    raise InvalidInput(f"{name} is not a JSON value; expected a number")


def _integer(text: str) -> int:
    if len(text) > _LONGEST_INTEGER:
        raise InvalidInput(f"an integer of {len(text)} digits; expected at most {_LONGEST_INTEGER}")
    return int(text)


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise InvalidInput("a number is too large; expected one that a double can hold")
    return number


def _check(value: Any, path: str, depth: int) -> None:
    """Depth and characters of everything below; the first fault raises."""
    if depth > MAX_DEPTH:
        raise InvalidInput(_TOO_DEEP, field=path)
    if isinstance(value, str):
        _check_text(value, path)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check(item, f"{path}[{index}]", depth + 1)
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_text(key, path)
            _check(item, f"{path}.{key}" if path else key, depth + 1)


def _check_text(text: str, path: str) -> None:
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise InvalidInput(
            "holds a NUL character or half of a surrogate pair; expected plain text", field=path
        )
