from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.authority import AUTHORITIES, PROTECTED, check_order
from domain.errors import AuthorisationRefused
from domain.task import OpsTask

NOW = datetime(2026, 11, 24, 3, 7, tzinfo=UTC)

POLICE = {
    "authority": "police",
    "document_no": "公冻字〔2026〕88号",
    "amount": "86000.00",
    "period": "6 months",
}
COURT = {"authority": "court", "document_no": "(2026)01执保7号", "amount": "2400000", "period": "1 year"}
TAX = {
    "authority": "tax",
    "document_no": "税冻〔2026〕3号",
    "officers": ["A17", "A18"],
    "amount": 5000,
    "period": "30d",
}
STOP = {
    "authority": "police",
    "measure": "stop",
    "document_no": "止付-2026-1",
    "amount": "86000.00",
    "period": "48h",
    "name_match": True,
    "transfer_at": "2026-11-24T02:51:00+08:00",
}
PBC = {"authority": "pbc_aml", "document_no": "银临冻9", "scope": "full", "period": "48h"}
LIST = {"authority": "sanctions_list", "document_no": "list entry 1267/44"}
OWN = {"authority": "bank_own", "document_no": "RC-2026-118", "reason": "suspected fraud, see remedy sheet"}
CUSTOMER = {"authority": "customer", "document_no": "request 5", "identity_verified": True}
RELEASE = {"authority": "court", "document_no": "(2026)01执保9号", "freeze_document_no": "(2026)01执保7号"}
EXPIRY = {"authority": "tax", "measure": "expiry", "expires_at": "2026-11-23T16:00:00Z"}


def order(fields: dict[str, Any], action: str | None = "freeze", account: str = "ACC-1007") -> OpsTask:
    return OpsTask(
        task_id="T1",
        title="Freeze",
        source="api",
        external_id="1",
        category="accounts",
        action=action,
        account_ref=account,
        fields=fields,
    )


def refusal(fields: dict[str, Any], action: str | None = "freeze", account: str = "ACC-1007") -> str:
    with pytest.raises(AuthorisationRefused) as raised:
        check_order(order(fields, action, account), NOW)
    return str(raised.value)


@pytest.mark.parametrize("fields", [POLICE, COURT, TAX, STOP, PBC, LIST, OWN, CUSTOMER])
def test_complete_papers_cover_a_freeze(fields: dict[str, Any]) -> None:
    cover = check_order(order(fields), NOW)
    assert cover.authority == fields["authority"]
    assert cover.law == AUTHORITIES[fields["authority"]].law
    assert cover.document_no == fields["document_no"]
    assert fields["document_no"] in cover.summary


def test_the_summary_says_who_orders_what() -> None:
    cover = check_order(order(POLICE), NOW)
    assert cover.summary == "police: freeze of up to 86,000.00 for 6 months, document 公冻字〔2026〕88号"
    assert check_order(order(PBC), NOW).summary.endswith(
        "freeze of the whole account for 48h, document 银临冻9"
    )


COMPLETE: list[dict[str, Any]] = [POLICE, COURT, TAX, STOP, PBC, LIST, OWN, CUSTOMER]


@pytest.mark.parametrize(
    ("fields", "missing"),
    [(fields, name) for fields in COMPLETE for name in fields if name not in ("measure", "transfer_at")],
)
def test_each_paper_that_is_missing_is_named(fields: dict[str, Any], missing: str) -> None:
    found = refusal({name: value for name, value in fields.items() if name != missing})
    assert f"{'amount' if missing == 'scope' else missing}: " in found


def test_everything_that_is_missing_is_listed_at_once() -> None:
    found = refusal({"authority": "tax"}, account="")
    for name in ("account_ref", "document_no", "officers", "amount", "period"):
        assert f"{name}: " in found
    assert "行政强制法" in found


def test_a_ticket_of_mere_text_is_refused_with_a_list() -> None:
    found = refusal({}, account="")
    assert "account_ref: missing" in found
    assert "authority: missing; expected one of police, " in found
    assert "document_no: missing" in found
    assert "amount: missing" in found


