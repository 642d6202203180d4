"""The syntax of CEL expressions: which names, fields and loops they have, and where.

The engine parses and hands out its tree as a protobuf message (`cel.expr.ParsedExpr`). What it makes of
macros, as `list.map(x, …)`, is read back into what was written.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from definitions.expression_engine import errors_of, program
from definitions.expression_messages import parsed_expression

TYPE_NAMES: Final = frozenset(
    {"bool", "int", "uint", "double", "string", "bytes", "list", "map", "null_type", "type"}
)
"""Names that stand for types, as in `type(x) == int`."""


@dataclass(frozen=True)
class Node:
    """A part of an expression. `offset` counts characters from the expression's begin."""

    offset: int


@dataclass(frozen=True)
class Literal(Node):
    """A value that stands in the expression."""

    value: Any


@dataclass(frozen=True)
class Name(Node):
    """A variable."""

    name: str


@dataclass(frozen=True)
class Select(Node):
    """`operand.field`, or with `test` whether it is there: `has(operand.field)`."""

    operand: Node
    field: str
    test: bool


@dataclass(frozen=True)
class Call(Node):
    """A function or an operator (`_+_`, `@in`); a method's target is its first argument."""

    function: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True)
class Construction(Node):
    """A list or a map (its keys and values in turn); `message` where it names a protobuf type."""

    parts: tuple[Node, ...]
    message: str


@dataclass(frozen=True)
class Loop(Node):
    """A macro over a list or a map: `range.macro(variable, bodies…)`."""

    macro: str
    range: Node
    variable: str
    bodies: tuple[Node, ...]


class NotCel(Exception):  # a problem of the expression alone; callers say where it stands
    """The text is not an expression."""

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(reason)
        self.offset = offset
        self.reason = reason


@lru_cache(maxsize=5000)
def parse(source: str) -> Node:
    """The expression's tree. Raises `NotCel` with the place and the reason."""
    try:
        serialized = program(source).serialize()
    except RuntimeError as error:
        offset, reason = next(iter(errors_of(error, source)), (0, "this cannot be read"))
        raise NotCel(offset, reason) from error
    parsed = parsed_expression(serialized)
    return _Reader({each.key: each.value for each in parsed.source_info.positions}).node(parsed.expr)


def children(node: Node) -> tuple[Node, ...]:
    """The parts right below."""
    match node:
        case Call(arguments=arguments):
            return arguments
        case Select(operand=operand):
            return (operand,)
        case Construction(parts=parts):
            return parts
        case Loop(range=over, bodies=bodies):
            return (over, *bodies)
    return ()


def walk(node: Node, bound: frozenset[str] = frozenset()) -> list[tuple[Node, frozenset[str]]]:
    """Every part, each with the variables of the loops around it."""
    found: list[tuple[Node, frozenset[str]]] = []
    _walk(node, bound, found)
    return found


def _walk(node: Node, bound: frozenset[str], found: list[tuple[Node, frozenset[str]]]) -> None:
    found.append((node, bound))
    if isinstance(node, Loop):
        _walk(node.range, bound, found)
        bound |= {node.variable}
        for body in node.bodies:
            _walk(body, bound, found)
    else:
        for child in children(node):
            _walk(child, bound, found)


def path_of(node: Node) -> tuple[str, ...] | None:
    """`("steps", "check", "outcome")` for `steps.check.outcome` or `steps["check"].outcome`, else None."""
    match node:
        case Name(name=name):
            return (name,)
        case Select(operand=operand, field=field):
            below = path_of(operand)
            return None if below is None else (*below, field)
        case Call(function="_[_]", arguments=(operand, Literal(value=str() as field))):
            below = path_of(operand)
            return None if below is None else (*below, field)
    return None


def paths_in(node: Node, bound: frozenset[str] = frozenset()) -> Iterator[tuple[Node, tuple[str, ...]]]:
    """The longest paths into the facts; those into a loop's own variable are left out."""
    path = path_of(node)
    if path is not None:
        if path[0] not in bound and not (len(path) == 1 and path[0] in TYPE_NAMES):
            yield node, path
        return
    for child in children(node):
        inner = bound | {node.variable} if isinstance(node, Loop) and child is not node.range else bound
        yield from paths_in(child, inner)


class _Reader:
    """Turns the engine's messages into nodes."""

    def __init__(self, positions: Mapping[int, int]) -> None:
        self._positions = positions

    def node(self, expr: Any) -> Node:
        offset = self._positions.get(expr.id, 0)
        match expr.WhichOneof("kind"):
            case "const_expr":
                kind = expr.const_expr.WhichOneof("kind")
                value = None if kind == "null_value" else getattr(expr.const_expr, kind)
                return Literal(offset, value)
            case "ident_expr":
                return Name(offset, expr.ident_expr.name)
            case "select_expr":
                select = expr.select_expr
                return Select(offset, self.node(select.operand), select.field, select.test_only)
            case "call_expr":
                call = expr.call_expr
                target = [call.target] if call.HasField("target") else []
                return Call(offset, call.function, tuple(map(self.node, (*target, *call.args))))
            case "list_expr":
                return Construction(offset, tuple(map(self.node, expr.list_expr.elements)), "")
            case "struct_expr":
                return self._struct(offset, expr.struct_expr)
            case "comprehension_expr":
                return self._loop(offset, expr.comprehension_expr)
        raise NotCel(offset, "this is no part of the language")

    def _loop(self, offset: int, loop: Any) -> Loop:
        """Each macro joins its bodies to the result in a way of its own; that tells which one it is."""
        over, variable, step = self.node(loop.iter_range), loop.iter_var, loop.loop_step.call_expr
        match step.function:
            case "_&&_" | "_||_":
                macro, bodies = ("all" if step.function == "_&&_" else "exists"), [step.args[1]]
            case "_+_":
                macro, bodies = "map", [step.args[1].list_expr.elements[0]]
            case _ if loop.accu_init.HasField("const_expr"):
                macro, bodies = "exists_one", [step.args[0]]
            case _:
                kept = step.args[1].call_expr.args[1].list_expr.elements[0]
                macro, bodies = "map", [step.args[0], kept]
                if kept.ident_expr.name == variable:
                    macro, bodies = "filter", [step.args[0]]
        return Loop(offset, macro, over, variable, tuple(map(self.node, bodies)))

    def _struct(self, offset: int, struct: Any) -> Construction:
        keys_and_values = (
            part
            for entry in struct.entries
            for part in (*([entry.map_key] if entry.HasField("map_key") else []), entry.value)
        )
        return Construction(offset, tuple(map(self.node, keys_and_values)), struct.message_name)
