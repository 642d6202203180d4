from datetime import UTC, datetime
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.catalogue import handlers_of
from activities.checks import CheckActivities
from domain.handlers import Effect
from domain.steps import StepInput, StepOutput
from domain.task import OpsTask
from tests.fakes.rulebook import FakeRulebook

MORNING = datetime(2026, 11, 24, 1, 30, tzinfo=UTC)  # 09:30 in Shanghai
ACCOUNT = "6222020200001234"
FREEZE: dict[str, Any] = {"category": "accounts", "action": "freeze", "account_ref": ACCOUNT}
POLICE = {"authority": "police", "document_no": "公冻88", "amount": "86000", "period": "6 months"}
PAYMENT = {
    "bic": "DEUTDEFF500",
    "iban": "DE89370400440532013000",
    "currency": "EUR",
    "amount": "125000.50",
    "purpose_code": "SUPP",
    "value_date": "2026-11-24",
    "beneficiary": "Harbour Tools GmbH",
}


def run(
    handler: str,
    rulebook: FakeRulebook | None = None,
    inputs: dict[str, Any] | None = None,
    **task: Any,
) -> StepOutput:
    base = {"task_id": "T1", "title": "A ticket", "source": "api", "external_id": "1"}
    step = StepInput(
        task=OpsTask.model_validate({**base, **task}),
        step_id=handler,
        step_name=handler,
        handler=handler,
        risk=task.get("risk_level", "medium"),
        now=MORNING,
        inputs=inputs or {},
    )
    checks = CheckActivities(rulebook or FakeRulebook())
    return ActivityEnvironment().run(getattr(checks, handler), step)  # type: ignore[no-any-return]


def test_the_catalogue_says_what_each_check_can_answer() -> None:
    specs = handlers_of([CheckActivities])
    assert {name: spec.outcomes for name, spec in specs.items()} == {
        "auth_validator": ("done",),
        "risk_assessor": ("low", "medium", "high"),
        "settlement_validator": ("valid", "incomplete", "past_cut_off"),
        "sanctions_screener": ("clear", "hit"),
        "break_classifier": ("timing", "amount", "duplicate", "unknown"),
    }
    assert {name for name, spec in specs.items() if spec.control} == {
        "auth_validator",
        "risk_assessor",
        "sanctions_screener",
    }
    assert [name for name, spec in specs.items() if spec.assesses_risk] == ["risk_assessor"]
    assert all(spec.local and spec.effect is Effect.NONE for spec in specs.values())


def test_an_authorised_freeze_goes_on_and_says_on_whose_order() -> None:
    found = run("auth_validator", **FREEZE, fields=POLICE)
    assert found.outcome == "done"
    assert found.summary == "police: freeze of up to 86,000.00 for 6 months, document 公冻88"
    assert found.data["authority"] == "police"
    assert ACCOUNT not in found.model_dump_json()


def test_papers_that_a_person_filled_in_count() -> None:
    papers = {**POLICE, "account_ref": ACCOUNT}
    found = run("auth_validator", inputs=papers, category="accounts", action="freeze")
    assert found.data["document_no"] == "公冻88"


@pytest.mark.parametrize(
    ("handler", "inputs", "outcome"),
    [
        ("risk_assessor", {"facts": {"amount": "500000"}}, "high"),
        ("settlement_validator", {"value_date": "2026-11-23"}, "past_cut_off"),
        ("sanctions_screener", {"beneficiary": "Quillfeather, Ferdinand"}, "hit"),
        ("break_classifier", {"our_amount": "100", "their_amount": "81.60"}, "amount"),
    ],
)
def test_what_the_sop_gives_stands_before_the_ticket(
    handler: str, inputs: dict[str, Any], outcome: str
) -> None:
    without = run(handler, category="settlement", fields=PAYMENT).outcome
    assert run(handler, inputs=inputs, category="settlement", fields=PAYMENT).outcome == outcome != without


