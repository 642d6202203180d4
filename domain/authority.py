"""Does the order's authority cover what it asks for? Who may freeze, on what papers, for how long.

The rules are data with the law that each comes from. What a ticket says of its order is in its fields:

    authority            who orders: a key of `AUTHORITIES`
    measure              freeze | stop | renewal (of a freeze); release | expiry (of an unfreeze)
    document_no          number of the notice, ruling or decision that orders it
    officers             the officers who came with it: a list of their ids, or how many
    amount, scope        what to freeze: an amount in currency units, or `scope: full`
    period               how long: 48h, 30d, 6 months, 1 year
    asset                deposit (unless said), securities, other
    name_match           whether the holder's name agrees with the order's; of a stop it must
    transfer_at          of a stop: when the money moved
    major_case, issuer_level     for the longer police period
    account_type         of accounts that the law protects
    expires_at           end of the freeze in force (renewal, expiry)
    frozen_by, freeze_document_no    of a release: who ordered the freeze, on which document
    release_of           the document that the release names
    identity_verified    of a customer's own request
    appeal_passed, reason        of the bank's own limit
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from domain.duration import parse_duration
from domain.errors import AuthorisationRefused, InvalidInput
from domain.model import Record
from domain.money import parse_amount
from domain.task import OpsTask


class Authority(Record):
    """What one kind of authority needs and may."""

    label: str
    law: str
    document: str
    """What `document_no` is the number of."""
    officers: int = 0
    """How many officers come with the papers."""
    longest: Mapping[str, str] = {}
    """Longest period, by `stop`, `major` or kind of asset. Empty: no period is set."""
    states_amount: bool = True
    """The order names an amount, or says that it is the whole account."""


AUTHORITIES: Final[Mapping[str, Authority]] = {
    "police": Authority(
        label="police",
        law="公安机关办理刑事案件程序规定 239-244",
        document="the freezing notice (协助冻结财产通知书)",
        longest={"stop": "48h", "deposit": "6 months", "major": "1 year", "securities": "2 years"},
    ),
    "prosecutor": Authority(
        # No text at hand: taken as the police, which is the stricter reading; compliance confirms.
        label="prosecutor",
        law="as for the police, 公安机关办理刑事案件程序规定 239-244",
        document="the freezing notice",
        longest={"deposit": "6 months", "securities": "2 years"},
    ),
    "court": Authority(
        label="court",
        law="民诉法解释 485",
        document="the ruling and assistance notice (协助执行通知书)",
        longest={"deposit": "1 year", "securities": "3 years", "other": "3 years"},
    ),
    "tax": Authority(
        label="tax authority",
        law="行政强制法 18, 29-33",
        document="the freezing notice (冻结通知书)",
        officers=2,
        longest={"deposit": "30d"},
    ),
    "customs": Authority(
        label="customs",
        law="行政强制法 18, 29-33",
        document="the freezing notice (冻结通知书)",
        officers=2,
        longest={"deposit": "30d"},
    ),
    "pbc_aml": Authority(
        label="People's Bank, anti-money-laundering",
        law="反洗钱法 45",
        document="the temporary freezing notice",
        longest={"deposit": "48h"},
    ),
    "sanctions_list": Authority(
        label="sanctions or terrorism list",
        law="反洗钱法 40-41",
        document="the list entry",
        states_amount=False,
    ),
    "bank_own": Authority(
        label="the bank's own limit",
        law="反电信网络诈骗法 18, 32",
        document="the internal decision",
        states_amount=False,
    ),
    "customer": Authority(
        label="the customer's own request",
        law="the account's terms",
        document="the request",
        states_amount=False,
    ),
}

FOREIGN: Final = "foreign"
"""So begin authorities of other countries that write to the bank directly: `foreign_court` …"""

PROTECTED: Final = frozenset(
    {"social_insurance", "housing_fund", "party_dues", "court_funds", "clearing", "client_reserve"}
)
"""Accounts that are never frozen (银监发〔2014〕53号 21-22)."""

_ANY_AUTHORITY: Final = Authority(
    label="any", law="行政强制法 29-33", document="the notice, ruling or decision that orders it"
)
"""What is asked for while nobody knows whose order it is."""

_IDENTITY: Final = "identity_verified: expected true; the customer's identity is checked first"
_MEASURES: Final = {"freeze": ("freeze", "stop", "renewal"), "unfreeze": ("release", "expiry")}
_ISSUERS_OF_MAJOR_CASES: Final = frozenset({"city", "province", "national"})
_DAYS: Final = {"month": 30.5, "months": 30.5, "个月": 30.5, "year": 366.0, "years": 366.0, "年": 366.0}


class OrderCover(Record):
    """What the papers cover."""

    authority: str
    measure: str
    document_no: str
    law: str
    summary: str


def check_order(task: OpsTask, now: datetime) -> OrderCover:
    """What the order's papers cover, at this instant of bank time.

    Raises `AuthorisationRefused` that lists every missing or insufficient paper by field, with the law.
    """
    action = task.action or ""
    if action not in _MEASURES:
        raise AuthorisationRefused(
            f"action: no rule says who may order {action or 'this'!r}; expected freeze or unfreeze"
        )
    problems = list(_problems(task, action, now))
    if problems:
        raise AuthorisationRefused(f"the papers do not cover this {action}: " + "; ".join(problems))
    fields = task.fields
    name = _text(fields, "authority")
    authority = AUTHORITIES[name]
    measure = _measure(fields, action)
    document = shown_document(_text(fields, "document_no"))
    scope = "" if action == "unfreeze" else _scope(fields)
    return OrderCover(
        authority=name,
        measure=measure,
        document_no=document,
        law=authority.law,
        summary=f"{authority.label}: {measure}{scope}" + (f", document {document}" if document else ""),
    )


def _problems(task: OpsTask, action: str, now: datetime) -> Iterator[str]:
    fields = task.fields
    if not task.account_ref:
        yield "account_ref: missing; the account that the order names"
    elif fields.get("account") not in (None, "", task.account_ref):
        yield "account: is not the account of the ticket (account_ref)"
    name = _text(fields, "authority")
    if name.startswith(FOREIGN):
        yield (
            "authority: a foreign authority cannot order the bank directly; do not execute, report it "
            "to the competent authority (反洗钱法 50, 57)"
        )
    elif name not in AUTHORITIES:
        state = "unknown; only a body that a law names may order it" if name else "missing"
        yield f"authority: {state}; expected one of {', '.join(AUTHORITIES)} (行政强制法 29-33)"
        yield from _papers(fields, _ANY_AUTHORITY)
        if action == "freeze":
            yield from _amount(fields, _ANY_AUTHORITY)
    elif _measure(fields, action) not in _MEASURES[action]:
        yield f"measure: expected one of {', '.join(_MEASURES[action])} for an order to {action}"
    elif action == "freeze":
        yield from _freeze(fields, name, _measure(fields, action), now)
    else:
        yield from _unfreeze(fields, name, _measure(fields, action), now)


def _freeze(fields: Mapping[str, Any], name: str, measure: str, now: datetime) -> Iterator[str]:
    authority = AUTHORITIES[name]
    yield from _papers(fields, authority)
    if _text(fields, "account_type") in PROTECTED:
        yield "account_type: accounts of this type are never frozen (银监发〔2014〕53号 21-22)"
    yield from _amount(fields, authority)
    yield from _period(fields, authority, measure)
    if measure == "stop":
        yield from _stop(fields, name)
    if measure == "renewal" and not _instant_is(fields.get("expires_at"), after=now):
        yield (
            "expires_at: a freeze is renewed before it ends, else it is void; expected its end, "
            f"still to come ({authority.law})"
        )
    if name == "bank_own" and not _text(fields, "reason"):
        yield f"reason: missing; the bank tells the customer why, and the remedy ({authority.law})"
    if name == "customer" and fields.get("identity_verified") is not True:
        yield _IDENTITY


def _papers(fields: Mapping[str, Any], authority: Authority) -> Iterator[str]:
    document = _text(fields, "document_no")
    if not document:
        yield f"document_no: missing; the number of {authority.document} ({authority.law})"
    elif len(document) > 60:
        yield "document_no: expected at most 60 characters"
    if authority.officers and _count(fields.get("officers")) < authority.officers:
        yield f"officers: expected {authority.officers} officers with their ids ({authority.law})"


def _amount(fields: Mapping[str, Any], authority: Authority) -> Iterator[str]:
    if fields.get("amount") in (None, ""):
        if authority.states_amount and _text(fields, "scope") != "full":
            yield f"amount: missing; the ordered amount, or `scope: full` ({authority.law})"
        return
    try:
        parse_amount(fields["amount"])
    except InvalidInput as error:
        yield str(error)


def _period(fields: Mapping[str, Any], authority: Authority, measure: str) -> Iterator[str]:
    if not authority.longest:
        return
    kind = "stop" if measure == "stop" else _text(fields, "asset") or "deposit"
    if kind == "deposit" and fields.get("major_case") is True and "major" in authority.longest:
        kind = "major"
        if _text(fields, "issuer_level") not in _ISSUERS_OF_MAJOR_CASES:
            yield f"issuer_level: a major case needs an order of city level or above ({authority.law})"
    if kind not in authority.longest:
        yield f"{'measure' if kind == 'stop' else 'asset'}: not in this authority's power ({authority.law})"
        return
    longest = authority.longest[kind]
    period = fields.get("period")
    if period in (None, ""):
        yield f"period: missing; at most {longest} ({authority.law})"
        return
    try:
        days = _days(period)
    except ValueError:
        yield "period: expected a time such as 48h, 30d, 6 months or 1 year"
        return
    if days > _days(longest):
        yield f"period: longer than the {longest} that the law allows ({authority.law})"


def _stop(fields: Mapping[str, Any], name: str) -> Iterator[str]:
    law = "银发〔2016〕86号 2.1.2"
    if name != "police":
        yield f"authority: an emergency stop comes from the police ({law})"
    if fields.get("name_match") is not True:
        yield f"name_match: expected true; without the same name no stop ({law})"
    if not _instant(fields.get("transfer_at")):
        yield f"transfer_at: missing; when the money moved, as ISO time with zone ({law})"
    if fields.get("stop_no", 1) not in (1, 2):
        yield f"stop_no: expected 1 or 2; an account is stopped at most twice ({law})"


def _unfreeze(fields: Mapping[str, Any], name: str, measure: str, now: datetime) -> Iterator[str]:
    law = AUTHORITIES[name].law
    frozen_by = _text(fields, "frozen_by")
    if frozen_by not in ("", name):
        yield f"frozen_by: only the authority that ordered the freeze may release it ({law})"
    if measure == "expiry":
        if not _instant_is(fields.get("expires_at"), until=now):
            yield f"expires_at: expected the end of the freeze, as ISO time with zone, gone by ({law})"
        if fields.get("renewed") not in (None, False):
            yield f"renewed: a renewed freeze has not expired ({law})"
        return
    yield from _papers(fields, AUTHORITIES[name])
    if name == "bank_own":
        if fields.get("appeal_passed") is not True:
            yield f"appeal_passed: expected true; the limit is lifted at once when the appeal passes ({law})"
    elif name == "customer":
        if fields.get("identity_verified") is not True:
            yield _IDENTITY
        if frozen_by == "":
            yield "frozen_by: expected customer; a customer lifts only what the customer asked for"
    elif not _text(fields, "freeze_document_no"):
        yield f"freeze_document_no: missing; the document of the freeze that is released ({law})"
    elif fields.get("release_of") not in (None, "", fields["freeze_document_no"]):
        yield f"release_of: names another document than that of the freeze ({law})"


def _measure(fields: Mapping[str, Any], action: str) -> str:
    return _text(fields, "measure") or _MEASURES[action][0]


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    return value.strip() if isinstance(value, str) else ""


def _scope(fields: Mapping[str, Any]) -> str:
    amount = fields.get("amount")
    what = "the whole account" if amount in (None, "") else f"up to {parse_amount(amount):,.2f}"
    period = fields.get("period")
    return f" of {what}" + (f" for {period}" if period else "")


def shown_document(document: str) -> str:
    """The document's number without anything in it that looks like an account or identity number."""
    return re.sub(r"\d{11,}", "****", document)


def _count(value: Any) -> int:
    if isinstance(value, bool):
        return 0
    if isinstance(value, int):
        return value
    return len({str(each) for each in value if each}) if isinstance(value, list | tuple) else 0


def _days(period: Any) -> float:
    text = str(period).strip().lower()
    found = re.fullmatch(r"(\d{1,3})\s*(months?|years?|个月|年)", text)
    if found and int(found[1]):
        return int(found[1]) * _DAYS[found[2]]
    text = re.sub(r"\s*(hours?|小时)$", "h", re.sub(r"\s*(days?|天|日)$", "d", text))
    return parse_duration(text) / timedelta(days=1)


def _instant(value: Any) -> datetime | None:
    try:
        at = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return at if at.tzinfo else None


def _instant_is(value: Any, *, after: datetime | None = None, until: datetime | None = None) -> bool:
    at = _instant(value)
    return at is not None and (after is None or at > after) and (until is None or at <= until)
