"""What is proved of expressions before a ticket is there: each mistake with its place and reason."""

from datetime import UTC, datetime
from typing import Any

import pytest

from definitions.expression_checks import problems, problems_in, type_of, type_of_value
from definitions.expression_types import (
    BOOL,
    DOUBLE,
    DYN,
    INSTANT,
    INT,
    LIST,
    MAP,
    MONEY,
    NULL,
    NUMBER,
    SCALAR,
    STRING,
    TIMESTAMP,
    Type,
    type_of_field,
)
from definitions.expressions import evaluate
from domain.errors import ExpressionFailed
from domain.fields import FieldType

RESULT = {
    "outcome": type_of_field(FieldType.TEXT, ("high", "low")),
    "summary": STRING,
    "data": Type.record(
        {
            "score": NUMBER,
            "other": NUMBER,
            "sum": MONEY,
            "due": INSTANT,
            "sure": BOOL,
            "hits": LIST,
            "any": DYN,
        }
    ),
}
TYPES = {
    "task": Type.record(
        {"title": STRING, "sla_hours": NUMBER, "attachments": Type.list_of(Type.record({"name": STRING}))}
    ),
    "fields": MAP,
    "steps": Type.record({"check": Type.record(RESULT), "later": Type.record(RESULT)}),
    "risk": type_of_field(FieldType.TEXT, ("low", "medium", "high")),
    "now": TIMESTAMP,
}


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ('steps.check.outcome == "high" && fields.amount > 100', BOOL),
        ("has(steps.check.data.score)", BOOL),
        ("has(steps.check.data.score) && steps.check.data.score > 2.5", BOOL),
        ("steps.check.data.score == 3 || steps.check.data.score in [1, 2.5]", BOOL),
        ("double(steps.check.data.score) * 1.5", NUMBER),
        ("steps.check.data.score", NUMBER),
        ("steps.check.data.score > steps.check.data.other", BOOL),
        ('amount(steps.check.data.sum) > amount("500000.00")', BOOL),
        ("steps.check.data.sum", MONEY),
        ("timestamp(steps.check.data.due) < now", BOOL),
        ("steps.check.data.due", INSTANT),
        ('now + duration("1h")', INSTANT),
        ('"2026-11-23T09:00:00+08:00"', INSTANT),
        ("steps.check.data.hits.map(x, x.id)", LIST),
        ("steps.check.data.any", LIST),
        ("fields.items", LIST),
        ("fields.urgent", BOOL),
        ("task.attachments.all(a, a.name != '')", BOOL),
        ("task.attachments[0].name", STRING),
        ("(steps.check).outcome == 'high'", BOOL),
        ("steps . check\n  .outcome == 'high'", BOOL),
        ("[1, 2].all(s, s > 0) && risk == 'low'", BOOL),
        ("size(task.attachments) > 0 ? 1 : 2", INT),
        ("type(fields.a) == string", BOOL),
        ('steps["check"].outcome == "high"', BOOL),
        ("true ? steps.check.data.score : 0", NUMBER),
        ("null", DYN),
        ("{'a': [now]}", MAP),
    ],
)
def test_what_is_right_has_no_problems(source: str, wanted: Type) -> None:
    assert problems(source, TYPES, wanted) == []


