"""The expression engine, Google's CEL, set up for SOPs: without I/O, clock, dice or named zones."""

import contextlib
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

from cel_expr_python import cel

from domain.errors import InvalidInput
from domain.money import parse_money, to_fen


@lru_cache(maxsize=5000)
def program(source: str) -> Any:
    """The expression, ready to run; its names are looked up then. Raises the engine's `RuntimeError`."""
    return _ENGINE.compile(source, disable_check=True)


def type_name(source: str) -> str:
    """The type that the checker finds, as `LIST<STRING>`, over the variables of `KINDS`.

    `source` is one that `program` could read. Raises the engine's `RuntimeError`, which `errors_of` reads.
    """
    if not any(odd in source for odd in _HARD_TO_SPLIT):
        with contextlib.suppress(RuntimeError):
            return _checked(_SPARE.sub(_sample, source))
    return _checked(source)


@lru_cache(maxsize=5000)
def _checked(source: str) -> str:
    return str(_CHECKER.compile(source).return_type().name())


def _sample(spare: re.Match[str]) -> str:
    """Another value or field, or fewer blanks, have the same type."""
    return _SAMPLES.get(spare.group()[0], "1")


def errors_of(error: Exception, source: str) -> Iterator[tuple[int, str]]:
    """The engine's complaints about an expression, each with its offset in characters."""
    lines = source.split("\n")
    for line in str(error).splitlines():
        _, marked, place = line.partition("ERROR: <input>:")
        if "recursion" in line:
            yield 0, "it is nested too deeply"
        elif marked:
            row, column, reason = place.split(":", 2)
            offset = sum(len(each) + 1 for each in lines[: int(row) - 1]) + int(column) - 1
            reason = reason.removesuffix("[INVALID_ARGUMENT]").partition(" expecting {")[0].strip()
            yield max(0, offset), reason.removeprefix("Syntax error: ")


def _amount(value: str | float) -> int:
    try:
        return to_fen(parse_money(value))
    except InvalidInput:
        raise ValueError("not an amount") from None


_AMOUNT: Final = cel.FunctionDecl(
    "amount",
    [
        cel.Overload(f"amount_{kind.name()}", return_type=cel.Type.INT, parameters=[kind], impl=_amount)
        for kind in (cel.Type.STRING, cel.Type.INT, cel.Type.DOUBLE)
    ],
)
"""`amount("86000.00")` is 8600000 fen: amounts are compared exactly, never as decimals of a float."""

_HARD_TO_SPLIT: Final = ("\\", '"""', "'''", "//")
"""Where one of these stands, more than a pattern is needed to tell what is a text."""
_SPARE: Final = re.compile(  # noqa: TID251  # ours, linear
    r"""\"[^"\n]*\"|'[^'\n]*'|(?<![\w.])[0-9]+(?![\w.])|\.[A-Za-z_]\w*+(?![ \n]*\()|[ ]+"""
)

_SAMPLES: Final = {'"': '""', "'": "''", ".": ".f", " ": " "}

KINDS: Final = {
    "bool": ("B", cel.Type.BOOL),
    "int": ("I", cel.Type.INT),
    "double": ("D", cel.Type.DOUBLE),
    "string": ("S", cel.Type.STRING),
    "timestamp": ("T", cel.Type.TIMESTAMP),
    "duration": ("P", cel.Type.DURATION),
    "list": ("L", cel.Type.List(cel.Type.DYN)),
    "map": ("M", cel.Type.Map(cel.Type.STRING, cel.Type.DYN)),
    "null": ("N", cel.Type.NULL),
    "dyn": ("A", cel.Type.DYN),
}
"""Kinds of types: the one variable of each that the checker knows, and what the engine calls the type."""

_ENGINE: Final = cel.NewEnv(variables={"now": cel.Type.TIMESTAMP}, functions=[_AMOUNT])
# Setting up a checker takes a thousand times as long as checking, so there is one for all expressions.
_CHECKER: Final = cel.NewEnv(variables=dict(KINDS.values()), functions=[_AMOUNT])
