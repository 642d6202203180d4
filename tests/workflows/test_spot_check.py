"""Spot checks from the marked ticket to the answer, and what an objection leads to."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.testing import WorkflowEnvironment

from activities.spot_checks import correction_task_id
from definitions.schema import Sop
from domain.lifecycle import TicketState
from domain.spot_check import (
    CheckAnswer,
    CheckOutcome,
    CheckReply,
    CheckState,
    CheckVerb,
    ListedCheck,
    SpotCheck,
    SpotCheckPolicy,
)
from domain.task import RiskLevel
from tests.fakes.rulebook import FakeRulebook
from tests.support.ticket_world import CUSTOMER_ORDER, Ticket, World, ticket_world
from workflows.contract import workflow_id
from workflows.spot_check_contract import (
    DRAW_TYPE,
    PURPOSE,
    SPOT_CHECK_TYPE,
    TASK_QUEUE,
    DrawInput,
    DrawResult,
    SpotCheckInput,
    spot_check_id,
)

FREEZE = Sop.model_validate(
    {
        "name": "Freeze",
        "trigger": {"category": "accounts", "action": "freeze"},
        "steps": [
            {"name": "Risk Assessment", "handler": "risk_assessor"},
            {"name": "Execute Freeze", "handler": "core_system_freeze"},
        ],
    }
)
MEDIUM = {**CUSTOMER_ORDER, "holder": "entity"}
_NUMBERS = count(1)


@pytest.fixture(scope="module")
async def world(env: WorkflowEnvironment, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    rulebook = FakeRulebook([FREEZE], all_day="nighttime", working_day=lambda _: True)
    async with ticket_world(env.client, tmp_path_factory.mktemp("spot"), rulebook) as made:
        yield made


def with_policy(world: World, **changes: Any) -> None:
    """Another policy of spot checks, as an edit of the file would bring it."""
    rulebook = world.rulebook
    assert isinstance(rulebook, FakeRulebook)
    rulebook.book = replace(rulebook.book, spot_checks=SpotCheckPolicy(**changes))


async def until(holds: Callable[[], bool], what: str) -> None:
    try:
        async with asyncio.timeout(20):
            while not holds():
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(what) from None


async def draw(world: World) -> DrawResult:
    """One morning's draw."""
    result: DrawResult = await world.client.execute_workflow(
        DRAW_TYPE,
        DrawInput(),
        id=f"draw-{next(_NUMBERS)}-{id(world):x}",
        task_queue=TASK_QUEUE,
        result_type=DrawResult,
    )
    return result


async def ran_at_night(world: World, **task: Any) -> Ticket:
    """A medium-risk ticket that ran by itself to its end."""
    ticket = await world.submit(fields=MEDIUM, **task)
    await ticket.ends(TicketState.COMPLETED)
    return ticket


async def queued(world: World, task_id: str) -> ListedCheck:
    """The check once it stands in the queue."""
    await until(lambda: world.store.spot_checks.check(task_id) is not None, f"{task_id} is not in the queue")
    found = world.store.spot_checks.check(task_id)
    assert found is not None
    return found


async def drawn(world: World) -> ListedCheck:
    """A ticket that ran at night and was drawn the next morning."""
    ticket = await ran_at_night(world)
    await draw(world)
    return await queued(world, ticket.task_id)


def checking(world: World, task_id: str) -> WorkflowHandle[Any, CheckOutcome]:
    return world.client.get_workflow_handle(spot_check_id(task_id), result_type=CheckOutcome)


async def answer(
    world: World, check: SpotCheck, by: str, verb: CheckVerb = CheckVerb.PASS, code: str | None = None
) -> CheckReply:
    if code is None:
        code = world.codes.issue(by, PURPOSE, check.task_id, check.digest)
    reply: CheckReply = await checking(world, check.task_id).execute_update(
        "decide_spot_check",
        CheckAnswer(verb=verb, reason="looked at it", code=code),
        result_type=CheckReply,
    )
    return reply


async def test_last_nights_tickets_are_drawn_once_and_wait_for_a_person(world: World) -> None:
    ticket = await ran_at_night(world)
    first = await draw(world)
    assert first.drawn >= 1
    listed = await queued(world, ticket.task_id)
    assert listed.state is CheckState.OPEN
    assert (listed.check.kind, listed.check.risk) == ("accounts/freeze", RiskLevel.MEDIUM)
    assert listed.check.hands == ("intake",)
    assert listed.check.due_at - listed.check.drawn_at == timedelta(hours=8)
    assert (await draw(world)).drawn == 0


