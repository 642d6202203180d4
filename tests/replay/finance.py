"""Scenarios of the finance SOPs: forms, quorums, called SOPs, waits for events."""

from collections.abc import Mapping
from typing import Any

from domain.lifecycle import TicketState
from domain.review import ReviewRequest, Verb
from tests.replay.scenario import scenario
from tests.replay.stage import KINDS, Stage, filled, is_settled
from tests.support.ticket_world import Ticket

KINDS |= {
    "expense": {
        "title": "Expense report of the Chengdu branch",
        "fields": {
            "amount": "1200.00",
            "lines": [
                {
                    "id": "L1",
                    "category": "hotel",
                    "amount": "1200.00",
                    "limit": "1200.00",
                    "invoice_no": "26113001",
                }
            ],
        },
    },
    "invoice": {
        "title": "Supplier invoice to be booked",
        "fields": {
            "invoice_no": "26110077",
            "net": "10000.00",
            "tax": "1300.00",
            "amount": "11300.00",
            "rate": "13",
            "po_no": "PO-881",
            "goods_received": True,
        },
    },
    "tax": {
        "title": "增值税申报，十月所属期",
        "fields": {"tax": "vat", "period": "2026-10", "due_date": "2026-12-16"},
    },
    "statements": {"title": "Statement pack for October", "fields": {"period": "2026-10"}},
}
_BALANCE = {"debits": "812000.00", "credits": "812000.00", "suspense": False}

Answers = Mapping[str, tuple[str | None, Mapping[str, Any]]]
"""By the last part of the step's key: choice and form."""


async def _answered(stage: Stage, ticket: Ticket, answers: Answers) -> Ticket:
    while True:
        view = await ticket.until(lambda view: bool(view.open_reviews) or view.closed_at is not None)
        if view.closed_at is not None:
            return await stage.ends(ticket)
        await _answer(stage, ticket, view.open_reviews[0], answers)


async def _answer(stage: Stage, ticket: Ticket, request: ReviewRequest, answers: Answers) -> None:
    choice, form = answers.get(request.step_id.rsplit(".", 1)[-1], (None, {}))
    if choice is None and request.choices:
        choice = request.choices[0]
    for person in stage.people(request):
        outcome = await ticket.decide(
            person, choice=choice, request=request, form={**filled(request), **form}
        )
        if outcome.accepted:
            break
    await ticket.until(lambda view: is_settled(view, request))


@scenario()
async def expense_claim_is_clean(stage: Stage) -> Ticket:
    """One verdict, one checker, paid."""
    return await _answered(stage, await stage.submit("expense"), {"verdict": ("approved", {})})


@scenario()
async def invoice_proves_itself(stage: Stage) -> Ticket:
    """Reserved, proposed, approved, booked."""
    form = {"account": "1601", "cost_centre": "IT", "period": "2026-11", "deductible": True}
    answers = {"reserve_number": ("reserved", {"invoice_no": "26110077"}), "propose_entry": (None, form)}
    return await _answered(stage, await stage.submit("invoice"), answers)


@scenario()
async def tax_return_is_filed(stage: Stage) -> Ticket:
    """The period is closed, the return computed, filed and paid; the proof came early."""
    ticket = await stage.submit("tax")
    await ticket.event("tax_receipt", number="P-1")
    answers: Answers = {
        "strike_balance": (None, _BALANCE),
        "tax_base": (None, {"base": "400000.00", "schedule_ref": "T-10"}),
        "input_tax": (None, {"input": "18000.00", "missing": False}),
        "compute_return": ("computed", {"payable": "6000.00", "rules_ref": "T-10-R"}),
        "compare_with_ledger": (None, {"ties": True}),
    }
    return await _answered(stage, ticket, answers)


@scenario()
async def statements_tie(stage: Stage) -> Ticket:
    """Prepared side by side, reviewed by two, signed, delivered."""
    sheet = {"assets": "900000.00", "liabilities": "650000.00", "equity": "250000.00", "cash": "120000.00"}
    answers: Answers = {
        "strike_balance": (None, _BALANCE),
        "balance_sheet": (None, sheet),
        "cash_flow": (None, {"closing_cash": "120000.00"}),
    }
    return await _answered(stage, await stage.submit("statements"), answers)


@scenario()
async def statements_are_refused(stage: Stage) -> Ticket:
    """Whoever should strike the balance cannot."""
    ticket = await stage.submit("statements")
    request = await ticket.review()
    await ticket.decide(stage.people(request)[0], Verb.REJECT, request=request)
    return await stage.ends(ticket, TicketState.REJECTED)
