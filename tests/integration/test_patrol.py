"""The patrol over a real server and a real store: what is well, what was terminated, what is overdue."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from activities.adapters.alert_desks import WorkflowAlertDesks
from activities.messages import Progress
from activities.patrol_messages import PATROL_QUEUE, PatrolInput
from domain.clock import BankClock
from domain.patrol import Kind, PatrolReport
from domain.sla import SlaPolicy
from tests.fakes.rulebook import FakeRulebook
from tests.support.ticket_world import World, ticket_world
from tests.support.virtual_time import virtual_time
from workflows.patrol import PatrolWorkflow


@pytest.fixture
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with virtual_time() as environment:
        folder, desks = tmp_path_factory.mktemp("patrol"), WorkflowAlertDesks(BankClock())
        async with ticket_world(environment.client, folder, FakeRulebook(), desks=desks) as made:
            yield made


async def round_of(world: World, number: int) -> PatrolReport:
    return await world.client.execute_workflow(
        PatrolWorkflow.run, PatrolInput(), id=f"patrol-{number}", task_queue=PATROL_QUEUE
    )


def kinds(report: PatrolReport) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each in report.findings:
        found.setdefault(each.kind.value, []).append(each.subject)
    return found


async def listed(world: World, count: int) -> None:
    """Waits until the server's lists have caught up."""
    async with asyncio.timeout(20):
        while True:
            running = [each async for each in world.client.list_workflows("WorkflowType = 'TicketWorkflow'")]
            if len(running) >= count:
                return
            await asyncio.sleep(0.1)


async def test_a_round_finds_what_no_ticket_tells(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("activities.patrol._FRESH", timedelta(0))
    well, gone, late = [await world.submit(title=f"Nobody knows this one {n}") for n in range(3)]
    for ticket in (well, gone, late):
        await ticket.review()
    await listed(world, 3)
    first = await round_of(world, 1)
    assert (first.findings, first.counts["open"], first.counts["running"]) == ((), 3, 3)

    await gone.handle.terminate("an operator's mistake")
    view = await late.view()
    assert view.next_deadline_at is not None
    past = view.model_copy(update={"next_deadline_at": view.opened_at - timedelta(hours=1)})
    await asyncio.to_thread(world.store.tickets.record, Progress(events=(), view=past))
    async with asyncio.timeout(20):
        while (second := await round_of(world, 2)).counts["running"] != 2:
            await asyncio.sleep(0.2)
    assert kinds(second) == {Kind.OVERDUE: [late.task_id], Kind.MISSING_RUN: [gone.task_id]}

    async with asyncio.timeout(20):
        while len(told := world.store.alerts.alerts_of("patrol-overdue")) < 1:
            await asyncio.sleep(0.05)
    await round_of(world, 3)
    assert len(world.store.alerts.alerts_of("patrol-overdue")) == len(told), "what stays is told once"
    assert [report.all_well for report in world.store.patrols.reports()] == [False, False, True]


async def test_other_policies_reach_tickets_that_are_open(world: World) -> None:
    ticket = await world.submit(title="Nobody knows this one")
    await ticket.review()
    await listed(world, 1)
    before = (await ticket.view()).deadline_at
    await round_of(world, 1)
    book = world.rulebook.current()
    sla = {**book.sla, "accounts": SlaPolicy(category="accounts", sla_hours=0.5)}
    world.rulebook.book = replace(book, sla=sla)
    report = await round_of(world, 2)
    assert (report.counts["terms_reviewed"], report.counts["terms_changed"]) == (1, 1)
    after = (await ticket.view()).deadline_at
    assert before is not None
    assert after is not None
    assert after < before
