"""Scenarios of clocks: business time, legal deadlines, terms that change."""

from dataclasses import replace
from datetime import date

from definitions.schema import Sop
from domain.calendar import OffsetChange, WorkCalendar, parse_interval
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
