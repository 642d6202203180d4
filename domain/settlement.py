"""Is a cross-border payment order complete, and can it still settle today?

Fields: `bic`, `iban` or `beneficiary_account`, `currency`, `amount`, `purpose_code`, `value_date`.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from domain.errors import InvalidInput
from domain.model import Record
from domain.money import decimals_of, parse_amount

SHANGHAI: Final = ZoneInfo("Asia/Shanghai")

CUT_OFFS: Final[Mapping[str, time]] = {
    "CNY": time(17, 15),  # HVPS closes to customers
    "USD": time(16, 0),
    "EUR": time(16, 0),
    "GBP": time(16, 0),
    "CHF": time(15, 0),
    "HKD": time(15, 30),
    "SGD": time(15, 0),
    "JPY": time(11, 0),
    "AUD": time(10, 0),
}
"""Last time of day in Shanghai for value today, by currency; those but CNY are the bank's own choice."""

_WHOLE_UNITS: Final = frozenset({"JPY"})

IBAN_LENGTHS: Final[Mapping[str, int]] = {
    "NO": 15,
    "BE": 16,
    "DK": 18,
    "FI": 18,
    "NL": 18,
    "SI": 19,
    "AT": 20,
    "EE": 20,
    "LT": 20,
    "LU": 20,
    "CH": 21,
    "HR": 21,
    "LI": 21,
    "LV": 21,
    "BG": 22,
    "DE": 22,
    "GB": 22,
    "IE": 22,
    "AE": 23,
    "IL": 23,
    "AD": 24,
    "CZ": 24,
    "ES": 24,
    "RO": 24,
    "SA": 24,
    "SE": 24,
    "SK": 24,
    "PT": 25,
    "IS": 26,
    "TR": 26,
    "FR": 27,
    "GR": 27,
    "IT": 27,
    "MC": 27,
    "SM": 27,
    "CY": 28,
    "HU": 28,
    "PL": 28,
    "MT": 31,
}
"""Length of an IBAN by country: countries that settle on IBANs."""


class PaymentCheck(Record):
    """What is wrong with a payment order, if anything. Problems name fields, never their values."""

    outcome: Literal["valid", "incomplete", "past_cut_off"]
    problems: tuple[str, ...] = ()


def check_payment(
    fields: Mapping[str, Any], now: datetime, is_working_day: Callable[[date], bool]
) -> PaymentCheck:
    """Checks the order as it stands at this instant of bank time.

    What is missing or malformed comes first: an order is past its cut-off only when it is complete.
    """
    problems = tuple(_problems(fields, is_working_day))
    if problems:
        return PaymentCheck(outcome="incomplete", problems=problems)
    local = now.astimezone(SHANGHAI)
    value_date = _date(fields["value_date"])
    currency = fields["currency"]
    if value_date is not None and value_date < local.date():
        return PaymentCheck(outcome="past_cut_off", problems=("value_date: has gone by",))
    if value_date == local.date() and local.time() >= CUT_OFFS[currency]:
        late = f"value_date: {currency} for value today closes at {CUT_OFFS[currency]:%H:%M} in Shanghai"
        return PaymentCheck(outcome="past_cut_off", problems=(late,))
    return PaymentCheck(outcome="valid")


def is_bic(value: Any) -> bool:
    """Whether this has the form of a BIC (ISO 9362): bank, country, location, optional branch."""
    return isinstance(value, str) and bool(
        re.fullmatch(r"[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?", value)
    )


def is_iban(value: Any) -> bool:
    """Whether this is an IBAN (ISO 13616): right length for its country, check digits right (mod 97)."""
    if not isinstance(value, str):
        return False
    iban = value.replace(" ", "")
    if not re.fullmatch(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}", iban) or len(iban) != IBAN_LENGTHS.get(iban[:2]):
        return False
    return int("".join(str(int(each, 36)) for each in iban[4:] + iban[:4])) % 97 == 1


def _problems(fields: Mapping[str, Any], is_working_day: Callable[[date], bool]) -> Iterator[str]:
    bic = fields.get("bic")
    if not is_bic(bic):
        yield "bic: expected 8 or 11 capital letters and digits, such as BANKDEFFXXX"
    iban_country = is_bic(bic) and str(bic)[4:6] in IBAN_LENGTHS
    if fields.get("iban"):
        if not is_iban(fields["iban"]):
            yield "iban: wrong length for its country, or the check digits do not agree"
    elif iban_country:
        yield f"iban: missing; banks in {str(bic)[4:6]} settle on IBANs"
    elif not fields.get("beneficiary_account"):
        yield "iban: missing; or beneficiary_account for a country without IBANs"
    yield from _money_problems(fields)
    purpose = fields.get("purpose_code")
    if not isinstance(purpose, str) or not re.fullmatch(r"[A-Z]{4}|[0-9]{6}", purpose):
        yield "purpose_code: expected four letters (ISO 20022) or the six digits of a SAFE transaction code"
    value_date = _date(fields.get("value_date"))
    if value_date is None:
        yield "value_date: expected a date such as 2026-11-24"
    elif not is_working_day(value_date):
        yield "value_date: is not a working day of the bank"


def _money_problems(fields: Mapping[str, Any]) -> Iterator[str]:
    currency = fields.get("currency")
    known = isinstance(currency, str) and currency in CUT_OFFS
    if not known:
        yield f"currency: expected one of {', '.join(CUT_OFFS)}"
    try:
        amount = parse_amount(fields.get("amount"))
    except InvalidInput as error:
        yield str(error)
        return
    if known and decimals_of(amount) > (0 if currency in _WHOLE_UNITS else 2):
        yield f"amount: {currency} has no such small unit"


def _date(value: Any) -> date | None:
    if isinstance(value, datetime):
        return None
    try:
        return value if isinstance(value, date) else date.fromisoformat(str(value))
    except ValueError:
        return None