@pytest.mark.parametrize("authority", ["foreign", "foreign_court", "foreign_police"])
def test_a_foreign_authority_is_reported_not_obeyed(authority: str) -> None:
    found = refusal({**COURT, "authority": authority})
    assert "do not execute, report it" in found
    assert "反洗钱法 50, 57" in found


@pytest.mark.parametrize("authority", ["city_council", "POLICE", 7, ["police"], {"name": "police"}])
def test_only_bodies_that_a_law_names_may_order_a_freeze(authority: Any) -> None:
    assert "authority: " in refusal({**COURT, "authority": authority})


@pytest.mark.parametrize(
    ("fields", "change", "legal"),
    [
        (POLICE, {"period": "183d"}, True),
        (POLICE, {"period": "184d"}, False),
        (POLICE, {"period": "1 year"}, False),
        (POLICE, {"period": "1 year", "major_case": True, "issuer_level": "city"}, True),
        (POLICE, {"period": "13 months", "major_case": True, "issuer_level": "city"}, False),
        (POLICE, {"period": "2 years", "asset": "securities"}, True),
        (COURT, {"period": "12个月"}, True),
        (COURT, {"period": "3年"}, False),
        (COURT, {"period": "3 years", "asset": "other"}, True),
        (TAX, {"period": "1 month"}, False),
        (TAX, {"period": "31 days"}, False),
        (PBC, {"period": "49h"}, False),
        (STOP, {"period": "72h"}, False),
    ],
)
def test_no_period_is_longer_than_its_law_allows(
    fields: dict[str, Any], change: dict[str, Any], legal: bool
) -> None:
    if legal:
        check_order(order({**fields, **change}), NOW)
    else:
        assert "period: longer than" in refusal({**fields, **change})


@pytest.mark.parametrize("period", ["soon", "0 months", "-1d", 30, ["6 months"], {}, "6 months or so"])
def test_a_period_that_is_no_time_is_refused(period: Any) -> None:
    assert "period: " in refusal({**POLICE, "period": period})


def test_a_major_case_needs_an_order_of_city_level() -> None:
    fields = {**POLICE, "period": "1 year", "major_case": True}
    assert "issuer_level: " in refusal(fields)
    assert "issuer_level: " in refusal({**fields, "issuer_level": "county"})


@pytest.mark.parametrize("officers", [1, ["A17"], ["A17", "A17"], ["A17", ""], "A17, A18", True, None])
def test_an_administrative_freeze_needs_two_different_officers(officers: Any) -> None:
    assert "officers: expected 2" in refusal({**TAX, "officers": officers})


def test_a_number_of_officers_will_do() -> None:
    assert check_order(order({**TAX, "officers": 2}), NOW).authority == "tax"


@pytest.mark.parametrize("account_type", sorted(PROTECTED))
def test_protected_accounts_are_never_frozen(account_type: str) -> None:
    assert "account_type: " in refusal({**COURT, "account_type": account_type})


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name_match": False}, "name_match"),
        ({"name_match": "yes"}, "name_match"),
        ({"transfer_at": "yesterday"}, "transfer_at"),
        ({"transfer_at": "2026-11-24T02:51:00"}, "transfer_at"),
        ({"transfer_at": None}, "transfer_at"),
        ({"stop_no": 3}, "stop_no"),
        ({"stop_no": [2]}, "stop_no"),
        ({"authority": "court"}, "authority"),
    ],
)
def test_an_emergency_stop_must_match_in_every_point(change: dict[str, Any], field: str) -> None:
    assert f"{field}: " in refusal({**STOP, **change})


def test_a_renewal_comes_before_the_end() -> None:
    renewal = {**POLICE, "measure": "renewal"}
    assert "expires_at: " in refusal(renewal)
    assert "expires_at: " in refusal({**renewal, "expires_at": NOW.isoformat()})
    soon = (NOW + timedelta(hours=1)).isoformat()
    assert check_order(order({**renewal, "expires_at": soon}), NOW).measure == "renewal"


