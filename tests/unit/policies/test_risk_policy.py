"""The risk criteria in use: every one applies to some ticket, and says why."""

from typing import Any

import pytest

from activities.risk import assess_risk
from domain.risk import RiskAssessment
from domain.task import RiskLevel
from tests.support.dispatching import IN_USE, SEED, policies_in, ticket

POLICY = policies_in(IN_USE).risk
assert POLICY is not None
REASONS = {each.reason: each.id for each in POLICY.criteria}

FREEZE = {"authority": "police", "amount": "86000.00", "name_match": True}
RELEASE = {"authority": "police", "amount": "86000.00", "release_of": "D1", "freeze_document_no": "D1"}
PAYMENT = {"amount": "12000", "currency": "CNY", "beneficiary": "Harbour Tea Merchants"}
BREAK = {"amount": "18.40", "age_days": 2}

CASES: list[tuple[str, dict[str, Any], str, str]] = [
    # kind, fields, level, the criterion that decides ("" where the base of the category holds)
    ("accounts/freeze", FREEZE, "low", ""),
    ("accounts/freeze", FREEZE | {"amount": "499999.99"}, "low", ""),
    ("accounts/freeze", FREEZE | {"amount": "500000"}, "high", "freeze_large"),
    ("accounts/freeze", {"authority": "police", "scope": "full"}, "medium", "freeze_whole_account"),
    ("accounts/freeze", FREEZE | {"authority": "court"}, "high", "freeze_court"),
    ("accounts/freeze", FREEZE | {"authority": "foreign_court"}, "high", "foreign_authority"),
    ("accounts/freeze", {"amount": "100"}, "medium", "freeze_no_authority"),
    ("accounts/freeze", FREEZE | {"name_match": False}, "high", "name_mismatch"),
    ("accounts/freeze", FREEZE | {"account_type": "housing_fund"}, "high", "protected_account"),
    ("accounts/freeze", FREEZE | {"already_frozen": True}, "medium", "second_freeze"),
    ("accounts/freeze", FREEZE | {"vip": True}, "medium", "vip_customer"),
    ("accounts/freeze", FREEZE | {"holder": "entity"}, "medium", "entity_account"),
    ("accounts/unfreeze", RELEASE, "low", ""),
    ("accounts/unfreeze", RELEASE | {"amount": "2400000"}, "high", "unfreeze_large"),
    ("accounts/unfreeze", {"authority": "police"}, "medium", "unfreeze_whole_account"),
    ("accounts/unfreeze", RELEASE | {"release_of": "D2"}, "high", "unfreeze_other_document"),
    ("accounts/unfreeze", RELEASE | {"frozen_by": "court"}, "high", "unfreeze_court"),
    ("settlement/cross_border", PAYMENT, "low", ""),
    ("settlement/cross_border", PAYMENT | {"amount": "5000000"}, "high", "payment_very_large"),
    ("settlement/cross_border", PAYMENT | {"amount": "500000"}, "medium", "payment_large"),
    (
        "settlement/cross_border",
        PAYMENT | {"amount": "700000", "currency": "USD"},
        "high",
        "payment_very_large_foreign",
    ),
    (
        "settlement/cross_border",
        PAYMENT | {"amount": "70000", "currency": "EUR"},
        "medium",
        "payment_large_foreign",
    ),
    ("settlement/cross_border", PAYMENT | {"currency": "JPY"}, "medium", "payment_other_currency"),
    ("settlement/cross_border", {"currency": "CNY"}, "medium", "payment_no_amount"),
    ("settlement/cross_border", PAYMENT | {"new_beneficiary": True}, "medium", "payment_new_beneficiary"),
    (
        "settlement/cross_border",
        PAYMENT | {"beneficiary_country": "KP"},
        "high",
        "payment_blacklisted_country",
    ),
    ("settlement/reconcile", BREAK, "low", ""),
    ("settlement/reconcile", BREAK | {"amount": "500000"}, "high", "break_large"),
    ("settlement/reconcile", BREAK | {"amount": "10000"}, "medium", "break_notable"),
    ("settlement/reconcile", BREAK | {"age_days": 31}, "high", "break_old"),
    ("settlement/reconcile", BREAK | {"age_days": 16}, "medium", "break_ageing"),
    ("complaint/handle", {}, "medium", ""),
    ("complaint/handle", {"regulator": True}, "high", "complaint_regulator"),
    ("complaint/handle", {"amount": "50000"}, "high", "complaint_claim"),
    ("compliance/review", {}, "medium", ""),
    ("compliance/review", {"list_hit": True}, "high", "compliance_list_hit"),
    ("compliance/review", {"priority": "P1"}, "high", "compliance_urgent"),
    ("compliance/review", {"authority": "foreign_police"}, "high", "foreign_authority"),
    ("finance/expense", {"amount": "499999.99"}, "low", ""),
    ("finance/invoice", {"amount": "500000"}, "medium", "finance_large"),
    ("finance/tax", {"amount": "5000000"}, "high", "finance_very_large"),
    ("finance/expense", {"seen_before": True}, "medium", "finance_seen_before"),
    ("finance/tax", {"overdue": True}, "high", "tax_overdue"),
    ("finance/statements", {"restated": True}, "high", "statements_restated"),
    ("other/handle", {}, "medium", ""),
]


def assess(kind: str, fields: dict[str, Any]) -> RiskAssessment:
    assert POLICY is not None
    category, action = kind.split("/")
    fields = dict(fields)
    priority = fields.pop("priority", "P3")
    return assess_risk(
        POLICY, ticket("x", category=category, action=action, fields=fields, priority=priority)
    )


@pytest.mark.parametrize(("kind", "fields", "level", "criterion"), CASES, ids=lambda value: str(value)[:60])
def test_a_ticket_has_the_risk_of_its_facts(
    kind: str, fields: dict[str, Any], level: str, criterion: str
) -> None:
    assessment = assess(kind, fields)

    assert assessment.level == level
    if criterion:
        assert REASONS[assessment.reasons[0]] == criterion
    else:
        assert assessment.reasons == (f"no criterion applies: {level} is the base of its category",)


def test_every_criterion_has_a_case() -> None:
    assert set(REASONS.values()) == {criterion for *_, criterion in CASES if criterion}
    assert POLICY is not None
    assert len(REASONS) == len(POLICY.criteria)


def test_a_ticket_without_fields_is_judged_without_a_failing_expression() -> None:
    for kind in sorted({kind for kind, *_ in CASES}):
        assert not [reason for reason in assess(kind, {}).reasons if reason.startswith("cannot judge")]


def test_a_field_of_the_wrong_type_makes_a_ticket_medium_and_says_so() -> None:
    assessment = assess("accounts/freeze", FREEZE | {"authority": 7})

    assert assessment.level is RiskLevel.MEDIUM
    assert any("foreign_authority" in reason for reason in assessment.reasons)


def test_under_the_seed_every_freeze_is_high() -> None:
    seed = policies_in(SEED).risk
    assert seed is not None

    assert assess_risk(seed, ticket("x", category="accounts", action="freeze")).level is RiskLevel.HIGH
