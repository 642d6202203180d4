"""No expression takes long: it is refused before it runs, or stopped."""

from typing import Any

import pytest

from definitions.expression_cost import MOST_COST, MOST_ROUNDS, TooCostly, cost_over, usual_cost
from definitions.expression_syntax import parse
from definitions.expressions import evaluate
from domain.errors import ExpressionFailed


def nested(macro: str, levels: int, innermost: str, over: str = "[1,2,3,4,5,6,7,8,9,10]") -> str:
    expression = innermost
    for level in range(levels):
        expression = f"{over}.{macro}(x{level}, {expression})"
    return expression


@pytest.mark.parametrize(
    "source",
    [
        nested("map", 10, "1"),
        nested("all", 10, "true"),
        nested("filter", 6, "true"),
        nested("exists", 3, "false", over="fields.items"),
        nested("exists_one", 10, "true", over="[1,2,3]"),
        '["a"]' + ".map(x, x + x)" * 28,
        "[[1]]" + ".map(x, x + x)" * 28,
        '["a"]' + ".map(x, [x, x])" * 28,
        '["a"]' + ".map(x, {'a': x, 'b': x})" * 28,
        "[" + ",".join(["1"] * 700) + "].map(x, [" + ",".join(["1"] * 200) + "].map(y, x))",
    ],
)
def test_loops_that_multiply_are_refused_before_they_run(source: str) -> None:
    with pytest.raises(TooCostly):
        usual_cost(parse(source))
    with pytest.raises(ExpressionFailed, match="costs too much"):
        evaluate(source, {"fields": {"items": []}})


@pytest.mark.parametrize(
    "source",
    [
        "fields.orders.filter(o, fields.payments.exists(p, p.id == o.id)).map(o, o.id)",
        "fields.words.exists(w, task.description.contains(w))",
        'fields.items.all(i, i.name.matches("^[A-Z]{3}[0-9]{10}$"))',
        "task.description.contains(fields.word) && size(fields.items) < 500",
        "fields.items.map(i, {'id': i.id, 'text': i.name + ' ' + i.note})",
        nested("map", 3, "x0 + x1"),
    ],
)
def test_what_procedures_need_is_within_the_limit(source: str) -> None:
    usual_cost(parse(source))


@pytest.mark.parametrize(
    ("source", "fields"),
    [
        ("fields.a.all(x, fields.a.exists(y, x == y))", {"a": list(range(500))}),
        ("fields.a.map(x, fields.a)", {"a": ["x"] * 1001}),
        ("fields.a.map(x, x).size()", {"a": [1] * 9000}),
        ("fields.a.filter(x, true).size()", {"a": [1] * 9000}),
        ("fields.a.map(x, fields.b)", {"a": [1] * 900, "b": "b" * 1_000_000}),
        ("fields.a.contains(fields.b)", {"a": "a" * 1_000_000, "b": "a" * 500_000 + "b"}),
        ('fields.a.matches("(a|aa|b.*c){30}$")', {"a": "a" * 2_000_000}),
        ("fields.a.all(x, x in fields.a)", {"a": [[1] * 20] * 500}),
        ("fields.a.all(x, x.all(y, y.all(z, z > 0)))", {"a": [[[1] * 25] * 25] * 25}),
    ],
)
def test_facts_that_are_too_large_for_an_expression_stop_it(source: str, fields: dict[str, Any]) -> None:
    with pytest.raises(ExpressionFailed, match="costs too much"):
        evaluate(source, {"fields": fields})


def test_a_list_of_a_foreach_at_its_largest_is_within_the_limit() -> None:
    items = [{"id": number, "amount": "12.50", "name": "n" * 100} for number in range(500)]
    found = evaluate("fields.items.filter(i, amount(i.amount) > 1000)", {"fields": {"items": items}})
    assert found == items


def test_the_engine_stops_at_the_same_number_of_rounds() -> None:
    facts = {"fields": {"a": [1] * (MOST_ROUNDS + 1)}}
    with pytest.raises(ExpressionFailed, match=r"too many rounds|rounds together"):
        evaluate("fields.a.all(x, x == 1)", facts)
    assert evaluate("fields.a.all(x, x == 1)", {"fields": {"a": [1] * (MOST_ROUNDS - 1)}}) is True


def test_the_cost_of_a_plain_comparison_is_that_of_its_facts() -> None:
    cost_over(parse("fields.a == fields.b"), {"fields": {"a": ["x"] * 1000, "b": ["x"] * 1000}})
    with pytest.raises(TooCostly, match=f"{MOST_COST:,} elements"):
        cost_over(parse("fields.a == fields.b"), {"fields": {"a": ["x"] * MOST_COST, "b": []}})


def test_a_pattern_that_backtracks_elsewhere_is_linear() -> None:
    assert evaluate('fields.a.matches("^(a+)+$")', {"fields": {"a": "a" * 20_000 + "!"}}) is False
