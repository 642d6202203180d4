"""Rollouts on a real server: shadow runs beside real tickets, and candidates that serve their share."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.testing import WorkflowEnvironment

from activities.adapters.store.duty import add_withdrawal
from domain.errors import BankUnavailable
from domain.lifecycle import TicketState
from domain.notices import Channel
from domain.orders import BankOrder, OrderReceipt
from domain.review import ReviewKind, Verb
from domain.risk import RiskPolicy
from domain.rollout import Arm, Stage
from domain.shadow import Agreement, ShadowReport
from domain.standing import Withdrawal
from domain.task import RiskLevel
from domain.ticket import EventKind
from tests.fakes.core_bank import FakeCoreBank
from tests.fakes.rulebook import FakeRulebook
from tests.fakes.store import NIGHT
from tests.support.rollouts import begun, moved, served_with
from tests.support.ticket_world import Ticket, World, ticket_world
from workflows.shadow import ShadowWorkflow
from workflows.shadow_contract import shadow_id

CHECK = {"name": "Authorization Check", "handler": "auth_validator", "retry": 0}
RISK = {"name": "Risk Assessment", "handler": "risk_assessor"}
FREEZE = {"name": "Execute Freeze", "handler": "core_system_freeze", "retry": 0, "fallback": "manual_freeze"}
TELL = {"name": "Notify Customer", "handler": "sms_notifier", "async": True}


def freeze_sop(*steps: dict[str, Any], version: str = "") -> dict[str, Any]:
    trigger = {"category": "accounts", "action": "freeze"}
    return {"name": "Freeze", "version": version, "trigger": trigger, "steps": list(steps)}


class CountingBank(FakeCoreBank):
    """Counts every call; after `close` each one fails the test that caused it."""

    def __init__(self) -> None:
        super().__init__(contacts={("C1", each): f"{each}-of-C1" for each in Channel})
        self.calls = 0
        self.is_closed = False

    def _check_up(self) -> None:
        self.calls += 1
        if self.is_closed:
            raise BankUnavailable("nobody may call the bank now")
        super()._check_up()

    def place(self, order: BankOrder) -> OrderReceipt:
        return super().place(order)


@pytest.fixture
async def world(env: WorkflowEnvironment, tmp_path: Path) -> AsyncIterator[World]:
    rulebook = FakeRulebook(
        [freeze_sop(CHECK, RISK, FREEZE, TELL)],
        all_day="daytime",
        risk=RiskPolicy(base={"accounts": RiskLevel.LOW}),
    )
    async with ticket_world(env.client, tmp_path, rulebook, bank=CountingBank()) as made:
        yield made


def roll_out(
    world: World, *steps: dict[str, Any], stage: Stage = Stage.SHADOW, percent: int = 0, **changes: Any
) -> None:
    """Opens a rollout of these steps as version 2 of the freeze."""
    rollout = begun(world.store, freeze_sop(*steps, version="2"), **changes)
    if stage is not Stage.SHADOW:
        moved(world.store, rollout, stage, percent)
    assert isinstance(world.rulebook, FakeRulebook)
    served_with(world.rulebook, world.store)


async def shadow_of(world: World, ticket: Ticket) -> ShadowReport:
    """The report of the ticket's shadow run."""
    candidate = world.rulebook.current().candidates[0]
    handle = world.client.get_workflow_handle_for(
        ShadowWorkflow.run, shadow_id(ticket.task_id, candidate.digest)
    )
    return await handle.result()


