"""What kind of break is it? Our side and theirs do not agree; the kind says what to do about it.

Fields: `our_amount`, `their_amount` (absent where a side has no entry), `our_entries`, `their_entries`
(how many entries carry the reference), `our_date`, `their_date` (booking dates, ISO), `age_days` (age of the
break in business days, where its dates are not given).
"""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Literal

from domain.errors import InvalidInput
from domain.model import Record
from domain.money import parse_amount

BreakKind = Literal["timing", "amount", "duplicate", "unknown"]

MATCHING_DAYS = 2
"""For so many business days a one-sided entry is expected to find its other side."""


class BreakFinding(Record):
    """The kind of a break, and why."""

    kind: BreakKind
    reason: str
    difference: Decimal | None = None
    """Ours less theirs, in currency units."""


def classify_break(
    fields: Mapping[str, Any], today: date, is_working_day: Callable[[date], bool]
) -> BreakFinding:
    """Classifies a break as of a bank day. What cannot be told from the fields is `unknown`, with why."""
    try:
        ours, theirs = _amount(fields, "our_amount"), _amount(fields, "their_amount")
        our_date, their_date = _date(fields, "our_date"), _date(fields, "their_date")
        entries = _count(fields, "our_entries", 1), _count(fields, "their_entries", 1)
        age = _count(fields, "age_days", None)
    except InvalidInput as error:
        return BreakFinding(kind="unknown", reason=str(error))
    if ours is None and theirs is None:
        return BreakFinding(kind="unknown", reason="our_amount, their_amount: at least one side is needed")
    if ours is None or theirs is None:
        booked = our_date if theirs is None else their_date
        return _one_sided(age if booked is None else business_days(booked, today, is_working_day))
    difference = ours - theirs
    if difference and (entries[0] != entries[1] or max(ours, theirs) == 2 * min(ours, theirs)):
        side = "we" if ours > theirs else "they"
        return BreakFinding(
            kind="duplicate", reason=f"{side} seem to have booked it more than once", difference=difference
        )
    if difference:
        return BreakFinding(kind="amount", reason="the amounts differ", difference=difference)
    if our_date and their_date and our_date != their_date:
        return BreakFinding(
            kind="timing", reason="same amount, booked on different days", difference=difference
        )
    return BreakFinding(
        kind="unknown",
        reason="amounts and dates agree: what differs is not told",
        difference=difference,
    )


def _one_sided(age: int | None) -> BreakFinding:
    if age is None:
        return BreakFinding(
            kind="unknown", reason="one side only, and its date (our_date, their_date) is missing"
        )
    if age <= MATCHING_DAYS:
        return BreakFinding(
            kind="timing", reason=f"one side only, {age} business days old: the other is still expected"
        )
    return BreakFinding(
        kind="unknown", reason=f"one side only, {age} business days old: the other should have come"
    )


def business_days(since: date, until: date, is_working_day: Callable[[date], bool]) -> int:
    """Working days after `since`, up to and including `until`; 0 when `until` is not later.

    Counting stops after a year: by then it makes no difference.
    """
    days = min((until - since).days, 366)
    return sum(is_working_day(since + timedelta(days=each)) for each in range(1, days + 1))


def _amount(fields: Mapping[str, Any], name: str) -> Decimal | None:
    value = fields.get(name)
    return None if value in (None, "") else parse_amount(value, name)


def _count(fields: Mapping[str, Any], name: str, default: int | None) -> int | None:
    value = fields.get(name)
    if value in (None, ""):
        return default
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InvalidInput(f"{name}: expected a whole number", field=name)
    return value


def _date(fields: Mapping[str, Any], name: str) -> date | None:
    value = fields.get(name)
    if value in (None, ""):
        return None
    try:
        return value if isinstance(value, date) else date.fromisoformat(str(value))
    except ValueError as error:
        raise InvalidInput(f"{name}: expected a date such as 2026-11-24", field=name) from error
