"""Expressions on a ticket's facts: their values, what they look up, and what they refuse."""

import traceback
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest

from definitions.expressions import constant, evaluate, holds, references, references_in, render
from domain.errors import ExpressionFailed

NIGHT = datetime(2026, 11, 23, 23, 30, tzinfo=timezone(timedelta(hours=8)))
SECRET = "6222021234567890"
FACTS: dict[str, Any] = {
    "task": {"title": "冻结账户", "category": "accounts", "sla_hours": 1.5},
    "fields": {
        "amount": "500000.01",
        "count": 3,
        "account": SECRET,
        "urgent": True,
        "note": None,
        "items": [{"id": 1, "paid": True}, {"id": 2, "paid": False}],
    },
    "steps": {"check": {"outcome": "high", "summary": "", "data": {"score": 7}}},
    "sop": {"id": "freeze", "name": "Freeze", "version": "1"},
    "inputs": {},
    "risk": "high",
    "now": NIGHT,
}


class Lazy(Mapping[str, Any]):
    """Facts that remember what was looked up."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values_by_name = values
        self.seen: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        self.seen.add(name)
        return self.values_by_name[name]

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("nobody walks through all facts")

    def __len__(self) -> int:
        return len(self.values_by_name)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ('steps.check.outcome == "high" && fields.count > 2', True),
        ('steps["check"].data.score + 1', 8),
        ("fields.count > 2.5", True),
        ("fields.count == 3.0", True),
        ("task.sla_hours * 2.0", 3.0),
        ('task.title + "!"', "冻结账户!"),
        ("has(fields.nothing) && fields.nothing == 1", False),
        ("fields.note == null", True),
        ("fields.items.filter(i, !i.paid).map(i, i.id)", [2]),
        ("fields.items.map(i, i.paid, i.id)", [1]),
        ("fields.items.exists_one(i, i.paid)", True),
        ('amount(fields.amount) > amount("500000.00")', True),
        ("amount(3)", 300),
        ("amount(0.29)", 29),
        ("now", datetime(2026, 11, 23, 15, 30, tzinfo=UTC)),
        ('now + duration("45m") < timestamp("2026-11-24T00:15:00+08:00")', False),
        ('now.getHours("+08:00")', 23),
        ("now.getHours()", 15),
        ('duration("90s")', timedelta(seconds=90)),
        ('{"id": fields.items[1].id}', {"id": 2}),
        ('task.title.matches("^冻.账户$")', True),
        ("type(fields.count) == int", True),
        ("// a comment\nrisk in ['high', 'medium']", True),
    ],
)
def test_an_expression_has_its_value(source: str, value: Any) -> None:
    assert evaluate(source, FACTS) == value


def test_facts_of_python_types_are_seen_as_json() -> None:
    class Level(StrEnum):
        LOW = "low"

    facts = {
        "fields": {"level": Level.LOW, "paid": Decimal("10.50"), "tags": ("a", "b"), "day": NIGHT.date()},
        "risk": Level.LOW,
    }
    assert evaluate("[fields.level, fields.paid, fields.day] + fields.tags", facts) == [
        "low",
        "10.50",
        "2026-11-23",
        "a",
        "b",
    ]
    assert evaluate('risk == "low"', facts) is True


def test_only_what_an_expression_uses_is_looked_up() -> None:
    steps = Lazy({f"s{number}": {"outcome": "ok", "data": {}} for number in range(1000)})
    facts = Lazy({"steps": steps, "fields": {"a": 1}, "task": object()})
    assert holds('steps.s7.outcome == "ok" && fields.a == 1', facts)
    assert facts.seen == {"steps", "fields"}
    assert steps.seen == {"s7"}


def test_an_error_of_a_lookup_is_not_taken_for_one_of_the_expression() -> None:
    class Broken(Lazy):
        def __getitem__(self, name: str) -> Any:
            raise RuntimeError("no event loop")

    with pytest.raises(RuntimeError, match="no event loop"):
        evaluate("risk == 'low'", Broken({}))


@pytest.mark.parametrize(
    ("source", "names", "steps"),
    [
        ("1 + 2", set(), set()),
        ('steps.a.outcome == "x" && has(steps.b.data.y)', {"steps"}, {"a", "b"}),
        ('steps["a"].outcome', {"steps"}, {"a"}),
        ("steps[risk].outcome", {"steps", "risk"}, None),
        ("steps", {"steps"}, None),
        ("fields.items.all(i, i > fields.least && now > now)", {"fields", "now"}, set()),
        ("[1].map(task, task + 1)", set(), set()),
        ("type(risk) == string", {"risk"}, set()),
    ],
)
def test_references_tell_what_an_expression_uses(
    source: str, names: set[str], steps: set[str] | None
) -> None:
    found = references(source)
    assert found.names == names
    assert found.steps == steps


def test_references_of_a_value_are_those_of_all_its_texts() -> None:
    value = {"a": ["${ steps.x.data.n }", {"b": "from ${steps.y.summary} at ${now}"}], "c": 3, "d": "plain"}
    found = references_in(value)
    assert found.names == {"steps", "now"}
    assert found.steps == {"x", "y"}


@pytest.mark.parametrize(
    ("value", "rendered"),
    [
        ("plain", "plain"),
        (7, 7),
        ("${ fields.count }", 3),
        ("  ${fields.items}\n", FACTS["fields"]["items"]),
        ("${now}", "2026-11-23T15:30:00+00:00"),
        ('${ {"until": now + duration("30s")} }', {"until": "2026-11-23T15:30:30+00:00"}),
        ("${ duration('90s') }", "90s"),
        ("Ticket ${ sop.id }/${fields.count}: ${fields.urgent}", "Ticket freeze/3: true"),
        ("${ '}' + \"{\" }", "}{"),
        ("${ '''a'}b''' }", "a'}b"),
        (r"${ 'it\'s }' }", "it's }"),
        ("$5 and {x}", "$5 and {x}"),
        (("a", ["${risk}"]), ["a", ["high"]]),
        ({"deep": {"er": "${risk}"}}, {"deep": {"er": "high"}}),
    ],
)
def test_values_of_with_are_rendered_as_json(value: Any, rendered: Any) -> None:
    assert render(value, FACTS) == rendered


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("of ${ fields.items }", "a list, which cannot stand inside a text"),
        ("of ${ fields.note }", "null, which cannot stand inside a text"),
        ("${ fields.count", "has no end"),
        ("${ }", "is not CEL"),
    ],
)
def test_what_cannot_be_rendered_says_why(value: str, why: str) -> None:
    with pytest.raises(ExpressionFailed, match=why):
        render(value, FACTS)


@pytest.mark.parametrize("source", ["fields.count", "risk", "fields.note", "fields.items", "now", "fields"])
def test_a_condition_is_true_or_false_and_nothing_else(source: str) -> None:
    with pytest.raises(ExpressionFailed, match="not true or false"):
        holds(source, FACTS)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("fields.count +", "is not CEL"),
        ("", "is not CEL"),
        ("(" * 60 + "1" + ")" * 60, "nested too deeply"),
        ("fields.nothing == 1", "nothing called nothing there"),
        ("steps.never_ran.outcome", "nothing called never_ran there"),
        ("fields[fields.account] == 1", "nothing of that name there"),
        ("unknown == 1", "names something that is not there"),
        ("fields.account > 1", "has not the type"),
        ("fields.account.nested", "a field of something that has none"),
        ("int(fields.account + 'x')", "cannot be converted"),
        ("timestamp(fields.account)", "cannot be converted"),
        ("duration(fields.account)", "cannot be converted"),
        ("amount(fields.account)", "no positive plain decimal"),
        ("amount(fields.urgent)", "has not the type"),
        ("fields.items[7]", "shorter than it expects"),
        ("fields.count / 0", "divides by zero"),
        ("fields.count % 0", "divides by zero"),
        ("9223372036854775807 + fields.count", "too large"),
        ("1e308 * 10.0", "not finite"),
        ("b'abc'", "no JSON"),
        ("type(1)", "no JSON"),
        ("{1: 2}", "have to be texts"),
        ("foo(fields.account)", "has not the type"),
        ("fields.account.matches(fields.account)", "a pattern in quotes"),
        ("fields.account.matches('(')", "regular expression of RE2"),
        (r"fields.account.matches('(a)\\1')", "regular expression of RE2"),
        ("fields.account.matches('((a{100}){9}b{100}){1,9}')", "regular expression of RE2|fewer repetitions"),
        ("now.getHours('Asia/Shanghai')", "an offset such as"),
        ("now.getHours(fields.account)", "an offset such as"),
        ("google.protobuf.Duration{seconds: 1}", "is no type of the language"),
        ("[1].map(x, [2].map(x, x))", "another name"),
    ],
)
def test_what_cannot_be_evaluated_says_why_and_never_a_value(source: str, why: str) -> None:
    with pytest.raises(ExpressionFailed, match=why) as caught:
        evaluate(source, FACTS)
    assert repr(source) in str(caught.value)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "odd",
    [object(), {"a": {1, 2}}, b"x", 10**30, float("nan"), "[" * 3],
    ids=lambda each: type(each).__name__,
)
def test_odd_facts_fail_as_an_expression_or_pass(odd: Any) -> None:
    try:
        assert evaluate("fields.odd", {"fields": {"odd": odd}}) == odd
    except ExpressionFailed as error:
        assert repr(odd) not in str(error)


def test_facts_that_are_nested_without_end_are_refused() -> None:
    deep: list[Any] = []
    for _ in range(20_000):
        deep = [deep]
    with pytest.raises(ExpressionFailed, match="nested too deeply"):
        evaluate("size(fields.deep)", {"fields": {"deep": deep}})


def test_an_expression_that_names_nothing_is_constant() -> None:
    assert constant("1 > 2") is False
    assert constant("[1, 2].exists(x, x == 2)") is True
    assert constant("risk == risk") is None
