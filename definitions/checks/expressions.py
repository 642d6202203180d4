"""Expressions: each can be read, has the type that is wanted, and names only what is there by then."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from definitions.checks.facts import Scopes, Types
from definitions.checks.presence import there_where
from definitions.checks.subject import Subject
from definitions.expression_checks import ExpressionProblem, problems, problems_in
from definitions.expression_syntax import Node, NotCel, Select, children, parse, paths_in
from definitions.expression_texts import embedded
from definitions.expression_types import BOOL, DYN, INSTANT, LIST, Type, type_of_field
from definitions.expressions import constant
from definitions.findings import Finding
from definitions.routes import Known
from definitions.schema import Place, Step, all_steps, routes_of
from domain.errors import ExpressionFailed
from domain.fields import FieldSpec


class _Expression(NamedTuple):
    """A field that is an expression, or the `with` of a handler, which may have some."""

    place: Place
    source: Any
    wanted: Type
    known: Known | None
    """What is known when it is asked; None where that never happens."""


def expressions_fit(subject: Subject) -> Iterator[Finding]:
    """Each is CEL, names what exists, and gives what is wanted there."""
    scopes = Scopes(subject)
    expressions = [
        (each, scopes.at(place))
        for place, step in subject.steps
        for each in _expressions(subject, place, step)
    ]
    # Read one after the other first: the engine takes three times as long where other work comes in between.
    for each, _ in expressions:
        for _, _, source in _sources(each):
            with contextlib.suppress(NotCel):
                parse(source)
    for each, types in expressions:
        yield from _fits(subject, each, types)


def results_are_there(subject: Subject) -> Iterator[Finding]:
    """A step's result is named only where the step has run, on every way or guarded by `has`.

    What a `when` relies on is there for all that it guards: the other fields of its step, and steps inside.
    """
    bits = subject.flow.bits
    inside: dict[Place, int] = {("steps",): 0}
    for place, step in subject.steps:
        around = behind = inside[place[:-1]]
        for name in there_where(step.when) if step.when is not None else ():
            behind |= bits.get(name, 0)
        inside.update({(*place, *below): behind for below, _ in step.sequences()})
        for each in _expressions(subject, place, step):
            if each.known is None:
                continue
            guarded = around if each.place == (*place, "when") else behind
            known = each.known._replace(certain=each.known.certain | guarded)
            for at, offset, source in _sources(each):
                yield from _has_run(subject, known, at, offset, source)


def nothing_reads_what_is_optional(subject: Subject) -> Iterator[Finding]:
    """A step that the fast track leaves out brings no result that another one could need."""
    optional = {step.id: place for place, step in subject.steps if step.optional}
    if not optional:
        return
    for place, step in subject.steps:
        for each in _expressions(subject, place, step):
            for _, _, source in _sources(each):
                for name in sorted(_steps_in(source)[0].keys() & optional.keys() - {step.id}):
                    yield subject.found(
                        "OPS561",
                        (*optional[name], "optional"),
                        f"{step.name!r} reads from {name!r}, so it cannot be left out",
                        "no `optional` here, or a reader that does without",
                    )


def loops_end(subject: Subject) -> Iterator[Finding]:
    """A condition that a repeat waits for can come true by what its rounds do."""
    for place, step in subject.steps:
        if step.when is not None and _constant(step.when) is not None:
            yield _always(subject, (*place, "when"), step.when)
        if step.repeat is None:
            continue
        at, until = (*place, "repeat", "until"), step.repeat.until
        value = _constant(until)
        if value is False:
            yield subject.found(
                "OPS240", at, f"{until!r} is never true, so the rounds are always used up", "a condition"
            )
        elif value is not None:
            yield _always(subject, at, until)
        elif not _is_changed_by_a_round(subject, step, until):
            yield subject.found(
                "OPS241",
                at,
                "nothing that this looks at is changed by a round",
                "a result of a step of the round, such as `steps.ask.outcome`, or `now`",
            )


def check_given(
    subject: Subject, place: Place, given: Mapping[str, Any], taken: Mapping[str, FieldSpec]
) -> Iterator[Finding]:
    """Expressions in the `with` of a call give what the called SOP takes."""
    types = Scopes(subject).at(place)
    for name in given.keys() & taken.keys():
        wanted = type_of_field(taken[name].type, taken[name].choices)
        expression = _Expression((*place, "with", name), given[name], wanted, None)
        yield from _fits(subject, expression, types)


def _expressions(subject: Subject, place: Place, step: Step) -> Iterator[_Expression]:
    if not (step.when or step.wait or step.foreach or step.repeat or step.inputs or step.compensate):
        return
    known = subject.flow.at(place)
    if step.when is not None:
        yield _Expression((*place, "when"), step.when, BOOL, known)
    if step.wait is not None and step.wait.until is not None:
        yield _Expression((*place, "wait", "until"), step.wait.until, INSTANT, known)
    if step.foreach is not None:
        yield _Expression((*place, "foreach", "items"), step.foreach.items, LIST, known)
    if step.repeat is not None:
        after = subject.flow.after_round(place)
        yield _Expression((*place, "repeat", "until"), step.repeat.until, BOOL, after)
    taker = subject.spec(step)
    yield from _inputs((*place, "with"), step.inputs, taker.inputs if taker else {}, known)
    if step.compensate is not None:
        undo = subject.catalogue.get(step.compensate.handler or "")
        # It runs when all is over: what may have run by then is not known here.
        late = known._replace(possible=-1) if known else None
        at = (*place, "compensate", "with")
        yield from _inputs(at, step.compensate.inputs, undo.inputs if undo else {}, late)


def _inputs(
    place: Place, given: Mapping[str, Any], taken: Mapping[str, FieldSpec], known: Known | None
) -> Iterator[_Expression]:
    for name, value in given.items():
        spec = taken.get(name)
        wanted = type_of_field(spec.type, spec.choices) if spec else DYN
        yield _Expression((*place, name), value, wanted, known)


def _is_input(each: _Expression) -> bool:
    return "with" in each.place[-2:] or not isinstance(each.source, str)


def _fits(subject: Subject, each: _Expression, types: Types) -> Iterator[Finding]:
    if _is_input(each):
        for below, problem in problems_in(each.source, types, each.wanted):
            yield _finding(subject, (*each.place, *below), problem)
    else:
        for problem in problems(each.source, types, each.wanted):
            yield _finding(subject, each.place, problem)


def _finding(subject: Subject, place: Place, problem: ExpressionProblem) -> Finding:
    at = subject.document.inside(place, problem.offset)
    return subject.found_at(at, _code(problem), problem.message, problem.expected)


def _code(problem: ExpressionProblem) -> str:
    message = problem.message
    if message.startswith(("this is not CEL", "this expression has no end")):
        return "OPS260"
    if message.startswith("steps has no "):
        return "OPS263"
    if message.startswith(("unknown name", "unknown function")) or " has no '" in message:
        return "OPS261"
    return "OPS265" if message.startswith("this costs too much") else "OPS262"


def _sources(each: _Expression) -> Iterator[tuple[Place, int, str]]:
    """The expressions themselves: in which text, where it begins there, and how it reads."""
    if not _is_input(each):
        yield each.place, 0, each.source
        return
    for place, text in _texts(each.place, each.source):
        try:
            parts = embedded(text)
        except ExpressionFailed:
            continue
        yield from ((place, part.offset, part.text) for part in parts if part.is_expression)


def _texts(place: Place, value: Any) -> Iterator[tuple[Place, str]]:
    if isinstance(value, str) and "${" in value:
        yield place, value
    elif isinstance(value, Mapping):
        for name, each in value.items():
            yield from _texts((*place, name), each)
    elif isinstance(value, list | tuple):
        for number, each in enumerate(value):
            yield from _texts((*place, number), each)


def _steps_in(source: str) -> tuple[dict[str, int], set[str]]:
    """The steps that an expression names, each with where it does so first; and those it asks `has` about."""
    try:
        paths = list(paths_in(parse(source)))
    except NotCel:
        return {}, set()
    named: dict[str, int] = {}
    guarded: set[str] = set()
    for node, path in paths:
        if path[0] == "steps" and len(path) > 1:
            named[path[1]] = min(named.get(path[1], len(source)), _begin(node))
            if isinstance(node, Select) and node.test and len(path) == 2:
                guarded.add(path[1])
    return named, guarded


def _begin(node: Node) -> int:
    """Where a path begins."""
    while children(node):
        node = children(node)[0]
    return node.offset


def _has_run(subject: Subject, known: Known, place: Place, offset: int, source: str) -> Iterator[Finding]:
    named, guarded = _steps_in(source)
    for name, further in named.items():
        bit = subject.flow.bits.get(name, 0)
        at = subject.document.inside(place, offset + further)
        if bit and not known.possible & bit:
            yield subject.found_at(
                at,
                "OPS263",
                f"steps.{name} cannot be there: {_why_not(subject, place, name)}",
                "a step that runs before this is asked",
            )
        elif bit and not known.certain & bit and name not in guarded:
            yield subject.found_at(
                at,
                "OPS264",
                f"steps.{name} may not be there: not every way here leads through it",
                f"`has(steps.{name}) && …`",
            )


def _why_not(subject: Subject, place: Place, name: str) -> str:
    home = subject.homes.get(name, ())
    for length in range(len(home) - 1, 0, -1):
        if home[length - 1] == "foreach" and place[:length] != home[:length]:
            return "what is done for an item is not seen outside its foreach"
    return "the step has not run when this is asked"


def _is_changed_by_a_round(subject: Subject, step: Step, until: str) -> bool:
    try:
        paths = list(paths_in(parse(until)))
    except NotCel:
        return True
    inside = [inner for _, steps in step.sequences() for _, inner in all_steps(steps)]
    names = {inner.id for inner in inside}
    for inner in inside:
        names.update(target for targets in routes_of(inner).values() for target in targets)
    return any(
        path[0] == "now"
        or (path[0] == "risk" and any(_may_assess(subject, inner) for inner in inside))
        or (path[0] == "steps" and (len(path) == 1 or path[1] in names))
        for _, path in paths
    )


def _may_assess(subject: Subject, step: Step) -> bool:
    spec = subject.spec(step)
    return step.call is not None or (spec is not None and spec.assesses_risk)


def _constant(source: str) -> Any:
    try:
        return constant(source)
    except ExpressionFailed:
        return None


def _always(subject: Subject, place: Place, source: str) -> Finding:
    return subject.found(
        "OPS250", place, f"{source!r} looks at nothing, so it is always the same", "a condition, or none"
    )


CHECKS: Final = (expressions_fit, results_are_there, nothing_reads_what_is_optional, loops_end)
