"""Scenarios of clocks: business time, legal deadlines, terms that change."""

from dataclasses import replace
from datetime import date

from definitions.schema import Sop, Step
from domain.calendar import OffsetChange, WorkCalendar, parse_interval
from domain.rescue import RescueGroup, RescuePolicy
from domain.sla import SlaPolicy
from domain.ticket import EventKind
from tests.fakes.rulebook import FakeRulebook
from tests.replay.language import LANGUAGE
from tests.replay.scenario import scenario
from tests.replay.stage import Stage
from tests.support.ticket_world import CUSTOMER_ORDER, Ticket
from workflows.ticket import TicketWorkflow

_SOP = Sop.model_validate(
    {
        "name": "Clocks",
        "trigger": {"category": "accounts", "action": "clocks"},
        "steps": [
            {"name": "Assess", "handler": "risk_assessor"},
            {"name": "Well", "review": {"question": "Well?", "group": "Compliance Review", "deadline": "9h"}},
        ],
        "legal": [{"law": "Sample Freezing Act", "article": "Art. 18", "within": "2h"}],
    }
)
_NEARLY_ALWAYS = (parse_interval("00:00-24:00"),)
_CALENDAR = WorkCalendar(
    name="office",
    timezone="Asia/Shanghai",
    week=(_NEARLY_ALWAYS,) * 7,
    days_off=(date(2020, 1, 1),),
    offset=28_800,
    changes=(OffsetChange(since="2020-01-02T00:00:00Z", seconds=28_800 + 60),),  # type: ignore[arg-type]
)
"""Works at whatever hour it is recorded, and is not the calendar that costs nothing."""


_ASK = Step.model_validate({"name": "Well", "review": {"question": "Well?"}})
_LATE = Sop.model_validate(
    {
        "name": "Late",
        "trigger": {"category": "accounts", "action": "late"},
        "steps": [
            {"name": "Assess", "handler": "risk_assessor"},
            {"name": "Pause", "wait": {"duration": "3h"}},
            {"name": "Greet", "handler": "sms_notifier", "optional": True},
            {"name": "Well", "review": {"question": "Well?", "group": "Compliance Review"}},
        ],
        "sla": "1h",
    }
)


@scenario(LANGUAGE)
async def late_on_the_fast_track(stage: Stage) -> Ticket:
    """At critical no group suits and the risk is low: the wait is cut short, an optional step left out."""
    rulebook = stage.world.rulebook
    assert isinstance(rulebook, FakeRulebook)
    before = rulebook.book
    rulebook.book = FakeRulebook((_LATE,), all_day="daytime", rescue=RescuePolicy()).book
    ticket = await stage.world.submit(task_id=stage.name, action="late", fields=CUSTOMER_ORDER)
    await ticket.until(lambda view: view.current_step == "pause")
    await stage.pass_time(ticket, "58min", lambda view: bool(view.open_reviews))
    assert EventKind.RESCUED in await ticket.kinds()
    await ticket.decide("zhao.min")
    rulebook.book = before
    return await stage.ends(ticket)


@scenario(LANGUAGE)
async def late_and_handed_over(stage: Stage) -> Ticket:
    """At critical the idle group takes the ticket over, with its open question."""
    rulebook = stage.world.rulebook
    assert isinstance(rulebook, FakeRulebook)
    before = rulebook.book
    ask = _LATE.model_copy(update={"steps": (_LATE.steps[0], _ASK)})
    idle = RescueGroup(name="Compliance Review", capacity=10, skills=("accounts",))
    rulebook.book = FakeRulebook((ask,), all_day="daytime", rescue=RescuePolicy(groups=(idle,))).book
    ticket = await stage.world.submit(task_id=stage.name, action="late", fields=CUSTOMER_ORDER)
    await ticket.review()
    await stage.pass_time(ticket, "58min", lambda view: view.task.assigned_group == idle.name)
    await ticket.until(lambda view: all(each.group == idle.name for each in view.open_reviews))
    await ticket.decide("zhao.min")
    rulebook.book = before
    return await stage.ends(ticket)


@scenario(LANGUAGE)
async def clocks_and_other_terms(stage: Stage) -> Ticket:
    """On a calendar, with a legal deadline that no hold stops, under a policy that becomes stricter."""
    rulebook = stage.world.rulebook
    assert isinstance(rulebook, FakeRulebook)
    before = rulebook.book
    book = replace(FakeRulebook((_SOP,), all_day="daytime").book, calendars={"office": _CALENDAR})
    rulebook.book = replace(book, sla=_policy(0.9))
    ticket = await stage.world.submit(task_id=stage.name, action="clocks", fields=CUSTOMER_ORDER)
    await ticket.review()
    rulebook.book = replace(book, sla=_policy(0.5))
    assert (await ticket.handle.execute_update(TicketWorkflow.review_terms)).accepted
    await stage.pass_to_level(ticket, "20min", "pre_alert")
    assert (await ticket.command("hold")).accepted
    seen = (await ticket.view()).last_seq
    await stage.pass_time(ticket, "80min", lambda view: view.last_seq > seen)
    assert EventKind.LEGAL_DEADLINE in await ticket.kinds()
    assert (await ticket.command("resume")).accepted
    await ticket.decide("zhao.min")
    rulebook.book = before
    return await stage.ends(ticket)


def _policy(hours: float) -> dict[str, SlaPolicy]:
    return {"accounts": SlaPolicy(category="accounts", sla_hours=hours, calendar="office")}
