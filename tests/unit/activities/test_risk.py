from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.risk import assess_risk
from domain.risk import RiskCriterion, RiskPolicy
from domain.task import OpsTask, RiskLevel


def ticket(**fields: Any) -> OpsTask:
    return OpsTask(
        task_id="T1",
        title="Freeze",
        source="api",
        external_id="1",
        category="accounts",
        action="freeze",
        fields=fields,
    )


def criterion(when: str, level: str = "high", **changes: Any) -> RiskCriterion:
    return RiskCriterion.model_validate(
        {"id": "test", "when": when, "level": level, "reason": f"{level} because {when}", **changes}
    )


def policy(*criteria: RiskCriterion, **base: str) -> RiskPolicy:
    return RiskPolicy.model_validate({"base": base, "criteria": criteria})


def test_without_a_criterion_the_base_of_the_category_holds_and_low_without_one() -> None:
    assert assess_risk(policy(), ticket()).level == "low"
    assessed = assess_risk(policy(accounts="medium"), ticket())
    assert assessed.level == "medium"
    assert assessed.reasons == ("no criterion applies: medium is the base of its category",)


def test_the_highest_criterion_that_applies_holds_and_all_give_their_reasons() -> None:
    found = assess_risk(
        policy(
            criterion("amount_fen >= 100", "medium"),
            criterion("amount_fen >= 50000000", "high"),
            criterion("amount_fen > 999999999", "high"),
        ),
        ticket(amount="500000.00"),
    )
    assert found.level == "high"
    assert found.reasons == ("high because amount_fen >= 50000000", "medium because amount_fen >= 100")


@given(st.lists(st.tuples(st.booleans(), st.sampled_from(list(RiskLevel))), max_size=6), st.randoms())
def test_the_order_of_criteria_does_not_matter(rows: list[tuple[bool, RiskLevel]], rng: Any) -> None:
    criteria = [criterion("true" if applies else "false", level) for applies, level in rows]
    expected = max((level.rank for applies, level in rows if applies), default=0)
    rng.shuffle(criteria)
    assert assess_risk(policy(*criteria), ticket()).level.rank == expected


def test_a_criterion_is_asked_for_its_category_and_action_only() -> None:
    assert assess_risk(policy(criterion("true", category="complaint")), ticket()).level == "low"
    assert assess_risk(policy(criterion("true", action="unfreeze")), ticket()).level == "low"
    mine = criterion("true", category="accounts", action="freeze")
    assert assess_risk(policy(mine), ticket()).level == "high"


@pytest.mark.parametrize(
    ("when", "fields", "applies"),
    [
        ("has(fields.name_match) && !fields.name_match", {"name_match": False}, True),
        ("has(fields.name_match) && !fields.name_match", {}, False),
        ("amount_fen >= 8600000", {"amount": "86000.00"}, True),
        ("amount_fen >= 8600001", {"amount": 86000}, False),
        ("amount_fen == 0", {}, True),
        ("task.category == 'accounts' && task.source == 'api'", {}, True),
        ("fields.authority in ['court', 'foreign_court']", {"authority": "court"}, True),
        ("fields.officers.size() < 2", {"officers": ["A17"]}, True),
    ],
)
def test_expressions_see_the_ticket_its_fields_and_its_amount(
    when: str, fields: dict[str, Any], applies: bool
) -> None:
    assert assess_risk(policy(criterion(when)), ticket(**fields)).level == ("high" if applies else "low")


@pytest.mark.parametrize(
    ("when", "why"),
    [
        ("fields.holder == 'entity'", "there is nothing called holder"),
        ("amount_fen > 'a lot'", "has not the type"),
        ("amount_fen +", "is not CEL"),
        ("nobody.knows", "names something that is not there"),
        ("amount_fen", "gives a number, not true or false"),
    ],
)
def test_a_criterion_that_cannot_be_judged_makes_it_medium_at_least(when: str, why: str) -> None:
    found = assess_risk(policy(criterion(when, "low")), ticket())
    assert found.level == "medium"
    assert found.reasons[0].startswith("cannot judge test: ")
    assert why in found.reasons[0]
    assert assess_risk(policy(criterion(when), criterion("true", "high")), ticket()).level == "high"
    assert assess_risk(policy(criterion(when), accounts="high"), ticket()).level == "high"


@pytest.mark.parametrize("amount", ["much", -1, "0.001", [1], True])
def test_an_amount_that_is_none_makes_it_medium_at_least(amount: Any) -> None:
    found = assess_risk(policy(), ticket(amount=amount))
    assert found.level == "medium"
    assert "cannot judge the amount: amount: " in found.reasons[0]


def test_the_largest_amount_can_be_compared() -> None:
    assert assess_risk(policy(criterion("amount_fen > 50000000")), ticket(amount="1e15")).level == "high"


def test_reasons_never_repeat_what_the_ticket_says() -> None:
    secret = "6222020200001234"
    found = assess_risk(
        policy(criterion("fields.account > 5"), criterion("fields.account.nothing == 1")),
        ticket(account=secret),
    )
    assert found.level == "medium"
    assert all(secret not in reason for reason in found.reasons)