async def test_a_candidate_that_does_the_same_agrees_and_nothing_happens_twice(world: World) -> None:
    roll_out(world, CHECK, RISK, FREEZE, TELL)
    ticket = await world.submit()
    await ticket.ends(TicketState.COMPLETED)
    report = await shadow_of(world, ticket)
    assert (report.agreement, report.reasons) == (Agreement.SAME, ())
    assert {each.handler for each in report.suppressed} == {"core_system_freeze", "sms_notifier"}
    assert [each.what for each in report.shadow.effects if each.in_order] == ["core_system_freeze"]
    assert (report.real.version, report.shadow.version) != ("2", "1")
    assert world.bank.effects.total() == 1
    assert len(world.outbox.sent) == 1
    [kept] = world.store.rollouts.shadows(1)
    assert kept == report
    assert world.store.rollouts.shadow_tally(1).agreement == 1.0
    dispatched = next(each for each in await ticket.timeline() if each.kind is EventKind.DISPATCHED)
    assert dispatched.data["rollout"] == "version in force, with version 1 in shadow in rollout 1"
    assert EventKind.SHADOW in await ticket.kinds()


async def test_a_candidate_that_does_less_or_other_things_differs_with_reasons(world: World) -> None:
    unfreeze = {"name": "Undo", "handler": "core_system_unfreeze", "retry": 0}
    roll_out(world, CHECK, RISK, unfreeze)
    ticket = await world.submit()
    await ticket.ends(TicketState.COMPLETED)
    report = await shadow_of(world, ticket)
    assert report.agreement is Agreement.DIFFERS
    assert report.reasons == (
        "core_system_freeze (execute_freeze) was done; the candidate would not do it",
        "sms_notifier (notify_customer) was done; the candidate would not do it",
        "core_system_unfreeze (undo) was not done; the candidate would do it",
    )


async def test_a_shadow_run_never_calls_the_bank_or_a_channel(world: World) -> None:
    """The real ticket is worked by hand; from its start on any call of the bank would be the shadow's."""
    bank = world.bank
    assert isinstance(bank, CountingBank)
    assert isinstance(world.rulebook, FakeRulebook)
    by_hand = {"name": "Freeze it", "handler": "manual_freeze"}
    world.rulebook.book = FakeRulebook(
        [freeze_sop(CHECK, RISK, by_hand)],
        all_day="daytime",
        risk=RiskPolicy(base={"accounts": RiskLevel.LOW}),
    ).book
    undone = {**FREEZE, "compensate": "core_system_unfreeze"}
    roll_out(
        world,
        CHECK,
        RISK,
        undone,
        {"name": "Release", "handler": "release_payment", "retry": 0},
        {"name": "Look", "handler": "http", "with": {"service": "x", "method": "POST", "path": "/"}},
        {"name": "Receipt", "handler": "acknowledge_receipt"},
        TELL,
        {"name": "No", "review": {"question": "Well?", "role": "reviewer"}, "branch": {"no": ["reject"]}},
    )
    bank.is_closed = True
    ticket = await world.submit()
    await ticket.decide("wang.fang")
    await ticket.ends(TicketState.COMPLETED)
    world.outbox.sent.clear()
    report = await shadow_of(world, ticket)
    assert bank.calls == 0
    assert world.outbox.sent == []
    assert report.shadow.state is TicketState.REJECTED
    assert [each.handler for each in report.suppressed] == [
        "core_system_freeze",
        "release_payment",
        "http",
        "acknowledge_receipt",
        "sms_notifier",
        "core_system_unfreeze",
    ]


async def test_work_by_hand_counts_as_what_the_candidate_does_instead(world: World) -> None:
    assert isinstance(world.rulebook, FakeRulebook)
    by_hand = {"name": "Freeze it", "handler": "manual_freeze"}
    world.rulebook.book = FakeRulebook(
        [freeze_sop(CHECK, RISK, by_hand)],
        all_day="daytime",
        risk=RiskPolicy(base={"accounts": RiskLevel.LOW}),
    ).book
    roll_out(world, CHECK, RISK, FREEZE)
    ticket = await world.submit()
    await ticket.decide("wang.fang")
    await ticket.ends(TicketState.COMPLETED)
    report = await shadow_of(world, ticket)
    assert (report.agreement, report.reasons) == (Agreement.SAME, ())
    assert [each.what for each in report.real.effects] == ["core_system_freeze"]
    assert (report.real.touches, report.shadow.touches, report.saved_touches) == (1, 0, 1)