async def test_a_low_risk_ticket_is_not_drawn_from(world: World) -> None:
    ticket = await world.submit()
    await ticket.ends(TicketState.COMPLETED)
    await draw(world)
    assert world.store.spot_checks.check(ticket.task_id) is None


async def test_what_the_share_leaves_out_is_noted(world: World) -> None:
    with_policy(world, shares={"accounts": 0.0})
    ticket = await ran_at_night(world)
    result = await draw(world)
    with_policy(world)
    assert (result.drawn, result.left_out) == (0, 1)
    assert (await queued(world, ticket.task_id)).state is CheckState.NOT_DRAWN
    assert (await draw(world)).left_out == 0


async def test_a_pass_ends_the_check_and_the_ticket_stays_as_it_is(world: World) -> None:
    check = (await drawn(world)).check
    reply = await answer(world, check, "li.wei")
    assert (reply.accepted, reply.corrective) == (True, "")
    # The queue knows it as soon as the person has the answer.
    listed = world.store.spot_checks.check(check.task_id)
    assert listed is not None
    assert listed.state is CheckState.PASSED
    outcome = await checking(world, check.task_id).result()
    assert (outcome.by, outcome.verb, outcome.late) == ("li.wei", CheckVerb.PASS, False)
    view = world.store.reader.view(check.task_id)
    assert view is not None
    assert view.state is TicketState.COMPLETED


async def test_an_answer_needs_the_right_person_and_a_code_of_theirs(world: World) -> None:
    check = (await drawn(world)).check
    other = world.codes.issue("li.wei", PURPOSE, check.task_id, "f" * 64)  # for something else
    refused = [
        await answer(world, check, "", code="made up"),
        await answer(world, check, "li.wei", code=other),
        await answer(world, check, "zhao.min"),  # of another group
        await answer(world, check, "op.chen"),
    ]
    assert [each.code for each in refused] == [
        "decision_code_invalid",
        "decision_code_invalid",
        "not_permitted",
        "not_permitted",
    ]
    assert (await answer(world, check, "li.wei")).accepted


async def test_whoever_had_a_hand_in_the_ticket_cannot_check_it(world: World) -> None:
    ticket = await world.submit(maker="li.wei", fields=MEDIUM)
    await ticket.ends(TicketState.COMPLETED)
    await draw(world)
    check = (await queued(world, ticket.task_id)).check
    assert (await answer(world, check, "li.wei")).code == "four_eyes"
    assert (await answer(world, check, "wang.fang")).accepted


async def test_an_objection_opens_one_corrective_ticket_that_a_person_reads(world: World) -> None:
    check = (await drawn(world)).check
    reply = await answer(world, check, "li.wei", CheckVerb.OBJECT)
    assert reply.corrective == correction_task_id(check.task_id)
    await checking(world, check.task_id).result()
    corrective = Ticket(
        world.client.get_workflow_handle(workflow_id(reply.corrective)), world.codes, reply.corrective
    )
    view = await corrective.until(lambda view: bool(view.open_reviews))
    assert (view.task.source, view.task.external_id, view.maker) == ("spot_check", check.task_id, "li.wei")
    assert view.task.fields["corrects"] == check.task_id
    assert view.task.fields["objection"] == "looked at it"
    # “Freeze” in its words must not freeze anything: it runs under the general SOP.
    assert (view.task.category, view.task.action, view.sop) == ("other", "correct", "General Ticket")
    assert world.store.intake.acknowledged(reply.corrective)
    # Whoever objected is its maker, and cannot also settle it.
    assert (await corrective.decide("li.wei")).code in {"four_eyes", "not_permitted"}


async def test_too_many_objections_withdraw_the_kinds_authority_until_it_is_given_back(world: World) -> None:
    with_policy(world, least=2, error_bound=0.3, window=timedelta(days=1))
    objections = [(await drawn(world)).check for _ in range(4)]
    for check in objections:
        await answer(world, check, "wang.fang", CheckVerb.OBJECT)
    [withdrawal] = world.store.duty.withdrawals(open_only=True)
    assert withdrawal.kind == "accounts/freeze"
    ticket = await world.submit()  # low risk, which ran by itself before
    request = await ticket.review()
    assert "automatic authority of accounts/freeze is withdrawn" in request.question
    subjects = f"{withdrawal.kind} runs by itself no more"
    await until(
        lambda: any(subjects == notice.subject for _, _, notice in world.outbox.sent), "the lead was not told"
    )
    world.store.duty.restore(withdrawal.kind, at=datetime.now(UTC), reason="mended", by="releaser")
    with_policy(world)
    freely = await world.submit()
    await freely.ends(TicketState.COMPLETED)
    await ticket.decide("li.wei")
    await ticket.ends(TicketState.COMPLETED)


