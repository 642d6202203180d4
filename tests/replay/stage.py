"""Where scenarios are played: tickets of every kind at a chosen hour, with the people of the directory."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.testing import WorkflowEnvironment

from domain.clock import BankClock
from domain.duration import parse_duration
from domain.fields import FieldType
from domain.lifecycle import TicketState
from domain.review import DecisionOutcome, ReviewRequest, Verb
from domain.task import OpsTask
from domain.ticket import TicketView
from tests.support.ticket_world import Ticket, World
from workflows.contract import TASK_QUEUE, TicketInput, workflow_id
from workflows.ticket import TicketWorkflow

DAY = datetime.fromisoformat("2026-11-24T10:00:00+08:00")
"""A Tuesday in the middle of the morning."""
PAST_CUT_OFF = datetime.fromisoformat("2026-11-24T16:30:00+08:00")
NIGHT = datetime.fromisoformat("2026-11-24T23:00:00+08:00")

_ORDER = {"authority": "customer", "document_no": "K-1", "identity_verified": True, "amount": "1200.00"}

KINDS: dict[str, dict[str, Any]] = {
    "freeze": {"title": "Please freeze my account", "fields": _ORDER},
    "unfreeze": {"title": "Please unfreeze my account", "fields": {**_ORDER, "frozen_by": "customer"}},
    "complaint": {"title": "Complaint about a fee", "fields": {}},
    "compliance": {
        "title": "Suspicious transactions on an account",
        "fields": {"beneficiary": "Harbour Tools GmbH"},
    },
    "payment": {
        "title": "Cross-border payment to Frankfurt",
        "fields": {
            "bic": "DEUTDEFF500",
            "iban": "DE89370400440532013000",
            "currency": "EUR",
            "amount": "12500.50",
            "purpose_code": "SUPP",
            "value_date": "2026-11-24",
            "beneficiary": "Harbour Tools GmbH",
        },
    },
    "break": {"title": "Nostro reconciliation: a difference", "fields": {}},
    "other": {"title": "Please send the form for a new address", "fields": {}},
}
"""Tickets that the shipped rules dispatch to each SOP. All parties are invented."""


_SAMPLES: dict[FieldType, Any] = {
    FieldType.MONEY: "1.00",
    FieldType.NUMBER: 1,
    FieldType.FLAG: False,
    FieldType.DATE: "2026-11-25",
    FieldType.TIME: "2026-11-25T09:00:00+08:00",
}


def filled(request: ReviewRequest) -> dict[str, Any]:
    """The form of a review with something in every field that must be filled in."""
    return {
        name: field.choices[0] if field.choices else _SAMPLES.get(field.type, "recorded")
        for name, field in request.form.items()
        if field.required
    }


def is_settled(view: TicketView, request: ReviewRequest) -> bool:
    """Whether the decision on a review shows: it is over, or has one approval more."""
    return all(
        each.review_id != request.review_id or len(each.approvals) > len(request.approvals)
        for each in view.open_reviews
    )


@dataclass
class Stage:
    """Submits tickets, passes their time, decides for people."""

    env: WorkflowEnvironment
    world: World
    name: str

    async def submit(
        self,
        kind: str,
        at: datetime = DAY,
        *,
        maker: str = "intake",
        waited: timedelta = timedelta(0),
        **fields: Any,
    ) -> Ticket:
        """Starts the scenario's ticket, received some time before `at`.

        `fields` are added to those of its kind; None takes one away.
        """
        base = KINDS[kind]
        merged = {key: value for key, value in {**base["fields"], **fields}.items() if value is not None}
        task = OpsTask(
            task_id=self.name,
            title=base["title"],
            source="test",
            external_id=self.name,
            account_ref="6200000000001234",
            customer_ref="C1",
            fields=merged,
        )
        # Bank time begins at the scenario's hour, whenever it is recorded.
        clock = BankClock(real_origin=datetime.now(UTC), bank_origin=at)
        handle = await self.world.client.start_workflow(
            TicketWorkflow.run,
            TicketInput(task=task, maker=maker, received_at=at - waited, clock=clock),
            id=workflow_id(task.task_id),
            task_queue=TASK_QUEUE,
        )
        return Ticket(handle, self.world.codes, task.task_id)

    async def decide(
        self, ticket: Ticket, verb: Verb = Verb.APPROVE, *, choice: str | None = None, second: bool = False
    ) -> DecisionOutcome:
        """The next review is decided by the first person, or the second, who may."""
        request = await ticket.review()
        by = self.people(request)[int(second)]
        form = filled(request) if verb is Verb.APPROVE else {}
        outcome = await ticket.decide(by, verb, choice=choice, request=request, form=form)
        assert outcome.accepted, outcome
        await ticket.until(lambda view: is_settled(view, request))
        return outcome

    def people(self, request: ReviewRequest) -> list[str]:
        """Who may decide a review, in the directory's order."""
        principals = self.world.rulebook.current().directory.principals
        return [each.id for each in principals if request.role in each.roles and request.group in each.groups]

    def operator(self) -> str:
        """Somebody who may give commands to tickets of every group."""
        principals = self.world.rulebook.current().directory.principals
        return next(each.id for each in principals if {"operator", "oncall"} <= each.roles)

    async def command(self, ticket: Ticket, verb: str, *, group: str | None = None) -> None:
        """An operator's command, which must be accepted."""
        outcome = await ticket.command(verb, self.operator(), group=group)
        assert outcome.accepted, outcome

    async def pass_time(self, ticket: Ticket, time: str, until: Callable[[TicketView], bool]) -> None:
        """Moves the ticket's clock, and waits until it shows what that did."""
        duration: timedelta = parse_duration(time)
        await self.env.fast_forward(ticket.handle, duration)
        await ticket.until(until)

    async def pass_to_level(self, ticket: Ticket, time: str, level: str) -> None:
        """Moves the ticket's clock until its SLA reaches a level and somebody was told of it."""
        await self.pass_time(ticket, time, lambda view: view.sla_level == level)
        await ticket.until_told(level, [])

    async def ends(self, ticket: Ticket, state: TicketState = TicketState.COMPLETED) -> Ticket:
        """The ticket ends as it should."""
        await ticket.ends(state, seconds=60)
        return ticket

    async def until_placed(self) -> None:
        """Waits until the bank has seen this ticket's order."""
        async with asyncio.timeout(20):
            while not any(key.startswith(f"{self.name}/") for key in self.world.bank.attempts):
                await asyncio.sleep(0.05)
