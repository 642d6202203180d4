"""A stop is warned of and released; a freeze calls a person; renewals, closings, and a bank that refuses."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from temporalio.client import WorkflowHandle
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer

from activities.adapters.expiries import WorkflowExpiries
from activities.expiry_messages import (
    EXPIRY_QUEUE,
    Closing,
    ExpiryInput,
    ExpiryReply,
    ReleaseOrder,
    Renewal,
    closing_content,
    expiry_workflow_id,
    purpose_of,
    renewal_content,
)
from definitions.schema import Sop
from domain.digest import digest_of
from domain.expiry import ExpiryPhase, ExpiryView, Measure
from domain.expiry_terms import Term
from tests.fakes.core_bank import Failure
from tests.fakes.rulebook import FakeRulebook
from tests.support.ticket_world import World, ticket_world
from workflows.expiry import ExpiryWorkflow
from workflows.payloads import data_converter
from workflows.sandbox import workflow_runner

_NUMBERS = count(1)
HOUR = timedelta(hours=1)


def sop(action: str) -> Sop:
    steps = (
        {"name": "Assess", "handler": "risk_assessor"},
        {"name": "Act", "handler": f"core_system_{action}"},
    )
    trigger = {"category": "accounts", "action": action}
    return Sop.model_validate({"name": action, "trigger": trigger, "steps": steps})


@pytest.fixture(scope="module")
async def world(env: WorkflowEnvironment, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    folder = tmp_path_factory.mktemp("expiry")
    rulebook = FakeRulebook((sop("freeze"), sop("unfreeze")), all_day="daytime")
    async with ticket_world(env.client, folder, rulebook, expiries=WorkflowExpiries()) as made:
        yield made


async def started(world: World, on_end: str = "release", **changes: Any) -> WorkflowHandle[Any, Any]:
    number, now = next(_NUMBERS), datetime.now(UTC)
    measure = Measure.model_validate(
        {
            "measure_id": f"X{number}-freeze",
            "task_id": f"X{number}",
            "step": "freeze",
            "kind": "stop",
            "authority": "police",
            "term": Term(law="a law", on_end=on_end, longest="48h", renewals=1),  # type: ignore[arg-type]
            "reference": "****1234",
            "account_digest": f"d{number}",
            "group": "Account Operations",
            "began_at": now,
            "ends_at": now + 48 * HOUR,
            **changes,
        }
    )
    order = ReleaseOrder.model_validate({"account_ref": "6200000000001234", "amount": "86000.00"})
    return await world.client.start_workflow(
        ExpiryWorkflow.run,
        ExpiryInput(measure=measure, order=order),
        id=expiry_workflow_id(measure.measure_id),
        task_queue=EXPIRY_QUEUE,
    )


async def until(handle: WorkflowHandle[Any, Any], holds: Callable[[ExpiryView], bool]) -> ExpiryView:
    async with asyncio.timeout(20):
        while not holds(view := await handle.query(ExpiryWorkflow.expiry)):
            await asyncio.sleep(0.03)
    return view


def told(world: World, measure_id: str) -> list[str]:
    task = measure_id.split("-", maxsplit=1)[0]
    return [each.subject for _, _, each in world.outbox.sent if each.task_id == task]


async def test_a_48_hour_stop_is_warned_of_and_released(world: World, env: WorkflowEnvironment) -> None:
    handle = await started(world)
    view = await until(handle, lambda view: True)
    mine = view.measure.measure_id
    await env.fast_forward(handle, 24.1 * HOUR)
    await until(handle, lambda view: view.state.reached == ("24h",))
    await env.fast_forward(handle, 22 * HOUR)
    await until(handle, lambda view: view.state.reached == ("24h", "2h"))
    key = f"{view.measure.task_id}/freeze.expiry/1"
    assert world.bank.effects[key] == 0, "never before its end"
    await env.fast_forward(handle, 2 * HOUR)
    result = await handle.result()
    assert result.outcome == "released"
    assert world.bank.effects[key] == 1
    assert any("ends in 2h" in each for each in told(world, mine))
    kept = world.store.expiries.expiry(mine)
    assert kept is not None
    assert kept.state.phase is ExpiryPhase.OVER
    actions = [each.action for each in world.store.audit.entries(task_id=view.measure.task_id)]
    assert actions == ["expiry.opened", "expiry.warned", "expiry.warned", "expiry.released"]
    await Replayer(
        workflows=[ExpiryWorkflow], data_converter=data_converter, workflow_runner=workflow_runner()
    ).replay_workflow(await handle.fetch_history())


async def test_a_freeze_that_a_person_has_to_end_is_never_released(
    world: World, env: WorkflowEnvironment
) -> None:
    handle = await started(world, on_end="page", kind="freeze")
    await env.fast_forward(handle, 49 * HOUR)
    view = await until(handle, lambda view: view.state.phase is ExpiryPhase.WAITING)
    assert not [key for key in world.bank.attempts if key.startswith(f"{view.measure.task_id}/")]
    reply = await close(world, handle, view.measure.measure_id, "li.wei")
    assert reply.accepted, reply.message
    assert (await handle.result()).outcome == "closed"
    assert any("needs a person" in each for each in told(world, view.measure.measure_id))


async def test_a_renewal_moves_the_end(world: World, env: WorkflowEnvironment) -> None:
    handle = await started(world)
    view = await until(handle, lambda view: True)
    measure_id, later = view.measure.measure_id, view.measure.ends_at + 40 * HOUR
    content = renewal_content(measure_id, later, "N-2")
    code = world.codes.issue("li.wei", purpose_of("renew"), measure_id, digest_of(content))
    message = Renewal(ends_at=later, document_no="N-2", code=code)
    other = message.model_copy(update={"document_no": "N-3"})
    assert not (await handle.execute_update(ExpiryWorkflow.renew, other)).accepted, "bound to the document"
    assert (await handle.execute_update(ExpiryWorkflow.renew, message)).accepted
    await env.fast_forward(handle, 49 * HOUR)
    view = await until(handle, lambda view: True)
    assert view.state.phase is ExpiryPhase.RUNNING
    await env.fast_forward(handle, 40 * HOUR)
    assert (await handle.result()).outcome == "released"


async def test_a_release_that_the_bank_refuses_calls_a_person(world: World, env: WorkflowEnvironment) -> None:
    handle = await started(world)
    await until(handle, lambda view: True)
    world.bank.fail_next(Failure.REFUSED)
    await env.fast_forward(handle, 49 * HOUR)
    view = await until(handle, lambda view: view.state.phase is ExpiryPhase.WAITING)
    assert "order_refused" in view.state.problem
    assert (await close(world, handle, view.measure.measure_id, "li.wei")).accepted
    await handle.result()


async def test_an_unknown_outcome_is_asked_about_and_not_ordered_twice(
    world: World, env: WorkflowEnvironment
) -> None:
    handle = await started(world)
    view = await until(handle, lambda view: True)
    world.bank.fail_next(Failure.LOST_AFTER_COMMIT)
    await env.fast_forward(handle, 48.1 * HOUR)
    async with asyncio.timeout(30):
        assert (await handle.result()).outcome == "released"
    assert world.bank.effects[f"{view.measure.task_id}/freeze.expiry/1"] == 1


async def test_a_freeze_ticket_starts_one_and_its_release_ends_it(world: World) -> None:
    fields = {
        "authority": "customer",
        "document_no": "K-1",
        "identity_verified": True,
        "period": "30d",
        "frozen_by": "customer",
    }
    account = "6200000000007777"
    frozen = await world.submit(account_ref=account, fields=fields)
    await frozen.result()
    found = world.store.expiries.in_force(digest_of(account))
    assert [each.measure.task_id for each in found] == [frozen.task_id]
    assert account not in found[0].model_dump_json()
    handle = world.client.get_workflow_handle(expiry_workflow_id(found[0].measure.measure_id))
    assert (
        await WorkflowExpiries(world.client).start(
            ExpiryInput(measure=found[0].measure, order=ReleaseOrder(account_ref=account))
        )
        is None
    ), "a repeat changes nothing"
    released = await world.submit(account_ref=account, action="unfreeze", fields=fields)
    await released.result()
    async with asyncio.timeout(20):
        assert (await handle.result())["outcome"] == "lifted"


async def close(world: World, handle: WorkflowHandle[Any, Any], measure_id: str, by: str) -> ExpiryReply:
    code = world.codes.issue(
        by, purpose_of("close"), measure_id, digest_of(closing_content(measure_id, "done"))
    )
    return await handle.execute_update(ExpiryWorkflow.close, Closing(why="done", code=code))
