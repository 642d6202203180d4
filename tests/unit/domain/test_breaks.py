from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.breaks import business_days, classify_break

TODAY = date(2026, 11, 24)  # a Tuesday
DATES = st.dates(date(2026, 1, 1), date(2026, 12, 31))
CENTS = st.integers(1, 10**9).map(lambda fen: Decimal(fen) / 100)


def weekdays(day: date) -> bool:
    return day.weekday() < 5


def kind(**fields: Any) -> str:
    return classify_break(fields, TODAY, weekdays).kind


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"our_amount": "100.00", "our_date": "2026-11-23"}, "timing"),
        ({"our_amount": "100.00", "our_date": "2026-11-20"}, "timing"),
        ({"our_amount": "100.00", "our_date": "2026-11-19"}, "unknown"),
        ({"their_amount": "512000", "their_date": "2026-11-23"}, "timing"),
        ({"our_amount": "100.00"}, "unknown"),
        ({"our_amount": "100.00", "age_days": 1}, "timing"),
        ({"their_amount": "7300", "age_days": 31}, "unknown"),
        ({"their_amount": "7300", "age_days": "old"}, "unknown"),
        ({"our_amount": "100", "their_amount": "81.60"}, "amount"),
        ({"our_amount": "200", "their_amount": "100"}, "duplicate"),
        ({"our_amount": "100", "their_amount": "200"}, "duplicate"),
        ({"our_amount": "300", "their_amount": "100", "our_entries": 3}, "duplicate"),
        (
            {
                "our_amount": "100",
                "their_amount": "100.00",
                "our_date": "2026-11-20",
                "their_date": "2026-11-23",
            },
            "timing",
        ),
        ({"our_amount": "100", "their_amount": "100"}, "unknown"),
        ({}, "unknown"),
        ({"our_amount": "a lot", "their_amount": "100"}, "unknown"),
        ({"our_amount": "100", "our_date": "last week"}, "unknown"),
        ({"our_amount": "100", "their_amount": "300", "our_entries": "two"}, "unknown"),
    ],
)
def test_a_break_is_classified(fields: dict[str, Any], expected: str) -> None:
    assert kind(**fields) == expected


def test_what_cannot_be_read_is_named() -> None:
    assert "our_amount: " in classify_break({"our_amount": "a lot"}, TODAY, weekdays).reason


@given(CENTS, CENTS)
def test_the_difference_is_exact_and_changes_sign_with_the_sides(ours: Decimal, theirs: Decimal) -> None:
    found = classify_break({"our_amount": str(ours), "their_amount": str(theirs)}, TODAY, weekdays)
    mirrored = classify_break({"our_amount": str(theirs), "their_amount": str(ours)}, TODAY, weekdays)
    assert found.difference == ours - theirs
    assert mirrored.difference == theirs - ours
    assert found.kind == mirrored.kind


@given(DATES, DATES)
def test_business_days_leave_out_weekends(since: date, until: date) -> None:
    days = business_days(since, until, weekdays)
    every = [since + timedelta(days=each) for each in range(1, (until - since).days + 1)]
    assert days == len([day for day in every if weekdays(day)])


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "our_amount",
                "their_amount",
                "our_entries",
                "their_entries",
                "our_date",
                "their_date",
                "age_days",
            ]
        ),
        st.none() | st.integers() | st.text(max_size=12) | st.lists(st.integers(), max_size=2) | DATES,
    )
)
def test_any_fields_give_a_kind_and_a_reason(fields: dict[str, Any]) -> None:
    assert classify_break(fields, TODAY, weekdays).reason
