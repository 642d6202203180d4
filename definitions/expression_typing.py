"""Types of the parts of an expression: known ones by name, all others by the engine's type checker.

The checker knows one variable of each type: `steps.check.outcome == risk` is given to it as
`S                   == S   `, so that what it finds is at its place in the expression.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from definitions.expression_engine import KINDS, errors_of, type_name
from definitions.expression_rules import ZONED
from definitions.expression_syntax import TYPE_NAMES, Call, Literal, Loop, Name, Node, Select, children
from definitions.expression_types import BOOL, DYN, Type
from definitions.findings import listed, suggestion

Scope = Mapping[str, Type]
"""What an expression can name."""

FUNCTIONS: Final = frozenset(
    {
        *("size", "has", "all", "exists", "exists_one", "map", "filter", "matches", "contains"),
        *("startsWith", "endsWith", "timestamp", "duration", "amount", "dyn", *TYPE_NAMES, *ZONED),
    }
)


@dataclass(frozen=True, order=True)
class ExpressionProblem:
    """What is wrong with an expression. `offset` counts characters from its begin."""

    offset: int
    message: str
    expected: str = ""


def scoped(node: Node, scope: Scope) -> Iterator[tuple[Node, Scope]]:
    """Every part with the types of the names that it can use."""
    yield node, scope
    if isinstance(node, Loop):
        yield from scoped(node.range, scope)
        scope = {**scope, node.variable: type_at(node.range, scope).element or DYN}
        for body in node.bodies:
            yield from scoped(body, scope)
    else:
        for child in children(node):
            yield from scoped(child, scope)


def type_at(node: Node, scope: Scope) -> Type:
    """The type of a name or a path; dyn where it is not known, and for all else."""
    if isinstance(node, Name):
        return scope.get(node.name, DYN)
    if isinstance(node, Select) and node.test:
        return BOOL
    step = field_of(node)
    return DYN if step is None else (type_at(step[0], scope).fields or {}).get(step[1], DYN)


def field_of(node: Node) -> tuple[Node, str] | None:
    """Of `x.y` and `x["y"]` the part before and the field."""
    match node:
        case Select(operand=operand, field=field):
            return operand, field
        case Call(function="_[_]", arguments=(operand, Literal(value=str() as field))):
            return operand, field
    return None


def checked_by_engine(
    parts: Iterable[tuple[Node, Scope]], types: Scope, source: str
) -> tuple[list[ExpressionProblem], Type]:
    """What the type checker finds, and the type of the value where it finds nothing."""
    known = dict(_known(parts, types))
    numbers = [node for node, kind in known.items() if kind == "number"]
    ways = _either_way(numbers)
    found: dict[ExpressionProblem, None] = {}
    doubts: Counter[ExpressionProblem] = Counter()
    result: Type | None = None
    for decimals in ways:
        kinds = known | {node: "double" if node in decimals else "int" for node in numbers}
        typed = _with_variables(source, kinds)
        try:
            name = type_name(typed)
            result = result or _type_of(name)
        except RuntimeError as error:
            for offset, reason in errors_of(error, typed):
                problem, is_doubt = _said_by_engine(offset, reason, typed)
                if is_doubt:
                    doubts[replace(problem, message=_NEVER_COMPARES)] += 1
                else:
                    found.setdefault(problem)
    # Whole and decimal numbers compare well when it runs: only where they never agree it is a mistake.
    found.update({each: None for each, times in doubts.items() if times == len(ways)})
    once = {problem.offset: problem for problem in reversed(found)}
    return list(once.values()), result or DYN


def _known(parts: Iterable[tuple[Node, Scope]], types: Scope) -> Iterator[tuple[Node, str]]:
    """The names and paths that have a type, each with its kind; a longer path before its parts."""
    for node, scope in parts:
        type_ = type_at(node, scope)
        if type_.kind == DYN.kind and not (isinstance(node, Name) and node.name in types):
            continue
        yield node, _KIND_IN_ENGINE.get(type_.kind, type_.kind)


def _with_variables(source: str, kinds: Mapping[Node, str]) -> str:
    """The source with the engine's variable of the right type for each path; nothing changes its place."""
    written = list(source)
    covered: set[int] = set()
    for node, kind in kinds.items():
        place = _place(node, source)
        if place is None or place[0] in covered:
            continue
        begin, end = place
        covered.add(begin)
        blank = [each if each == "\n" else " " for each in source[begin + 1 : end]]
        written[begin:end] = [KINDS[kind][0], *blank]
    return "".join(written)


