"""A page rings, climbs, stops at an acknowledgement, and survives everything in between."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer

from domain.notices import Channel
from domain.paging import PagePhase
from domain.paging_policy import NobodyAnswers, PagingPolicy
from domain.roster import Override
from tests.fakes.rulebook import FakeRulebook
from tests.support.page_world import PageWorld, page_world
from workflows.page import PageWorkflow
from workflows.page_contract import Acknowledgement
from workflows.payloads import data_converter
from workflows.sandbox import workflow_runner

MINUTES = timedelta(minutes=1)
POLICY = PagingPolicy(
    repeat_every=5 * MINUTES,
    times=2,
    stale_after=30 * MINUTES,
    supervisor="Operations Supervisor",
    nobody_answers=NobodyAnswers(after=2 * 60 * MINUTES),
)
"""The fake directory's on-call order is duty.liu, duty.yang; the supervisor's lead is ma.chao."""


@pytest.fixture(scope="module")
async def world(
    env: WorkflowEnvironment, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[PageWorld]:
    rulebook = FakeRulebook(paging=POLICY)
    async with page_world(env, tmp_path_factory.mktemp("pages"), rulebook) as made:
        yield made


async def test_it_repeats_climbs_and_takes_further_channels_until_somebody_acknowledges(
    world: PageWorld,
) -> None:
    page = await world.page()
    await page.until(lambda view: view.state.step == 1)
    for _ in range(4):
        await page.pass_time(5)
    assert page.told() == ["duty.liu", "duty.liu", "duty.yang", "duty.yang", "ma.chao"]
    assert page.messages() == [
        ("sms", "duty.liu"),
        ("sms", "duty.liu"),
        ("wecom", "duty.liu"),
        ("sms", "duty.yang"),
        ("sms", "duty.yang"),
        ("wecom", "duty.yang"),
        ("sms", "ma.chao"),
    ]
    assert [step.reason for step in page.recorded().steps] == [
        *("first", "repeat", "climb", "repeat", "supervisor"),
    ]
    answer = await page.ack("duty.yang")
    assert answer.accepted
    assert "approves nothing" in answer.message
    await page.pass_time(20)
    assert len(page.told()) == 5, "nobody is told after the acknowledgement"
    await page.handle.signal(PageWorkflow.resolve, {"why": "decided"})
    result = await page.ends()
    assert (result.outcome, result.acknowledged_by, result.notifications) == ("decided", "duty.yang", 5)
    assert page.recorded().state.phase is PagePhase.OVER
    actions = [row.action for row in world.store.audit.entries(task_id=page.request.task_id)]
    assert actions == ["page.opened", "page.acknowledged", "page.closed"]


async def test_a_message_says_all_that_is_needed_and_nothing_is_approved_by_it(world: PageWorld) -> None:
    page = await world.page(deadline_at="2026-11-23T21:00:00Z")
    await page.until(lambda view: view.state.step == 1)
    await page.settled()
    notice = next(each for _, _, each in world.outbox.sent if each.notice_id.startswith(page.request.page_id))
    assert notice.subject == "P1 page: High risk: ticket waits for a decision"
    assert notice.body == (
        "High risk: ticket waits for a decision. Until 11-24 05:00. You can: approve, reject. "
        f"If nobody answers: it goes on waiting. Acknowledge (approves nothing): opsloop page ack "
        f"{page.request.page_id}"
    )
    await page.handle.signal(PageWorkflow.resolve, {"why": "decided"})
    await page.ends()


async def test_an_acknowledgement_that_goes_stale_pages_whoever_gave_it_and_whoever_is_on_call(
    world: PageWorld,
) -> None:
    page = await world.page()
    await page.until(lambda view: view.state.step == 1)
    assert (await page.ack("duty.yang")).accepted
    await page.pass_time(20)
    await page.handle.signal(PageWorkflow.progress)
    await page.pass_time(20)
    assert page.told() == ["duty.liu"], "something happened meanwhile, so it is not stale"
    await page.pass_time(11)
    assert page.told() == ["duty.liu", "duty.yang", "duty.liu"]
    assert page.recorded().state.phase is PagePhase.RINGING
    assert (await page.ack("duty.liu")).accepted
    await page.handle.signal(PageWorkflow.resolve, {"why": "decided"})
    await page.ends()


async def test_who_is_on_call_is_asked_anew_at_each_step(world: PageWorld) -> None:
    page = await world.page()
    await page.until(lambda view: view.state.step == 1)
    now = await world.env.get_current_time(page.handle)
    kept = world.store.overrides.add(
        Override(
            starts_at=now - MINUTES,
            ends_at=now + 60 * MINUTES,
            people=("duty.yang",),
            instead_of=("duty.liu",),
            by="op.chen",
            why="ill",
        )
    )
    try:
        await page.pass_time(5)
        assert page.told() == ["duty.liu", "duty.yang"]
        assert page.recorded().steps[1].reason == "handover"
    finally:
        # The store runs on real time, where the override has not begun for the tests that follow.
        world.store.overrides.withdraw(kept.override_id, by="op.chen", why="well again")
    await page.ack("duty.yang")
    await page.handle.signal(PageWorkflow.resolve, {"why": "decided"})
    await page.ends()


async def test_a_person_whom_nothing_reaches_is_passed_over_at_once(world: PageWorld) -> None:
    world.outbox.refusing |= {Channel.SMS, Channel.WECOM, Channel.EMAIL}
    try:
        page = await world.page()
        await page.until(lambda view: view.state.step == 3)
        await page.settled()
    finally:
        world.outbox.refusing.clear()
    assert page.told() == ["duty.liu", "duty.yang", "ma.chao"]
    assert {step.fate for step in page.recorded().steps} == {"failed"}
    await page.pass_time(5)
    assert page.recorded().steps[3].fate == "sent"
    await page.handle.signal(PageWorkflow.resolve, {"why": "decided"})
    await page.ends()


async def test_a_channel_that_fails_is_replaced_by_its_backup(world: PageWorld) -> None:
    world.outbox.refusing.add(Channel.SMS)
    try:
        page = await world.page()
        await page.until(lambda view: view.state.step == 1)
        await page.settled()
    finally:
        world.outbox.refusing.clear()
    assert page.messages() == [("wecom", "duty.liu")]
    await page.until(lambda view: not view.steps)
    assert page.recorded().steps[0].failed == ("sms: sms refuses",)
    await page.handle.signal(PageWorkflow.resolve, {"why": "decided"})
    await page.ends()


@pytest.mark.parametrize(
    ("code", "by", "refusal"),
    [("", "duty.liu", "decision_code_invalid"), (None, "wang.fang", "not_permitted")],
)
async def test_an_acknowledgement_without_proof_or_right_is_refused_and_audited(
    world: PageWorld, code: str | None, by: str, refusal: str
) -> None:
    page = await world.page()
    await page.until(lambda view: view.state.step == 1)
    answer = await page.ack(by, code)
    assert (answer.accepted, answer.code) == (False, refusal)
    rows = world.store.audit.entries(task_id=page.request.task_id)
    assert [row.detail["code"] for row in rows if not row.accepted] == [refusal]
    await page.pass_time(5)
    assert len(page.told()) == 2, "it rings on"
    await page.handle.signal(PageWorkflow.resolve, {"why": "decided"})
    await page.ends()


async def test_a_code_for_another_page_or_content_acknowledges_nothing(world: PageWorld) -> None:
    page, other = await world.page(), await world.page()
    code = world.codes.issue("duty.liu", "ack:page", other.request.page_id, other.request.digest)
    assert (await page.ack("duty.liu", code)).code == "decision_code_invalid"
    code = world.codes.issue("duty.liu", "ack:page", page.request.page_id, "0" * 64)
    assert (await page.ack("duty.liu", code)).code == "decision_code_invalid"
    for each in (page, other):
        await each.handle.signal(PageWorkflow.resolve, {"why": "decided"})
        await each.ends()


async def test_a_second_person_learns_who_acknowledged(world: PageWorld) -> None:
    page = await world.page()
    await page.until(lambda view: view.state.step == 1)
    await page.ack("duty.liu")
    answer = await page.ack("duty.yang")
    assert (answer.accepted, answer.code, answer.acknowledged_by) == (False, "conflict", "duty.liu")
    assert (await page.ack("duty.liu")).accepted
    await page.handle.signal(PageWorkflow.resolve, {"why": "decided"})
    await page.ends()


@pytest.mark.parametrize(("then", "told"), [("manual_queue", 1), ("reject", 0)])
async def test_nobody_answering_at_all_ends_it_safely(world: PageWorld, then: str, told: int) -> None:
    policy = POLICY.model_copy(update={"nobody_answers": NobodyAnswers(after=8 * MINUTES, then=then)})
    page = await world.page(start={"policy": policy})
    await page.until(lambda view: view.state.step == 1)
    await page.pass_time(5)
    await page.pass_time(4)
    result = await page.ends()
    assert (result.outcome, result.acknowledged_by) == (then, "")
    assert [step.to for step in page.recorded().steps].count("Operations Supervisor") == told
    assert page.recorded().state.phase is PagePhase.OVER
    rows = world.store.audit.entries(task_id=page.request.task_id)
    assert [row.action for row in rows] == ["page.opened", "page.nobody_answered", "page.closed"]


async def test_keep_waiting_rings_on(world: PageWorld) -> None:
    policy = POLICY.model_copy(update={"nobody_answers": NobodyAnswers(after=8 * MINUTES)})
    page = await world.page(start={"policy": policy})
    await page.until(lambda view: view.state.step == 1)
    for _ in range(3):
        await page.pass_time(5)
    assert len(page.told()) == 4
    assert page.recorded().state.silence == "keep_waiting"
    await page.handle.signal(PageWorkflow.resolve, {"why": "decided"})
    await page.ends()


async def test_a_lost_worker_finds_its_way_back_through_the_history(world: PageWorld) -> None:
    page = await world.page()
    await page.until(lambda view: view.state.step == 1)
    await page.pass_time(5)
    await page.ack("duty.liu", "")
    await page.ack("duty.liu")
    await page.pass_time(31)
    await page.handle.signal(PageWorkflow.resolve, {"why": "decided"})
    await page.ends()
    replayer = Replayer(
        workflows=[PageWorkflow], workflow_runner=workflow_runner(), data_converter=data_converter
    )
    await replayer.replay_workflow(await page.handle.fetch_history())


async def test_a_page_goes_on_over_runs_as_if_it_were_one(world: PageWorld) -> None:
    page = await world.page(start={"steps_per_run": 2})
    await page.until(lambda view: view.state.step == 1)
    for _ in range(4):
        await page.pass_time(5)
    assert page.told() == ["duty.liu", "duty.liu", "duty.yang", "duty.yang", "ma.chao"]
    described = await page.handle.describe()
    assert described.run_id != page.handle.first_execution_run_id
    assert (await page.ack("ma.chao")).accepted
    await page.handle.signal(PageWorkflow.resolve, {"why": "decided"})
    result = await page.ends()
    assert result.acknowledged_by == "ma.chao"


async def test_a_drill_is_over_with_its_acknowledgement(world: PageWorld) -> None:
    page = await world.page(drill=True)
    await page.until(lambda view: view.state.step == 1)
    assert (await page.ack("duty.liu")).accepted
    result = await page.ends()
    assert (result.outcome, result.acknowledged_by) == ("acknowledged", "duty.liu")


async def test_a_drill_that_nobody_answers_expires(world: PageWorld) -> None:
    begins = datetime.now(UTC)
    page = await world.page(drill=True, opened_at=begins, ends_at=begins + 7 * MINUTES)
    await page.until(lambda view: view.state.step == 1)
    await page.pass_time(8)
    assert (await page.ends()).outcome == "expired"


async def test_an_empty_message_is_refused_and_hangs_nothing(world: PageWorld) -> None:
    page = await world.page()
    with pytest.raises(WorkflowUpdateFailedError):
        await page.handle.execute_update("acknowledge", None)
    await page.handle.signal("resolve", 17)
    assert (await page.ends()).outcome == "resolved"
    assert Acknowledgement().code == ""


async def test_an_answer_after_the_end_comes_too_late(world: PageWorld) -> None:
    page = await world.page()
    await page.until(lambda view: view.state.step == 1)
    await page.handle.cancel()
    assert (await page.ends()).outcome == "cancelled in Temporal"
    assert page.recorded().state.phase is PagePhase.OVER
