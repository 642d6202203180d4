"""Commands and decisions over HTTP: what each refusal looks like to a client."""

import pytest
from temporalio.exceptions import ApplicationError

from domain.fields import FormField
from domain.lifecycle import TicketState
from domain.review import DecisionOutcome
from tests.fakes.store import NIGHT, a_review, a_view
from tests.support.problems import problem
from workflows.contract import CommandOutcome


class TestCommands:
    @pytest.mark.parametrize(
        ("name", "verb"),
        [("hold", "hold"), ("resume", "resume"), ("retry", "retry_step"), ("skip", "skip_step")],
    )
    async def test_each_route_sends_its_command(self, office, name, verb):
        office.running()
        outcome = CommandOutcome(accepted=True, code="accepted", message="ok", state=TicketState.PROCESSING)
        office.temporal.on_update[verb] = lambda _: outcome
        response = await office.post(f"/tickets/T1/{name}", {"reason": "call back"}, "op.chen")
        assert response.json()["message"] == "ok"
        assert office.temporal.updates[0][1] == verb

    async def test_what_the_ticket_refuses_is_a_conflict(self, office):
        office.running()
        outcome = CommandOutcome(
            accepted=False, code="conflict", message="not on hold", state=TicketState.PROCESSING
        )
        office.temporal.on_update["resume"] = lambda _: outcome
        response = await office.post("/tickets/T1/resume", {"reason": "back"}, "op.chen")
        assert problem(response, 409, "conflict") == "not on hold"

    @pytest.mark.parametrize(("name", "verb"), [("retry", "retry_step"), ("skip", "skip_step")])
    async def test_where_several_steps_failed_one_is_named(self, office, name, verb):
        office.running(steps_failed=("pay", "book"))
        office.temporal.on_update[verb] = lambda _: CommandOutcome(
            accepted=True, code="accepted", message="ok", state=TicketState.PROCESSING
        )
        response = await office.post(f"/tickets/T1/{name}", {"reason": "x"}, "op.chen")
        assert "name one of: pay, book" in problem(response, 422, "input_invalid", "step")
        response = await office.post(f"/tickets/T1/{name}", {"reason": "x", "step": "book"}, "op.chen")
        assert response.status_code == 200
        assert office.temporal.updates[0][2].step == "book"

    async def test_a_step_is_for_retry_and_skip_only(self, office):
        body = {"reason": "x", "step": "pay"}
        problem(await office.post("/tickets/T1/hold", body, "op.chen"), 422, "input_invalid", "step")

    async def test_a_reason_is_needed(self, office):
        problem(await office.post("/tickets/T1/hold", {}, "op.chen"), 422, "input_invalid", "reason")
        problem(
            await office.post("/tickets/T1/hold", {"reason": " "}, "op.chen"), 422, "input_invalid", "reason"
        )

    async def test_a_group_is_for_reassign_only(self, office):
        body = {"reason": "x", "group": "Reconciliation"}
        problem(await office.post("/tickets/T1/hold", body, "op.chen"), 422, "input_invalid", "group")
        problem(
            await office.post("/tickets/T1/reassign", {"reason": "x"}, "op.chen"),
            422,
            "input_invalid",
            "group",
        )

    async def test_a_command_after_the_end_is_a_conflict_that_says_so(self, office):
        office.running(state=TicketState.CANCELLED, closed_at=NIGHT)
        office.temporal.ended.add("ticket-T1")
        response = await office.post("/tickets/T1/hold", {"reason": "x"}, "op.chen")
        assert "ended as cancelled" in problem(response, 409, "conflict")

    async def test_an_unknown_command_is_no_address(self, office):
        response = await office.post("/tickets/T1/explode", {"reason": "x"}, "op.chen")
        problem(response, 404, "not_found")


