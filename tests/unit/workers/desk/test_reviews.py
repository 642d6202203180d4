"""Decisions at the desk: whose answer counts, on exactly what was shown."""

import pytest
from temporalio.exceptions import ApplicationError

from activities.messages import CodeCheck
from domain.errors import NotFound, NotPermitted
from domain.fields import FieldType, FormField
from domain.lifecycle import TicketState
from domain.review import Decision, DecisionOutcome, Verb
from domain.ticket import EventKind, TicketEvent
from tests.fakes.store import NIGHT, a_view
from workers.ticket_workflows import EngineUnavailable

FORM = {
    "voucher_no": FormField(label="Voucher"),
    "amount": FormField(type=FieldType.MONEY),
    "note": FormField(required=False),
}


def accepted(review_id: str = "R1", message: str = "approved") -> DecisionOutcome:
    return DecisionOutcome(review_id=review_id, accepted=True, code="accepted", message=message)


async def decide(
    office, name="wang.fang", *, digest=None, verb=Verb.APPROVE, choice=None, reason="", form=None
) -> DecisionOutcome:
    shown = digest or office.reader.reviews["R1"].digest
    decision = Decision(review_id="R1", verb=verb, choice=choice, reason=reason, form=form or {})
    return await office.desk.reviews.decide(decision, digest=shown, principal=office.who(name))


async def test_an_answer_reaches_the_ticket_with_a_code_for_exactly_this(office):
    digest = office.asking()
    office.temporal.on_update["decide"] = lambda decision: accepted(decision.review_id)
    outcome = await decide(office)
    assert outcome.accepted
    workflow, _, decision = office.temporal.updates[0]
    assert workflow == "ticket-T1"
    check = CodeCheck(code=decision.code, purpose="decide", subject="R1", digest=digest)
    verdict = office.codes.verify(check)
    assert verdict.principal is not None
    assert verdict.principal.id == "wang.fang"
    assert office.audit.rows == []


async def test_an_answer_to_what_was_shown_before_is_refused(office):
    before = office.asking()
    office.asking(evidence=("the amount is another one",))
    outcome = await decide(office, digest=before)
    assert (outcome.accepted, outcome.code) == (False, "content_changed")
    assert office.temporal.updates == []
    assert office.audit.rows[-1].detail["code"] == "content_changed"


@pytest.mark.parametrize(
    ("name", "code"),
    [("op.chen", "not_permitted"), ("zhao.min", "not_permitted"), ("admin", "not_permitted")],
)
async def test_role_and_group_are_needed(office, name, code):
    office.asking()
    outcome = await decide(office, name)
    assert (outcome.accepted, outcome.code) == (False, code)
    assert (office.audit.rows[-1].action, office.audit.rows[-1].actor) == ("decision.refused", name)
    assert office.temporal.updates == []


async def test_the_maker_is_never_the_approver(office):
    office.asking()
    office.reader.views["T1"] = a_view("T1", maker="wang.fang")
    outcome = await decide(office)
    assert (outcome.accepted, outcome.code) == (False, "four_eyes")


async def test_an_administrator_who_made_a_ticket_cannot_approve_it_even_without_four_eyes(office):
    office.asking(four_eyes=False)
    office.reader.views["T1"] = a_view("T1", maker="boss")
    outcome = await decide(office, "boss")
    assert (outcome.accepted, outcome.code) == (False, "four_eyes")


async def test_a_rejection_needs_a_reason_and_a_route_a_choice(office):
    office.asking(choices=("low", "high"))
    assert (await decide(office, verb=Verb.REJECT)).code == "reason_missing"
    assert (await decide(office)).code == "choice_missing"
    assert (await decide(office, choice="medium")).code == "choice_missing"


async def test_what_the_workflow_records_and_refuses_is_passed_on_and_not_audited_twice(office):
    office.asking()
    refused = DecisionOutcome(review_id="R1", accepted=False, code="four_eyes", message="you worked on it")
    office.temporal.on_update["decide"] = lambda _: refused
    assert await decide(office) == refused
    assert office.audit.rows == []


async def test_what_the_validator_turns_away_leaves_its_trace_here(office):
    office.asking()

    def turn_away(_: object) -> None:
        raise ApplicationError("the review is over", type="late_review")

    office.temporal.on_update["decide"] = turn_away
    outcome = await decide(office)
    assert (outcome.accepted, outcome.code, outcome.message) == (
        False,
        "late_review",
        "the review is over",
    )
    assert office.audit.rows[-1].reason == "the review is over"


@pytest.mark.parametrize("known_to_temporal", [True, False])
async def test_an_answer_after_the_end_says_who_decided_and_how_it_ended(office, known_to_temporal):
    office.asking()
    if known_to_temporal:
        office.temporal.ended.add("ticket-T1")
    else:
        office.temporal.started.clear()
    office.reader.views["T1"] = a_view("T1", state=TicketState.REJECTED, closed_at=NIGHT)
    office.reader.events["T1"] = [
        TicketEvent(
            seq=1,
            at=NIGHT,
            kind=EventKind.REVIEW_DECIDED,
            summary="rejected",
            data={"review_id": "R1", "verb": "reject", "by": "li.wei"},
        )
    ]
    outcome = await decide(office)
    assert (outcome.accepted, outcome.code) == (False, "late")
    assert "reject by li.wei" in outcome.message
    assert "ended as rejected at 2026-11-23T20:30:00" in outcome.message
    assert office.audit.rows[-1].detail["code"] == "late"


