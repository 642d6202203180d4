"""Degraded handlers on a real Temporal server: fallbacks at once, probes, and what nobody may skip."""

from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from temporalio.testing import WorkflowEnvironment

from definitions.schema import Sop
from domain.handler_health import HandlerHealth, HealthState, degrade
from domain.lifecycle import TicketState
from domain.notices import Channel
from domain.review import Verb
from domain.ticket import EventKind
from tests.fakes.core_bank import Failure
from tests.fakes.rulebook import FakeRulebook
from tests.support.ticket_world import Ticket, World, ticket_world

HANDLER = "core_system_freeze"


def an_sop(**freeze: Any) -> Sop:
    step = {"name": "Execute Freeze", "handler": HANDLER, "retry": 0, "fallback": "manual_freeze"}
    return Sop.model_validate(
        {
            "name": "Freeze",
            "trigger": {"category": "accounts", "action": "freeze"},
            "steps": [{"name": "Risk Assessment", "handler": "risk_assessor"}, step | freeze],
        }
    )


@pytest.fixture
async def world(env: WorkflowEnvironment, tmp_path: Path) -> AsyncIterator[World]:
    rulebook = FakeRulebook([an_sop()], all_day="nighttime")
    async with ticket_world(env.client, tmp_path, rulebook, watched=True) as made:
        yield made


def health(world: World) -> HandlerHealth:
    return world.store.handler_health.of(HANDLER)


def sent(world: World, ticket: Ticket) -> int:
    """How often an order of this ticket reached the bank."""
    return sum(number for key, number in world.bank.attempts.items() if key.startswith(ticket.task_id))


async def by_hand(ticket: Ticket) -> None:
    """Waits for the step by hand, and ends the ticket there."""
    request = await ticket.review()
    assert request.step_id == "manual_freeze"
    await ticket.command("cancel")
    await ticket.ends(TicketState.CANCELLED)


async def degraded(world: World) -> None:
    world.bank.down = True
    for _ in range(3):
        await by_hand(await world.submit())
    assert health(world).state is HealthState.DEGRADED


def probe_is_due(world: World) -> None:
    """The minute of the policy has passed."""
    past = timedelta(minutes=2)
    world.store.handler_health.change(
        HANDLER,
        lambda each: each.model_copy(update={"probe_at": each.probe_at and each.probe_at - past}),
    )


async def test_after_three_failures_the_next_ticket_takes_its_fallback_without_a_call(world: World) -> None:
    await degraded(world)
    ticket = await world.submit()
    request = await ticket.review()
    assert request.step_id == "manual_freeze"
    assert "core_system_freeze is degraded since" in request.evidence[-1]
    assert sent(world, ticket) == 0
    failures = [each for each in await ticket.timeline() if each.kind is EventKind.STEP_FAILED]
    assert [each.data["code"] for each in failures] == ["handler_degraded"]
    await ticket.command("cancel")


async def test_on_call_is_told_once_and_told_again_when_it_works(world: World) -> None:
    await degraded(world)
    await by_hand(await world.submit())

    def subjects() -> list[str]:
        told = [each for channel in (Channel.SMS, Channel.WECOM) for each in world.outbox.subjects(channel)]
        return [each for each in told if HANDLER in each]

    assert subjects() == [f"{HANDLER} is degraded"]
    world.bank.down = False
    probe_is_due(world)
    await (await world.submit()).ends(TicketState.COMPLETED)
    assert subjects() == [f"{HANDLER} is degraded", f"{HANDLER} works again"]
    rows = [row.action for row in world.store.audit.entries() if row.action.startswith("handler.")]
    assert rows == ["handler.degraded", "handler.restored"]


async def test_a_probe_that_succeeds_restores_the_handler_for_all(world: World) -> None:
    await degraded(world)
    world.bank.down = False
    await by_hand(await world.submit())
    probe_is_due(world)
    for _ in range(2):
        ticket = await world.submit()
        await ticket.ends(TicketState.COMPLETED)
        assert sent(world, ticket) == 1
    assert health(world).state is HealthState.HEALTHY


