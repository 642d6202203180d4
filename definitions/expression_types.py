"""Types of the values that expressions name and give."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from domain.fields import FieldType


@dataclass(frozen=True)
class Type:
    """A type, as far as it is known before a ticket is there."""

    kind: str
    """bool, int, double, number, string, money, instant, timestamp, duration, list, map, null or dyn."""
    element: "Type | None" = None
    """Of a list, where known."""
    fields: Mapping[str, "Type"] | None = None
    """Of a map whose keys are known: no others exist."""
    choices: tuple[str, ...] = ()
    """Of a text that is always one of these."""

    def accepts(self, other: "Type") -> bool:
        """Whether a value of the other type can stand here. What is unknown can."""
        if "dyn" in (self.kind, other.kind):
            return True
        return other.kind == self.kind or other.kind in _ALSO.get(self.kind, ())

    @classmethod
    def list_of(cls, element: "Type") -> Self:
        """A list of such elements."""
        return cls("list", element=element)

    @classmethod
    def record(cls, fields: Mapping[str, "Type"]) -> Self:
        """A map with exactly these keys, though some may be missing."""
        return cls("map", fields=fields)

    def __str__(self) -> str:
        return _IN_WORDS.get(self.kind, self.kind)


_ALSO: Final[Mapping[str, tuple[str, ...]]] = {
    "number": ("int", "double"),
    "int": ("number",),
    "double": ("number",),
    "money": ("string", "int"),
    "string": ("money", "instant"),
    "instant": ("string", "timestamp"),
    "scalar": (
        *("bool", "int", "double", "number", "string"),
        *("money", "instant", "timestamp", "duration"),
    ),
}
_IN_WORDS: Final[Mapping[str, str]] = {
    "bool": "true or false",
    "int": "a whole number",
    "double": "a decimal number",
    "number": "a number",
    "string": "a text",
    "money": "an amount",
    "instant": "an instant",
    "timestamp": "an instant",
    "duration": "a duration",
    "list": "a list",
    "map": "a mapping",
    "null": "null",
    "bytes": "bytes",
    "dyn": "a value",
    "scalar": "a text, a number, an instant or true or false",
}

DYN: Final = Type("dyn")
BOOL: Final = Type("bool")
INT: Final = Type("int")
DOUBLE: Final = Type("double")
NUMBER: Final = Type("number")
"""Whole or decimal, as JSON has it."""
STRING: Final = Type("string")
MONEY: Final = Type("money")
"""Amounts are texts; `amount(x)` makes them whole fen, which can be compared."""
INSTANT: Final = Type("instant")
"""As a fact a text with date, time and zone; as what is wanted a timestamp as well."""
TIMESTAMP: Final = Type("timestamp")
DURATION: Final = Type("duration")
LIST: Final = Type("list")
MAP: Final = Type("map")
NULL: Final = Type("null")
SCALAR: Final = Type("scalar")
"""As what is wanted: anything that can stand inside a text."""

_OF_FIELD: Final[Mapping[FieldType, Type]] = {
    FieldType.TEXT: STRING,
    FieldType.NUMBER: NUMBER,
    FieldType.MONEY: MONEY,
    FieldType.FLAG: BOOL,
    FieldType.DATE: STRING,
    FieldType.TIME: INSTANT,
    FieldType.LIST: LIST,
    FieldType.MAP: MAP,
    FieldType.ANY: DYN,
}


def type_of_field(kind: FieldType, choices: tuple[str, ...] = ()) -> Type:
    """The type of a form's field, or of a handler's input or output."""
    return Type("string", choices=choices) if choices and kind is FieldType.TEXT else _OF_FIELD[kind]
