"""Who works on a ticket: claims count for its alerts, are taken over, and end."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from temporalio.testing import WorkflowEnvironment

from activities.alert_messages import RaisedAlert
from domain.alerts import Alert, AlertLevel
from domain.ticket import EventKind
from tests.fakes.rulebook import FakeRulebook
from tests.support.ticket_world import Ticket, World, ticket_world


class Desks:
    """`AlertDesks` that only listen."""

    def __init__(self) -> None:
        self.alerts: list[Alert] = []

    async def hand_over(self, raised: RaisedAlert, *, timezone: str) -> None:
        self.alerts.append(raised.alert)

    async def ticket_closed(self, task_id: str, group: str) -> None:
        """Nothing."""

    def of(self, task_id: str, level: AlertLevel) -> list[Alert]:
        return [each for each in self.alerts if (each.task_id, each.level) == (task_id, level)]


HEARD = Desks()


@pytest.fixture(scope="module")
async def world(env: WorkflowEnvironment, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    rulebook = FakeRulebook(all_day="daytime")
    async with ticket_world(env.client, tmp_path_factory.mktemp("claims"), rulebook, desks=HEARD) as made:
        yield made


async def waiting(world: World) -> Ticket:
    """A ticket that nobody knows, before a person has looked at it."""
    ticket = await world.submit(title="Nobody knows this one")
    await ticket.review()
    return ticket


async def test_whoever_works_for_the_group_may_claim_and_is_shown(world: World) -> None:
    ticket = await waiting(world)
    group = (await ticket.view()).task.assigned_group
    by = next(
        each.id
        for each in world.rulebook.current().directory.principals
        if group in each.groups and each.id != "op.chen"
    )
    outcome = await ticket.command("claim", by=by)
    assert outcome.accepted, outcome.message
    view = await ticket.view()
    assert view.worked_by == by
    assert view.worked_since is not None
    again = await ticket.command("claim", by=by)
    assert (again.accepted, again.message) == (False, "you have it already")


async def test_a_stranger_may_not(world: World) -> None:
    ticket = await waiting(world)
    for by in ("audit.guo", "intake"):
        outcome = await ticket.command("claim", by=by)
        assert (outcome.accepted, outcome.code) == (False, "not_permitted")
    assert (await ticket.view()).worked_by == ""


async def test_a_claim_is_taken_over_by_name_and_given_back(world: World) -> None:
    ticket = await waiting(world)
    group = (await ticket.view()).task.assigned_group
    first, second = [
        each.id for each in world.rulebook.current().directory.principals if group in each.groups
    ][:2]
    assert (await ticket.command("claim", by=first)).accepted
    assert (await ticket.command("claim", by=second)).accepted
    told = [event.summary for event in await ticket.timeline() if event.kind is EventKind.COMMAND]
    assert f"claimed by {second}, who takes over from {first}" in told[-1]
    assert (await ticket.command("unclaim", by=first)).accepted
    assert (await ticket.view()).worked_by == ""
    nobody = await ticket.command("unclaim", by=first)
    assert (nobody.accepted, nobody.message) == (False, "nobody has claimed it")


async def test_a_reassignment_ends_it(world: World) -> None:
    ticket = await waiting(world)
    assert (await ticket.command("claim")).accepted
    assert (await ticket.command("reassign", group="Compliance Review")).accepted
    assert (await ticket.view()).worked_by == ""


async def test_an_alert_says_who_works_on_the_ticket(env: WorkflowEnvironment, world: World) -> None:
    """Its desk then tells nobody again of what is no worse than before."""
    ticket = await waiting(world)
    assert (await ticket.command("claim")).accepted
    await env.fast_forward(ticket.handle, timedelta(minutes=31))
    async with asyncio.timeout(20):
        while not (found := HEARD.of(ticket.task_id, AlertLevel.PRE_ALERT)):
            await asyncio.sleep(0.05)
    assert found[0].worked_by == "op.chen"
    assert found[0].worked_since is not None
