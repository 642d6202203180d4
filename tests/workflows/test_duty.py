"""Day and night: who is asked, who is told, what is spot-checked."""

from collections.abc import AsyncIterator

import pytest
from temporalio.testing import WorkflowEnvironment

from definitions.schema import Sop
from domain.lifecycle import TicketState
from domain.notices import Channel
from domain.review import ReviewKind
from domain.ticket import EventKind
from tests.fakes.rulebook import FakeRulebook
from tests.support.ticket_world import CUSTOMER_ORDER, World, ticket_world

SOP = Sop.model_validate(
    {
        "name": "Freeze",
        "trigger": {"category": "accounts", "action": "freeze"},
        "steps": [
            {"name": "Risk Assessment", "handler": "risk_assessor"},
            {"name": "Execute Freeze", "handler": "core_system_freeze"},
            {"name": "Notify Customer", "handler": "sms_notifier"},
        ],
    }
)
NO_ASSESSOR = Sop.model_validate(
    {
        "name": "Careless",
        "trigger": {"category": "accounts", "action": "careless"},
        "steps": [{"name": "Execute Freeze", "handler": "core_system_freeze"}],
    }
)
BY_HAND = Sop.model_validate(
    {
        "name": "By Hand",
        "trigger": {"category": "accounts", "action": "by_hand"},
        "steps": [
            {"name": "Risk Assessment", "handler": "risk_assessor"},
            {"name": "Do It", "manual": {"instructions": "At the counter, please"}},
        ],
    }
)
MEDIUM = {**CUSTOMER_ORDER, "holder": "entity"}
HIGH = {**CUSTOMER_ORDER, "amount": "900000.00"}


@pytest.fixture(scope="module", params=["daytime", "nighttime"])
async def hour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
async def world(
    env: WorkflowEnvironment, hour: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    rulebook = FakeRulebook([SOP, NO_ASSESSOR, BY_HAND], all_day=hour)
    async with ticket_world(env.client, tmp_path_factory.mktemp(hour), rulebook) as made:
        yield made


async def test_low_risk_runs_by_itself_at_any_hour(world: World) -> None:
    ticket = await world.submit()
    result = await ticket.ends(TicketState.COMPLETED)
    assert not result.spot_check
    assert EventKind.REVIEW_OPENED not in await ticket.kinds()


async def test_medium_risk_asks_by_day_and_is_spot_checked_by_night(world: World, hour: str) -> None:
    ticket = await world.submit(fields=MEDIUM)
    if hour == "daytime":
        request = await ticket.review()
        assert request.kind is ReviewKind.GATE
        assert (await ticket.decide("li.wei")).accepted
    result = await ticket.ends(TicketState.COMPLETED)
    assert result.spot_check == (hour == "nighttime")
    # The approval covered both effects and the closing: it was asked for once.
    assert (await ticket.kinds()).count(EventKind.REVIEW_OPENED) == (1 if hour == "daytime" else 0)


async def test_high_risk_asks_at_any_hour_and_pages_on_call_by_night(world: World, hour: str) -> None:
    ticket = await world.submit(fields=HIGH)
    await ticket.review()
    if hour == "nighttime":
        told: list[str] = []
        await ticket.until_told("review", told)
        assert told == ["sms → duty.liu"]
        assert any(via is Channel.SMS and to == "number of duty.liu" for via, to, _ in world.outbox.sent)
    assert (await ticket.decide("li.wei")).accepted
    await ticket.ends(TicketState.COMPLETED)


async def test_an_effect_before_the_risk_is_assessed_is_treated_as_high(world: World) -> None:
    ticket = await world.submit(action="careless")
    request = await ticket.review()
    assert request.kind is ReviewKind.GATE
    assert "before the risk was assessed" in " ".join(request.evidence)


async def test_what_was_done_by_hand_is_closed_by_somebody_else(world: World, hour: str) -> None:
    ticket = await world.submit(action="by_hand", fields=HIGH)
    assert (await ticket.decide("duty.liu")).accepted
    request = await ticket.until(
        lambda view: any(review.kind is ReviewKind.CLOSING for review in view.open_reviews)
    )
    refused = await ticket.decide("duty.liu", request=request.open_reviews[0])
    assert (refused.accepted, refused.code) == (False, "four_eyes")
    assert (await ticket.decide("duty.yang", request=request.open_reviews[0])).accepted
    await ticket.ends(TicketState.COMPLETED)


async def test_whoever_the_sop_asks_at_night_about_high_risk_is_on_call(world: World, hour: str) -> None:
    ticket = await world.submit(action="by_hand", fields=HIGH)
    await ticket.review()
    told: list[str] = []
    await ticket.until_told("review", told)
    on_call = told == ["sms → duty.liu"]
    assert on_call == (hour == "nighttime")