@pytest.mark.parametrize(
    ("source", "wanted", "at", "message"),
    [
        # syntax
        ("risk == ", BOOL, "", "this is not CEL"),
        ("risk = 'low'", BOOL, "= ", "this is not CEL"),
        ("(" * 40 + "1" + ")" * 40, INT, "(", "nested too deeply"),
        # names, fields and functions
        ("step.check.outcome == 'high'", BOOL, "step", "unknown name 'step' (did you mean 'steps'?)"),
        ("true && nobody", BOOL, "nobody", "unknown name 'nobody'"),
        ("fields.items.all(x, x > y)", BOOL, "y)", "unknown name 'y'"),
        ("steps.chek.outcome == 'high'", BOOL, "chek", "steps has no 'chek' (did you mean 'check'?)"),
        (
            "steps.check.outcom == 'high'",
            BOOL,
            "outcom",
            "steps.check has no 'outcom' (did you mean 'outcome'?)",
        ),
        ("has(steps.check.data.scor)", BOOL, "steps", "steps.check.data has no 'scor'"),
        ("steps['chek'].outcome == 'high'", BOOL, "'chek", "steps has no 'chek'"),
        ("task.attachments.all(a, a.nam == '')", BOOL, "nam ", "a has no 'nam' (did you mean 'name'?)"),
        ("siez(fields) > 1", BOOL, "siez", "unknown function 'siez' (did you mean 'size'?)"),
        ("risk.startWith('l')", BOOL, "startWith", "unknown function 'startWith'"),
        ("now() < now", BOOL, "now", "unknown function 'now'"),
        # values that never are
        ("steps.check.outcome == 'hihg'", BOOL, "'hihg", "is never 'hihg' (did you mean 'high'?)"),
        ("'hgh' != risk", BOOL, "'hgh", "risk is never 'hgh'"),
        ("risk in ['low', 'hgh']", BOOL, "'hgh", "risk is never 'hgh'"),
        # types
        ("steps.check.outcome > 3", BOOL, "> 3", "> does not take string and int"),
        ("risk == 3", BOOL, "== 3", "== does not take string and int"),
        ("steps.check.data.score == '3'", BOOL, "== '3", "== does not take int and string"),
        ("steps.check.data.score + 1 > 3", BOOL, "+ 1", "+ does not take double and int"),
        ("steps.check.data.score + 1.5 > 3", BOOL, "+ 1", "+ does not take int and double"),
        ("steps.check.data.score + steps.check.data.other > 3", BOOL, "+ ", "+ does not take"),
        ("steps.check.data.sum > 100", BOOL, "> 100", "> does not take string and int"),
        ("steps.check.data.due < now", BOOL, "< now", "< does not take string and timestamp"),
        ("steps.check.data.sure && risk", BOOL, "&&", "&& does not take bool and string"),
        ("risk.x == 1", BOOL, ".x", "cannot be the operand of a select"),
        ("size(risk, 1)", INT, "size", "size is not called that way, or with so many arguments"),
        ("string(null)", STRING, "null", "string does not take null"),
        ("duration(90) < duration('2m')", BOOL, "90", "duration does not take a number"),
        ("int(duration('2m'))", INT, "('2m", "int does not take a duration"),
        ("1 == 2.5 || risk == 'low'", BOOL, "== 2", "a whole number is compared to a decimal one"),
        ("size([1 == 2.5]) + 1 == 3", BOOL, "== 2", "a whole number is compared to a decimal one"),
        ("now < null", BOOL, "null", "< does not take null"),
        ("!risk", BOOL, "!", "! does not take string"),
        ("risk", LIST, "risk", "this gives a text"),
        ("steps.check.data.score", BOOL, "steps", "this gives a number"),
        ("has(steps.check.data.score)", LIST, "has", "this gives true or false"),
        ("task.sla_hours > 1.0", INSTANT, "task", "this gives true or false"),
        ("b'x'", DYN, "b", "this gives bytes, which is no JSON"),
        ("type(risk)", DYN, "type", "no JSON"),
        # what is left out of CEL
        ("now.getHours('Asia/Shanghai') > 1", BOOL, "'Asia", "getHours has no fixed zone"),
        ("risk.matches(task.title)", BOOL, ".title", "matches has a pattern that is worked out"),
        ("risk.matches('(')", BOOL, "'(", "matches has a pattern that RE2 cannot read"),
        ("risk.matches('(a|b|c|d){900}')", BOOL, "'(", "matches has a pattern that is too large"),
        ("google.protobuf.Duration{seconds: 1}", DYN, "google", "is no type of the language"),
        ("[1].map(task, task)", LIST, "task", "'task' cannot be a loop's variable"),
        ("[1].map(S, S)", LIST, "S", "'S' cannot be a loop's variable"),
        ("[1].all(x, [2].all(x, x > 1))", BOOL, "x, x > 1", "'x' is the variable of a loop around"),
        # what would not end soon
        ("fields.a.all(x, fields.b.all(y, fields.c.all(z, true)))", BOOL, "fields", "costs too much"),
    ],
)
def test_each_mistake_has_its_place_and_reason(source: str, wanted: Type, at: str, message: str) -> None:
    found = problems(source, TYPES, wanted)
    assert len(found) == 1
    expected = source.index(at) if at else len(source)
    assert abs(found[0].offset - expected) <= 1
    assert message in found[0].message


