"""From an alert to a page and back: on real workflows, each on its own virtual clock."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowHandle
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment

from activities.adapters.alert_desks import WorkflowAlertDesks
from activities.alert_messages import ACK_PURPOSE as DESK_ACK
from activities.alert_messages import Acknowledgement as DeskAcknowledgement
from activities.alert_messages import RaisedAlert, acknowledgement_content, desk_workflow_id
from activities.messages import Progress
from domain.alert_events import LoggedAlert
from domain.alerts import Addressee, Alert, AlertLevel, AlertPolicy, AlertRule
from domain.clock import BankClock
from domain.desk_rules import DeskRules
from domain.digest import digest_of
from domain.lifecycle import TicketState
from domain.notices import Channel
from domain.page_views import PageView
from domain.paging import PagePhase
from tests.fakes.alert_desk import an_alert
from tests.fakes.rulebook import FakeRulebook
from tests.fakes.store import a_view
from tests.support.ticket_world import World, ticket_world
from workflows.alert_desk import AlertDeskWorkflow
from workflows.page import PageWorkflow
from workflows.page_contract import ACK_PURPOSE, Acknowledgement, page_workflow_id

CLOCK = BankClock()
SMS = (Channel.SMS,)
POLICY = AlertPolicy(
    levels={
        AlertLevel.CRITICAL: AlertRule(to="on_call", channels=SMS),
        AlertLevel.RED: AlertRule(to="lead", channels=SMS),
        AlertLevel.REVIEW: AlertRule(to="group", channels=SMS),
    }
)
RULES = DeskRules(again=(timedelta(seconds=1),))
"""Real seconds: a desk whose page is open has a child, and its clock does not jump."""
_NUMBERS = count(1)


@pytest.fixture(scope="module")
async def world(env: WorkflowEnvironment, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    rulebook = FakeRulebook(all_day="nighttime", alerts=POLICY)
    desks = WorkflowAlertDesks(CLOCK)
    async with ticket_world(env.client, tmp_path_factory.mktemp("pages"), rulebook, desks=desks) as made:
        yield made


class Case:
    """A group's desk and the page that it starts."""

    def __init__(self, env: WorkflowEnvironment, world: World) -> None:
        self.env, self.world = env, world
        self.number = next(_NUMBERS)
        self.group = f"Group {self.number}"
        self.desks = WorkflowAlertDesks(CLOCK, rules=RULES, client=env.client)
        self.desk: WorkflowHandle[Any, Any] = env.client.get_workflow_handle(desk_workflow_id(self.group))

    async def raise_alert(self, name: str, level: AlertLevel = AlertLevel.CRITICAL, **changes: Any) -> Alert:
        alert = an_alert(f"{name}-{self.number}", level, group=self.group, **changes)
        await self.desks.hand_over(RaisedAlert(alert=alert, pages=True), timezone="UTC")
        return alert

    async def logged(
        self, alert: Alert, holds: Callable[[LoggedAlert], bool] = lambda e: bool(e.told)
    ) -> LoggedAlert:
        return await soon(
            lambda: next(iter(self.world.store.alerts.alerts_of(alert.task_id)), None),
            lambda entry: entry is not None and holds(entry),
        )

    async def page(self, alert: Alert, holds: Callable[[PageView], bool] = lambda _: True) -> PageView:
        """The alert's page, once the store has it as wanted."""
        entry = await self.logged(alert)
        page_id = entry.notification_id.replace("/", "-")
        return await soon(
            lambda: self.world.store.pages.page(page_id), lambda view: view is not None and holds(view)
        )

    def handle(self, page: PageView) -> WorkflowHandle[Any, Any]:
        return self.env.client.get_workflow_handle(page_workflow_id(page.page.page_id))

    def rung(self, page: PageView) -> list[str]:
        """Whom messages of the page went to."""
        prefix = f"{page.page.page_id}/"
        return [each.to for _, _, each in self.world.outbox.sent if each.notice_id.startswith(prefix)]

    async def answer(self, page: PageView, by: str) -> None:
        code = self.world.codes.issue(by, ACK_PURPOSE, page.page.page_id, page.page.digest)
        outcome = await self.handle(page).execute_update(PageWorkflow.acknowledge, Acknowledgement(code=code))
        assert outcome.accepted, outcome.message

    async def acknowledge_at_desk(self, desk_alert_id: str, by: str) -> None:
        digest = digest_of(acknowledgement_content(desk_alert_id, self.group))
        code = self.world.codes.issue(by, DESK_ACK, desk_alert_id, digest)
        outcome = await self.desk.execute_update(
            AlertDeskWorkflow.acknowledge, DeskAcknowledgement(desk_alert_id=desk_alert_id, code=code)
        )
        assert outcome.accepted, outcome.message


async def soon(read: Callable[[], Any], holds: Callable[[Any], bool]) -> Any:
    found = None
    try:
        async with asyncio.timeout(20):
            while not holds(found := await asyncio.to_thread(read)):
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"it never came to that; it is {found}") from None
    return found


@pytest.fixture
def case(env: WorkflowEnvironment, world: World) -> Case:
    return Case(env, world)


def rings(view: PageView) -> bool:
    return bool(view.steps) and view.steps[0].fate == "sent"