def _place(node: Node, source: str) -> tuple[int, int] | None:
    """Begin and end of a path that is written with dots alone."""
    match node:
        case Name(offset=offset, name=name):
            return offset, offset + len(name)
        case Select(operand=operand, field=field, test=False):
            below = _place(operand, source)
            if below is not None:
                begin, end = below
                at = source.find(field, end)
                if source[end:at].strip() == ".":
                    return begin, at + len(field)
    return None


def _either_way(numbers: Sequence[Node]) -> list[frozenset[Node]]:
    """Which of the numbers are decimal: none, each on its own, all. What holds for these holds always."""
    return list(dict.fromkeys([frozenset(), *(frozenset([each]) for each in numbers), frozenset(numbers)]))


def _said_by_engine(offset: int, reason: str, source: str) -> tuple[ExpressionProblem, bool]:
    """A complaint in our words, and whether it may be about nothing but kinds of numbers."""
    for name, in_cel in _LONG_NAMES.items():
        reason = reason.replace(name, in_cel)
    quoted = reason.split("'")[1::2]
    # The engine points behind a function's name, and at an operator itself.
    name = quoted[0] if quoted else ""
    begin = offset - len(name) if name and source[offset - len(name) : offset] == name else offset
    if reason.startswith("found no matching overload"):
        given = _arguments(quoted[1])
        expected = "double(…) around whole numbers" if set(given) == {"int", "double"} else ""
        message = f"{in_words(name)} does not take {' and '.join(given)}"
        return ExpressionProblem(begin, message, expected), _compares_numbers(name, given)
    if reason.startswith("undeclared reference") and name in FUNCTIONS:
        return ExpressionProblem(begin, f"{name} is not called that way, or with so many arguments"), False
    if reason.startswith("undeclared reference"):
        begin = begin if begin < offset else offset + 1  # a method, of which it points at the dot
        message = f"unknown function {name!r}{suggestion(name, FUNCTIONS)}"
        return ExpressionProblem(begin, message, listed(FUNCTIONS, most=40)), False
    return ExpressionProblem(offset, reason), False


def _compares_numbers(function: str, given: Sequence[str]) -> bool:
    """Whether the checker only minds that one number is whole and another decimal."""
    match function, given:
        case "_?_:_", ("bool" | "dyn", left, right):
            pass
        case "@in", (element, right):
            left = f"list({element})"
        case "_==_" | "_!=_", (left, right):
            pass
        case "_<_" | "_<=_" | "_>_" | "_>=_", (left, right) if not left.startswith("list("):
            pass
        case _:
            return False
    return {left, right} <= _NUMBERS or {left, right} <= {f"list({each})" for each in _NUMBERS}


def in_words(function: str) -> str:
    """A function or an operator as it is written: `_<=_` is <=."""
    return function.strip("@_").replace("_", " ") if function[0] in "@_!-" else function


def _arguments(given: str) -> list[str]:
    """`(map(string, dyn), int)` → `map(string, dyn)`, `int`."""
    found, depth = [""], 0
    for each in given[1:-1]:
        if each == "," and depth == 0:
            found.append("")
        else:
            depth += {"(": 1, ")": -1}.get(each, 0)
            found[-1] += each
    return [each.strip() for each in found]


def _type_of(name: str) -> Type:
    """The type that the engine calls `LIST<STRING>`."""
    outer, _, inner = name.partition("<")
    kind = outer.lower()
    if kind == "list":
        return Type("list", element=_type_of(inner.removesuffix(">")))
    return Type({"uint": "int", "null_type": "null"}.get(kind, kind))


_KIND_IN_ENGINE: Final = {"money": "string", "instant": "string"}
_NEVER_COMPARES: Final = "a whole number is compared to a decimal one"
_NUMBERS: Final = frozenset({"int", "uint", "double"})
_LONG_NAMES: Final = {"google.protobuf.Timestamp": "timestamp", "google.protobuf.Duration": "duration"}
