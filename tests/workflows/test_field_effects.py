"""Fields of the SOP language whose effect shows in a real ticket only: who is asked, by when, how often."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
from temporalio.testing import WorkflowEnvironment

from definitions.schema import Sop
from domain.lifecycle import TicketState
from domain.review import Verb
from domain.ticket import EventKind
from tests.fakes.core_bank import Failure
from tests.fakes.rulebook import COMPLIANCE, FakeRulebook
from tests.support.ticket_world import Ticket, World, ticket_world

ASSESS = {"name": "Assess", "handler": "risk_assessor"}
FREEZE = {"name": "Freeze", "handler": "core_system_freeze"}
KINDS = ("review", "manual")
LATENESS = ("wait", "escalate", "go_on", "reject")


def sop(name: str, category: str = "accounts", *steps: Mapping[str, Any], **more: Any) -> Sop:
    trigger: dict[str, str] = {"category": category}
    if category == "accounts":
        trigger["action"] = name
    return Sop.model_validate({"name": name, "trigger": trigger, "steps": steps, "sla": "8h", **more})


def ask(kind: str, **fields: Any) -> dict[str, Any]:
    words = {"question": "May we?"} if kind == "review" else {"instructions": "Please do it."}
    return {"name": "Ask", kind: {**words, "group": COMPLIANCE, **fields}}


def asking(name: str, **fields: Any) -> list[Sop]:
    """An SOP for each kind of person's step."""
    return [sop(f"{kind}_{name}", "accounts", ASSESS, ask(kind, **fields)) for kind in KINDS]


SOPS = (
    *asking("plain"),
    *asking("of_no_group", group=""),
    *asking("of_operators", role="operator"),
    *(each for on_late in LATENESS for each in asking(f"late_{on_late}", deadline="10min", on_late=on_late)),
    *asking(
        "form",
        form={"way": {"label": "Which way?", "choices": ["post", "counter"]}, "net": {"type": "money"}},
    ),
    sop("by_makers", "accounts", ASSESS, ask("review", four_eyes=False)),
    sop("once", "accounts", ASSESS, {**FREEZE, "retry": 0, "timeout": "7s"}),
    sop("twice", "accounts", ASSESS, {**FREEZE, "retry": 1, "timeout": "11s"}),
    sop("any_deposit", "deposits", ASSESS),
    sop(
        "announced",
        "accounts",
        ASSESS,
        ask("review"),
        escalation={"at": "5h", "to": "duty.yang", "channel": "email"},
    ),
)