def a_check(task_id: str) -> SpotCheck:
    now = datetime.now(UTC)
    return SpotCheck(
        task_id=task_id,
        kind="accounts/late",
        category="accounts",
        group="Account Operations",
        sop="Freeze",
        sop_version="1",
        sop_digest="d" * 64,
        risk=RiskLevel.MEDIUM,
        result="COMPLETED: done",
        maker="intake",
        hands=("intake",),
        marked_at=now - timedelta(hours=9),
        drawn_at=now,
        due_at=now + timedelta(hours=8),
    )


async def begin(world: World, check: SpotCheck, id: str = "") -> WorkflowHandle[Any, CheckOutcome]:
    handle: WorkflowHandle[Any, CheckOutcome] = await world.client.start_workflow(
        SPOT_CHECK_TYPE,
        SpotCheckInput(check=check),
        id=id or spot_check_id(check.task_id),
        task_queue=TASK_QUEUE,
        result_type=CheckOutcome,
    )
    return handle


async def test_a_late_check_tells_the_lead_and_tells_again(world: World, env: WorkflowEnvironment) -> None:
    check = a_check("T-late")
    handle = await begin(world, check)
    await queued(world, check.task_id)

    def told() -> list[str]:
        return [notice.notice_id for _, _, notice in world.outbox.sent if notice.task_id == check.task_id]

    await env.fast_forward(handle, timedelta(hours=7))
    assert told() == []
    await env.fast_forward(handle, timedelta(hours=2))
    await until(lambda: len(told()) == 1, "the lead was not told")
    await env.fast_forward(handle, timedelta(hours=8))
    await until(lambda: len(told()) == 2, "the lead was not told again")
    assert all(each.startswith("T-late/spot-check-late-") for each in told())
    assert (await answer(world, check, "li.wei")).accepted
    assert (await handle.result()).late


async def test_a_second_answer_comes_too_late(world: World) -> None:
    check = (await drawn(world)).check
    both = await asyncio.gather(
        *(
            answer(world, check, who, verb)
            for who, verb in (("li.wei", CheckVerb.PASS), ("wang.fang", CheckVerb.OBJECT))
        ),
        return_exceptions=True,
    )
    accepted = [each for each in both if isinstance(each, CheckReply) and each.accepted]
    assert len(accepted) == 1
    kept = world.store.spot_checks.check(check.task_id)
    assert kept is not None
    assert kept.outcome is not None
    assert kept.outcome == await checking(world, check.task_id).result()


async def test_a_check_has_one_workflow_id(world: World) -> None:
    handle = await begin(world, a_check("T-other"), id=f"elsewhere-{id(world):x}")
    with pytest.raises(WorkflowFailureError):
        await handle.result()


async def test_an_answer_that_does_not_fit_is_refused_with_its_field(world: World) -> None:
    check = (await drawn(world)).check
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await checking(world, check.task_id).execute_update(
            "decide_spot_check", {"verb": "maybe", "reason": "x"}
        )
    assert "verb" in str(refused.value.cause)
    assert (await answer(world, check, "li.wei")).accepted


async def test_where_bank_time_is_its_own_the_draw_waits_for_the_morning_and_begins_anew(
    world: World, env: WorkflowEnvironment
) -> None:
    ticket = await ran_at_night(world)
    handle = await world.client.start_workflow(
        DRAW_TYPE, DrawInput(repeating=True), id=f"loop-{id(world):x}", task_queue=TASK_QUEUE
    )
    first = (await handle.describe()).run_id
    assert world.store.spot_checks.check(ticket.task_id) is None
    await env.fast_forward(handle, timedelta(days=1, hours=1))
    await queued(world, ticket.task_id)
    async with asyncio.timeout(20):
        while (await world.client.get_workflow_handle(handle.id).describe()).run_id == first:
            await asyncio.sleep(0.05)
    await world.client.get_workflow_handle(handle.id).terminate("the test is over")
