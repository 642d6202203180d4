"""Laws of expressions, on random ones: what is proved before a ticket is there holds when there is one."""

import copy
import traceback
from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from definitions.expression_checks import problems, type_of
from definitions.expression_cost import MOST_ROUNDS
from definitions.expression_types import (
    BOOL,
    DYN,
    INSTANT,
    LIST,
    MAP,
    MONEY,
    NUMBER,
    STRING,
    TIMESTAMP,
    Type,
)
from definitions.expressions import evaluate, references, render
from domain.errors import ExpressionFailed

SECRET = "geheim-6222021234567890"
TYPES = {
    "risk": STRING,
    "now": TIMESTAMP,
    "fields": MAP,
    "steps": Type.record(
        {
            "a": Type.record(
                {
                    "outcome": STRING,
                    "data": Type.record(
                        {"n": NUMBER, "m": MONEY, "t": INSTANT, "f": BOOL, "l": LIST, "k": NUMBER}
                    ),
                }
            )
        }
    ),
}

ATOMS = st.sampled_from(
    [
        *(
            "1",
            "2.5",
            "0",
            "'x'",
            "true",
            "null",
            "risk",
            "now",
            "[1, 2]",
            "['a']",
            "{'a': 1}",
            "duration('1h')",
        ),
        *("steps.a.outcome", "steps.a.data.n", "steps.a.data.k", "steps.a.data.m", "steps.a.data.t"),
        *(
            "steps.a.data.f",
            "steps.a.data.l",
            "fields.any",
            "fields",
            "has(steps.a.data.n)",
            "has(fields.any)",
        ),
        *("'12.50'", "x", "y", "steps", "steps.a.nothing", "nobody"),
    ]
)


