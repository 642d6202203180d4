"""The ticket desk: what it lets through, what it refuses, and what it leaves behind when things fail."""

from datetime import UTC, datetime, timedelta

import pytest
from temporalio.exceptions import ApplicationError

from activities.messages import CodeCheck
from domain.digest import digest_of
from domain.errors import Conflict, InvalidInput, NotFound, NotPermitted, StoreUnavailable
from domain.lifecycle import TicketState
from domain.review import DecisionOutcome, Verb
from domain.task import task_id_for
from domain.ticket import EventKind, TicketEvent
from tests.fakes.store import NIGHT, a_view
from workers.ticket_request import TicketRequest
from workers.ticket_workflows import EngineUnavailable
from workflows.contract import Command, CommandOutcome, command_content

REQUEST = TicketRequest(title="Freeze the account", source="gateway", external_id="X-1")
TASK_ID = task_id_for("gateway", "X-1")


def accepted(review_id: str = "R1") -> DecisionOutcome:
    return DecisionOutcome(review_id=review_id, accepted=True, code="accepted", message="approved")


def done(**changes: object) -> CommandOutcome:
    outcome = CommandOutcome(accepted=True, code="accepted", message="held", state=TicketState.PROCESSING)
    return outcome.model_copy(update=changes)


async def decide(
    office, name="wang.fang", *, digest=None, verb=Verb.APPROVE, choice=None, reason=""
) -> DecisionOutcome:
    shown = digest or office.reader.reviews["R1"].digest
    return await office.desk.decide(
        "R1", verb=verb, choice=choice, reason=reason, digest=shown, principal=office.who(name)
    )


async def hold(office, name="op.chen", task_id="T1") -> CommandOutcome:
    return await office.desk.command(
        "hold", task_id, reason="call back", group=None, principal=office.who(name)
    )


class TestSubmit:
    async def test_the_workflow_starts_under_the_id_of_source_and_external_id(self, office):
        receipt = await office.desk.submit(REQUEST, office.who("intake"))
        assert receipt.task_id == TASK_ID
        assert receipt.workflow_id == f"ticket-{TASK_ID}"
        assert not receipt.repeated
        started = office.temporal.started[receipt.workflow_id]
        assert started.maker == "intake"
        assert started.received_at == receipt.received_at
        assert office.intake.acknowledged(TASK_ID)

    async def test_the_summary_in_the_temporal_ui_names_no_content(self, office):
        await office.desk.submit(REQUEST, office.who("intake"))
        assert office.temporal.starts[0]["static_summary"] == f"Ticket {TASK_ID} from gateway"

    async def test_a_repeat_answers_the_same_and_starts_nothing(self, office):
        first = await office.desk.submit(REQUEST, office.who("intake"))
        again = await office.desk.submit(REQUEST, office.who("intake"))
        assert again == first.model_copy(update={"repeated": True})
        assert len(office.temporal.starts) == 1

    async def test_the_same_place_with_other_content_is_a_conflict_that_names_the_first(self, office):
        await office.desk.submit(REQUEST, office.who("intake"))
        other = REQUEST.model_copy(update={"title": "Unfreeze the account"})
        with pytest.raises(Conflict, match=TASK_ID):
            await office.desk.submit(other, office.who("intake"))
        row = office.audit.rows[-1]
        assert (row.action, row.task_id, row.accepted) == ("intake.conflict", TASK_ID, False)
        assert office.temporal.started[f"ticket-{TASK_ID}"].task.title == REQUEST.title

    async def test_the_repeat_after_a_failed_start_goes_on_from_the_kept_place(self, office):
        office.temporal.down = True
        with pytest.raises(EngineUnavailable, match="hand the same ticket in again"):
            await office.desk.submit(REQUEST, office.who("intake"))
        assert TASK_ID in office.intake.places
        assert not office.intake.acknowledged(TASK_ID)
        office.temporal.down = False
        receipt = await office.desk.submit(REQUEST, office.who("intake"))
        assert not receipt.repeated
        assert receipt.received_at == office.intake.places[TASK_ID][1]
        assert f"ticket-{TASK_ID}" in office.temporal.started

    async def test_a_ticket_that_has_ended_is_not_run_again_even_when_the_store_was_lost(self, office):
        office.temporal.ended.add(f"ticket-{TASK_ID}")
        receipt = await office.desk.submit(REQUEST, office.who("intake"))
        assert receipt.repeated
        assert office.temporal.started == {}

    async def test_a_durable_ticket_is_acknowledged_even_when_the_note_fails(self, office):
        office.intake.note_fails = True
        receipt = await office.desk.submit(REQUEST, office.who("intake"))
        assert receipt.workflow_id in office.temporal.started

    async def test_an_earlier_creation_counts_for_the_sla(self, office):
        earlier = datetime.now(UTC) - timedelta(hours=3)
        receipt = await office.desk.submit(
            REQUEST.model_copy(update={"created_at": earlier}), office.who("intake")
        )
        assert receipt.received_at == earlier

    async def test_a_creation_in_the_future_is_refused_by_field(self, office):
        later = datetime.now(UTC) + timedelta(hours=1)
        with pytest.raises(InvalidInput, match="in the future") as refused:
            await office.desk.submit(REQUEST.model_copy(update={"created_at": later}), office.who("intake"))
        assert refused.value.field == "created_at"
        assert office.intake.places == {}
        assert office.audit.rows[-1].action == "intake.refused"

    @pytest.mark.parametrize("name", ["wang.fang", "op.chen", "duty.liu", "audit.guo"])
    async def test_only_intake_hands_tickets_in(self, office, name):
        with pytest.raises(NotPermitted, match="intake"):
            await office.desk.submit(REQUEST, office.who(name))
        assert office.temporal.starts == []
        assert office.audit.rows[-1].actor == name


