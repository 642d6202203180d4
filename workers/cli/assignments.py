"""Options of the form `name=value`: read once, and turned into what a form's fields take."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from pydantic import TypeAdapter

from domain.errors import InvalidInput
from domain.fields import EXPECTED, FieldType, FormField

_FLAGS: Final = {"true": True, "yes": True, "false": False, "no": False}
_FORM: Final = TypeAdapter(dict[str, FormField])


def assignments(texts: Sequence[str], option: str) -> dict[str, str]:
    """Names and values. Raises `InvalidInput` for what is no assignment, and for a name that comes twice."""
    found: dict[str, str] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not (name and sign):
            raise InvalidInput(f"{option}: expected name=value")
        if name in found:
            raise InvalidInput(f"{option}: {name} is given twice; expected each name once", field=name)
        found[name] = value
    return found


def form_of(review: Mapping[str, Any]) -> dict[str, FormField]:
    """The form of a review as the API shows it."""
    return _FORM.validate_python(review["form"])


def answers(form: Mapping[str, FormField], given: Mapping[str, str]) -> dict[str, Any]:
    """What was typed, as the fields of the form take it: flags and numbers become such, amounts stay text.

    Raises `InvalidInput` naming every field that the form does not have or that cannot be read.
    """
    problems: dict[str, str] = {}
    found: dict[str, Any] = {}
    for name, text in given.items():
        if name not in form:
            problems[name] = f"there is no such field; expected {', '.join(form) or 'none: it has no form'}"
            continue
        try:
            found[name] = _value(form[name].type, text)
        except ValueError:
            problems[name] = f"expected {EXPECTED[form[name].type]}"
    if problems:
        message = "; ".join(f"{name}: {problem}" for name, problem in problems.items())
        raise InvalidInput(message, field=next(iter(problems)))
    return found


def _value(kind: FieldType, text: str) -> Any:
    """Raises `ValueError` for a text that is not of the kind."""
    match kind:
        case FieldType.FLAG:
            if text.lower() not in _FLAGS:
                raise ValueError("no flag")
            return _FLAGS[text.lower()]
        case FieldType.NUMBER:
            return _number(text)
        case FieldType.LIST | FieldType.MAP:
            return json.loads(text)
        case _:
            return text


def _number(text: str) -> int | float:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError("no number") from None
    if not number.is_finite():
        raise ValueError("not finite")
    return int(number) if number == number.to_integral_value() else float(number)
