"""The desk and the ticket together: events, forms, several approvals, several failures, migration."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from temporalio.testing import WorkflowEnvironment

from definitions.schema import Sop
from domain.clock import BankClock
from domain.errors import Conflict, InvalidInput
from domain.lifecycle import TicketState
from domain.people import Principal
from domain.review import Decision, DecisionOutcome, ReviewRequest, Verb
from domain.ticket import EventKind
from tests.fakes.core_bank import Failure
from tests.fakes.rulebook import FakeRulebook
from tests.support.ticket_world import Ticket, World, ticket_world
from workers.activity_set import sops_in_force
from workers.tickets import TicketDesk
from workflows.contract import Command, CommandOutcome, OutsideEvent


def sop(action: str, *steps: dict[str, Any], version: str = "1") -> Sop:
    return Sop.model_validate(
        {
            "name": f"Procedure {action}",
            "version": version,
            "trigger": {"category": "accounts", "action": action},
            "steps": [{"name": "Risk Assessment", "handler": "risk_assessor"}, *steps],
        }
    )


FREEZE = {"name": "Execute Freeze", "handler": "core_system_freeze", "retry": 0}
WAITS = sop("wait_for_it", {"name": "Confirm", "wait": {"event": "payment_received"}})
ASKS = sop(
    "ask_two",
    {
        "name": "Ask",
        "review": {
            "question": "Well?",
            "group": "Account Operations",
            "quorum": 2,
            "form": {"voucher_no": {"label": "Voucher"}, "amount": {"type": "money"}},
        },
    },
)
TWO = sop(
    "do_two",
    {"name": "Both", "parallel": {"left": [FREEZE], "right": [{**FREEZE, "name": "Freeze Again"}]}},
)
BROKEN = sop("mend", FREEZE)
BY_HAND = {"instructions": "At the counter, please", "group": "Account Operations"}
MENDED = sop("mend", {"name": "Execute Freeze", "manual": BY_HAND}, version="2")


@pytest.fixture(scope="module")
async def world(env: WorkflowEnvironment, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    rulebook = FakeRulebook([WAITS, ASKS, TWO, BROKEN], all_day="nighttime")
    async with ticket_world(env.client, tmp_path_factory.mktemp("world"), rulebook) as made:
        yield made


@pytest.fixture(scope="module")
def desk(world: World) -> TicketDesk:
    return TicketDesk(
        world.client,
        reader=world.store.reader,
        intake=world.store.intake,
        audit=world.store.audit,
        codes=world.codes,
        clock=BankClock(),
        directory=lambda: world.rulebook.current().directory,
        in_force=lambda: sops_in_force(world.rulebook.current()),
        archived=lambda _name, _digest: None,
    )


def who(world: World, name: str) -> Principal:
    found = world.rulebook.current().directory.principal(name)
    assert found is not None
    return found


async def command(desk: TicketDesk, world: World, ticket: Ticket, verb: str, **said: Any) -> CommandOutcome:
    given = Command(reason="in the test", **said)
    return await desk.commands.give(verb, ticket.task_id, given, principal=who(world, "op.chen"))


async def recorded(desk: TicketDesk, ticket: Ticket) -> ReviewRequest:
    """The ticket's open review, as soon as the store has it."""
    request = await ticket.review()
    async with asyncio.timeout(10):
        while request not in desk.reading._reader.open_reviews():
            await asyncio.sleep(0.05)
    return request


class TestEvents:
    async def tell(self, desk: TicketDesk, world: World, ticket: Ticket, by: str = "intake", **changes: Any):
        stated = {"name": "payment_received", "event_id": "E-1", "data": {"voucher_no": "V-1"}, **changes}
        event = OutsideEvent.model_validate(stated)
        return await desk.events.deliver(ticket.task_id, event, principal=who(world, by))

    async def test_an_event_counts_once_also_after_the_end(self, world: World, desk: TicketDesk) -> None:
        ticket = await world.submit(action="wait_for_it")
        await ticket.until(lambda view: "payment_received" in view.waiting_for)
        first = await self.tell(desk, world, ticket)
        assert (first.accepted, first.repeated) == (True, False)
        await ticket.ends(TicketState.COMPLETED)
        again = await self.tell(desk, world, ticket)
        assert (again.accepted, again.repeated) == (True, True)
        with pytest.raises(Conflict, match="ended as completed"):
            await self.tell(desk, world, ticket, event_id="E-2")
        came = [event for event in await ticket.timeline() if event.kind is EventKind.EVENT]
        assert [(event.actor, event.data["event_id"]) for event in came] == [("intake", "E-1")]

    async def test_operators_tell_tickets_of_their_own_groups(self, world: World, desk: TicketDesk) -> None:
        ticket = await world.submit(action="wait_for_it")
        await ticket.until(lambda view: "payment_received" in view.waiting_for)
        assert (await command(desk, world, ticket, "reassign", group="Reconciliation")).accepted
        assert (await self.tell(desk, world, ticket, "op.chen", name="something_else")).accepted
        again = await self.tell(desk, world, ticket, "op.chen", name="something_else")
        assert again.repeated
        assert (await command(desk, world, ticket, "cancel")).accepted
        await ticket.ends(TicketState.CANCELLED)