class TestDecide:
    async def test_an_answer_reaches_the_ticket_with_a_code_for_exactly_this(self, office):
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

    async def test_an_answer_to_what_was_shown_before_is_refused(self, office):
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
    async def test_role_and_group_are_needed(self, office, name, code):
        office.asking()
        outcome = await decide(office, name)
        assert (outcome.accepted, outcome.code) == (False, code)
        assert (office.audit.rows[-1].action, office.audit.rows[-1].actor) == ("decision.refused", name)
        assert office.temporal.updates == []

    async def test_the_maker_is_never_the_approver(self, office):
        office.asking()
        office.reader.views["T1"] = a_view("T1", maker="wang.fang")
        outcome = await decide(office)
        assert (outcome.accepted, outcome.code) == (False, "four_eyes")

    async def test_an_administrator_who_made_a_ticket_cannot_approve_it_even_without_four_eyes(self, office):
        office.asking(four_eyes=False)
        office.reader.views["T1"] = a_view("T1", maker="boss")
        outcome = await decide(office, "boss")
        assert (outcome.accepted, outcome.code) == (False, "four_eyes")

    async def test_a_rejection_needs_a_reason_and_a_route_a_choice(self, office):
        office.asking(choices=("low", "high"))
        assert (await decide(office, verb=Verb.REJECT)).code == "reason_missing"
        assert (await decide(office)).code == "choice_missing"
        assert (await decide(office, choice="medium")).code == "choice_missing"

    async def test_what_the_workflow_records_and_refuses_is_passed_on_and_not_audited_twice(self, office):
        office.asking()
        refused = DecisionOutcome(
            review_id="R1", accepted=False, code="four_eyes", message="you worked on it"
        )
        office.temporal.on_update["decide"] = lambda _: refused
        assert await decide(office) == refused
        assert office.audit.rows == []

    async def test_what_the_validator_turns_away_leaves_its_trace_here(self, office):
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
    async def test_an_answer_after_the_end_says_who_decided_and_how_it_ended(self, office, known_to_temporal):
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

    async def test_a_ticket_that_ends_under_the_answer_makes_it_late(self, office):
        office.asking()

        def end(_: object) -> None:
            raise ApplicationError("completed", type="AcceptedUpdateCompletedWorkflow")

        office.temporal.on_update["decide"] = end
        assert (await decide(office)).code == "late"

    async def test_without_a_worker_the_answer_is_not_promised(self, office):
        office.asking()
        office.temporal.no_worker = True
        with pytest.raises(EngineUnavailable, match="may still be taken"):
            await decide(office)

    async def test_without_temporal_nothing_is_changed(self, office):
        office.asking()
        office.temporal.down = True
        with pytest.raises(EngineUnavailable):
            await decide(office)

    async def test_an_unknown_review_is_not_found(self, office):
        with pytest.raises(NotFound, match="R9"):
            await office.desk.review("R9")


class TestDecisionCode:
    async def test_a_code_is_given_for_the_review_as_shown_and_noted(self, office):
        digest = office.asking(choices=("low", "high"))
        issued = await office.desk.decision_code("R1", office.who("wang.fang"))
        check = CodeCheck(code=issued.code, purpose="decide", subject="R1", digest=digest)
        assert office.codes.verify(check).principal == office.who("wang.fang")
        assert issued.digest == digest
        row = office.audit.rows[-1]
        assert (row.action, row.actor, row.detail["digest"]) == ("code.issued", "wang.fang", digest)
        assert issued.code not in row.model_dump_json()

    async def test_who_could_not_decide_gets_no_code(self, office):
        office.asking()
        office.reader.views["T1"] = a_view("T1", maker="wang.fang")
        for name in ("wang.fang", "op.chen", "zhao.min"):
            with pytest.raises(NotPermitted):
                await office.desk.decision_code("R1", office.who(name))
            assert (office.audit.rows[-1].action, office.audit.rows[-1].actor) == ("code.refused", name)