@pytest.mark.parametrize(
    ("handler", "inputs"),
    [
        ("auth_validator", {"amount": "a lot"}),
        ("risk_assessor", {"amount": "5"}),
        ("settlement_validator", {"value_date": "tomorrow"}),
        ("sanctions_screener", {"beneficiary": 5}),
        ("break_classifier", {"our_entries": "two"}),
    ],
)
def test_a_wrong_input_fails_for_good_and_is_named(handler: str, inputs: dict[str, Any]) -> None:
    with pytest.raises(ApplicationError) as refused:
        run(handler, inputs=inputs, fields=PAYMENT)
    assert (refused.value.type, refused.value.non_retryable) == ("input_invalid", True)
    assert refused.value.message.startswith(f"inputs.{next(iter(inputs))}: ")


def test_an_unauthorised_freeze_fails_for_good_with_the_list_of_papers() -> None:
    with pytest.raises(ApplicationError) as raised:
        run("auth_validator", category="accounts", action="freeze")
    assert raised.value.type == "authorisation_refused"
    assert raised.value.non_retryable
    for field in ("account_ref", "authority", "document_no", "amount"):
        assert f"{field}: missing" in raised.value.message


@pytest.mark.parametrize(("amount", "level"), [("499999.99", "low"), ("500000", "high"), ("a lot", "medium")])
def test_the_assessed_level_is_the_outcome(amount: str, level: str) -> None:
    found = run("risk_assessor", **FREEZE, fields={"amount": amount})
    assert found.outcome == level
    assert found.summary.startswith(f"{level} risk: ")
    assert "; ".join(found.data["reasons"]) in found.summary


def test_the_assessment_may_lower_the_estimate_of_dispatch() -> None:
    assert run("risk_assessor", **FREEZE, risk_level="high", fields={"amount": "10"}).outcome == "low"


@pytest.mark.parametrize(
    ("change", "outcome"),
    [({}, "valid"), ({"purpose_code": ""}, "incomplete"), ({"value_date": "2026-11-23"}, "past_cut_off")],
)
def test_a_payment_is_validated(change: dict[str, str], outcome: str) -> None:
    found = run("settlement_validator", category="settlement", fields={**PAYMENT, **change})
    assert found.outcome == outcome
    assert bool(found.data["problems"]) == (outcome != "valid")


def test_a_holiday_is_no_value_date() -> None:
    closed = FakeRulebook(working_day=lambda _: False)
    assert run("settlement_validator", closed, fields=PAYMENT).outcome == "incomplete"


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({"beneficiary": "Harbour Tools GmbH"}, "clear"),
        ({"beneficiary": "Quillfeather, Ferdinand"}, "hit"),
        ({"counterparty": "上海北辰幻海贸易有限公司"}, "hit"),
        ({}, "hit"),
    ],
)
def test_parties_are_screened_and_the_list_is_on_record(fields: dict[str, str], outcome: str) -> None:
    found = run("sanctions_screener", category="settlement", fields=fields)
    assert found.outcome == outcome
    assert found.data["list_size"] == 3
    assert len(found.data["list_digest"]) == 64
    assert all(name not in found.model_dump_json() for name in fields.values())


def test_nothing_is_clear_against_an_empty_list() -> None:
    assert run("sanctions_screener", FakeRulebook(sanctions=()), fields=PAYMENT).outcome == "hit"


@pytest.mark.parametrize(
    ("fields", "outcome", "difference"),
    [
        ({"our_amount": "100", "our_date": "2026-11-23"}, "timing", None),
        ({"our_amount": "100", "their_amount": "81.60"}, "amount", "18.40"),
        ({"our_amount": "9547.20", "their_amount": "19094.40"}, "duplicate", "-9547.20"),
        ({}, "unknown", None),
    ],
)
def test_a_break_is_classified(fields: dict[str, str], outcome: str, difference: str | None) -> None:
    found = run("break_classifier", category="settlement", action="reconcile", fields=fields)
    assert found.outcome == outcome
    assert found.data["difference"] == difference


@pytest.mark.parametrize(
    "handler", ["risk_assessor", "settlement_validator", "sanctions_screener", "break_classifier"]
)
def test_a_ticket_of_mere_text_gets_an_answer_that_is_one_of_the_outcomes(handler: str) -> None:
    found = run(handler)
    assert found.outcome in handlers_of([CheckActivities])[handler].outcomes
    assert found.summary
