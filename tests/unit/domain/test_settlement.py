from datetime import UTC, date, datetime, time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.settlement import CUT_OFFS, IBAN_LENGTHS, SHANGHAI, check_payment, is_bic, is_iban

GERMAN = {
    "bic": "DEUTDEFF500",
    "iban": "DE89 3704 0044 0532 0130 00",
    "currency": "EUR",
    "amount": "125000.50",
    "purpose_code": "SUPP",
    "value_date": "2026-11-24",
}
AMERICAN = {
    "bic": "CITIUS33",
    "beneficiary_account": "0001234",
    "currency": "USD",
    "amount": 1200000,
    "purpose_code": "121010",
    "value_date": "2026-11-24",
}
MORNING = datetime(2026, 11, 24, 9, 30, tzinfo=SHANGHAI)


def weekdays(day: date) -> bool:
    return day.weekday() < 5


def outcome(fields: dict[str, Any], now: datetime = MORNING) -> str:
    return check_payment(fields, now, weekdays).outcome


@pytest.mark.parametrize("fields", [GERMAN, AMERICAN])
def test_a_complete_payment_is_valid(fields: dict[str, Any]) -> None:
    assert check_payment(fields, MORNING, weekdays) == check_payment(
        fields, MORNING.astimezone(UTC), weekdays
    )
    assert outcome(fields) == "valid"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"bic": "DEUTDEF"}, "bic"),
        ({"bic": "deutdeff"}, "bic"),
        ({"bic": None}, "bic"),
        ({"iban": "DE88 3704 0044 0532 0130 00"}, "iban"),
        ({"iban": "DE89 3704 0044 0532 0130 0"}, "iban"),
        ({"iban": ""}, "iban"),
        ({"iban": 5}, "iban"),
        ({"bic": "CITIUS33", "iban": ""}, "iban"),
        ({"currency": "XYZ"}, "currency"),
        ({"currency": ["EUR"]}, "currency"),
        ({"amount": "0"}, "amount"),
        ({"amount": "-3"}, "amount"),
        ({"amount": "1.005"}, "amount"),
        ({"amount": None}, "amount"),
        ({"currency": "JPY", "amount": "100.50"}, "amount"),
        ({"purpose_code": ""}, "purpose_code"),
        ({"purpose_code": "goods"}, "purpose_code"),
        ({"value_date": "24.11.2026"}, "value_date"),
        ({"value_date": None}, "value_date"),
        ({"value_date": "2026-11-28"}, "value_date"),
    ],
)
def test_each_thing_that_is_wrong_is_named(change: dict[str, Any], field: str) -> None:
    check = check_payment({**GERMAN, **change}, MORNING, weekdays)
    assert check.outcome == "incomplete"
    assert [problem.split(":")[0] for problem in check.problems] == [field]


@pytest.mark.parametrize("field", ["bic", "iban", "currency", "amount", "purpose_code", "value_date"])
def test_a_problem_does_not_repeat_the_value(field: str) -> None:
    value = "6222020200001234-X"
    assert value not in " ".join(check_payment({**GERMAN, field: value}, MORNING, weekdays).problems)


def test_everything_that_is_missing_is_listed_at_once() -> None:
    problems = check_payment({}, MORNING, weekdays).problems
    assert [each.split(":")[0] for each in problems] == [
        "bic",
        "iban",
        "currency",
        "amount",
        "purpose_code",
        "value_date",
    ]


@pytest.mark.parametrize("currency", CUT_OFFS)
def test_value_today_ends_at_the_cut_off_of_its_currency(currency: str) -> None:
    fields = {**AMERICAN, "currency": currency}
    cut_off = datetime.combine(date(2026, 11, 24), CUT_OFFS[currency], SHANGHAI)
    assert outcome(fields, cut_off.replace(hour=cut_off.hour - 1)) == "valid"
    assert outcome(fields, cut_off) == "past_cut_off"
    assert outcome({**fields, "value_date": "2026-11-25"}, cut_off) == "valid"


def test_a_value_date_that_has_gone_by_is_past_its_cut_off() -> None:
    assert outcome({**GERMAN, "value_date": "2026-11-23"}) == "past_cut_off"


def test_the_day_is_that_of_shanghai() -> None:
    late_evening_utc = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)
    assert outcome({**GERMAN, "value_date": "2026-11-24"}, late_evening_utc) == "valid"
    assert outcome({**GERMAN, "value_date": "2026-11-23"}, late_evening_utc) == "past_cut_off"


def test_an_incomplete_order_is_incomplete_also_after_the_cut_off() -> None:
    night = datetime.combine(date(2026, 11, 24), time(23), SHANGHAI)
    assert outcome({**GERMAN, "purpose_code": ""}, night) == "incomplete"


@pytest.mark.parametrize(
    "iban",
    ["GB82 WEST 1234 5698 7654 32", "FR1420041010050500013M02606", "NL91ABNA0417164300", "NO9386011117947"],
)
def test_known_ibans_are_right(iban: str) -> None:
    assert is_iban(iban)


@st.composite
def ibans(draw: st.DrawFn) -> str:
    country = draw(st.sampled_from(sorted(IBAN_LENGTHS)))
    body = draw(
        st.text("0123456789ABCXYZ", min_size=IBAN_LENGTHS[country] - 4, max_size=IBAN_LENGTHS[country] - 4)
    )
    digits = "".join(str(int(each, 36)) for each in f"{body}{country}00")
    return f"{country}{98 - int(digits) % 97:02}{body}"


@given(ibans(), st.data())
def test_an_iban_with_one_digit_changed_is_never_right(iban: str, data: st.DataObject) -> None:
    assert is_iban(iban)
    places = [place for place, each in enumerate(iban) if place > 1 and each.isdigit()]
    place = data.draw(st.sampled_from(places))
    other = data.draw(st.sampled_from([each for each in "0123456789" if each != iban[place]]))
    assert not is_iban(iban[:place] + other + iban[place + 1 :])


@given(st.text(max_size=40) | st.none() | st.integers())
def test_any_value_is_tested_without_an_error(value: Any) -> None:
    assert is_iban(value) in (True, False)
    assert is_bic(value) in (True, False)


FIELDS = sorted({*GERMAN, *AMERICAN})
VALUES = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=10) | st.lists(st.integers(), max_size=2)
)


@given(st.dictionaries(st.sampled_from(FIELDS), VALUES))
def test_any_fields_give_an_outcome_with_its_reasons(fields: dict[str, Any]) -> None:
    check = check_payment({**GERMAN, **fields}, MORNING, weekdays)
    assert (check.outcome == "valid") == (not check.problems)
