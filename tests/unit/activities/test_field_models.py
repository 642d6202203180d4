from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from activities.field_models import check_inputs, field_specs, output_problem
from domain.errors import InvalidInput
from domain.fields import FieldType
from domain.model import Instant, Model


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Everything(Model):
    text: str
    flag: bool = False
    whole: int | None = None
    share: int | float = 0
    amount: Decimal = Decimal(1)
    day: date | None = None
    at: datetime | None = None
    instant: Instant | None = None
    colour: Colour | None = None
    side: Literal["left", "right"] = "left"
    names: tuple[str, ...] = ()
    more: dict[str, int] = Field(default_factory=dict, description="whatever else")
    marked: Annotated[str, FieldType.MONEY] | None = None
    anything: Any = None
    either: int | str = 0


SPECS = field_specs(Everything)


def wrong(**inputs: Any) -> InvalidInput:
    with pytest.raises(InvalidInput) as refused:
        check_inputs("a_handler", Everything, SPECS, {"text": "a", **inputs})
    return refused.value


def test_annotations_become_the_types_that_sops_know() -> None:
    assert {name: spec.type.value for name, spec in SPECS.items()} == {
        "text": "text",
        "flag": "flag",
        "whole": "number",
        "share": "number",
        "amount": "money",
        "day": "date",
        "at": "time",
        "instant": "time",
        "colour": "text",
        "side": "text",
        "names": "list",
        "more": "map",
        "marked": "money",
        "anything": "any",
        "either": "any",
    }
    assert [name for name, spec in SPECS.items() if spec.required] == ["text"]
    assert (SPECS["colour"].choices, SPECS["side"].choices) == (("red", "blue"), ("left", "right"))
    assert SPECS["more"].description == "whatever else"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("text", 5, "a text"),
        ("flag", "yes", "true or false"),
        ("whole", "5", "a number"),
        ("amount", "3 yuan", "an amount"),
        ("day", "24.11.2026", "a date"),
        ("at", "2026-11-24T09:00:00", "an instant with its zone"),
        ("colour", "green", "one of blue, red"),
        ("names", "Ann", "a list"),
        ("more", [], "a mapping"),
        ("whole", None, "a number"),
    ],
)
def test_a_wrong_input_is_named_with_what_was_expected(name: str, value: Any, expected: str) -> None:
    error = wrong(**{name: value})
    assert error.field == f"inputs.{name}"
    assert str(error).startswith(f"inputs.{name}: expected {expected}")


def test_an_unknown_input_is_refused_with_the_near_miss() -> None:
    assert "did you mean 'amount'?" in str(wrong(amonut="1"))


def test_a_missing_input_is_named() -> None:
    with pytest.raises(InvalidInput, match=r"inputs\.text: missing; expected a text"):
        check_inputs("a_handler", Everything, SPECS, {})


def test_a_handler_without_inputs_takes_none() -> None:
    check_inputs("a_handler", None, {}, {})
    with pytest.raises(InvalidInput, match="takes no such input; expected none"):
        check_inputs("a_handler", None, {}, {"text": "a"})


class Ruled(BaseModel):
    count: int = Field(default=1, le=5)
    card: str = Field(default="0000", pattern=r"^\d{4}$")


def test_the_model_s_own_rules_hold_as_well() -> None:
    with pytest.raises(InvalidInput, match=r"inputs\.count: expected less than or equal to 5"):
        check_inputs("a_handler", Ruled, field_specs(Ruled), {"count": 6})


@given(st.text(min_size=2))
def test_no_error_repeats_a_value(secret: str) -> None:
    marked = f"«{secret}»"
    for model, name in ((Ruled, "card"), (Everything, "amount"), (Everything, "colour")):
        with pytest.raises(InvalidInput) as refused:
            check_inputs("a_handler", model, field_specs(model), {"text": "a", name: marked})
        assert marked not in str(refused.value)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({"text": "a", "amount": "-9547.20"}, None),
        ({"text": "a", "amount": "0"}, None),
        ({"text": "a", "day": None}, None),
        ({}, "data.text is missing"),
        ({"text": None}, "data.text: expected a valid string"),
        ({"text": "a", "amount": "much"}, "data.amount is not an amount such as 1200.50"),
        ({"text": "a", "amount": 1.5}, "data.amount is not an amount such as 1200.50"),
        ({"text": "a", "side": "top"}, "data.side is not one of left, right"),
        ({"text": "a", "extra": 1}, "data.extra is not declared"),
    ],
)
def test_what_is_answered_is_held_against_the_outputs(data: dict[str, Any], problem: str | None) -> None:
    assert output_problem(Everything, SPECS, data) == problem


def test_without_outputs_nothing_is_checked() -> None:
    assert output_problem(None, {}, {"whatever": 1}) is None
