from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.catalogue import activities_of, handlers_of
from activities.checks import CheckActivities
from activities.messages import Opening, OpenTicket
from activities.opening import OpeningActivities
from domain.handlers import HandlerSpec
from domain.sla import SlaLevel
from domain.task import OpsTask
from tests.fakes.rulebook import FakeRulebook

NOW = datetime(2026, 11, 24, 3, 7, tzinfo=UTC)

FREEZE: dict[str, Any] = {
    "name": "Account Freeze",
    "trigger": {"category": "accounts", "action": "freeze"},
    "steps": [
        {"name": "Authorization Check", "handler": "auth_validator"},
        {
            "name": "Risk Assessment",
            "handler": "risk_assessor",
            "branch": {"high": ["escalate_to_compliance"], "low": ["notify"]},
        },
        {"name": "Notify", "handler": "break_classifier", "fallback": "manual_freeze"},
    ],
    "sla": "2h",
    "escalation": {"at": "45min", "to": "Operations Supervisor"},
}


def open_ticket(rulebook: FakeRulebook, **task: Any) -> Opening:
    opening = OpeningActivities(rulebook, handlers_of([CheckActivities]))
    base: dict[str, Any] = {"task_id": "T1", "title": "Freeze account", "source": "api", "external_id": "1"}
    request = OpenTicket(task=OpsTask.model_validate({**base, **task}), now=NOW)
    return ActivityEnvironment().run(opening.open_ticket, request)


def test_a_ticket_pins_its_sop_its_handlers_and_its_people() -> None:
    opening = open_ticket(FakeRulebook(sops=[FREEZE]))
    assert opening.answer.action == "freeze"
    assert opening.sop.sop.name == "Account Freeze"
    assert set(opening.sop.handlers) == {
        "auth_validator",
        "risk_assessor",
        "break_classifier",
        "escalate_to_compliance",
        "manual_freeze",
    }
    assert opening.sop.handlers["manual_freeze"].human is not None
    assert opening.sop.handlers["risk_assessor"].assesses_risk
    assert Opening.model_validate_json(opening.model_dump_json()) == opening


def test_the_strictest_sla_holds_and_the_escalation_shares_the_orange_rung() -> None:
    sla = open_ticket(FakeRulebook(sops=[FREEZE])).sla
    assert sla.target == timedelta(hours=1)
    orange = next(rung for rung in sla.rungs if rung.level is SlaLevel.ORANGE)
    assert orange.escalation is not None
    strict = {**FREEZE, "sla": "30min", "escalation": None}
    assert open_ticket(FakeRulebook(sops=[strict])).sla.source == "SOP"


def test_a_ticket_that_nobody_knows_gets_the_general_sop_and_24_hours() -> None:
    opening = open_ticket(FakeRulebook(sops=[FREEZE]), title="The coffee machine is broken")
    assert opening.sop.sop.trigger.category == "other"
    assert (opening.sla.target, opening.sla.source) == (timedelta(hours=24), "default")


def test_the_same_definitions_give_the_same_digest_and_an_edit_another() -> None:
    rulebook = FakeRulebook(sops=[FREEZE])
    first, again = open_ticket(rulebook), open_ticket(rulebook)
    assert first.sop.digest == again.sop.digest
    rulebook.book = FakeRulebook(sops=[{**FREEZE, "sla": "3h"}]).book
    assert open_ticket(rulebook).sop.digest != first.sop.digest


def test_a_ticket_without_an_sop_says_what_to_add() -> None:
    rulebook = FakeRulebook(sops=[FREEZE])
    rulebook.book = FakeRulebook().book.__class__(**{**vars(rulebook.book), "sops": rulebook.book.sops[:1]})
    with pytest.raises(ApplicationError) as raised:
        open_ticket(rulebook, title="A complaint")
    assert raised.value.type == "definition_invalid"
    assert raised.value.non_retryable
    assert "category 'complaint', action 'handle'" in raised.value.message
    assert "trigger: {category: complaint, action: handle}" in raised.value.message


@pytest.mark.parametrize(
    "step",
    [
        {"name": "Freeze", "handler": "frieze"},
        {"name": "Freeze", "handler": "auth_validator", "fallback": "frieze"},
        {"name": "Freeze", "handler": "auth_validator", "branch": {"done": ["frieze"]}},
    ],
)
def test_an_sop_that_names_what_nobody_has_is_refused_before_it_runs(step: dict[str, Any]) -> None:
    with pytest.raises(ApplicationError, match="names frieze: expected steps of the SOP") as raised:
        open_ticket(FakeRulebook(sops=[{**FREEZE, "steps": [step]}]))
    assert raised.value.type == "definition_invalid"


def test_the_activities_are_registered_under_their_names() -> None:
    handlers: dict[str, HandlerSpec] = {}
    names = [each.__name__ for each in activities_of(OpeningActivities(FakeRulebook(), handlers))]
    assert names == ["open_ticket", "reopen_ticket"]