async def test_a_probe_that_fails_leaves_it_degraded(world: World) -> None:
    await degraded(world)
    probe_is_due(world)
    probe = await world.submit()
    await by_hand(probe)
    after = await world.submit()
    await by_hand(after)
    assert (sent(world, probe), sent(world, after)) == (1, 0)
    assert health(world).state is HealthState.DEGRADED


async def test_refusals_of_the_bank_degrade_nothing(world: World) -> None:
    world.bank.fail_next(*[Failure.REFUSED] * 4)
    for _ in range(4):
        await by_hand(await world.submit())
    assert health(world) == HandlerHealth(handler=HANDLER)


async def test_a_step_without_a_fallback_is_tried_all_the_same(
    env: WorkflowEnvironment, tmp_path: Path
) -> None:
    rulebook = FakeRulebook([an_sop(fallback=None)], all_day="nighttime")
    async with ticket_world(env.client, tmp_path, rulebook, watched=True) as world:
        held(world)
        ticket = await world.submit()
        await ticket.ends(TicketState.COMPLETED)
        assert sent(world, ticket) == 1


async def test_what_may_have_been_done_is_asked_about_before_a_fallback_acts(
    env: WorkflowEnvironment, tmp_path: Path
) -> None:
    rulebook = FakeRulebook([an_sop(retry=2)], all_day="nighttime")
    async with ticket_world(env.client, tmp_path, rulebook, watched=True) as world:
        lost = world.bank.place

        def degraded_meanwhile(order: Any) -> Any:
            held(world)
            return lost(order)

        world.bank.place = degraded_meanwhile  # type: ignore[method-assign]
        world.bank.fail_next(Failure.LOST_AFTER_COMMIT)
        ticket = await world.submit()
        await ticket.ends(TicketState.COMPLETED)
        kinds = await ticket.kinds()
        assert health(world).is_degraded
        assert EventKind.STEP_FAILED not in kinds
        assert sum(world.bank.effects.values()) == 1


async def test_an_attempt_that_was_not_taken_gives_way_to_the_fallback(
    env: WorkflowEnvironment, tmp_path: Path
) -> None:
    rulebook = FakeRulebook([an_sop(retry=5)], all_day="nighttime")
    async with ticket_world(env.client, tmp_path, rulebook, watched=True) as world:
        place = world.bank.place

        def degraded_meanwhile(order: Any) -> Any:
            held(world)
            return place(order)

        world.bank.place = degraded_meanwhile  # type: ignore[method-assign]
        world.bank.fail_next(*[Failure.UNAVAILABLE] * 6)
        ticket = await world.submit()
        request = await ticket.review()
        assert request.step_id == "manual_freeze"
        assert sent(world, ticket) == 1
        await ticket.decide("li.wei", Verb.APPROVE)
        await ticket.ends(TicketState.COMPLETED)


async def test_a_degraded_handler_costs_a_ticket_no_more_events_than_one_that_refuses(
    world: World,
) -> None:
    events: list[list[int]] = []
    for is_held in (False, True):
        if is_held:
            held(world)
        else:
            world.bank.fail_next(Failure.REFUSED)
        ticket = await world.submit()
        await ticket.review()
        history = await ticket.handle.fetch_history()
        calls = [
            each.event_id
            for each in history.events
            if each.activity_task_scheduled_event_attributes.activity_type.name == HANDLER
        ]
        events.append(
            [
                each.event_type
                for each in history.events
                if each.event_id in calls
                or each.activity_task_started_event_attributes.scheduled_event_id in calls
                or each.activity_task_failed_event_attributes.scheduled_event_id in calls
            ]
        )
        await ticket.command("cancel")
    assert events[0] == events[1]
    assert len(events[0]) == 3


def held(world: World) -> None:
    """A person keeps the handler degraded."""
    now = world.store.database.now()
    hold = partial(degrade, by="duty.liu", why="maintenance", until=now + timedelta(hours=1), now=now)
    world.store.handler_health.change(HANDLER, hold, by="duty.liu", reason="maintenance")
