"""Rescue at critical: handed over, on the fast track, or paged; on each workflow's virtual clock."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from temporalio.testing import WorkflowEnvironment

from activities.adapters.store import Store
from definitions.book import pin
from definitions.schema import Sop
from domain.errors import StoreUnavailable
from domain.lifecycle import TicketState
from domain.rescue import RescueGroup, RescuePolicy, RescueWay
from domain.task import RiskLevel
from domain.ticket import TicketView
from tests.fakes.rulebook import ACCOUNTS, COMPLIANCE, SETTLEMENT, FakeRulebook
from tests.support.ticket_world import Ticket, World, ticket_world
from workers.activity_set import handler_specs

ASK = {
    "name": "Ask",
    "trigger": {"category": "accounts", "action": "freeze"},
    "steps": [
        {"name": "Assess", "handler": "risk_assessor"},
        {"name": "Ask", "review": {"question": "Well?"}},
    ],
    "sla": "1h",
}
WAIT = {
    "name": "Wait",
    "trigger": {"category": "accounts", "action": "unfreeze"},
    "steps": [
        {"name": "Assess", "handler": "risk_assessor"},
        {"name": "Pause", "wait": {"duration": "3h"}},
        {"name": "Greet", "handler": "sms_notifier", "optional": True},
        {"name": "Ask", "review": {"question": "Well?"}},
        {"name": "Cool off", "wait": {"duration": "10min", "control": True}},
    ],
    "sla": "1h",
}
SOPS = tuple(Sop.model_validate(each) for each in (ASK, WAIT))
GROUPS = (
    RescueGroup(name=COMPLIANCE, capacity=10, skills=("accounts/freeze",)),
    RescueGroup(name=ACCOUNTS, capacity=100, skills=("accounts",)),
)


@pytest.fixture(scope="module")
async def world(env: WorkflowEnvironment, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    rulebook = FakeRulebook(SOPS, all_day="nighttime", rescue=RescuePolicy(groups=GROUPS))
    async with ticket_world(env.client, tmp_path_factory.mktemp("world"), rulebook) as made:
        yield made


async def pass_time(env: WorkflowEnvironment, ticket: Ticket, minutes: float) -> None:
    await env.fast_forward(ticket.handle, timedelta(minutes=minutes))


def at(step: str):  # type: ignore[no-untyped-def]
    def holds(view: TicketView) -> bool:
        return view.current_step == step

    return holds


def at_critical(view: TicketView) -> bool:
    return view.sla_level == "critical"


async def rescued(ticket: Ticket) -> list[str]:
    async with asyncio.timeout(20):
        while True:
            events = await ticket.timeline()
            found = [
                event.summary for event in events if "rescue" in event.summary or "paged" in event.summary
            ]
            if found:
                return found
            await asyncio.sleep(0.05)


def ways(store: Store, ticket: Ticket) -> list[RescueWay]:
    return [each.rescue.way for each in store.rescues.rescues_of(ticket.task_id)]


async def test_the_idle_group_takes_the_ticket_over_with_its_open_question(
    env: WorkflowEnvironment, world: World
) -> None:
    ticket = await world.submit()
    before = await ticket.review()
    assert before.group == ACCOUNTS
    await pass_time(env, ticket, 58)
    await ticket.until(at_critical)
    assert await rescued(ticket) == [
        f"rescued: from {ACCOUNTS} to {COMPLIANCE}, because {COMPLIANCE} is the idlest group that suits: "
        "0 tickets of 10"
    ]
    told: list[str] = []
    await ticket.until_told("critical", told)
    assert told == [f"sms → {COMPLIANCE}"]
    assert ways(world.store, ticket) == [RescueWay.IDLE_GROUP]
    assert (await ticket.review()).group == COMPLIANCE
    refused = await ticket.decide("wang.fang", request=before)
    assert not refused.accepted
    assert (await ticket.decide("zhao.min")).accepted
    await ticket.ends(TicketState.COMPLETED)


async def test_a_ticket_never_goes_back_to_a_group_that_had_it(
    env: WorkflowEnvironment, world: World
) -> None:
    ticket = await world.submit()
    await ticket.review()
    for group in (COMPLIANCE, SETTLEMENT):
        assert (await ticket.command("reassign", group=group)).accepted
    await pass_time(env, ticket, 58)
    await ticket.until(at_critical)
    assert "on-call is paged" in (await rescued(ticket))[0]
    (kept,) = world.store.rescues.rescues_of(ticket.task_id)
    assert {each.group: each.why for each in kept.rescue.candidates} == {
        COMPLIANCE: "it had the ticket before",
        ACCOUNTS: "it had the ticket before",
    }
    told: list[str] = []
    await ticket.until_told("critical", told)
    assert any("duty" in each for each in told)
    await ticket.command("cancel")
    await ticket.ends(TicketState.CANCELLED)


async def test_the_fast_track_skips_waits_and_optional_steps_and_keeps_every_control(
    env: WorkflowEnvironment, world: World
) -> None:
    ticket = await world.submit(action="unfreeze")
    await ticket.until(at("pause"))
    await pass_time(env, ticket, 58)
    view = await ticket.until(lambda view: bool(view.open_reviews))
    assert view.risk is RiskLevel.LOW
    assert view.fast_track
    assert view.steps_skipped == ("greet",)
    assert view.open_reviews[0].step_id == "ask"
    assert ways(world.store, ticket) == [RescueWay.FAST_TRACK]
    assert world.store.rescues.on_fast_track() == 1
    summaries = [event.summary for event in await ticket.timeline()]
    assert "rescued: on the fast track, because no group suits; the risk is low" in summaries
    assert "Pause: not waited out: fast track" in summaries
    await ticket.decide("wang.fang")
    await ticket.until(at("cool_off"))
    assert (await ticket.view()).waiting_for != ""
    await pass_time(env, ticket, 11)
    result = await ticket.ends(TicketState.COMPLETED)
    assert "without greet" in result.result
    assert world.store.rescues.on_fast_track() == 0


async def test_more_than_low_risk_waits_on_and_whoever_is_on_call_is_told(
    env: WorkflowEnvironment, world: World
) -> None:
    fields = {"authority": "customer", "document_no": "K-1", "identity_verified": True, "holder": "entity"}
    ticket = await world.submit(action="unfreeze", fields=fields)
    await ticket.until(at("pause"))
    await pass_time(env, ticket, 58)
    view = await ticket.until(at_critical)
    assert (await rescued(ticket)) == [
        "on-call is paged, because no group suits; no fast track: the risk is medium"
    ]
    told: list[str] = []
    await ticket.until_told("critical", told)
    assert any("duty" in each for each in told)
    assert not view.fast_track
    assert view.current_step == "pause"
    await ticket.command("cancel")
    await ticket.ends(TicketState.CANCELLED)


async def test_a_claimed_ticket_stays_and_whoever_is_on_call_is_told(
    env: WorkflowEnvironment, world: World
) -> None:
    ticket = await world.submit()
    await ticket.review()
    assert (await ticket.command("claim")).accepted
    await pass_time(env, ticket, 58)
    view = await ticket.until(at_critical)
    assert await rescued(ticket) == ["on-call is paged, because op.chen took it on less than 2h ago"]
    told: list[str] = []
    await ticket.until_told("critical", told)
    assert any("duty" in each for each in told)
    assert (view.task.assigned_group, view.worked_by) == (ACCOUNTS, "op.chen")
    await ticket.command("cancel")
    await ticket.ends(TicketState.CANCELLED)


async def test_the_fast_track_is_kept_when_the_run_is_continued(
    env: WorkflowEnvironment, world: World
) -> None:
    ticket = await world.submit(action="unfreeze")
    await ticket.until(at("pause"))
    await pass_time(env, ticket, 58)
    await ticket.until(lambda view: bool(view.open_reviews))
    rulebook = world.rulebook
    assert isinstance(rulebook, FakeRulebook)
    before = rulebook.book
    other = Sop.model_validate({**WAIT, "description": "Another version."})
    rulebook.book = replace(
        before, sops=tuple(other if each.name == "Wait" else each for each in before.sops)
    )
    digest = next(pin(each, handler_specs(), ()).digest for each in rulebook.book.sops if each.name == "Wait")
    moved = await ticket.command("migrate", sop_digest=digest)
    rulebook.book = before
    assert moved.accepted, moved
    view = await ticket.until(lambda view: view.sop_digest == digest and bool(view.open_reviews))
    assert view.fast_track
    await ticket.command("cancel")
    await ticket.ends(TicketState.CANCELLED)


async def test_while_the_store_does_not_answer_whoever_is_on_call_is_told(
    env: WorkflowEnvironment, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: object) -> None:
        raise StoreUnavailable("the store is down")

    monkeypatch.setattr(world.store.rescues, "rescue", down)
    ticket = await world.submit()
    await ticket.review()
    await pass_time(env, ticket, 58)
    told: list[str] = []
    await ticket.until_told("critical", told)
    assert any("duty" in each for each in told)
    assert await rescued(ticket) == [
        "on-call is paged, because nobody could be looked for: the store is down"
    ]
    await ticket.command("cancel")
    await ticket.ends(TicketState.CANCELLED)
