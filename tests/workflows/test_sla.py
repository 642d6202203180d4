"""SLA thresholds, the SOP's escalation, deadlines of people: on each workflow's virtual clock."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest
from temporalio.testing import WorkflowEnvironment

from definitions.schema import Sop
from domain.lifecycle import ENDS, TicketState
from domain.notices import Channel
from domain.sla import crossed
from domain.ticket import EventKind
from tests.fakes.rulebook import FakeRulebook
from tests.support.ticket_world import Ticket, World, ticket_world


def sop(action: str, *, question: dict[str, object], **more: object) -> Sop:
    return Sop.model_validate(
        {
            "name": f"Ask about {action}",
            "trigger": {"category": "accounts", "action": action},
            "steps": [
                {"name": "Assess", "handler": "risk_assessor"},
                {"name": "Ask", "review": {"question": "Well?", "group": "Compliance Review", **question}},
            ],
            "sla": "1h",
            **more,
        }
    )


SOPS = (
    sop("freeze", question={}, escalation={"at": "45min", "to": "Operations Supervisor", "channel": "sms"}),
    sop("unfreeze", question={"deadline": "10min", "on_late": "reject"}),
    sop("limit", question={"deadline": "10min", "on_late": "wait"}),
    sop("check", question={}, escalation={"at": "20min", "to": "duty.yang", "channel": "sms"}),
)


@pytest.fixture(scope="module")
async def world(env: WorkflowEnvironment, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    rulebook = FakeRulebook(SOPS, all_day="daytime")
    async with ticket_world(env.client, tmp_path_factory.mktemp("world"), rulebook) as made:
        yield made


async def levels(ticket: Ticket) -> list[str]:
    return [event.data["key"] for event in await ticket.timeline() if event.kind is EventKind.SLA_LEVEL]


async def pass_time(env: WorkflowEnvironment, ticket: Ticket, minutes: float) -> None:
    """Moves the ticket's clock, then waits until its workflow acted on every threshold that is due."""
    await env.fast_forward(ticket.handle, timedelta(minutes=minutes))
    now = await env.get_current_time(ticket.handle)
    async with asyncio.timeout(20):
        while await overdue(ticket, now):
            await asyncio.sleep(0.05)


async def overdue(ticket: Ticket, now: datetime) -> bool:
    view = await ticket.view()
    fired = frozenset(await levels(ticket))
    if view.state in ENDS or view.held or view.sla is None or view.stopwatch is None:
        return False
    return crossed(view.sla, view.stopwatch.elapsed(now), fired) is not None


async def test_the_four_thresholds_fire_in_their_order(env: WorkflowEnvironment, world: World) -> None:
    ticket = await world.submit()
    await ticket.review()
    reached = []
    for minutes in (29, 2, 15, 9, 3):
        await pass_time(env, ticket, minutes)
        reached.append(await levels(ticket))
    assert reached == [  # each threshold as its share of the hour is gone
        [],
        ["pre_alert"],
        ["pre_alert", "orange"],
        ["pre_alert", "orange", "red"],
        ["pre_alert", "orange", "red", "critical"],
    ]
    assert (await ticket.view()).sla_level == "critical"
    await ticket.decide("zhao.min")
    await ticket.ends(TicketState.COMPLETED)


async def test_an_escalation_that_meets_a_level_is_one_alert_with_two_addressees(
    env: WorkflowEnvironment, world: World
) -> None:
    ticket = await world.submit()
    await ticket.review()
    await pass_time(env, ticket, 46)
    await ticket.until(lambda view: view.sla_level == "orange")
    told: list[str] = []
    await ticket.until_told("orange", told)
    assert any("Account Operations" in each for each in told)
    assert any(each == "sms → Operations Supervisor" for each in told)
    ids = {
        notice.notice_id.rsplit("/", 2)[0]
        for _, _, notice in world.outbox.sent
        if notice.task_id == ticket.task_id and "sla-orange" in notice.notice_id
    }
    assert ids == {f"{ticket.task_id}/sla-orange"}


async def test_an_escalation_between_levels_fires_on_its_own(env: WorkflowEnvironment, world: World) -> None:
    ticket = await world.submit(action="check")
    await ticket.review()
    await pass_time(env, ticket, 21)
    assert await levels(ticket) == ["escalation-20min"]


async def test_a_hold_stops_the_clock_and_a_resume_moves_the_thresholds(
    env: WorkflowEnvironment, world: World
) -> None:
    ticket = await world.submit()
    await ticket.review()
    await pass_time(env, ticket, 20)
    assert (await ticket.command("hold")).accepted
    await pass_time(env, ticket, 60)
    assert await levels(ticket) == []
    assert (await ticket.command("resume")).accepted
    await pass_time(env, ticket, 9)
    assert await levels(ticket) == []
    await pass_time(env, ticket, 2)
    assert await levels(ticket) == ["pre_alert"]


async def test_nobody_deciding_in_time_means_no_where_the_sop_says_so(
    env: WorkflowEnvironment, world: World
) -> None:
    ticket = await world.submit(action="unfreeze")
    await ticket.review()
    await pass_time(env, ticket, 11)
    result = await ticket.ends(TicketState.REJECTED)
    assert "rejected by deadline" in result.result


async def test_nobody_deciding_in_time_tells_again_and_waits_on(
    env: WorkflowEnvironment, world: World
) -> None:
    ticket = await world.submit(action="limit")
    await ticket.review()
    for minutes, times in ((11, 1), (21, 2)):
        await pass_time(env, ticket, minutes)
        async with asyncio.timeout(20):
            while (await ticket.kinds()).count(EventKind.REVIEW_LATE) < times:
                await asyncio.sleep(0.05)
        assert (await ticket.kinds()).count(EventKind.REVIEW_LATE) == times
    assert (await ticket.decide("zhao.min")).accepted
    await ticket.ends(TicketState.COMPLETED)


async def test_a_deadline_does_not_run_out_while_the_ticket_is_on_hold(
    env: WorkflowEnvironment, world: World
) -> None:
    ticket = await world.submit(action="unfreeze")
    await ticket.review()
    await ticket.command("hold")
    await pass_time(env, ticket, 60)
    assert (await ticket.view()).open_reviews
    await ticket.command("resume")
    await ticket.decide("zhao.min")
    await ticket.ends(TicketState.COMPLETED)


async def test_red_goes_to_the_lead_by_sms(env: WorkflowEnvironment, world: World) -> None:
    ticket = await world.submit()
    await ticket.review()
    await pass_time(env, ticket, 55)
    told: list[str] = []
    await ticket.until_told("red", told)
    assert any(each.startswith("sms → ") for each in told)
    assert any("red" in subject for subject in world.outbox.subjects(Channel.SMS))
