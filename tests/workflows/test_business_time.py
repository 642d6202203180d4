"""Calendars, legal deadlines and policies that change, in a running ticket on its virtual clock."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.testing import WorkflowEnvironment

from definitions.schema import Sop
from domain.calendar import Interval, WorkCalendar
from domain.lifecycle import TicketState
from domain.notices import Channel
from domain.sla import SlaPolicy
from domain.ticket import EventKind
from tests.fakes.rulebook import FakeRulebook
from tests.support.ticket_world import Ticket, World, ticket_world
from workflows.contract import CommandOutcome
from workflows.ticket import TicketWorkflow

HOUR = timedelta(hours=1)


def sop(action: str, **more: object) -> Sop:
    return Sop.model_validate(
        {
            "name": f"Ask about {action}",
            "trigger": {"category": "accounts", "action": action},
            "steps": [
                {"name": "Assess", "handler": "risk_assessor"},
                {"name": "Ask", "review": {"question": "Well?", "group": "Compliance Review"}},
            ],
            **more,
        }
    )


LAW = {"law": "Sample Freezing Act", "article": "Art. 18"}
SOPS = (
    sop("freeze"),
    sop("limit", legal=[{**LAW, "within": "10h"}]),
    sop("unfreeze", legal=[{**LAW, "until": "fields.expires", "from": "fields.served_at", "on_due": "lead"}]),
    sop("check", legal=[{**LAW, "working_days": 1}]),
)


def working_hours_from_now() -> WorkCalendar:
    """Two hours on, ten hours off, from the present hour on: a test on a virtual clock begins at any time."""
    hour = datetime.now(UTC).hour
    worked = sorted((start + hour) % 24 * 60 for start in (0, 1, 12, 13))
    return WorkCalendar(name="office", week=(tuple(Interval(each, each + 60) for each in worked),) * 7)


def policies(hours: float = 6, **more: Any) -> dict[str, SlaPolicy]:
    return {"accounts": SlaPolicy(category="accounts", sla_hours=hours, **more)}


RULEBOOK = FakeRulebook(SOPS, all_day="daytime", sla=policies(24))


@pytest.fixture(scope="module")
async def world(env: WorkflowEnvironment, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with ticket_world(env.client, tmp_path_factory.mktemp("world"), RULEBOOK) as made:
        yield made


@pytest.fixture
def book() -> Iterator[FakeRulebook]:
    """What the world reads; after the test as it was before."""
    before = RULEBOOK.book
    yield RULEBOOK
    RULEBOOK.book = before


async def until_noted(ticket: Ticket, kind: EventKind, count: int) -> list[dict[str, Any]]:
    """The data of the events of a kind, once there are so many."""
    async with asyncio.timeout(20):
        while True:
            found = [each for each in await ticket.timeline() if each.kind is kind]
            if len(found) >= count:
                return [{**each.data, "summary": each.summary} for each in found]
            await asyncio.sleep(0.05)


async def reviewed(ticket: Ticket) -> CommandOutcome:
    return await ticket.handle.execute_update(TicketWorkflow.review_terms)


class TestCalendars:
    async def test_thresholds_wait_for_working_time(
        self, env: WorkflowEnvironment, world: World, book: FakeRulebook
    ) -> None:
        office = working_hours_from_now()
        book.book = replace(book.book, sla=policies(1, calendar="office"), calendars={"office": office})
        ticket = await world.submit(fields={"authority": "customer"})
        await ticket.review()
        view = await ticket.view()
        assert view.sla is not None
        assert view.sla.calendar == office
        assert view.stopwatch is not None
        assert view.deadline_at is not None
        assert view.stopwatch.elapsed(view.deadline_at) == view.sla.target
        await ticket.command("hold")
        await env.fast_forward(ticket.handle, 11 * HOUR)
        held = (await ticket.view()).stopwatch
        assert held is not None
        await ticket.command("resume")
        later = (await ticket.view()).deadline_at
        assert later is not None
        # Of eleven hours on hold only the worked ones are added, to the end.
        assert later > view.deadline_at
        await env.fast_forward(ticket.handle, 24 * HOUR)
        levels = await until_noted(ticket, EventKind.SLA_LEVEL, 1)
        assert levels[-1]["key"] == "critical"
        await ticket.decide("zhao.min")
        await ticket.ends(TicketState.COMPLETED)


class TestLegalDeadlines:
    async def test_a_hold_does_not_stop_them_and_people_hear_of_law_and_article(
        self, env: WorkflowEnvironment, world: World
    ) -> None:
        ticket = await world.submit(action="limit")
        await ticket.review()
        assert (await ticket.command("hold")).accepted
        heard = []
        for hours, count in ((7.6, 1), (1.5, 2), (1, 3)):
            await env.fast_forward(ticket.handle, hours * HOUR)
            heard = await until_noted(ticket, EventKind.LEGAL_DEADLINE, count)
        assert [each["key"].rsplit("-", 1)[1] for each in heard] == ["75", "90", "due"]
        assert {each["law"] for each in heard} == {"Sample Freezing Act"}
        assert heard[2]["summary"].startswith("the legal deadline of Sample Freezing Act, Art. 18 has come: ")
        assert EventKind.SLA_LEVEL not in await ticket.kinds()
        told: list[str] = []
        await ticket.until_told("critical", told)
        subjects = [each for each in world.outbox.subjects(Channel.SMS) if ticket.task_id in each]
        assert any("Sample Freezing Act, Art. 18" in each for each in subjects)
        await ticket.command("resume")
        await ticket.decide("zhao.min")
        await ticket.ends(TicketState.COMPLETED)

    async def test_a_field_of_the_ticket_can_name_the_instant_and_the_lead_hears_of_it(
        self, env: WorkflowEnvironment, world: World
    ) -> None:
        now = datetime.now(UTC)
        fields = {
            "authority": "customer",
            "served_at": (now - 10 * HOUR).isoformat(),
            "expires": (now + HOUR).isoformat(),
        }
        ticket = await world.submit(action="unfreeze", fields=fields)
        # 90 % is gone when it opens: only the highest rung fires, the other is recorded.
        [first] = await until_noted(ticket, EventKind.LEGAL_DEADLINE, 1)
        assert first["key"].endswith("-90")
        [skipped] = await until_noted(ticket, EventKind.SLA_SKIPPED, 1)
        assert "-75 was passed" in skipped["summary"]
        await ticket.review()
        await env.fast_forward(ticket.handle, 2 * HOUR)
        await until_noted(ticket, EventKind.LEGAL_DEADLINE, 2)
        async with asyncio.timeout(20):
            while not any(
                "-due" in notice.notice_id and notice.to == "wang.fang"
                for _, _, notice in world.outbox.sent
                if notice.task_id == ticket.task_id
            ):
                await asyncio.sleep(0.05)
        await ticket.decide("zhao.min")
        await ticket.ends(TicketState.COMPLETED)

    async def test_working_days_end_with_the_banks_day(self, world: World) -> None:
        ticket = await world.submit(action="check")
        await ticket.review()
        view = await ticket.view()
        assert view.sla is not None
        [deadline] = view.sla.legal
        assert deadline.due_at.hour == 16  # midnight in Shanghai
        assert timedelta(0) < deadline.due_at - view.opened_at <= timedelta(days=4)
        await ticket.decide("zhao.min")
        await ticket.ends(TicketState.COMPLETED)


class TestOtherTerms:
    async def test_a_stricter_policy_moves_the_deadline_and_says_why(
        self, env: WorkflowEnvironment, world: World, book: FakeRulebook
    ) -> None:
        book.book = replace(book.book, sla=policies(0.9))
        ticket = await world.submit()
        await ticket.review()
        assert (await reviewed(ticket)).code == "unchanged"
        before = (await ticket.view()).deadline_at
        book.book = replace(book.book, sla=policies(0.5))
        outcome = await reviewed(ticket)
        assert outcome.accepted
        [noted] = await until_noted(ticket, EventKind.SLA_CHANGED, 1)
        assert noted["summary"] == outcome.message
        assert "because policy for accounts changed from 54min to 30min" in noted["summary"]
        view = await ticket.view()
        assert before is not None
        assert view.deadline_at == before - timedelta(minutes=24)
        # The timers are those of the new terms.
        await env.fast_forward(ticket.handle, timedelta(minutes=16))
        assert [each["key"] for each in await until_noted(ticket, EventKind.SLA_LEVEL, 1)] == ["pre_alert"]
        # What has fired does not fire again by laxer terms, and comes in its order.
        book.book = replace(book.book, sla=policies(0.8))
        assert "30min to 48min" in (await reviewed(ticket)).message
        await env.fast_forward(ticket.handle, timedelta(minutes=21))
        levels = await until_noted(ticket, EventKind.SLA_LEVEL, 2)
        assert [each["key"] for each in levels] == ["pre_alert", "orange"]
        await ticket.decide("zhao.min")
        await ticket.ends(TicketState.COMPLETED)

    async def test_a_goal_that_shrinks_during_a_hold_fires_when_the_clock_runs_on(
        self, env: WorkflowEnvironment, world: World, book: FakeRulebook
    ) -> None:
        book.book = replace(book.book, sla=policies(0.9))
        ticket = await world.submit()
        await ticket.review()
        await env.fast_forward(ticket.handle, timedelta(minutes=20))
        await ticket.command("hold")
        book.book = replace(book.book, sla=policies(0.3))
        assert (await reviewed(ticket)).accepted
        await env.fast_forward(ticket.handle, 5 * HOUR)
        assert EventKind.SLA_LEVEL not in await ticket.kinds()
        await ticket.command("resume")
        [level] = await until_noted(ticket, EventKind.SLA_LEVEL, 1)
        assert level["key"] == "critical"
        await ticket.decide("zhao.min")
        await ticket.ends(TicketState.COMPLETED)

    async def test_an_edited_calendar_moves_the_deadline_and_names_the_day(
        self, world: World, book: FakeRulebook
    ) -> None:
        office = working_hours_from_now()
        book.book = replace(book.book, sla=policies(1, calendar="office"), calendars={"office": office})
        ticket = await world.submit()
        await ticket.review()
        before = (await ticket.view()).deadline_at
        assert before is not None
        closed = WorkCalendar(name="office", week=office.week, days_off=(before.date(),))
        book.book = replace(book.book, calendars={"office": closed})
        outcome = await reviewed(ticket)
        assert f"calendar office: {before.date()} is now a day off" in outcome.message
        after = (await ticket.view()).deadline_at
        assert after is not None
        assert after.date() > before.date()
        await ticket.decide("zhao.min")
        await ticket.ends(TicketState.COMPLETED)

    async def test_a_calendar_that_is_gone_leaves_the_terms_as_they_are(
        self, world: World, book: FakeRulebook
    ) -> None:
        ticket = await world.submit()
        await ticket.review()
        book.book = replace(book.book, sla=policies(1, calendar="office"))
        outcome = await reviewed(ticket)
        assert not outcome.accepted
        assert "names the calendar 'office'" in outcome.message
        sla = (await ticket.view()).sla
        assert sla is not None
        assert (sla.target, sla.calendar) == (HOUR, None)
        await ticket.decide("zhao.min")
        await ticket.ends(TicketState.COMPLETED)


async def test_a_ticket_whose_clocks_cannot_be_set_fails_loudly(world: World, book: FakeRulebook) -> None:
    book.book = replace(book.book, sla=policies(1, calendar="office"))
    ticket = await world.submit()
    with pytest.raises(WorkflowFailureError):
        await ticket.result()
    told = [notice for _, _, notice in world.outbox.sent if notice.task_id == ticket.task_id]
    assert any("could not be opened" in each.subject for each in told)
    assert any("names the calendar 'office'" in each.body for each in told)
    kept = world.store.reader.view(ticket.task_id)
    assert kept is not None
    assert (kept.waiting_for, kept.result[:20]) == ("an engineer", "could not be opened:")