class TestReviews:
    async def decide(self, office, digest, name="wang.fang", **changes):
        body = {"verb": "approve", "digest": digest, **changes}
        return await office.post("/reviews/R1/decision", body, name)

    async def test_a_review_is_shown_with_the_digest_that_binds_the_answer(self, office):
        digest = office.asking()
        body = (await office.get("/reviews/R1", "wang.fang")).json()
        assert body["digest"] == digest
        assert body["review"]["evidence"] == ["frozen by order 2026-0417"]

    async def test_reviews_are_listed_by_group_or_for_me(self, office):
        office.asking()
        office.reader.reviews["R2"] = a_review("R2", group="Compliance Review")

        async def listed(query: str, name: str) -> list[str]:
            answer = await office.get(f"/reviews{query}", name)
            return [each["review"]["review_id"] for each in answer.json()["reviews"]]

        assert await listed("", "op.chen") == ["R1", "R2"]
        assert await listed("?group=Compliance%20Review", "op.chen") == ["R2"]
        assert await listed("?mine=true", "wang.fang") == ["R1"]
        assert await listed("?mine=true", "audit.guo") == []

    async def test_an_answer_comes_back_with_its_outcome(self, office):
        digest = office.asking()
        outcome = DecisionOutcome(review_id="R1", accepted=True, code="accepted", message="approved")
        office.temporal.on_update["decide"] = lambda _: outcome
        response = await self.decide(office, digest)
        assert (response.status_code, response.json()["message"]) == (200, "approved")

    async def test_the_maker_cannot_approve(self, office):
        digest = office.asking()
        office.reader.views["T1"] = a_view("T1", maker="wang.fang")
        assert "four eyes" in problem(await self.decide(office, digest), 403, "four_eyes")

    async def test_an_answer_to_something_else_is_refused(self, office):
        office.asking()
        problem(await self.decide(office, "0" * 64), 409, "content_changed", "digest")

    async def test_an_answer_after_the_end_is_late(self, office):
        digest = office.asking()
        office.temporal.ended.add("ticket-T1")
        office.reader.views["T1"] = a_view("T1", state=TicketState.COMPLETED, closed_at=NIGHT)
        assert "ended as completed" in problem(await self.decide(office, digest), 409, "late")

    async def test_an_answer_after_the_review_is_late(self, office):
        digest = office.asking()
        outcome = DecisionOutcome(
            review_id="R1", accepted=False, code="late", message="li.wei approved before"
        )
        office.temporal.on_update["decide"] = lambda _: outcome
        assert problem(await self.decide(office, digest), 409, "late") == "li.wei approved before"

    async def test_a_code_that_the_workflow_does_not_take_is_forbidden(self, office):
        digest = office.asking()

        def turn_away(_: object) -> None:
            raise ApplicationError("the code expired", type="decision_code_invalid")

        office.temporal.on_update["decide"] = turn_away
        problem(await self.decide(office, digest), 403, "decision_code_invalid")

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"digest": "x"}, "digest"),
            ({"verb": "maybe"}, "verb"),
            ({"code": "x"}, "code"),
            ({"by": "li.wei"}, "by"),
            ({"reason": "x" * 2001}, "reason"),
        ],
    )
    async def test_a_wrong_field_is_named(self, office, changes, field):
        digest = office.asking()
        problem(await self.decide(office, **{"digest": digest, **changes}), 422, "input_invalid", field)

    async def test_a_rejection_needs_a_reason(self, office):
        digest = office.asking()
        problem(await self.decide(office, digest, verb="reject"), 422, "reason_missing", "reason")

    async def test_a_form_is_shown_and_filled_in(self, office):
        digest = office.asking(form={"voucher_no": FormField(label="Voucher")})
        shown = (await office.get("/reviews/R1", "wang.fang")).json()["review"]["form"]
        assert shown["voucher_no"]["label"] == "Voucher"
        missing = problem(await self.decide(office, digest), 422, "form_invalid", "form")
        assert missing == "voucher_no: is missing"
        outcome = DecisionOutcome(review_id="R1", accepted=True, code="accepted", message="approved")
        office.temporal.on_update["decide"] = lambda _: outcome
        assert (await self.decide(office, digest, form={"voucher_no": "V-1"})).status_code == 200
        assert office.temporal.updates[0][2].form == {"voucher_no": "V-1"}

    async def test_whoever_approved_already_is_told_so(self, office):
        digest = office.asking(quorum=2, approvals=("wang.fang",))
        assert "approved already" in problem(await self.decide(office, digest), 409, "conflict")

    async def test_an_unknown_review_is_not_found(self, office):
        problem(await office.get("/reviews/R9"), 404, "not_found")
        response = await office.post(
            "/reviews/R9/decision", {"verb": "approve", "digest": "0" * 64}, "wang.fang"
        )
        problem(response, 404, "not_found")

    async def test_a_code_comes_with_what_it_is_bound_to(self, office):
        digest = office.asking()
        body = (await office.post("/reviews/R1/code", {}, "wang.fang")).json()
        assert (body["digest"], body["expires_in_s"], body["review"]["review_id"]) == (digest, 300, "R1")
        assert body["code"].count(".") == 2


class TestEvents:
    BODY = {"name": "payment_received", "event_id": "E-1", "data": {"voucher_no": "V-1"}}

    def taking(self, office, **changes):
        stated = {"accepted": True, "code": "accepted", "message": "taken", "state": TicketState.PROCESSING}
        office.running()
        office.temporal.on_update["deliver_event"] = lambda _: CommandOutcome(**{**stated, **changes})

    async def tell(self, office, **changes):
        return await office.post("/tickets/T1/events", {**self.BODY, **changes}, "intake")

    async def test_an_event_is_answered_with_its_id(self, office):
        self.taking(office)
        body = (await self.tell(office)).json()
        assert (body["task_id"], body["event_id"], body["repeated"]) == ("T1", "E-1", False)

    async def test_a_repeat_gives_the_same_answer_and_says_so(self, office):
        self.taking(office, code="repeated")
        response = await self.tell(office)
        assert (response.status_code, response.json()["repeated"]) == (200, True)

    async def test_what_the_ticket_refuses_keeps_its_code(self, office):
        self.taking(office, accepted=False, code="not_permitted", message="not in the group")
        assert problem(await self.tell(office), 403, "not_permitted") == "not in the group"

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"name": "Payment Received"}, "name"),
            ({"name": None}, "name"),
            ({"event_id": ""}, "event_id"),
            ({"event_id": "li.wei@bank.example"}, "event_id"),
            ({"event_id": "王芳"}, "event_id"),
            ({"event_id": "x" * 101}, "event_id"),
            ({"event_id": "6222020200001234567"}, "event_id"),
            ({"data": []}, "data"),
            ({"data": {"text": "x" * 17_000}}, "data"),
            ({"data": {f"n{number}": 1 for number in range(51)}}, "data"),
            ({"code": "x"}, "code"),
        ],
    )
    async def test_a_wrong_field_is_named(self, office, changes, field):
        self.taking(office)
        problem(await self.tell(office, **changes), 422, "input_invalid", field)
        assert office.temporal.updates == []

    async def test_an_unknown_ticket_is_not_found(self, office):
        response = await office.post("/tickets/T9/events", self.BODY, "intake")
        problem(response, 404, "not_found")