def _composed(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operators = st.sampled_from(["+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "&&", "||", "in"])
    functions = st.sampled_from(
        ["size", "string", "double", "timestamp", "amount", "type", "dyn", "bool", "foo"]
    )
    macros = st.sampled_from(["all", "exists", "exists_one", "map", "filter"])
    return st.one_of(
        st.builds("({} {} {})".format, inner, operators, inner),
        st.builds("{}({})".format, functions, inner),
        st.builds("({} ? {} : {})".format, inner, inner, inner),
        st.builds("({}).{}({}, {})".format, inner, macros, st.sampled_from("xy"), inner),
        st.builds("!{}".format, inner),
        st.builds("[{}, {}]".format, inner, inner),
        st.builds("({})[{}]".format, inner, inner),
        st.builds("({}).contains({})".format, inner, inner),
        st.builds(
            "({}).getHours({})".format, inner, st.sampled_from(["", "'+08:00'", "'Asia/Shanghai'", "risk"])
        ),
    )


EXPRESSIONS = st.recursive(ATOMS, _composed, max_leaves=6)
NUMBERS = st.one_of(st.integers(-5, 5), st.sampled_from([0.5, -2.25, 3.0]))
FACTS = st.fixed_dictionaries(
    {
        "risk": st.sampled_from(["low", SECRET]),
        "now": st.integers(0, 10**9).map(lambda seconds: datetime.fromtimestamp(10**9 + seconds, UTC)),
        "fields": st.fixed_dictionaries(
            {"any": st.sampled_from([SECRET, 7, 1.5, None, True, [1, SECRET], {SECRET: SECRET}])}
        ),
        "steps": st.fixed_dictionaries(
            {
                "a": st.fixed_dictionaries(
                    {
                        "outcome": st.sampled_from(["ok", SECRET]),
                        "data": st.fixed_dictionaries(
                            {
                                "n": NUMBERS,
                                "k": NUMBERS,
                                "m": st.sampled_from(["12.50", "1"]),
                                "t": st.just("2026-11-23T09:00:00+08:00"),
                                "f": st.booleans(),
                                "l": st.lists(st.integers(), max_size=3),
                            }
                        ),
                    }
                )
            }
        ),
    }
)


@settings(max_examples=200, deadline=None)
@given(EXPRESSIONS, FACTS)
def test_an_expression_gives_a_value_or_says_why_and_keeps_values_to_itself(
    source: str, facts: dict[str, Any]
) -> None:
    before = copy.deepcopy(facts)
    try:
        first = evaluate(source, facts)
    except ExpressionFailed as error:
        assert SECRET not in "".join(traceback.format_exception(error))
        assert repr(source) in str(error)
    else:
        assert evaluate(source, facts) == first
        render(f"${{ {source} }}", facts)
    assert facts == before


@settings(max_examples=500, deadline=None)
@given(EXPRESSIONS, FACTS)
def test_what_has_no_problems_never_fails_for_types(source: str, facts: dict[str, Any]) -> None:
    unknown = any(each in source for each in ("fields", "dyn", "null"))
    if unknown or _mixes(source) or problems(source, TYPES, DYN):
        return
    try:
        value = evaluate(source, facts)
    except ExpressionFailed as error:
        assert "has not the type" not in str(error)
        assert "has none" not in str(error)
        assert "not there" not in str(error)
        assert "is not CEL" not in str(error)
        assert "costs too much" not in str(error)
    else:
        assert _is(value, type_of(source, TYPES))


@settings(max_examples=200, deadline=None)
@given(EXPRESSIONS, st.sampled_from([BOOL, LIST, STRING, NUMBER, INSTANT]))
def test_every_problem_is_inside_the_expression(source: str, wanted: Type) -> None:
    for problem in problems(source, TYPES, wanted):
        assert 0 <= problem.offset <= len(source)
        assert problem.message


@settings(max_examples=200, deadline=None)
@given(EXPRESSIONS, FACTS)
def test_facts_that_are_not_referenced_change_nothing(source: str, facts: dict[str, Any]) -> None:
    try:
        names = references(source).names
    except ExpressionFailed:
        return
    few = {name: value for name, value in facts.items() if name in names}
    assert _said(source, facts) == _said(source, few)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["all", "exists", "exists_one", "map", "filter"]), st.integers(1, 40)),
        max_size=8,
    )
)
def test_nested_loops_run_only_within_the_limit_of_rounds(loops: list[tuple[str, int]]) -> None:
    source, rounds = "true", 0
    for level, (macro, length) in enumerate(loops):
        items = ",".join(["1"] * length)
        body = f"({source}) == true" if macro not in ("map",) else source
        source = f"[{items}].{macro}(x{level}, {body})"
        rounds = length * (rounds + 1)
    try:
        evaluate(source, {})
    except ExpressionFailed as error:
        assert "costs too much" in str(error)
        assert rounds > MOST_ROUNDS or "elements" in str(error)
    else:
        assert rounds <= MOST_ROUNDS


@given(st.text(max_size=60))
def test_any_text_is_an_expression_or_is_refused(text: str) -> None:
    try:
        evaluate(text, {})
    except ExpressionFailed:
        assert problems(text, {}, DYN) or "is not CEL" not in _said(text, {})
    else:
        assert problems(text, {}, DYN) == []


@given(st.text(max_size=60))
def test_any_text_of_with_is_rendered_or_refused(text: str) -> None:
    try:
        rendered = render(text, {})
    except ExpressionFailed:
        assert "${" in text
    else:
        assert rendered == text or "${" in text


def _mixes(source: str) -> bool:
    """A list or a ternary of different types has elements that no checker knows."""
    return "[" in source and ", " in source.replace("[1, 2]", "")


def _said(source: str, facts: dict[str, Any]) -> Any:
    try:
        return evaluate(source, facts)
    except ExpressionFailed as error:
        return str(error)


def _is(value: Any, type_: Type) -> bool:
    kinds: dict[str, type | tuple[type, ...]] = {
        "bool": bool,
        "string": str,
        "list": list,
        "map": dict,
        "timestamp": datetime,
        "number": (int, float),
        "int": (int, float),
        "double": (int, float),
    }
    return isinstance(value, kinds.get(type_.kind, object))
