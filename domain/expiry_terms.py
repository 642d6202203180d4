"""How long a measure may last, how often it is renewed, what its end means: by authority, with the law."""

import re
from calendar import monthrange
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal

from domain.authority import AUTHORITIES
from domain.duration import parse_duration
from domain.model import Record

_STOP: Final = "48h"
_STOPS: Final = "银发〔2016〕86号 2.1.2"
_MONTHS: Final = {"month": 1, "months": 1, "个月": 1, "year": 12, "years": 12, "年": 12}
_UNITS: Final = {"hours": "h", "hour": "h", "小时": "h", "days": "d", "day": "d", "天": "d", "日": "d"}


class Term(Record):
    """What the law says of an end."""

    law: str
    on_end: Literal["release", "page"]
    """The bank releases by itself, or a person has to look first."""
    longest: str = ""
    """How long one order may run, such as `48h` or `6 months`; empty: no law says."""
    renewals: int | None = None
    """How often it can be renewed; None: as often as a new order comes in time."""
    then: str = ""
    """What the person has to do, where one has to act."""


_LOOK: Final = "look for an order to go on and for orders in the queue (轮候), then release by a ticket"

_ENDS: Final[Mapping[str, tuple[Literal["release", "page"], int | None]]] = {
    # An extension, or another order that waits, makes the release wrong: a person looks first.
    "police": ("page", None),
    "prosecutor": ("page", None),
    "court": ("page", None),
    # 行政强制法 32, 33: 30 days and 30 more; without a decision the bank releases.
    "tax": ("release", 1),
    "customs": ("release", 1),
    # 反洗钱法 45: 48 hours; released unless a judicial freeze comes, which is a measure of its own.
    "pbc_aml": ("release", 0),
    # No law sets an end: whoever set it said when.
    "bank_own": ("page", None),
    "customer": ("page", None),
}
"""What an end means, and how often it can be moved. What a list freezes ends with the list entry."""


def term_of(authority: str, fields: Mapping[str, Any]) -> Term | None:
    """The term of a measure; None where it has no end of its own."""
    if _text(fields, "measure") == "stop":
        # 48 hours, at most twice an account; it lapses unless a freezing notice follows.
        is_last = fields.get("stop_no") == 2
        return Term(law=_STOPS, on_end="release", longest=_STOP, renewals=0 if is_last else 1)
    if authority not in _ENDS:
        return None
    on_end, renewals = _ENDS[authority]
    known = AUTHORITIES[authority]
    asset = _text(fields, "asset") or "deposit"
    if asset == "deposit" and fields.get("major_case") is True and "major" in known.longest:
        asset = "major"
    return Term(
        law=known.law,
        on_end=on_end,
        longest=known.longest.get(asset, ""),
        renewals=renewals,
        then=_LOOK if on_end == "page" else "",
    )


def end_of(term: Term, fields: Mapping[str, Any], began_at: datetime) -> datetime | None:
    """When a measure that began then ends; None where the order sets no end.

    A stop runs 48 hours. Else the order's `period` counts, from the end of the freeze that it renews
    (`expires_at` of a renewal), and never runs longer than the law allows.
    """
    period = _text(fields, "period") or (_STOP if _text(fields, "measure") == "stop" else "")
    since = began_at
    if _text(fields, "measure") == "renewal":
        since = _instant(fields.get("expires_at")) or began_at
    if not period:
        return None
    try:
        end = past(since, period)
    except ValueError:
        return None
    return min(end, past(since, term.longest)) if term.longest else end


def past(since: datetime, period: str) -> datetime:
    """The instant a period such as `48h`, `6 months` or `1 year` after another, months by the calendar.

    Raises `ValueError` for what is no period.
    """
    text = period.strip().lower()
    found = re.fullmatch(r"(\d{1,3})\s*(months?|years?|个月|年)", text)
    if found and int(found[1]):
        months = since.month - 1 + int(found[1]) * _MONTHS[found[2]]
        year, month = since.year + months // 12, months % 12 + 1
        return since.replace(year=year, month=month, day=min(since.day, monthrange(year, month)[1]))
    for words, unit in _UNITS.items():
        if text.endswith(words):
            text = text.removesuffix(words).rstrip() + unit
            break
    return since + parse_duration(text)


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    return value.strip() if isinstance(value, str) else ""


def _instant(value: Any) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return at if at.tzinfo else None