async def test_a_critical_alert_rings_on_call_once_and_not_by_a_message_besides(case: Case) -> None:
    alert = await case.raise_alert("T1")
    page = await case.page(alert, rings)
    entry = await case.logged(alert)
    assert entry.told == (f"page {page.page.page_id} → on_call",)
    sent = [each for _, _, each in case.world.outbox.sent if each.task_id == alert.task_id]
    assert [each.notice_id.split("/")[0] for each in sent] == [page.page.page_id]
    await case.env.fast_forward(case.handle(page), timedelta(minutes=5, seconds=1))
    again = await case.page(alert, lambda view: len(view.steps) > 1)
    assert again.steps[1].reason == "repeat"


async def test_whoever_else_is_named_still_gets_the_message(case: Case) -> None:
    alert = await case.raise_alert("T1", also=Addressee(to="lead", channel=Channel.SMS))
    entry = await case.logged(alert, lambda each: len(each.told) > 1)
    assert entry.told[0].startswith("page ")
    assert entry.told[1].startswith("sms → ")


async def test_an_answered_page_is_an_acknowledged_alert(case: Case) -> None:
    alert = await case.raise_alert("T1")
    page = await case.page(alert, rings)
    await case.answer(page, "duty.yang")
    line = (await case.logged(alert)).desk_alert_id
    shown = await soon(
        lambda: case.world.store.alerts.desk_alert(line), lambda each: bool(each.acknowledged_by)
    )
    assert shown.acknowledged_by == "duty.yang"


async def test_an_alert_that_is_acknowledged_at_the_desk_rings_nobody_any_more(case: Case) -> None:
    alert = await case.raise_alert("T1")
    page = await case.page(alert, rings)
    await case.acknowledge_at_desk((await case.logged(alert)).desk_alert_id, "duty.yang")
    taken = await case.page(alert, lambda view: view.state.phase is PagePhase.ACKNOWLEDGED)
    assert taken.state.acknowledged_by == "duty.yang"
    before = case.rung(page)
    await case.env.fast_forward(case.handle(page), timedelta(minutes=20))
    assert case.rung(page) == before


async def test_the_end_of_its_tickets_is_the_end_of_the_page(case: Case) -> None:
    alert = await case.raise_alert("T1")
    page = await case.page(alert, rings)
    await case.desks.ticket_closed(alert.task_id, case.group)
    over = await case.page(alert, lambda view: view.state.phase is PagePhase.OVER)
    assert over.state.outcome == "the tickets have ended"
    assert (await case.handle(page).describe()).status is WorkflowExecutionStatus.COMPLETED


async def test_what_follows_while_it_rings_is_a_message_and_no_second_page(case: Case) -> None:
    first = await case.raise_alert("T1")
    page = await case.page(first, rings)
    second = await case.raise_alert("T2")
    entry = await case.logged(second)
    assert entry.told and not any(each.startswith("page ") for each in entry.told)
    with pytest.raises(RPCError):
        await case.env.client.get_workflow_handle(
            page_workflow_id(entry.notification_id.replace("/", "-"))
        ).describe()
    assert (await case.page(first)).state.phase is PagePhase.RINGING
    assert page.page.subject == (await case.page(first)).page.subject, "what a link shows stays the same"


async def test_another_alert_about_the_same_question_rings_no_second_page(case: Case) -> None:
    """The desk's alert of the first is done by then: without a look at open pages each would ring."""
    asked = Addressee(to="on_call")
    first = await case.raise_alert("T1", AlertLevel.REVIEW, review_id="R1", instead=asked)
    await case.page(first, rings)
    late = {"review_id": "R1", "instead": asked, "alert_id": f"{first.task_id}/late"}
    await case.raise_alert("T1", AlertLevel.FAILURE, **late)
    told = await soon(
        lambda: case.world.store.alerts.alerts_of(first.task_id),
        lambda rows: len(rows) == 2 and bool(rows[1].told),
    )
    assert not any(each.startswith("page ") for each in told[1].told)


async def test_what_follows_an_answer_rings_anew(case: Case) -> None:
    first = await case.raise_alert("T1")
    await case.answer(await case.page(first, rings), "duty.yang")
    line = (await case.logged(first)).desk_alert_id
    await soon(lambda: case.world.store.alerts.desk_alert(line), lambda each: bool(each.acknowledged_by))
    second = await case.raise_alert("T2")
    assert (await case.logged(second)).told[0].startswith(f"page {line}-2 ")


async def test_a_question_that_is_decided_rings_nobody_again(case: Case) -> None:
    """The page looks at the read model before each notification: the decision needs no message to it."""
    asked = Addressee(to="on_call")
    alert = await case.raise_alert("T1", AlertLevel.REVIEW, review_id="R1", instead=asked)
    page = await case.page(alert, rings)
    decided = a_view(alert.task_id, state=TicketState.PROCESSING, open_reviews=())
    await asyncio.to_thread(case.world.store.tickets.record, Progress(view=decided, events=()))
    before = case.rung(page)
    await case.env.fast_forward(case.handle(page), timedelta(minutes=5, seconds=1))
    over = await case.page(alert, lambda view: view.state.phase is PagePhase.OVER)
    assert over.state.outcome == "decided"
    assert case.rung(page) == before