class TestCommand:
    async def test_a_command_carries_a_code_for_exactly_this(self, office):
        office.running()
        office.temporal.on_update["hold"] = lambda _: done()
        assert (await hold(office)).accepted
        _, name, command = office.temporal.updates[0]
        content = command_content("hold", "T1", Command(reason="call back"))
        check = CodeCheck(code=command.code, purpose="command:hold", subject="T1", digest=digest_of(content))
        assert name == "hold"
        assert office.codes.verify(check).principal == office.who("op.chen")

    async def test_only_operators_command(self, office):
        office.running()
        for name in ("wang.fang", "intake", "audit.guo", "duty.liu"):
            with pytest.raises(NotPermitted, match="operator"):
                await hold(office, name)
            assert office.audit.rows[-1].action == "command.hold.refused"
        assert office.temporal.updates == []

    @pytest.mark.parametrize("group", [None, "Nobody"])
    async def test_a_ticket_goes_to_a_group_that_there_is(self, office, group):
        office.running()
        with pytest.raises(InvalidInput, match="expected one of: Account Operations") as refused:
            await office.desk.command(
                "reassign", "T1", reason="theirs", group=group, principal=office.who("op.chen")
            )
        assert refused.value.field == "group"

    async def test_a_group_or_verb_that_means_nothing_is_refused(self, office):
        with pytest.raises(InvalidInput, match="reassign only"):
            await office.desk.command(
                "hold", "T1", reason="x", group="Reconciliation", principal=office.who("op.chen")
            )
        with pytest.raises(InvalidInput, match="expected one of hold"):
            await office.desk.command(
                "explode", "T1", reason="x", group=None, principal=office.who("op.chen")
            )

    async def test_a_command_after_the_end_says_how_it_ended(self, office):
        office.running(state=TicketState.COMPLETED, closed_at=NIGHT)
        office.temporal.ended.add("ticket-T1")
        with pytest.raises(Conflict, match="ended as completed"):
            await hold(office)
        assert office.audit.rows[-1].accepted is False

    async def test_a_command_to_nothing_is_not_found(self, office):
        with pytest.raises(NotFound, match="T9"):
            await hold(office, task_id="T9")


class TestView:
    async def test_a_running_ticket_shows_itself(self, office):
        office.running()
        office.temporal.on_query["view"] = lambda _: a_view("T1", waiting_for="core bank")
        shown = await office.desk.view("T1")
        assert (shown.as_of, shown.view.waiting_for) == ("live", "core bank")

    async def test_without_a_worker_the_recorded_copy_is_shown_and_says_so(self, office):
        office.running(waiting_for="a worker")
        office.temporal.no_worker = True
        shown = await office.desk.view("T1")
        assert (shown.as_of, shown.view.waiting_for) == ("recorded", "a worker")

    async def test_an_ended_ticket_is_final_and_needs_no_worker(self, office):
        office.running(state=TicketState.COMPLETED)
        office.temporal.down = True
        assert (await office.desk.view("T1")).as_of == "recorded"

    async def test_a_lost_store_loses_nothing_while_the_workflow_answers(self, office):
        office.running()
        office.temporal.on_query["view"] = lambda _: a_view("T1")
        office.reader.down = True
        assert (await office.desk.view("T1")).as_of == "live"

    async def test_when_neither_can_tell_it_says_so(self, office):
        office.temporal.down = True
        with pytest.raises(EngineUnavailable):
            await office.desk.view("T1")

    async def test_an_unknown_ticket_is_not_found(self, office):
        with pytest.raises(NotFound, match="T9"):
            await office.desk.view("T9")

    async def test_the_timeline_comes_from_where_the_view_came_from(self, office):
        office.running()
        live, recorded = (
            TicketEvent(seq=1, at=NIGHT, kind=EventKind.OPENED, summary=text) for text in ("live", "recorded")
        )
        office.reader.events["T1"] = [recorded]
        office.temporal.on_query = {"view": lambda _: a_view("T1"), "timeline": lambda _: [live]}
        shown = await office.desk.timeline(await office.desk.view("T1"))
        assert (shown.as_of, shown.events) == ("live", (live,))
        office.temporal.no_worker = True
        shown = await office.desk.timeline(await office.desk.view("T1"))
        assert (shown.as_of, shown.events) == ("recorded", (recorded,))


async def test_the_desk_is_ready_when_temporal_and_the_store_answer(office):
    await office.desk.check()
    office.reader.down = True
    with pytest.raises(StoreUnavailable):
        await office.desk.check()
    office.temporal.down = True
    with pytest.raises(EngineUnavailable):
        await office.desk.check()