async def test_people_answer_a_shadow_run_as_they_answered_the_ticket(world: World) -> None:
    assert isinstance(world.rulebook, FakeRulebook)
    asked = {"name": "Papers", "handler": "verify_authority"}
    world.rulebook.book = FakeRulebook([freeze_sop(CHECK, RISK, asked, FREEZE)], all_day="daytime").book
    another = {"name": "Second look", "review": {"question": "Sure?", "role": "reviewer", "group": "Desk"}}
    roll_out(world, CHECK, RISK, {**asked, "name": "Papers again"}, another, FREEZE)
    ticket = await world.submit()
    await ticket.decide("zhao.min", Verb.REJECT, reason="the seal is missing")
    await ticket.ends(TicketState.REJECTED)
    report = await shadow_of(world, ticket)
    assert (report.agreement, report.shadow.state) == (Agreement.SAME, TicketState.REJECTED)
    assert [(each.key, each.answered) for each in report.asked] == [("papers_again", True)]
    ticket = await world.submit()
    await ticket.decide("zhao.min")
    await ticket.ends(TicketState.COMPLETED)
    report = await shadow_of(world, ticket)
    assert [(each.key, each.of, each.answered) for each in report.asked] == [
        ("papers_again", "Compliance Review/reviewer", True),
        ("second_look", "Desk/reviewer", False),
    ]
    assert report.agreement is Agreement.SAME


async def test_a_candidate_that_would_stop_has_failed_and_waits_pass_at_once(world: World) -> None:
    roll_out(
        world,
        {"name": "Later", "wait": {"duration": "30d"}},
        {"name": "News", "wait": {"event": "news", "deadline": "1d", "on_late": "go_on"}},
        {**CHECK, "when": "fields.nobody_has_this == 1"},
        RISK,
        FREEZE,
        TELL,
    )
    ticket = await world.submit()
    await ticket.ends(TicketState.COMPLETED)
    report = await shadow_of(world, ticket)
    assert report.agreement is Agreement.FAILED
    assert report.reasons[0] == "authorization_check would have failed: expression_failed"
    assert report.shadow.risk is RiskLevel.HIGH, "a control was left out"


async def test_events_that_came_are_there_for_the_shadow_run(world: World) -> None:
    assert isinstance(world.rulebook, FakeRulebook)
    wait = {"name": "Wait", "wait": {"event": "papers", "deadline": "1d", "on_late": "reject"}}
    world.rulebook.book = FakeRulebook(
        [freeze_sop(CHECK, wait, RISK, FREEZE)],
        all_day="daytime",
        risk=RiskPolicy(base={"accounts": RiskLevel.LOW}),
    ).book
    roll_out(world, CHECK, RISK, {**wait, "name": "Wait for papers"}, FREEZE)
    ticket = await world.submit()
    await ticket.until(lambda view: "papers" in view.waiting_for)
    assert (await ticket.event("papers", document="D-1")).accepted
    await ticket.ends(TicketState.COMPLETED)
    assert (await shadow_of(world, ticket)).agreement is Agreement.SAME


async def test_the_gate_asks_a_shadow_run_and_the_real_answer_holds(world: World) -> None:
    assert isinstance(world.rulebook, FakeRulebook)
    world.rulebook.book = FakeRulebook(
        [freeze_sop(CHECK, RISK, FREEZE)],
        all_day="daytime",
        risk=RiskPolicy(base={"accounts": RiskLevel.MEDIUM}),
    ).book
    roll_out(world, RISK, CHECK, FREEZE)
    ticket = await world.submit()
    assert (await ticket.review()).kind is ReviewKind.GATE
    await ticket.decide("wang.fang")
    await ticket.ends(TicketState.COMPLETED)
    report = await shadow_of(world, ticket)
    assert report.agreement is Agreement.SAME
    assert [(each.kind, each.answered) for each in report.asked] == [(ReviewKind.GATE, True)]
    assert (report.real.touches, report.shadow.touches) == (1, 1)


