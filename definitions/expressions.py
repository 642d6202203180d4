"""CEL expressions of SOPs: compiled once, evaluated inside the workflow, deterministic and bounded.

`when`, `until` and `items` are expressions; a text in `with` is one where it stands in `${ … }`.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import cel

from domain.errors import ExpressionFailed

NAMES: Final = ("task", "fields", "steps", "sop", "inputs", "risk", "now")
"""What every expression can name; the steps of a `foreach` know their item as well."""

_EMBEDDED = re.compile(r"\$\{([^{}]*)\}")  # noqa: TID251 - linear: no nesting, one class of characters


def evaluate(source: str, facts: Mapping[str, Any]) -> Any:
    """The expression's value over these facts: JSON values and aware instants.

    Raises `ExpressionFailed` with the reason, which names fields and never their values.
    """
    try:
        return compiled(source).execute({name: facts[name] for name in facts})
    except ExpressionFailed:
        raise
    except Exception as error:  # the engine raises whatever Python type fits the mistake
        raise ExpressionFailed(f"{source!r} cannot be evaluated: {type(error).__name__}") from error


def holds(source: str, facts: Mapping[str, Any]) -> bool:
    """A condition's value. Raises `ExpressionFailed` where it is neither true nor false."""
    value = evaluate(source, facts)
    if not isinstance(value, bool):
        raise ExpressionFailed(f"{source!r} gives {type(value).__name__}, not true or false")
    return value


def render(value: Any, facts: Mapping[str, Any]) -> Any:
    """A value of `with`, with its expressions evaluated: `${ e }` alone keeps its type."""
    if isinstance(value, Mapping):
        return {name: render(each, facts) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [render(each, facts) for each in value]
    if not isinstance(value, str):
        return value
    whole = _EMBEDDED.fullmatch(value.strip())
    if whole:
        return evaluate(whole.group(1).strip(), facts)
    return _EMBEDDED.sub(lambda match: str(evaluate(match.group(1).strip(), facts)), value)


@lru_cache(maxsize=5000)
def compiled(source: str) -> cel.Program:
    """The compiled expression. Raises `ExpressionFailed` for what is not CEL."""
    try:
        return cel.compile(source)
    except Exception as error:
        raise ExpressionFailed(f"{source!r} is not CEL: {error}") from error
