"""Long tickets are continued as new: nothing that waits is lost, nothing happens twice."""

from collections.abc import AsyncIterator
from datetime import UTC, timedelta
from typing import Any

import pytest
from temporalio.testing import WorkflowEnvironment

from definitions.schema import Sop
from domain.lifecycle import TicketState
from domain.ticket import EventKind
from tests.fakes.core_bank import Failure
from tests.fakes.rulebook import FakeRulebook
from tests.support.ticket_world import Ticket, World, ticket_world
from tests.support.virtual_time import virtual_time

EVENTS_A_RUN = 40


def sop(action: str, *steps: dict[str, Any]) -> Sop:
    assess = {"name": "Assess", "handler": "risk_assessor"}
    return Sop.model_validate(
        {
            "name": action.replace("_", " "),
            "trigger": {"category": "accounts", "action": action},
            "steps": [assess, *steps],
            "sla": "30d",
        }
    )


PAY = {"name": "Pay", "handler": "core_system_freeze"}
SOPS = (
    sop(
        "many_items",
        {"name": "All", "foreach": {"items": "fields.lines", "as": "line", "limit": 3, "steps": [PAY]}},
    ),
    sop(
        "waiting",
        {
            "name": "Side By Side",
            "parallel": {
                "works": [
                    {"name": "All", "foreach": {"items": "fields.lines", "as": "line", "steps": [PAY]}},
                ],
                "asks": [
                    {
                        "name": "Ask",
                        "review": {
                            "question": "Well?",
                            "group": "Compliance Review",
                            "quorum": 2,
                            "deadline": "10d",
                        },
                    }
                ],
                "waits": [{"name": "Cool Down", "wait": {"duration": "5d"}}],
                "listens": [{"name": "Papers", "wait": {"event": "papers"}}],
            },
        },
    ),
    sop("failing", {**PAY, "retry": 0}),
)


@pytest.fixture(scope="module")
async def short_env() -> AsyncIterator[WorkflowEnvironment]:
    async with virtual_time(f"limit.historyCount.suggestContinueAsNew={EVENTS_A_RUN}") as environment:
        yield environment


@pytest.fixture(scope="module")
async def world(
    short_env: WorkflowEnvironment, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    rulebook = FakeRulebook(SOPS, all_day="daytime")
    async with ticket_world(short_env.client, tmp_path_factory.mktemp("world"), rulebook) as made:
        yield made


async def runs_of(world: World, ticket: Ticket) -> int:
    """How many runs the ticket has had so far."""
    first = (await ticket.handle.describe()).raw_description.workflow_execution_info.first_run_id
    count, run_id = 1, first
    while True:
        history = await world.client.get_workflow_handle(ticket.handle.id, run_id=run_id).fetch_history()
        last = history.events[-1].workflow_execution_continued_as_new_event_attributes
        if not last.new_execution_run_id:
            return count
        assert len(history.events) < 4 * EVENTS_A_RUN
        count, run_id = count + 1, last.new_execution_run_id


def order(lines: int) -> dict[str, Any]:
    return {"authority": "customer", "identity_verified": True, "lines": list(range(lines))}


async def test_every_item_is_handled_once_over_many_runs(world: World) -> None:
    ticket = await world.submit(action="many_items", fields=order(25))
    await ticket.ends(TicketState.COMPLETED, seconds=60)
    effects = {key: n for key, n in world.bank.effects.items() if key.startswith(f"{ticket.task_id}/")}
    assert effects == {f"{ticket.task_id}/all.{number}.pay/1": 1 for number in range(1, 26)}
    assert await runs_of(world, ticket) > 2


async def test_a_ticket_is_opened_when_its_workflow_is_started_not_when_a_worker_takes_it(
    world: World,
) -> None:
    """The first workflow task's time is another after a replay: deadlines would move."""
    ticket = await world.submit(action="waiting", fields=order(0))
    view = await ticket.view()
    history = await ticket.handle.fetch_history()
    assert view.opened_at == history.events[0].event_time.ToDatetime(UTC)
    await ticket.handle.cancel()


async def test_questions_timers_and_events_go_along(short_env: WorkflowEnvironment, world: World) -> None:
    ticket = await world.submit(action="waiting", fields=order(3))
    first = await ticket.review("ask")
    assert (await ticket.decide("zhao.min", step="ask")).message == "1 of 2 approvals recorded"
    opened = (await ticket.view()).opened_at
    while await runs_of(world, ticket) < 3:
        await ticket.decide("wang.fang", request=first)  # refused: of another group, and it fills the history
    view = await ticket.view()
    assert view.opened_at == opened
    assert [(each.review_id, each.approvals) for each in view.open_reviews] == [
        (first.review_id, ("zhao.min",))
    ]
    assert "event papers" in view.waiting_for
    # A code given before the run was continued is still good.
    assert (await ticket.decide("sun.lei", request=first)).message == "approve recorded"
    assert (await ticket.event("papers")).accepted
    await short_env.fast_forward(ticket.handle, timedelta(days=5, minutes=1))
    result = await ticket.ends(TicketState.COMPLETED)
    assert (result.closed_at - opened) >= timedelta(days=5)
    stored = world.store.reader.timeline(ticket.task_id)
    assert [event.seq for event in stored] == list(range(1, len(stored) + 1))
    asked = [event for event in stored if event.kind is EventKind.REVIEW_OPENED]
    assert [event.step_id for event in asked] == ["ask"]
    started = [event.step_id for event in stored if event.kind is EventKind.STEP_STARTED]
    assert len(started) == len(set(started))
    waits = [event.step_id for event in stored if event.kind is EventKind.WAITING]
    assert sorted(waits) == ["cool_down", "papers"]


async def test_a_failed_step_goes_on_waiting_for_its_operator_and_is_told_once(world: World) -> None:
    world.bank.fail_next(Failure.REFUSED)
    ticket = await world.submit(action="failing", fields=order(0))
    await ticket.until(lambda view: view.state is TicketState.FAILED)
    while await runs_of(world, ticket) < 3:
        await ticket.command("retry_step", by="zhao.min")  # refused: no operator, and it fills the history
    view = await ticket.until(lambda view: view.steps_failed == ("pay",))
    assert (view.state, view.waiting_for) == (TicketState.FAILED, "operator")
    assert (await ticket.command("retry_step")).accepted
    await ticket.ends(TicketState.COMPLETED)
    stored = world.store.reader.timeline(ticket.task_id)
    moves = [event.summary for event in stored if event.kind is EventKind.STATE]
    assert moves[2:5] == ["processing → failed", "failed → retry", "retry → processing"]
    subject = f"Pay failed on {ticket.task_id}"
    assert [notice.subject for _, _, notice in world.outbox.sent if notice.subject == subject] != []
    assert len([event for event in stored if event.kind is EventKind.STEP_FAILED]) == 1