async def test_a_kind_that_may_not_run_by_itself_is_asked_about_in_shadow_too(world: World) -> None:
    withdrawn = Withdrawal(
        number=0,
        kind="accounts/freeze",
        group="Account Operations",
        since=NIGHT,
        reason="objections",
    )
    with world.store.database.writing() as connection:
        add_withdrawal(connection, withdrawn, "T0")
    roll_out(world, RISK, CHECK, FREEZE, TELL)
    ticket = await world.submit()
    assert (await ticket.review()).kind is ReviewKind.GATE
    await ticket.decide("wang.fang")
    await ticket.ends(TicketState.COMPLETED)
    report = await shadow_of(world, ticket)
    assert report.agreement is Agreement.SAME
    assert [(each.kind, each.answered) for each in report.asked] == [(ReviewKind.GATE, True)]


async def test_a_candidate_serves_its_share_and_the_rest_runs_in_shadow(world: World) -> None:
    roll_out(world, CHECK, RISK, FREEZE, stage=Stage.PERCENTAGE, percent=50)
    tickets = [await world.submit(task_id=f"share-{number}-{id(world):x}") for number in range(12)]
    for each in tickets:
        await each.ends(TicketState.COMPLETED)
    views = [await each.view() for each in tickets]
    arms = {view.task.task_id: view.rollout.arm for view in views if view.rollout}
    assert set(arms.values()) == {Arm.CANDIDATE, Arm.IN_FORCE}
    assert {view.sop_version for view in views if view.rollout and view.rollout.arm is Arm.CANDIDATE} == {"2"}
    for each in tickets:
        if arms[each.task_id] is Arm.IN_FORCE:
            assert (await shadow_of(world, each)).agreement is Agreement.DIFFERS
    assert world.store.rollouts.shadow_tally(1).runs == list(arms.values()).count(Arm.IN_FORCE)
    outcomes = world.store.rollouts.outcomes("freeze", rollout=1)
    assert {each.sop_version for each in outcomes if each.arm is Arm.CANDIDATE} == {"2"}
    assert len(outcomes) == len(tickets)


async def test_a_withdrawn_candidate_serves_no_new_ticket_and_running_ones_keep_it(world: World) -> None:
    asked = {"name": "Papers", "handler": "verify_authority"}
    roll_out(world, CHECK, RISK, asked, FREEZE, stage=Stage.PERCENTAGE, percent=100)
    running = await world.submit()
    await running.review()
    moved(world.store, world.store.rollouts.rollouts()[0], Stage.WITHDRAWN)
    assert isinstance(world.rulebook, FakeRulebook)
    served_with(world.rulebook, world.store)
    after = await world.submit()
    await after.ends(TicketState.COMPLETED)
    assert (await after.view()).rollout is None
    await running.decide("zhao.min")
    await running.ends(TicketState.COMPLETED)
    assert (await running.view()).sop_version == "2"


async def test_a_rollout_is_limited_to_its_categories_and_costs_other_tickets_nothing(world: World) -> None:
    before = await world.submit()
    await before.ends(TicketState.COMPLETED)
    roll_out(world, CHECK, RISK, FREEZE, TELL, categories=("settlement",))
    ticket = await world.submit()
    await ticket.ends(TicketState.COMPLETED)
    assert (await ticket.view()).rollout is None
    histories = [await each.handle.fetch_history() for each in (before, ticket)]
    started = EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED
    assert not any(event.event_type == started for history in histories for event in history.events)
    assert len(histories[0].events) == len(histories[1].events)


async def test_a_cancelled_ticket_tells_nothing_of_its_sop(world: World) -> None:
    assert isinstance(world.rulebook, FakeRulebook)
    asked = {"name": "Papers", "handler": "verify_authority"}
    world.rulebook.book = FakeRulebook([freeze_sop(CHECK, RISK, asked)], all_day="daytime").book
    roll_out(world, CHECK, RISK, FREEZE)
    ticket = await world.submit()
    await ticket.review()
    assert (await ticket.command("cancel")).accepted
    await ticket.ends(TicketState.CANCELLED)
    assert EventKind.SHADOW not in await ticket.kinds()
