"""Typed fields: what a form asks of a person, and what a handler takes and answers.

One small set of types serves both, so that an SOP's author learns them once.
"""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from pydantic import Field

from domain.errors import InvalidInput
from domain.model import Model, Record
from domain.money import parse_money


class FieldType(StrEnum):
    """What a value can be."""

    TEXT = "text"
    NUMBER = "number"
    """A whole or decimal number that is not money."""
    MONEY = "money"
    """An amount as a plain decimal in text or whole numbers, never a float."""
    FLAG = "flag"
    """True or false."""
    DATE = "date"
    """`2026-11-23`."""
    TIME = "time"
    """An instant with its zone: `2026-11-23T09:00:00+08:00`."""
    LIST = "list"
    MAP = "map"
    ANY = "any"


class FieldSpec(Record):
    """One input or output of a handler, as the catalogue shows it."""

    type: FieldType = FieldType.ANY
    required: bool = False
    description: str = ""
    choices: tuple[str, ...] = ()


class FormField(Model):
    """One field of a form that a person fills in."""

    label: str = Field(default="", max_length=200, description="what people see; without it the field's name")
    type: FieldType = FieldType.TEXT
    required: bool = Field(default=True, strict=True)
    choices: tuple[str, ...] = Field(default=(), max_length=50, description="the answer is one of these")


def form_problems(form: Mapping[str, FormField], answers: Mapping[str, Any]) -> list[str]:
    """What is wrong with the answers, field by field, without repeating them; empty when all is well."""
    problems = [f"{name}: there is no such field in the form" for name in answers if name not in form]
    for name, field in form.items():
        value = answers.get(name)
        if value in (None, ""):
            if field.required:
                problems.append(f"{name}: is missing")
        elif not fits(field.type, value):
            problems.append(f"{name}: is not {EXPECTED[field.type]}")
        elif field.choices and str(value) not in field.choices:
            problems.append(f"{name}: is not one of {', '.join(field.choices)}")
    return problems


EXPECTED: Mapping[FieldType, str] = {
    FieldType.TEXT: "a text",
    FieldType.NUMBER: "a number",
    FieldType.MONEY: "an amount such as 1200.50",
    FieldType.FLAG: "true or false",
    FieldType.DATE: "a date such as 2026-11-23",
    FieldType.TIME: "an instant with its zone such as 2026-11-23T09:00:00+08:00",
    FieldType.LIST: "a list",
    FieldType.MAP: "a mapping",
    FieldType.ANY: "a value",
}
"""In words, for errors."""


def fits(kind: FieldType, value: Any) -> bool:
    """Whether a JSON value is of this type."""
    match kind:
        case FieldType.TEXT:
            return isinstance(value, str)
        case FieldType.NUMBER:
            return isinstance(value, int | float | Decimal) and not isinstance(value, bool)
        case FieldType.MONEY:
            return _is_amount(value)
        case FieldType.FLAG:
            return isinstance(value, bool)
        case FieldType.DATE:
            return isinstance(value, str) and _parses(date.fromisoformat, value)
        case FieldType.TIME:
            return isinstance(value, str) and _parses(_aware, value)
        case FieldType.LIST:
            return isinstance(value, list | tuple)
        case FieldType.MAP:
            return isinstance(value, Mapping)
        case FieldType.ANY:
            return True


def _is_amount(value: Any) -> bool:
    try:
        parse_money(value)
    except InvalidInput:
        return False
    return True


def _aware(text: str) -> datetime:
    parsed = datetime.fromisoformat(text)
    if parsed.tzinfo is None:
        raise ValueError("no zone")
    return parsed


def _parses(parse: Any, text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True
