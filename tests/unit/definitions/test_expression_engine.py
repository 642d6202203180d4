"""The checker's types: worked out once for expressions that differ in values only, never mixed up."""

import pytest
from cel_expr_python import cel
from hypothesis import given
from hypothesis import strategies as st

from definitions.expression_engine import KINDS, type_name

CHECKER = cel.NewEnv(variables=dict(KINDS.values()))


def precisely(source: str) -> str | None:
    """The type of exactly this text; None where it has none."""
    try:
        return str(CHECKER.compile(source).return_type().name())
    except RuntimeError:
        return None


def found(source: str) -> str | None:
    try:
        return type_name(source)
    except RuntimeError:
        return None


@pytest.mark.parametrize(
    "source",
    [
        "I   > 12",
        "1.5 + 2.5",
        "1 + 2.5",
        "[1, 2][0] == 1",
        "[1, 'a'] == [1, 2]",
        "{1: 'a', 2: 'b'}[1]",
        "{'a': 1, 'b': 2}.a",
        "M.first.second == 7",
        "M.size() > 7",
        "M.size ()",
        "M.first.startsWith('x')",
        "has(M.first) && M.second == 'x'",
        "L.map(x1, L.map(x2, x1 == x2))",
        "[1].map(x1, ['a'].map(x2, x1 + x2))",
        "[1].map(x1, ['a'].map(x2, x1 + x1))",
        "'it\\'s' + S",
        "\"say 'x'\" + 'b\"'",
        "'''a ' b''' == S",
        "'a' // 'b' + 1\n + 'c'",
        "r'a' == S",
        "b'ab' == b'cd'",
        "1u + 2u",
        "1u + 2",
        "0x1F + 1",
        "1e3 > D",
        "S + 1",
        "duration('90s') > P",
        "T - T",
        "N == null",
        "true ? 1 : 'a'",
    ],
)
def test_a_type_is_that_of_the_very_text(source: str) -> None:
    # Twice, since the second time it comes from what was kept.
    assert [found(source), found(source)] == [precisely(source)] * 2


VALUES = st.one_of(
    st.integers(0, 999).map(str),
    st.sampled_from(
        ["1.5", "2.", "'a'", '"b c"', '""', "'1'", "true", "null", "[1]", "['a', 'b']", "{'k': 1}"]
    ),
    st.sampled_from([kind for kind, _ in KINDS.values()]),
    st.sampled_from(["M.a1", "M.b . c", "A.x.y", "L[0].z", "S.size()", "'a'.size()"]),
)
OPERATORS = st.sampled_from(["+", "-", "==", "!=", "<", "in", "&&", "  ||  ", ">  "])


@given(st.lists(st.tuples(VALUES, OPERATORS), min_size=1, max_size=3), VALUES)
def test_a_type_never_comes_from_an_expression_of_other_types(
    parts: list[tuple[str, str]], last: str
) -> None:
    source = "".join(f"{value} {operator} " for value, operator in parts) + last
    assert found(source) == precisely(source)
