from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidInput
from domain.money import decimals_of, parse_amount, to_fen

AMOUNTS = st.decimals(Decimal("0.01"), Decimal(10) ** 12, places=2)


@pytest.mark.parametrize("value", ["86000.00", 86000, 86000.0, Decimal(86000), " 86000 "])
def test_an_amount_is_the_same_in_every_form_that_tickets_have(value: Any) -> None:
    assert parse_amount(value) == Decimal(86000)


def test_a_json_number_brings_no_binary_fraction() -> None:
    assert parse_amount(0.1) == Decimal("0.1")


@given(AMOUNTS)
def test_text_and_fen_are_exact(amount: Decimal) -> None:
    assert parse_amount(str(amount)) == amount
    assert Decimal(to_fen(amount)) / 100 == amount


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "abc",
        "1,000",
        "-1",
        0,
        "0.00",
        "NaN",
        "Infinity",
        True,
        [],
        {},
        "1e30",
        "9" * 50,
        float("inf"),
    ],
)
def test_what_is_no_amount_names_its_field_but_not_its_value(value: Any) -> None:
    with pytest.raises(InvalidInput, match=r"^our_amount: expected a positive plain decimal") as raised:
        parse_amount(value, "our_amount")
    assert raised.value.field == "our_amount"


@given(st.text(max_size=60) | st.floats() | st.integers())
def test_anything_is_an_amount_or_invalid_input(value: Any) -> None:
    try:
        assert 0 < parse_amount(value) <= Decimal(10) ** 15
    except InvalidInput as error:
        assert error.field == "amount"


def test_a_fraction_of_a_fen_is_not_lost_quietly() -> None:
    with pytest.raises(InvalidInput, match="two digits"):
        to_fen(Decimal("0.001"))


@pytest.mark.parametrize(
    ("text", "digits"), [("0.25", 2), ("0.10", 1), ("100", 0), ("1E+2", 0), ("0.001", 3)]
)
def test_digits_that_carry_value_are_counted(text: str, digits: int) -> None:
    assert decimals_of(Decimal(text)) == digits
