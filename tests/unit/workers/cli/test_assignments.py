"""Answers to forms as people type them."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from domain.errors import InvalidInput
from domain.fields import FieldType, FormField, form_problems
from workers.cli.assignments import answers, assignments

FORM = {kind.value: FormField(type=kind) for kind in FieldType}


@pytest.mark.parametrize(
    ("name", "typed", "value"),
    [
        ("text", "12.50", "12.50"),
        ("money", "12.50", "12.50"),
        ("number", "12", 12),
        ("number", "-0.5", -0.5),
        ("flag", "true", True),
        ("flag", "No", False),
        ("date", "2026-11-23", "2026-11-23"),
        ("time", "2026-11-23T09:00:00+08:00", "2026-11-23T09:00:00+08:00"),
        ("list", '["a", 1]', ["a", 1]),
        ("map", '{"a": 1}', {"a": 1}),
        ("any", "a=b", "a=b"),
    ],
)
def test_each_type_takes_its_own_form(name, typed, value):
    found = answers(FORM, {name: typed})
    assert found == {name: value}
    assert type(found[name]) is type(value)
    assert form_problems({name: FORM[name]}, found) == []


def test_every_field_that_cannot_be_read_is_named_and_no_value_repeated():
    with pytest.raises(InvalidInput) as refused:
        answers(FORM, {"flag": "maybe", "number": "Infinity", "list": "[", "voucher": "V-1"})
    message = str(refused.value)
    assert "flag: expected true or false" in message
    assert "number: expected a number" in message
    assert "list: expected a list" in message
    assert "voucher: there is no such field; expected text, number" in message
    assert "maybe" not in message
    assert "V-1" not in message


def test_a_review_without_a_form_takes_no_answers():
    with pytest.raises(InvalidInput, match="it has no form"):
        answers({}, {"voucher": "V-1"})


@pytest.mark.parametrize("text", ["voucher", "=V-1", ""])
def test_what_is_no_assignment_is_refused(text):
    with pytest.raises(InvalidInput, match="--field: expected name=value"):
        assignments([text], "--field")


def test_a_name_comes_once():
    with pytest.raises(InvalidInput, match="a is given twice"):
        assignments(["a=1", "b=2", "a=3"], "--field")


@given(some.dictionaries(some.from_regex(r"[a-z]{1,8}", fullmatch=True), some.text()))
def test_values_arrive_as_they_were_typed(values):
    assert assignments([f"{name}={value}" for name, value in values.items()], "--data") == values