async def test_a_ticket_that_ends_under_the_answer_makes_it_late(office):
    office.asking()

    def end(_: object) -> None:
        raise ApplicationError("completed", type="AcceptedUpdateCompletedWorkflow")

    office.temporal.on_update["decide"] = end
    assert (await decide(office)).code == "late"


async def test_without_a_worker_the_answer_is_not_promised(office):
    office.asking()
    office.temporal.no_worker = True
    with pytest.raises(EngineUnavailable, match="may still be taken"):
        await decide(office)


async def test_without_temporal_nothing_is_changed(office):
    office.asking()
    office.temporal.down = True
    with pytest.raises(EngineUnavailable):
        await decide(office)


async def test_an_unknown_review_is_not_found(office):
    with pytest.raises(NotFound, match="R9"):
        await office.desk.reading.review("R9")


async def test_the_answers_to_a_form_travel_with_the_decision(office):
    digest = office.asking(form=FORM)
    office.temporal.on_update["decide"] = lambda _: accepted()
    answers = {"voucher_no": "V-1", "amount": "12.50"}
    assert (await decide(office, form=answers)).accepted
    decision = office.temporal.updates[0][2]
    assert decision.form == answers
    # The code is bound to what was shown, not to the answer.
    check = CodeCheck(code=decision.code, purpose="decide", subject="R1", digest=digest)
    assert office.codes.verify(check).principal == office.who("wang.fang")


async def test_a_form_that_is_not_filled_in_names_every_field_and_repeats_no_value(office):
    office.asking(form=FORM)
    outcome = await decide(office, form={"amount": "7 yuan", "vouchr": "V-1"})
    assert (outcome.accepted, outcome.code) == (False, "form_invalid")
    assert "vouchr: there is no such field" in outcome.message
    assert "voucher_no: is missing" in outcome.message
    assert "amount: is not an amount" in outcome.message
    assert "7 yuan" not in outcome.message
    assert office.temporal.updates == []


async def test_a_rejection_needs_no_form(office):
    office.asking(form=FORM)
    office.temporal.on_update["decide"] = lambda _: accepted(message="reject recorded")
    assert (await decide(office, verb=Verb.REJECT, reason="the papers do not suffice")).accepted


async def test_of_several_who_must_approve_the_first_learns_how_many_have(office):
    office.asking(quorum=2)
    office.temporal.on_update["decide"] = lambda _: accepted(message="1 of 2 approvals recorded")
    outcome = await decide(office)
    assert (outcome.accepted, outcome.message) == (True, "1 of 2 approvals recorded")


async def test_nobody_approves_twice(office):
    office.asking(quorum=2, approvals=("wang.fang",))
    outcome = await decide(office)
    assert (outcome.accepted, outcome.code) == (False, "conflict")
    assert "2 different people" in outcome.message
    assert office.temporal.updates == []


async def test_the_approval_of_another_does_not_make_the_review_another_one(office):
    before = office.asking(quorum=2)
    office.asking(quorum=2, approvals=("li.wei",))
    office.temporal.on_update["decide"] = lambda _: accepted()
    assert (await decide(office, digest=before)).accepted


async def test_a_late_answer_is_told_the_last_word_of_several(office):
    office.asking(quorum=2)
    office.temporal.ended.add("ticket-T1")
    office.reader.views["T1"] = a_view("T1", state=TicketState.COMPLETED, closed_at=NIGHT)
    office.reader.events["T1"] = [
        TicketEvent(
            seq=number,
            at=NIGHT,
            kind=EventKind.REVIEW_DECIDED,
            summary="approved",
            data={"review_id": "R1", "verb": "approve", "by": by},
        )
        for number, by in enumerate(("li.wei", "zhao.min"), start=1)
    ]
    assert "approve by zhao.min" in (await decide(office)).message


async def test_a_code_is_given_for_the_review_as_shown_and_noted(office):
    digest = office.asking(choices=("low", "high"))
    issued = await office.desk.reviews.decision_code("R1", office.who("wang.fang"))
    check = CodeCheck(code=issued.code, purpose="decide", subject="R1", digest=digest)
    assert office.codes.verify(check).principal == office.who("wang.fang")
    assert issued.digest == digest
    row = office.audit.rows[-1]
    assert (row.action, row.actor, row.detail["digest"]) == ("code.issued", "wang.fang", digest)
    assert issued.code not in row.model_dump_json()


async def test_who_could_not_decide_gets_no_code(office):
    office.asking()
    office.reader.views["T1"] = a_view("T1", maker="wang.fang")
    for name in ("wang.fang", "op.chen", "zhao.min"):
        with pytest.raises(NotPermitted):
            await office.desk.reviews.decision_code("R1", office.who(name))
        assert (office.audit.rows[-1].action, office.audit.rows[-1].actor) == ("code.refused", name)


async def test_a_code_is_given_before_choice_and_form_are_filled_in(office):
    office.asking(choices=("low", "high"), form=FORM)
    assert (await office.desk.reviews.decision_code("R1", office.who("wang.fang"))).code


async def test_who_has_approved_gets_no_second_code(office):
    office.asking(quorum=2, approvals=("wang.fang",))
    with pytest.raises(NotPermitted, match="approved already"):
        await office.desk.reviews.decision_code("R1", office.who("wang.fang"))