def test_every_operator_and_function_is_judged_as_the_engine_runs_it() -> None:
    atoms = [
        "1",
        "1u",
        "2.5",
        "'x'",
        "true",
        "now",
        "duration('1h')",
        "[1]",
        "['a']",
        "{'a': 1}",
        "null",
        "type(1)",
    ]
    calls = [
        "size",
        "string",
        "int",
        "double",
        "timestamp",
        "duration",
        "amount",
        "type",
        "dyn",
        "bool",
        "bytes",
        "!",
        "-",
    ]
    methods = [
        "getHours()",
        "getHours('+08:00')",
        "size()",
        "all(x,true)",
        "map(x,x)",
        "startsWith('x')",
        "a",
    ]
    operators = [
        "+",
        "-",
        "*",
        "/",
        "%",
        "==",
        "!=",
        "<",
        "<=",
        ">",
        ">=",
        "&&",
        "||",
        "in",
        "?1:",
        ".contains",
    ]
    facts = {"now": datetime(2026, 11, 23, tzinfo=UTC)}
    sources = [
        *(f"{call}({atom})" for call in calls for atom in atoms),
        *(f"{atom}.{method}" for method in methods for atom in atoms),
        *(f"{left} {operator} ({right})" for operator in operators for left in atoms for right in atoms),
    ]
    for source in sources:
        if not problems(source, {"now": TIMESTAMP}, DYN):
            try:
                evaluate(source, facts)
            except ExpressionFailed as error:
                assert "has not the type" not in str(error)
                assert "has none" not in str(error)


def test_all_mistakes_are_found_in_one_run() -> None:
    found = problems("risk > 1 &&\n  task.title + 1 == siez('x')", TYPES, BOOL)
    assert [each.offset for each in found] == [5, 25, 32]


def test_a_problem_says_what_was_expected() -> None:
    assert problems("risk", TYPES, BOOL)[0].expected == "true or false"
    assert problems("rsk", TYPES, BOOL)[0].expected == "one of fields, now, risk, steps, task"
    assert "double(…)" in problems("task.sla_hours + 1 > 2", TYPES, BOOL)[0].expected


def test_problems_in_a_value_have_their_place_in_it() -> None:
    value = {
        "a": "${ rsk }",
        "b": ["fine", {"c": "of ${risk} and ${ steps.check.data.hits }"}],
        "d": "${ risk",
        "e": 7,
        "f": "${ 1 }",
    }
    wanted = Type.record({"f": STRING, "a": STRING})
    found = problems_in(value, TYPES, wanted)
    assert [(place, problem.offset) for place, problem in found] == [
        (("a",), 3),
        (("b", 1, "c"), 18),
        (("d",), 0),
        (("f",), 3),
    ]
    assert found[1][1].message == "this gives a list"
    assert found[3][1].message == "this gives a whole number"


@pytest.mark.parametrize(
    ("value", "type_"),
    [
        ("${ risk == 'low' }", BOOL),
        ("at ${ now }", STRING),
        ("${ now }", TIMESTAMP),
        ("${ wrong }", DYN),
        ("${ oops", DYN),
        (True, BOOL),
        (1, INT),
        (1.5, DOUBLE),
        (None, NULL),
        ([1], LIST),
        ({"a": "${ 1 }"}, Type.record({"a": INT})),
        ("${ task.attachments }", TYPES["task"].fields["attachments"] if TYPES["task"].fields else None),
    ],
)
def test_values_of_with_have_types(value: Any, type_: Type) -> None:
    assert type_of_value(value, TYPES) == type_


def test_the_type_of_a_list_says_what_is_in_it() -> None:
    assert type_of("['a', 'b']", TYPES).element == STRING
    assert type_of("[1, 'b']", TYPES).element == DYN


@pytest.mark.parametrize("kind", list(FieldType))
def test_every_type_of_a_field_is_a_type_that_the_checker_knows(kind: FieldType) -> None:
    assert problems("x == null || true", {"x": DYN}, BOOL) == []
    assert problems("[x]", {"x": type_of_field(kind)}, LIST) == []
    assert problems("x", {"x": type_of_field(kind)}, type_of_field(kind)) == []


def test_what_is_unknown_fits_anywhere_and_a_scalar_fits_into_texts() -> None:
    assert all(each.accepts(DYN) and DYN.accepts(each) for each in (BOOL, LIST, INSTANT, SCALAR))
    assert all(SCALAR.accepts(each) for each in (BOOL, INT, MONEY, TIMESTAMP, STRING))
    assert not any(SCALAR.accepts(each) for each in (LIST, MAP, NULL))