async def test_two_people_fill_in_a_form_and_the_review_keeps_its_digest(
    world: World, desk: TicketDesk
) -> None:
    ticket = await world.submit(action="ask_two")
    request = await recorded(desk, ticket)

    async def decide(name: str, **form: str) -> DecisionOutcome:
        decision = Decision(review_id=request.review_id, verb=Verb.APPROVE, form=form)
        return await desk.reviews.decide(decision, digest=request.digest, principal=who(world, name))

    assert (await decide("li.wei", voucher_no="V-1")).code == "form_invalid"
    first = await decide("li.wei", voucher_no="V-1", amount="12.50")
    assert (first.accepted, first.message) == (True, "1 of 2 approvals recorded")
    again = await decide("li.wei", voucher_no="V-1", amount="12.50")
    assert (again.accepted, again.code) == (False, "conflict")
    assert (await decide("wang.fang", voucher_no="V-1", amount="12.50")).accepted
    await ticket.ends(TicketState.COMPLETED)


async def test_of_two_failed_steps_the_operator_names_one(world: World, desk: TicketDesk) -> None:
    ticket = await world.submit(action="do_two")
    world.bank.fail_next(Failure.REFUSED, Failure.REFUSED)
    view = await ticket.until(lambda view: len(view.steps_failed) == 2)
    with pytest.raises(InvalidInput, match="name one of") as refused:
        await command(desk, world, ticket, "retry_step")
    assert refused.value.field == "step"
    one, other = view.steps_failed
    assert (await command(desk, world, ticket, "retry_step", step=one)).accepted
    await ticket.until(lambda view: view.steps_failed == (other,))
    assert (await command(desk, world, ticket, "retry_step")).accepted
    await ticket.ends(TicketState.COMPLETED)


async def test_a_ticket_whose_sop_was_mended_moves_and_repeats_nothing(
    world: World, desk: TicketDesk
) -> None:
    world.bank.fail_next(Failure.REFUSED, Failure.REFUSED)
    tickets = [await world.submit(action="mend") for _ in range(2)]
    moving, staying = tickets
    for ticket in tickets:
        await ticket.until(lambda view: view.state is TicketState.FAILED)
    rulebook = world.rulebook
    assert isinstance(rulebook, FakeRulebook)
    rulebook.book = replace(
        rulebook.book, sops=tuple(MENDED if each.id == BROKEN.id else each for each in rulebook.book.sops)
    )
    async with asyncio.timeout(10):
        while len((found := await desk.migration.plan(BROKEN.id, 50)).candidates) < 2:
            await asyncio.sleep(0.05)
    assert {each.task_id: each.stands for each in found.candidates} == {
        each.task_id: True for each in tickets
    }
    assert [step.key for step in found.candidates[0].finished] == ["risk_assessment"]
    outcome = await desk.migration.move(moving.task_id, "it was mended", principal=who(world, "op.chen"))
    assert outcome.accepted
    assert (await moving.review()).question == "At the counter, please"
    with pytest.raises(Conflict, match="on version 2 already"):
        await desk.migration.move(moving.task_id, "once more", principal=who(world, "op.chen"))
    assert (await moving.decide("li.wei")).accepted
    await moving.ends(TicketState.COMPLETED)
    assert (await moving.view()).sop_version == "2"
    with pytest.raises(Conflict, match="ended as completed"):
        await desk.migration.move(moving.task_id, "once more", principal=who(world, "op.chen"))
    assert (await command(desk, world, staying, "retry_step")).accepted
    await staying.ends(TicketState.COMPLETED)
    assert (await staying.view()).sop_version == "1"
    placed = [key.split("/")[0] for key in world.bank.effects]
    assert (placed.count(staying.task_id), placed.count(moving.task_id)) == (1, 0)
    told = await desk.reading.timeline(await desk.reading.view(moving.task_id))
    assert [event.seq for event in told.events] == list(range(1, len(told.events) + 1))
    kinds = [event.kind for event in told.events]
    assert (kinds.count(EventKind.MIGRATED), kinds.count(EventKind.RISK)) == (1, 1)