@pytest.fixture(scope="module")
async def world(env: WorkflowEnvironment, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    rulebook = FakeRulebook(SOPS, all_day="daytime")
    async with ticket_world(env.client, tmp_path_factory.mktemp("world"), rulebook) as made:
        yield made


@pytest.mark.parametrize("kind", KINDS)
class TestPeople:
    async def test_they_are_shown_what_to_decide_or_do(self, world: World, kind: str) -> None:
        ticket = await world.submit(action=f"{kind}_plain")
        request = await ticket.review("ask")
        assert request.question == {"review": "May we?", "manual": "Please do it."}[kind]
        await ticket.decide("zhao.min", Verb.REJECT)
        await ticket.ends(TicketState.REJECTED)

    async def test_the_group_is_asked_and_others_are_refused(self, world: World, kind: str) -> None:
        ticket = await world.submit(action=f"{kind}_plain")
        refused = await ticket.decide("wang.fang")
        assert (refused.code, refused.message) == (
            "not_permitted",
            f"wang.fang is not in the group {COMPLIANCE}",
        )
        assert (await ticket.decide("zhao.min")).accepted

    async def test_without_a_group_the_tickets_own_is_asked(self, world: World, kind: str) -> None:
        ticket = await world.submit(action=f"{kind}_of_no_group", title="Please freeze it")
        request = await ticket.review("ask")
        assert request.group == (await ticket.view()).task.assigned_group

    async def test_the_role_must_be_held(self, world: World, kind: str) -> None:
        ticket = await world.submit(action=f"{kind}_of_operators")
        refused = await ticket.decide("zhao.min")
        assert (refused.code, refused.message) == (
            "not_permitted",
            "zhao.min does not hold the role operator",
        )
        assert (await ticket.decide("op.chen")).accepted

    async def test_the_deadline_counts_from_the_question(self, world: World, kind: str) -> None:
        ticket = await world.submit(action=f"{kind}_late_wait")
        request = await ticket.review("ask")
        assert request.deadline_at == request.opened_at + timedelta(minutes=10)

    @pytest.mark.parametrize("on_late", LATENESS)
    async def test_silence_means_what_the_sop_says(
        self, env: WorkflowEnvironment, world: World, kind: str, on_late: str
    ) -> None:
        ticket = await world.submit(action=f"{kind}_late_{on_late}")
        await ticket.review("ask")
        await env.fast_forward(ticket.handle, timedelta(minutes=11))
        if on_late in ("wait", "escalate"):
            await until(ticket, EventKind.REVIEW_LATE)
            request = (await ticket.view()).open_reviews[0]
            assert request.role == ("oncall" if on_late == "escalate" else "reviewer")
            return
        result = await ticket.ends(TicketState.REJECTED if on_late == "reject" else TicketState.COMPLETED)
        outcomes = [e.data["outcome"] for e in await ticket.timeline() if e.kind is EventKind.STEP_DONE]
        assert outcomes == (["low", "late"] if on_late == "go_on" else ["low"])
        assert ("the SOP's safe answer is no" in result.result) == (on_late == "reject")

    async def test_a_form_has_labels_choices_types_and_fields_that_must_be_there(
        self, world: World, kind: str
    ) -> None:
        ticket = await world.submit(action=f"{kind}_form")
        request = await ticket.review("ask")
        assert request.form["way"].label == "Which way?"
        wrong = await ticket.decide("zhao.min", form={"way": "pigeon", "net": "much"})
        assert wrong.message == "way: is not one of post, counter; net: is not an amount such as 1200.50"
        assert (await ticket.decide("zhao.min", form={"way": "post"})).message == "net: is missing"
        assert (await ticket.decide("zhao.min", form={"way": "post", "net": "1.00"})).accepted


async def test_four_eyes_keep_the_maker_out_unless_the_step_says_otherwise(world: World) -> None:
    ticket = await world.submit(maker="zhao.min", action="review_plain")
    assert (await ticket.decide("zhao.min")).code == "four_eyes"
    other = await world.submit(maker="zhao.min", action="by_makers")
    assert (await other.decide("zhao.min")).accepted


async def test_an_attempt_has_its_time_out_and_a_retry_is_one_more(world: World) -> None:
    world.bank.fail_next(Failure.UNAVAILABLE)
    failed = await world.submit(action="once")
    await failed.until(lambda view: view.steps_failed == ("freeze",))
    assert world.bank.attempts[f"{failed.task_id}/freeze/1"] == 1
    world.bank.fail_next(Failure.UNAVAILABLE)
    repeated = await world.submit(action="twice")
    await repeated.ends(TicketState.COMPLETED)
    assert world.bank.attempts[f"{repeated.task_id}/freeze/1"] == 2
    assert [await time_out_of(ticket, "core_system_freeze") for ticket in (failed, repeated)] == [7, 11]


async def test_a_trigger_without_an_action_serves_every_action_of_its_category(world: World) -> None:
    ticket = await world.submit(category="deposits", action="anything")
    result = await ticket.ends(TicketState.COMPLETED)
    assert (result.sop, result.result) == ("any_deposit", "any_deposit completed")


async def test_an_escalation_tells_whom_it_names_when_it_says_on_the_channel_it_says(
    env: WorkflowEnvironment, world: World
) -> None:
    ticket = await world.submit(action="announced")
    await ticket.review("ask")
    terms = (await ticket.view()).sla
    assert terms is not None
    [rung] = [each for each in terms.rungs if each.escalation]
    told: list[str] = []
    await env.fast_forward(ticket.handle, rung.after + timedelta(seconds=1))
    await ticket.until_told("escalation", told)
    assert told == ["email → duty.yang"]


async def until(ticket: Ticket, kind: EventKind) -> None:
    async with asyncio.timeout(20):
        while kind not in await ticket.kinds():
            await asyncio.sleep(0.05)


async def time_out_of(ticket: Ticket, handler: str) -> int:
    """Of the attempts at this handler's activity, in seconds."""
    history = await ticket.handle.fetch_history()
    [scheduled] = [
        event.activity_task_scheduled_event_attributes
        for event in history.events
        if event.activity_task_scheduled_event_attributes.activity_type.name == handler
    ]
    return int(scheduled.start_to_close_timeout.seconds)
