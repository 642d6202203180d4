"""CEL expressions of SOPs: compiled once, evaluated inside the workflow, deterministic and bounded.

`when`, `until` and `items` are expressions; a text in `with` is one where it stands in `${ … }`. The engine
is Google's, whose values and errors are the same everywhere; `definitions.expression_rules` says what of CEL
is left out, `definitions.expression_checks` proves types before a ticket is there.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from cel_expr_python import cel

from definitions.expression_cost import TooCostly, can_be_costly, cost_over
from definitions.expression_engine import program
from definitions.expression_rules import breaches
from definitions.expression_syntax import Node, NotCel, Select, parse, paths_in, walk
from definitions.expression_texts import embedded
from definitions.expression_values import Paths, Unusable, as_json, checked, narrowed, without_values
from domain.errors import ExpressionFailed

NAMES: Final = ("task", "fields", "steps", "sop", "inputs", "risk", "now")
"""What every expression can name; the steps of a `foreach` know their item as well."""


@dataclass(frozen=True)
class References:
    """What of the facts an expression uses."""

    paths: Paths

    @property
    def names(self) -> frozenset[str]:
        """The variables."""
        return frozenset(self.paths)

    @property
    def steps(self) -> frozenset[str] | None:
        """Ids of the steps whose results it uses; None when only a ticket can tell, as for `steps[x]`."""
        used = self.paths.get("steps", {})
        return None if used is None else frozenset(used)


def evaluate(source: str, facts: Mapping[str, Any]) -> Any:
    """The expression's value over these facts: JSON values, aware instants and durations.

    Of the facts only what the expression uses is looked up. Raises `ExpressionFailed` with the
    expression and the reason, which never repeats values of the ticket.
    """
    compiled = _compiled(source)
    try:
        used = _used(facts, compiled.references.paths)
        if compiled.can_be_costly:
            cost_over(compiled.syntax, used)
        return _run(source, used)
    except TooCostly as error:
        raise _failed(source, f"it costs too much: {error}") from None
    except Unusable as error:
        raise _failed(source, without_values(str(error), compiled.words)) from None
    except RecursionError:
        raise _failed(source, "a value is nested too deeply") from None


def holds(source: str, facts: Mapping[str, Any]) -> bool:
    """A condition's value. Raises `ExpressionFailed` where it is neither true nor false."""
    value = evaluate(source, facts)
    if not isinstance(value, bool):
        raise _failed(source, f"it gives {_kind(value)}, not true or false")
    return value


def render(value: Any, facts: Mapping[str, Any]) -> Any:
    """A value of `with`, with its expressions evaluated, as JSON: `${ e }` alone keeps its type.

    Instants become texts with their zone, durations texts in seconds. Raises `ExpressionFailed`.
    """
    if isinstance(value, Mapping):
        return {name: render(each, facts) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [render(each, facts) for each in value]
    if not isinstance(value, str) or "${" not in value:
        return value
    parts = embedded(value)
    if len(parts) == 1 and parts[0].is_expression:
        return as_json(evaluate(parts[0].text, facts))
    return "".join(_inside_text(part.text, facts) if part.is_expression else part.text for part in parts)


@lru_cache(maxsize=5000)
def references(source: str) -> References:
    """What the expression uses. Raises `ExpressionFailed` for what is not CEL."""
    return _compiled(source).references


def references_in(value: Any) -> References:
    """What all expressions of a value of `with` use. Raises `ExpressionFailed`."""
    paths: dict[str, Any] = {}
    for text in _texts(value):
        for part in embedded(text):
            if part.is_expression:
                _merge(paths, references(part.text).paths)
    return References(paths)


def constant(source: str) -> Any:
    """The value of an expression that names nothing, else None. Raises `ExpressionFailed`."""
    return None if references(source).paths else evaluate(source, {})


@dataclass(frozen=True)
class _Compiled:
    syntax: Node
    references: References
    can_be_costly: bool
    words: frozenset[str]
    """The fields that the expression itself names: no others get into messages."""


@lru_cache(maxsize=5000)
def _compiled(source: str) -> _Compiled:
    try:
        syntax = parse(source)
    except NotCel as error:
        raise ExpressionFailed(f"{source!r} is not CEL: {error.reason}") from None
    for breach in breaches(source):
        raise _failed(source, f"{breach.message}; expected {breach.expected}")
    paths: dict[str, Any] = {}
    for _, path in paths_in(syntax):
        below: dict[str, Any] | None = None
        for name in reversed(path[1:]):
            below = {name: below}
        _merge(paths, {path[0]: below})
    return _Compiled(
        syntax=syntax,
        references=References(paths),
        can_be_costly=can_be_costly(syntax),
        words=frozenset(node.field for node, _ in walk(syntax) if isinstance(node, Select)),
    )


def _merge(into: dict[str, Any], paths: Paths) -> None:
    for name, below in paths.items():
        if below is None or (name in into and into[name] is None):
            into[name] = None
        else:
            _merge(into.setdefault(name, {}), below)


def _used(facts: Mapping[str, Any], paths: Paths) -> dict[str, Any]:
    used = narrowed(facts, {name: below for name, below in paths.items() if name != "now"})
    return {**used, "now": facts["now"]} if "now" in paths and "now" in facts else used


def _run(source: str, used: Mapping[str, Any]) -> Any:
    try:
        value = program(source).eval(data=used)
    except RuntimeError as error:  # what the engine stops for, as too many rounds
        raise Unusable(str(error)) from None
    if value.type() == cel.Type.ERROR:
        raise Unusable(str(value.plain_value()))
    return checked(value.plain_value())


def _inside_text(source: str, facts: Mapping[str, Any]) -> str:
    value = as_json(evaluate(source, facts))
    if value is None or isinstance(value, list | dict):
        raise _failed(source, f"it gives {_kind(value)}, which cannot stand inside a text")
    return value if isinstance(value, str) else json.dumps(value)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)


def _failed(source: str, reason: str) -> ExpressionFailed:
    return ExpressionFailed(f"{source!r} cannot be evaluated: {reason}")


def _kind(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list():
            return "a list"
        case dict():
            return "a mapping"
    return "an instant or a duration"
