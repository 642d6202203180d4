"""Decisions and commands as messages: what counts, what is refused, what happens at the wrong moment."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from temporalio.client import WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment

from definitions.schema import Sop
from domain.lifecycle import TicketState
from domain.review import Decision, DecisionOutcome, ReviewKind, Verb
from domain.ticket import EventKind
from tests.fakes.core_bank import Failure
from tests.fakes.rulebook import FakeRulebook
from tests.support.ticket_world import Ticket, World, ticket_world
from workflows.contract import TASK_QUEUE
from workflows.ticket import TicketWorkflow

ASK = Sop.model_validate(
    {
        "name": "Ask",
        "trigger": {"category": "accounts", "action": "freeze"},
        "steps": [
            {"name": "Risk Assessment", "handler": "risk_assessor"},
            {"name": "Ask", "review": {"question": "Well?"}},
            {"name": "Execute Freeze", "handler": "core_system_freeze", "retry": 0},
        ],
    }
)


@pytest.fixture(scope="module")
async def world(env: WorkflowEnvironment, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    rulebook = FakeRulebook([ASK], all_day="daytime")
    async with ticket_world(env.client, tmp_path_factory.mktemp("world"), rulebook) as made:
        yield made


def done(world: World, ticket: Ticket) -> int:
    return sum(number for key, number in world.bank.effects.items() if key.startswith(ticket.task_id))


async def test_a_decision_can_come_as_a_signal(world: World) -> None:
    ticket = await world.submit()
    request = await ticket.review()
    code = world.codes.issue("li.wei", "decide", request.review_id, request.digest)
    await ticket.handle.signal(
        TicketWorkflow.submit_decision,
        Decision(review_id=request.review_id, verb=Verb.APPROVE, code=code),
    )
    await ticket.ends(TicketState.COMPLETED)


async def test_a_signal_without_a_code_is_recorded_and_refused(world: World) -> None:
    ticket = await world.submit()
    request = await ticket.review()
    await ticket.handle.signal(
        TicketWorkflow.submit_decision, Decision(review_id=request.review_id, verb=Verb.APPROVE)
    )
    async with asyncio.timeout(10):
        while EventKind.DECISION_REFUSED not in await ticket.kinds():
            await asyncio.sleep(0.05)
    refused = world.store.audit.entries(task_id=ticket.task_id)[-1]
    assert not refused.accepted
    assert (await ticket.view()).open_reviews
    await ticket.command("cancel")


async def test_a_code_for_one_review_does_not_open_another(world: World) -> None:
    first, second = await world.submit(), await world.submit()
    shown = await first.review()
    await second.review()
    foreign = world.codes.issue("li.wei", "decide", shown.review_id, shown.digest)
    refused = await second.decide("li.wei", code=foreign)
    assert (refused.accepted, refused.code) == (False, "decision_code_invalid")
    for ticket in (first, second):
        await ticket.command("cancel")


async def test_a_code_is_bound_to_what_was_shown(world: World) -> None:
    ticket = await world.submit()
    request = await ticket.review()
    stale = world.codes.issue("zhao.min", "decide", request.review_id, request.digest)
    assert (await ticket.command("reassign", group="Compliance Review")).accepted
    refused = await ticket.decide("zhao.min", code=stale)
    assert "changed since it was shown" in refused.message
    assert (await ticket.decide("zhao.min")).accepted
    await ticket.ends(TicketState.COMPLETED)


async def test_of_two_decisions_at_once_exactly_one_counts(world: World) -> None:
    ticket = await world.submit()
    request = await ticket.review()
    answers = await asyncio.gather(
        ticket.decide("li.wei", request=request), ticket.decide("wang.fang", Verb.REJECT, request=request)
    )
    assert sorted(answer.code for answer in answers) == ["accepted", "late"]
    late = next(answer for answer in answers if not answer.accepted)
    winner = next(answer for answer in answers if answer.accepted)
    assert f"by {winner.decided_by}" in late.message
    assert late.decided_by in {"li.wei", "wang.fang"}
    result = await ticket.result()
    assert (result.state is TicketState.COMPLETED) == (winner.decided_by == "li.wei")


async def test_a_decision_after_the_end_is_refused_by_the_server(world: World) -> None:
    ticket = await world.submit()
    request = await ticket.review()
    await ticket.decide("li.wei", request=request)
    await ticket.ends(TicketState.COMPLETED)
    with pytest.raises(RPCError, match=r"already completed|not found"):
        await ticket.decide("wang.fang", request=request)


async def test_a_rejection_needs_a_reason(world: World) -> None:
    ticket = await world.submit()
    refused = await ticket.decide("li.wei", Verb.REJECT, reason=" ")
    assert (refused.accepted, refused.code) == (False, "reason_missing")
    assert (await ticket.decide("li.wei", Verb.REJECT, reason="the account is another one")).accepted
    await ticket.ends(TicketState.REJECTED)


async def test_a_held_ticket_takes_decisions_but_does_nothing_until_it_is_resumed(world: World) -> None:
    ticket = await world.submit()
    await ticket.review()
    assert (await ticket.command("hold")).accepted
    again = await ticket.command("hold")
    assert (again.accepted, again.code) == (False, "conflict")
    assert (await ticket.decide("li.wei")).accepted
    view = await ticket.until(lambda view: view.waiting_for == "resume")
    assert view.held
    assert done(world, ticket) == 0
    assert (await ticket.command("resume")).accepted
    await ticket.ends(TicketState.COMPLETED)
    assert done(world, ticket) == 1


async def test_a_command_needs_the_role_operator_and_a_code(world: World) -> None:
    ticket = await world.submit()
    await ticket.review()
    refused = await ticket.command("cancel", by="li.wei")
    assert (refused.accepted, refused.code) == (False, "not_permitted")
    bare = await ticket.handle.execute_update(TicketWorkflow.cancel, args=[{"reason": "I say so"}])
    assert (bare.accepted, bare.code) == (False, "decision_code_invalid")
    assert (await ticket.kinds()).count(EventKind.COMMAND_REFUSED) == 2
    assert (await ticket.command("cancel")).accepted
    await ticket.ends(TicketState.CANCELLED)


async def test_retry_and_skip_are_for_failed_steps_only(world: World) -> None:
    ticket = await world.submit()
    await ticket.review()
    for verb in ("retry_step", "skip_step"):
        refused = await ticket.command(verb)
        assert (refused.accepted, refused.code) == (False, "conflict")
    await ticket.command("cancel")


async def test_a_cancellation_from_temporal_ends_the_ticket_as_cancelled(world: World) -> None:
    ticket = await world.submit()
    await ticket.review()
    await ticket.handle.cancel()
    result = await ticket.ends(TicketState.CANCELLED)
    assert "Temporal" in result.result
    assert done(world, ticket) == 0


async def test_a_failed_effect_is_tried_again_as_a_new_occurrence(world: World) -> None:
    ticket = await world.submit()
    world.bank.fail_next(Failure.REFUSED)
    await ticket.decide("li.wei")
    await ticket.until(lambda view: view.state is TicketState.FAILED)
    assert (await ticket.command("retry_step")).accepted
    await ticket.ends(TicketState.COMPLETED)
    assert [key for key in world.bank.effects if key.startswith(ticket.task_id)] == [
        f"{ticket.task_id}/execute_freeze/2"
    ]


async def test_a_start_that_does_not_fit_fails_at_once_and_names_the_field(world: World) -> None:
    task = {"task_id": "T-wrong", "title": "x", "source": "test", "external_id": "1", "colour": "red"}
    handle = await world.client.start_workflow(
        "TicketWorkflow", {"task": task}, id="ticket-T-wrong", task_queue=TASK_QUEUE
    )
    with pytest.raises(WorkflowFailureError) as failure:
        await asyncio.wait_for(handle.result(), 10)
    cause = failure.value.cause
    assert isinstance(cause, ApplicationError)
    assert cause.type == "input_invalid"
    assert "task.colour" in cause.message
    assert "red" not in cause.message


async def test_an_update_that_does_not_fit_is_rejected_and_names_the_field(world: World) -> None:
    ticket = await world.submit()
    await ticket.review()
    with pytest.raises(WorkflowUpdateFailedError) as failure:
        await ticket.handle.execute_update(
            "decide", {"review_id": "R1", "verb": "perhaps"}, result_type=DecisionOutcome
        )
    assert "verb" in str(failure.value.cause)
    await ticket.command("cancel")


async def test_a_signal_that_does_not_fit_is_recorded_and_disturbs_nothing(world: World) -> None:
    ticket = await world.submit()
    await ticket.review()
    await ticket.handle.signal("submit_decision", "approve, please")
    async with asyncio.timeout(10):
        while EventKind.DECISION_REFUSED not in await ticket.kinds():
            await asyncio.sleep(0.05)
    assert (await ticket.decide("li.wei")).accepted
    await ticket.ends(TicketState.COMPLETED)


@pytest.mark.parametrize("verb", ["decide", "hold", "cancel"])
@pytest.mark.parametrize("arguments", [[], [None], [{}, {}]])
async def test_an_empty_update_is_refused_and_the_ticket_goes_on(
    world: World, verb: str, arguments: list[object]
) -> None:
    ticket = await world.submit()
    await ticket.review()
    with pytest.raises(WorkflowUpdateFailedError):
        await asyncio.wait_for(ticket.handle.execute_update(verb, args=arguments), 10)
    assert (await ticket.view()).open_reviews
    await ticket.command("cancel")
    await ticket.ends(TicketState.CANCELLED)


@pytest.mark.parametrize("arguments", [[], [None], [{}, {}, {}]])
async def test_an_empty_signal_is_recorded_and_the_ticket_goes_on(
    world: World, arguments: list[object]
) -> None:
    ticket = await world.submit()
    await ticket.review()
    await ticket.handle.signal("submit_decision", args=arguments)
    async with asyncio.timeout(10):
        while EventKind.DECISION_REFUSED not in await ticket.kinds():
            await asyncio.sleep(0.05)
    await ticket.command("cancel")
    await ticket.ends(TicketState.CANCELLED)


TASK = {"title": "x", "source": "test", "external_id": "1"}


@pytest.mark.parametrize(
    ("task_id", "argument", "why"),
    [
        ("S1", None, "missing"),
        ("S2", {"task": {"task_id": "S2-other", **TASK}}, "workflow id must be ticket-S2-other"),
        ("S3", {"task": {"task_id": "S3", **TASK}, "received_at": "2126-01-01T00:00:00Z"}, "in the future"),
        ("S4", {"task": {"task_id": "S4", **TASK}, "clock": {"factor": 1000}}, "clock"),
        (
            "S5",
            {
                "task": {"task_id": "S5", **TASK},
                "clock": {"real_origin": "2026-11-23T00:00:00Z", "bank_origin": "2026-11-23T14:00:00Z"},
            },
            "clock: is not the clock of this installation",
        ),
    ],
)
async def test_a_start_that_cannot_be_a_tickets_fails_with_the_reason(
    world: World, task_id: str, argument: object, why: str
) -> None:
    handle = await world.client.start_workflow(
        "TicketWorkflow", argument, id=f"ticket-{task_id}", task_queue=TASK_QUEUE
    )
    with pytest.raises(WorkflowFailureError) as failure:
        await asyncio.wait_for(handle.result(), 10)
    assert why in str(failure.value.cause)


async def test_a_skipped_effect_is_never_passed_off_as_done(world: World) -> None:
    ticket = await world.submit()
    world.bank.fail_next(Failure.REFUSED)
    await ticket.decide("li.wei")
    await ticket.until(lambda view: view.state is TicketState.FAILED)
    assert (await ticket.command("skip_step")).accepted
    request = await ticket.review()
    assert request.kind is ReviewKind.CLOSING
    assert "the effect execute_freeze was skipped" in " ".join(request.evidence)
    assert (await ticket.decide("wang.fang")).accepted
    result = await ticket.ends(TicketState.COMPLETED)
    assert result.result == "Ask completed, without execute_freeze"
    assert "execute_freeze" not in (await ticket.view()).steps_done


async def test_an_operator_commands_the_tickets_of_their_own_groups(world: World) -> None:
    ticket = await world.submit()
    await ticket.review()
    assert (await ticket.command("reassign", group="Somebody Else's Group")).accepted
    refused = await ticket.command("cancel")
    assert (refused.accepted, refused.code) == (False, "not_permitted")