def test_another_account_than_the_tickets_is_refused_without_repeating_it() -> None:
    found = refusal({**POLICE, "account": "6222020200001234"})
    assert "account: is not the account of the ticket" in found
    assert "6222020200001234" not in found
    assert check_order(order({**POLICE, "account": "ACC-1007"}), NOW)


def test_an_amount_that_is_none_is_refused_even_where_none_is_needed() -> None:
    assert "amount: " in refusal({**POLICE, "amount": "all of it"})
    assert "amount: " in refusal({**LIST, "amount": -5})


def test_long_runs_of_digits_in_a_document_number_do_not_reach_the_timeline() -> None:
    cover = check_order(order({**POLICE, "document_no": "公冻 110101199003071234"}), NOW)
    assert "110101199003071234" not in cover.model_dump_json()
    assert "document_no: " in refusal({**POLICE, "document_no": "x" * 61})


@pytest.mark.parametrize(
    "fields",
    [
        RELEASE,
        {**RELEASE, "release_of": "(2026)01执保7号", "frozen_by": "court"},
        EXPIRY,
        {**EXPIRY, "expires_at": NOW.isoformat()},
        {"authority": "bank_own", "document_no": "RC-2", "appeal_passed": True},
        {"authority": "customer", "document_no": "r6", "identity_verified": True, "frozen_by": "customer"},
        {**TAX, "freeze_document_no": "税冻〔2026〕3号"},
    ],
)
def test_complete_papers_cover_an_unfreeze(fields: dict[str, Any]) -> None:
    assert check_order(order(fields, "unfreeze"), NOW).authority == fields["authority"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({**RELEASE, "document_no": ""}, "document_no"),
        ({**RELEASE, "freeze_document_no": ""}, "freeze_document_no"),
        ({**RELEASE, "release_of": "(2025)02执保1号"}, "release_of"),
        ({**RELEASE, "frozen_by": "police"}, "frozen_by"),
        ({**EXPIRY, "expires_at": (NOW + timedelta(seconds=1)).isoformat()}, "expires_at"),
        ({**EXPIRY, "expires_at": None}, "expires_at"),
        ({**EXPIRY, "renewed": True}, "renewed"),
        ({**EXPIRY, "frozen_by": "court"}, "frozen_by"),
        ({"authority": "bank_own", "document_no": "RC-2"}, "appeal_passed"),
        ({"authority": "customer", "document_no": "r6", "identity_verified": True}, "frozen_by"),
        ({"authority": "customer", "document_no": "r6", "frozen_by": "customer"}, "identity_verified"),
        ({"authority": "customer", "document_no": "r6", "frozen_by": "court"}, "frozen_by"),
        ({"authority": "foreign_court"}, "authority"),
        ({**RELEASE, "measure": "freeze"}, "measure"),
        ({}, "authority"),
    ],
)
def test_a_release_without_its_papers_is_refused(fields: dict[str, Any], field: str) -> None:
    assert f"{field}: " in refusal(fields, "unfreeze")


@pytest.mark.parametrize("action", [None, "handle", "cross_border"])
def test_other_actions_have_no_rule_and_are_refused(action: str | None) -> None:
    assert "expected freeze or unfreeze" in refusal(POLICE, action)


NAMES = sorted(
    {name for fields in [*COMPLETE, RELEASE, EXPIRY] for name in fields} | {"scope", "asset", "stop_no"}
)
VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=12)
    | st.sampled_from([*AUTHORITIES, "stop", "renewal", "expiry", "6 months", "full", "86000"])
    | st.lists(st.text(max_size=3), max_size=3)
    | st.dictionaries(st.text(max_size=3), st.integers(), max_size=2)
)


@given(st.dictionaries(st.sampled_from(NAMES), VALUES), st.sampled_from(["freeze", "unfreeze"]))
def test_any_fields_are_covered_or_refused_and_nothing_else(fields: dict[str, Any], action: str) -> None:
    try:
        cover = check_order(order(fields, action), NOW)
    except AuthorisationRefused as error:
        assert f"do not cover this {action}: " in str(error)
    else:
        assert cover.authority in AUTHORITIES
