"""The freeze SOP of the article on a real Temporal server, through duty, risk and four eyes."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.testing import WorkflowEnvironment

from definitions.schema import Sop
from domain.lifecycle import TicketState
from domain.notices import Channel
from domain.review import ReviewKind, Verb
from domain.task import RiskLevel
from domain.ticket import EventKind
from tests.fakes.core_bank import Failure
from tests.fakes.rulebook import FakeRulebook
from tests.support.ticket_world import CUSTOMER_ORDER, Ticket, World, ticket_world

FREEZE = Sop.model_validate(
    {
        "name": "Account Freeze Process",
        "trigger": {"category": "accounts", "action": "freeze"},
        "steps": [
            {"name": "Authorization Check", "handler": "auth_validator", "timeout": "5s", "retry": 1},
            {
                "name": "Risk Assessment",
                "handler": "risk_assessor",
                "timeout": "10s",
                "branch": {"high": ["escalate_to_compliance"], "low": ["execute_freeze"]},
            },
            {
                "name": "Execute Freeze",
                "handler": "core_system_freeze",
                "timeout": "30s",
                "retry": 3,
                "fallback": "manual_freeze",
            },
            {"name": "Notify Customer", "handler": "sms_notifier", "timeout": "10s", "async": True},
        ],
        "sla": "1h",
        "escalation": {"at": "45min", "to": "Operations Supervisor", "channel": "sms"},
    }
)

ENTITY = {**CUSTOMER_ORDER, "holder": "entity"}
LARGE = {**CUSTOMER_ORDER, "amount": "900000.00"}


@pytest.fixture(scope="module")
async def world(env: WorkflowEnvironment, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    folder: Path = tmp_path_factory.mktemp("world")
    async with ticket_world(env.client, folder, FakeRulebook([FREEZE], all_day="daytime")) as made:
        yield made


def effects(world: World, ticket: Ticket) -> int:
    """How often the bank changed something for this ticket."""
    return sum(number for key, number in world.bank.effects.items() if key.startswith(ticket.task_id))


async def test_a_low_risk_freeze_runs_by_itself_and_tells_the_customer(world: World) -> None:
    ticket = await world.submit()
    result = await ticket.ends(TicketState.COMPLETED)
    assert result.risk == RiskLevel.LOW
    assert effects(world, ticket) == 1
    assert [notice.task_id for via, _, notice in world.outbox.sent if via is Channel.SMS].count(
        ticket.task_id
    ) == 1
    history = await ticket.handle.fetch_history()
    assert len(history.events) <= 35


async def test_a_high_risk_freeze_waits_for_compliance_and_is_not_asked_twice(world: World) -> None:
    ticket = await world.submit(fields=LARGE)
    request = await ticket.review()
    assert request.kind is ReviewKind.STEP
    assert [effect.step_id for effect in request.effects] == ["execute_freeze", "notify_customer"]
    assert effects(world, ticket) == 0
    outcome = await ticket.decide("zhao.min")
    assert outcome.accepted, outcome
    await ticket.ends(TicketState.COMPLETED)
    assert effects(world, ticket) == 1
    assert (await ticket.kinds()).count(EventKind.REVIEW_OPENED) == 1


async def test_a_rejected_freeze_is_not_carried_out(world: World) -> None:
    ticket = await world.submit(fields=LARGE)
    outcome = await ticket.decide("zhao.min", Verb.REJECT, reason="the order is forged")
    assert outcome.accepted
    result = await ticket.ends(TicketState.REJECTED)
    assert "the order is forged" in result.result
    assert effects(world, ticket) == 0


async def test_an_unrouted_medium_risk_goes_to_a_person_who_picks_a_route(world: World) -> None:
    ticket = await world.submit(fields=ENTITY)
    request = await ticket.review()
    assert request.kind is ReviewKind.ROUTE
    assert request.choices == ("high", "low")
    without = await ticket.decide("li.wei")
    assert (without.accepted, without.code) == (False, "choice_missing")
    assert (await ticket.decide("li.wei", choice="low")).accepted
    await ticket.ends(TicketState.COMPLETED)
    assert effects(world, ticket) == 1


async def test_an_unknown_outcome_is_asked_again_and_never_assumed(world: World) -> None:
    world.bank.fail_next(*[Failure.LOST_AFTER_COMMIT])
    ticket = await world.submit()
    await ticket.ends(TicketState.COMPLETED)
    assert effects(world, ticket) == 1


async def test_a_refused_order_falls_back_to_a_person(world: World) -> None:
    world.bank.fail_next(Failure.REFUSED)
    ticket = await world.submit()
    request = await ticket.review()
    assert request.kind is ReviewKind.MANUAL
    assert (await ticket.decide("li.wei")).accepted
    await ticket.ends(TicketState.COMPLETED)
    assert effects(world, ticket) == 0
    assert EventKind.STEP_FAILED in await ticket.kinds()


async def test_the_maker_cannot_approve(world: World) -> None:
    ticket = await world.submit(maker="zhao.min", fields=LARGE)
    refused = await ticket.decide("zhao.min")
    assert (refused.accepted, refused.code) == (False, "four_eyes")
    assert (await ticket.decide("sun.lei")).accepted
    await ticket.ends(TicketState.COMPLETED)


async def test_a_decision_without_a_code_is_recorded_and_refused(world: World) -> None:
    ticket = await world.submit(fields=LARGE)
    refused = await ticket.decide("zhao.min", code="")
    assert (refused.accepted, refused.code) == (False, "decision_code_invalid")
    assert EventKind.DECISION_REFUSED in await ticket.kinds()
    await ticket.command("cancel")
    await ticket.ends(TicketState.CANCELLED)


async def test_a_failed_check_waits_for_the_operator(world: World) -> None:
    ticket = await world.submit(fields={})
    view = await ticket.until(lambda view: view.state is TicketState.FAILED)
    assert view.waiting_for == "operator"
    assert not (await ticket.command("retry_step", by="li.wei")).accepted
    assert (await ticket.command("skip_step")).accepted
    assert EventKind.STEP_SKIPPED in await ticket.kinds()


async def test_a_skipped_control_keeps_the_ticket_at_high_risk(world: World) -> None:
    ticket = await world.submit(fields={})
    await ticket.until(lambda view: view.state is TicketState.FAILED)
    assert (await ticket.command("skip_step")).accepted
    request = await ticket.review()
    assert "the control authorization_check was skipped" in " ".join(request.evidence)
    assert effects(world, ticket) == 0
    assert (await ticket.view()).risk is RiskLevel.HIGH


async def test_the_store_has_what_the_workflow_has(world: World) -> None:
    ticket = await world.submit()
    await ticket.ends(TicketState.COMPLETED)
    recorded = world.store.reader.view(ticket.task_id)
    assert recorded == await ticket.view()
    assert list(world.store.reader.timeline(ticket.task_id)) == await ticket.timeline()


async def test_the_group_that_is_asked_is_the_group_that_is_told(world: World) -> None:
    ticket = await world.submit(fields=LARGE)
    request = await ticket.review()
    assert request.group == "Compliance Review"
    told: list[str] = []
    await ticket.until_told("review", told)
    assert told == ["dashboard → Compliance Review"]
    await ticket.command("cancel")


async def test_whoever_takes_over_by_hand_is_told_what_went_wrong(world: World) -> None:
    world.bank.fail_next(Failure.REFUSED)
    ticket = await world.submit()
    request = await ticket.review()
    assert request.step_id == "manual_freeze"
    assert "before this: Execute Freeze: the bank says no" in request.evidence
    await ticket.command("cancel")
