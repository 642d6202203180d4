"""Scenarios of the language beyond a row of steps, under SOPs of their own."""

from typing import Any

from definitions.schema import Sop
from domain.digest import digest_of
from domain.lifecycle import TicketState
from domain.review import Verb
from tests.fakes.core_bank import Failure
from tests.fakes.rulebook import FakeRulebook
from tests.replay.scenario import scenario
from tests.replay.stage import Stage
from tests.support.ticket_world import CUSTOMER_ORDER, Ticket

LANGUAGE = "language"
_ASSESS = {"name": "Assess", "handler": "risk_assessor"}
_FREEZE = {"name": "Freeze", "handler": "core_system_freeze", "retry": 0}
_CHECK = {"name": "Check", "handler": "sanctions_screener"}


def _ask(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "review": {"question": f"{name}?", "group": "Compliance Review", **more}}


def _sop(action: str, *steps: dict[str, Any], **more: Any) -> Sop:
    name = action.replace("_", " ").title()
    trigger = {"category": "accounts", "action": action}
    return Sop.model_validate({"name": name, "trigger": trigger, "steps": [_ASSESS, *steps], **more})


SOPS = (
    _sop(
        "blocks",
        {
            "name": "Both",
            "parallel": {
                "people": [_ask("Legal", quorum=2, form={"limit": {"type": "money"}})],
                "loop": [
                    {
                        "name": "Each",
                        "foreach": {
                            "items": "fields.lines",
                            "as": "line",
                            "limit": 2,
                            "steps": [{**_FREEZE, "with": {"amount": "${ line.amount }"}}],
                        },
                    }
                ],
            },
        },
        {
            "name": "Again",
            "repeat": {
                "until": 'steps.check.outcome == "clear"',
                "limit": 3,
                "every": "1min",
                "steps": [_CHECK],
            },
        },
        {"name": "Called", "call": "screening", "when": 'steps.legal.data.limit == "500.00"'},
    ),
    _sop(
        "papers",
        {"name": "Cool Down", "wait": {"duration": "2h"}},
        {"name": "Papers", "wait": {"event": "papers", "deadline": "2d"}},
        {**_CHECK, "when": "steps.papers.data.pages > 3"},
    ),
    _sop("undone", {**_FREEZE, "compensate": "core_system_unfreeze"}, _ask("Well")),
    _sop(
        "refused",
        {**_FREEZE, "on_error": {"order_refused": ["well"]}},
        {**_ask("Well"), "on_reject": ["finish"]},
    ),
    _sop("moved", _FREEZE, _ask("Well")),
    Sop.model_validate({"name": "Screening", "steps": [_CHECK]}),
)
MENDED = _sop("moved", {**_FREEZE, "retry": 2}, _ask("Well", deadline="1h"))


def language_rulebook() -> FakeRulebook:
    """The SOPs of this module, at an hour at which low risk runs by itself."""
    return FakeRulebook(SOPS, all_day="daytime")


async def _submit(stage: Stage, action: str, **fields: Any) -> Ticket:
    facts = {**CUSTOMER_ORDER, "beneficiary": "Harbour Tools GmbH", **fields}
    return await stage.world.submit(task_id=stage.name, action=action, fields=facts)


@scenario(LANGUAGE)
async def language_blocks(stage: Stage) -> Ticket:
    """Parallel, foreach, repeat and call; two people approve, one fills in the form."""
    ticket = await _submit(
        stage, "blocks", lines=[{"amount": "1.00"}, {"amount": "2.00"}, {"amount": "3.00"}]
    )
    await ticket.decide("zhao.min", step="legal", form={"limit": "500.00"})
    await ticket.decide("sun.lei", step="legal", form={"limit": "500.00"})
    return await stage.ends(ticket)


@scenario(LANGUAGE)
async def language_papers(stage: Stage) -> Ticket:
    """A wait, an event that comes early and once more, a step that is not needed."""
    ticket = await _submit(stage, "papers")
    await ticket.until(lambda view: view.waiting_for.endswith("UTC"))
    await ticket.event("papers", "E1", pages=2)
    await ticket.event("papers", "E1", pages=2)
    await stage.pass_time(ticket, "3h", lambda view: view.state is TicketState.COMPLETED)
    return await stage.ends(ticket)


@scenario(LANGUAGE)
async def language_undone(stage: Stage) -> Ticket:
    """Rejected after the freeze: it is undone."""
    ticket = await _submit(stage, "undone")
    await ticket.decide("zhao.min", Verb.REJECT)
    return await stage.ends(ticket, TicketState.REJECTED)


@scenario(LANGUAGE)
async def language_not_undone(stage: Stage) -> Ticket:
    """Rejected after the freeze, and the bank refuses to undo it."""
    ticket = await _submit(stage, "undone")
    await ticket.review()
    stage.world.bank.fail_next(Failure.REFUSED)
    await ticket.decide("zhao.min", Verb.REJECT)
    return await stage.ends(ticket, TicketState.REJECTED)


@scenario(LANGUAGE)
async def language_refused(stage: Stage) -> Ticket:
    """An error and a no take their routes."""
    stage.world.bank.fail_next(Failure.REFUSED)
    ticket = await _submit(stage, "refused")
    await ticket.decide("zhao.min", Verb.REJECT)
    return await stage.ends(ticket)


@scenario(LANGUAGE)
async def language_moved(stage: Stage) -> Ticket:
    """A failed step goes on under a mended version: the second run of a ticket that was continued."""
    rulebook = stage.world.rulebook
    assert isinstance(rulebook, FakeRulebook)
    stage.world.bank.fail_next(Failure.REFUSED)
    ticket = await _submit(stage, "moved")
    await ticket.until(lambda view: view.steps_failed == ("freeze",))
    kept, rulebook.book = rulebook.book, FakeRulebook((MENDED,), all_day="daytime").book
    digest = digest_of([MENDED])
    assert (await ticket.command("migrate", sop_digest=digest)).accepted
    await ticket.decide("zhao.min", step="well")
    rulebook.book = kept
    return await stage.ends(ticket)
