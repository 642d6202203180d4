"""Proves expressions before a ticket is there: that they can be read, name what exists, fit and end soon.

Types come from `definitions.expression_types`; what has none, as a ticket's `fields`, is not judged.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from definitions.expression_rules import breaches
from definitions.expression_syntax import (
    TYPE_NAMES,
    Call,
    Construction,
    Literal,
    Loop,
    Name,
    Node,
    NotCel,
    parse,
    path_of,
    walk,
)
from definitions.expression_texts import embedded
from definitions.expression_types import BOOL, DOUBLE, DYN, INT, LIST, NULL, SCALAR, STRING, Type
from definitions.expression_typing import (
    ExpressionProblem,
    Scope,
    checked_by_engine,
    field_of,
    in_words,
    scoped,
    type_at,
)
from definitions.findings import listed, suggestion
from domain.errors import ExpressionFailed

__all__ = ["ExpressionProblem", "problems", "problems_in", "type_of", "type_of_value"]


def problems(source: str, types: Scope, wanted: Type) -> list[ExpressionProblem]:
    """All that is wrong with the expression where these names are known and such a value is wanted.

    Without problems it fails on a ticket only for what the ticket lacks, or for values that are too
    large or cannot be converted; never for types that are known here.
    """
    found, type_ = _check(source, types)
    if not found and not wanted.accepts(type_):
        found = [ExpressionProblem(0, f"this gives {type_}", str(wanted))]
    if not found and type_.kind in ("bytes", "type"):
        found = [ExpressionProblem(0, f"this gives {type_}, which is no JSON", str(wanted))]
    return sorted(set(found))


def problems_in(
    value: Any, types: Scope, wanted: Type = DYN
) -> list[tuple[tuple[str | int, ...], ExpressionProblem]]:
    """All that is wrong with the expressions in a value of `with`, each with its place in the value.

    Offsets count from the begin of the text that has the expression. What is no expression is not judged.
    """
    if isinstance(value, Mapping):
        parts: list[tuple[str | int, Any]] = list(value.items())
    elif isinstance(value, list | tuple):
        parts = list(enumerate(value))
    else:
        return (
            [((), each) for each in _problems_in_text(value, types, wanted)] if isinstance(value, str) else []
        )
    return [
        ((name, *place), problem)
        for name, part in parts
        for place, problem in problems_in(part, types, (wanted.fields or {}).get(str(name), DYN))
    ]


def type_of(source: str, types: Scope) -> Type:
    """The type of the expression's value; dyn where that is not known, or the expression is wrong."""
    found, type_ = _check(source, types)
    return DYN if found else type_


def type_of_value(value: Any, types: Scope) -> Type:
    """The type of a value of `with` once its expressions are evaluated."""
    match value:
        case str():
            try:
                parts = embedded(value)
            except ExpressionFailed:
                return DYN
            alone = len(parts) == 1 and parts[0].is_expression
            return type_of(parts[0].text, types) if alone else STRING
        case bool():
            return BOOL
        case int():
            return INT
        case float():
            return DOUBLE
        case None:
            return NULL
        case Mapping():
            return Type.record({str(name): type_of_value(each, types) for name, each in value.items()})
        case list() | tuple():
            return LIST
    return DYN


def _problems_in_text(text: str, types: Scope, wanted: Type) -> Iterator[ExpressionProblem]:
    try:
        parts = embedded(text)
    except ExpressionFailed:
        yield ExpressionProblem(text.rfind("${"), "this expression has no end", "} behind it")
        return
    for part in parts:
        if part.is_expression:
            for each in problems(part.text, types, wanted if len(parts) == 1 else SCALAR):
                yield ExpressionProblem(part.offset + each.offset, each.message, each.expected)


def _check(source: str, types: Scope) -> tuple[list[ExpressionProblem], Type]:
    """What is wrong, whatever is wanted; and the type where nothing is."""
    try:
        syntax = parse(source)
    except NotCel as error:
        return [ExpressionProblem(error.offset, f"this is not CEL: {error.reason}", "an expression")], DYN
    found = [ExpressionProblem(each.offset, each.message, each.expected) for each in breaches(source)]
    for node, _ in walk(syntax):
        if isinstance(node, Loop) and (node.variable in types or not node.variable.islower()):
            message = f"{node.variable!r} cannot be a loop's variable"
            found.append(ExpressionProblem(node.offset + 1, message, "another name, in lower case"))
    if found:
        return found, DYN
    parts = list(scoped(syntax, types))
    for node, scope in parts:
        if not isinstance(node, Literal):
            found.extend(_unknown(node, scope))
        if isinstance(node, Call):
            found.extend(_never_equal(node, scope))
            found.extend(_refused_arguments(node, scope))
    if found:
        return found, DYN
    found, type_ = checked_by_engine(parts, types, source)
    own = type_at(syntax, types)
    return found, type_ if own == DYN else own


def _unknown(node: Node, scope: Scope) -> Iterator[ExpressionProblem]:
    if isinstance(node, Name) and node.name not in scope and node.name not in TYPE_NAMES:
        message = f"unknown name {node.name!r}{suggestion(node.name, scope)}"
        yield ExpressionProblem(node.offset, message, listed(scope))
    step = field_of(node)
    if step is None:
        return
    fields = type_at(step[0], scope).fields
    if fields is not None and step[1] not in fields:
        whole = ".".join(path_of(step[0]) or ())
        message = f"{whole} has no {step[1]!r}{suggestion(step[1], fields)}"
        yield ExpressionProblem(node.offset + 1, message, listed(fields))


def _never_equal(node: Call, scope: Scope) -> Iterator[ExpressionProblem]:
    """Texts that a value with known choices is compared to, and never has."""
    match node:
        case Call(function="_==_" | "_!=_", arguments=(left, right)):
            pairs = [(left, [right]), (right, [left])]
        case Call(function="@in", arguments=(left, Construction(parts=parts))):
            pairs = [(left, list(parts))]
        case _:
            return
    for value, others in pairs:
        choices = type_at(value, scope).choices
        for other in others if choices else ():
            if isinstance(other, Literal) and isinstance(other.value, str) and other.value not in choices:
                whole = ".".join(path_of(value) or ())
                message = f"{whole} is never {other.value!r}{suggestion(other.value, choices)}"
                yield ExpressionProblem(other.offset, message, listed(choices))


def _refused_arguments(node: Call, scope: Scope) -> Iterator[ExpressionProblem]:
    """What the type checker lets through, and no run: null as an instant or a text, and two conversions."""
    if node.function in ("_==_", "_!=_", "_?_:_", "@in", "type", "dyn"):
        return
    for each in node.arguments:
        kind = _kind_of(each, scope)
        if kind == "null":
            message, expected = "does not take null", "a comparison with null first"
        elif node.function == "duration" and kind in ("int", "number"):
            message, expected = "does not take a number", 'a text such as "90s"'
        elif node.function == "int" and kind == "duration":
            message, expected = "does not take a duration", "a comparison with another duration"
        else:
            continue
        yield ExpressionProblem(each.offset, f"{in_words(node.function)} {message}", expected)


def _kind_of(node: Node, scope: Scope) -> str:
    match node:
        case Literal(value=None):
            return "null"
        case Literal(value=int()):
            return "int"
        case Call(function="duration"):
            return "duration"
    return type_at(node, scope).kind
