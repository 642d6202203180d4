"""Amounts as tickets carry them: plain decimals in currency units, never floats."""

from decimal import Decimal, InvalidOperation
from typing import Any

from domain.errors import InvalidInput

_LARGEST = Decimal(10) ** 15
EXPECTED = 'a positive plain decimal such as "86000.00"'
EXPECTED_SUM = 'a plain decimal such as "86000.00" or "-12.50"'


def parse_amount(value: Any, field: str = "amount") -> Decimal:
    """The amount in currency units that a ticket's field names: more than nothing.

    A JSON number is read by its shortest decimal text, so that no binary fraction gets in. Raises
    `InvalidInput` naming the field; the value itself is not repeated.
    """
    problem = InvalidInput(f"{field}: expected {EXPECTED}", field=field)
    try:
        amount = parse_money(value, field)
    except InvalidInput as error:
        raise problem from error
    if amount <= 0:
        raise problem
    return amount


def parse_money(value: Any, field: str = "amount") -> Decimal:
    """A sum in currency units, which may be nothing or less: differences, balances, refunds.

    Raises `InvalidInput` naming the field; the value itself is not repeated.
    """
    problem = InvalidInput(f"{field}: expected {EXPECTED_SUM}", field=field)
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise problem
    text = str(value).strip()
    if len(text) > 40:
        raise problem
    try:
        amount = Decimal(text)
    except InvalidOperation as error:
        raise problem from error
    if not amount.is_finite() or abs(amount) > _LARGEST:
        raise problem
    return amount


def decimals_of(amount: Decimal) -> int:
    """Digits after the point that carry value: 2 for 0.25, 1 for 0.10, 0 for 100."""
    exponent = amount.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def to_fen(amount: Decimal, field: str = "amount") -> int:
    """Hundredths of the currency unit. Raises `InvalidInput` when a fraction of a fen would be lost."""
    fen = amount * 100
    if fen != fen.to_integral_value():
        raise InvalidInput(f"{field}: at most two digits after the point", field=field)
    return int(fen)
