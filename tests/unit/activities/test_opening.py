from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.catalogue import activities_of, handlers_of
from activities.checks import CheckActivities
from activities.messages import AgreeAnew, Opening, OpenTicket
from activities.opening import OpeningActivities
from domain.calendar import Interval, WorkCalendar
from domain.handlers import HandlerSpec
from domain.sla import SlaLevel, SlaPolicy
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


OFFICE = WorkCalendar(name="office", week=((Interval(540, 1080),),) * 5 + ((),) * 2)
ON_OFFICE = {"accounts": SlaPolicy(category="accounts", sla_hours=1, calendar="office")}
LAW = {"law": "Sample Freezing Act", "article": "Art. 18"}


class TestClocks:
    def test_a_ticket_pins_the_calendar_of_its_policy(self) -> None:
        book = FakeRulebook(sops=[FREEZE], sla=ON_OFFICE, calendars={"office": OFFICE})
        assert open_ticket(book).sla.calendar == OFFICE
        assert open_ticket(FakeRulebook(sops=[FREEZE])).sla.calendar is None

    def test_a_calendar_that_is_not_there_opens_no_ticket(self) -> None:
        with pytest.raises(ApplicationError, match="calendar 'office', and there is none") as raised:
            open_ticket(FakeRulebook(sops=[FREEZE], sla=ON_OFFICE))
        assert (raised.value.type, raised.value.non_retryable) == ("definition_invalid", True)

    def test_a_legal_deadline_runs_from_receipt(self) -> None:
        opening = open_ticket(FakeRulebook(sops=[{**FREEZE, "legal": [{**LAW, "within": "48h"}]}]))
        assert [each.due_at for each in opening.sla.legal] == [NOW + timedelta(hours=48)]
        assert Opening.model_validate_json(opening.model_dump_json()) == opening

    def test_working_days_of_a_law_are_those_of_the_bank(self) -> None:
        law = {**LAW, "working_days": 1}
        book = FakeRulebook(sops=[{**FREEZE, "legal": [law]}], working_day=lambda day: day.day == 30)
        assert open_ticket(book).sla.legal[0].due_at == datetime(2026, 11, 30, 16, tzinfo=UTC)

    def test_a_ticket_without_the_field_of_a_legal_deadline_is_not_opened(self) -> None:
        law = {**LAW, "until": "fields.expires"}
        book = FakeRulebook(sops=[{**FREEZE, "legal": [law]}])
        assert open_ticket(book, fields={"expires": "2026-12-01"}).sla.legal
        with pytest.raises(ApplicationError, match="the deadline of Sample") as raised:
            open_ticket(book)
        assert (raised.value.type, raised.value.non_retryable) == ("input_invalid", True)

    def test_terms_are_agreed_anew_by_the_policies_in_force_and_the_pinned_sop(self) -> None:
        book = FakeRulebook(sops=[{**FREEZE, "legal": [{**LAW, "within": "48h"}]}])
        task = OpsTask(task_id="T1", title="Freeze account", source="api", external_id="1")
        activities = OpeningActivities(book, handlers_of([CheckActivities]))
        opening = ActivityEnvironment().run(activities.open_ticket, OpenTicket(task=task, now=NOW))
        request = AgreeAnew(opening=opening, task=task, received_at=NOW)
        assert ActivityEnvironment().run(activities.agree_terms_anew, request) == opening.sla
        policy = SlaPolicy(category="accounts", sla_hours=0.5, calendar="office")
        book.book = FakeRulebook([], sla={"accounts": policy}, calendars={"office": OFFICE}).book
        anew = ActivityEnvironment().run(activities.agree_terms_anew, request)
        assert (anew.target, anew.calendar) == (timedelta(minutes=30), OFFICE)
        assert anew.legal == opening.sla.legal


def test_the_activities_are_registered_under_their_names() -> None:
    handlers: dict[str, HandlerSpec] = {}
    names = [each.__name__ for each in activities_of(OpeningActivities(FakeRulebook(), handlers))]
    assert names == ["agree_terms_anew", "open_ticket", "reopen_ticket"]
