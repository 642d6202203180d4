"""A ticket's whole world for workflow tests: real Temporal, real activities, fakes behind the ports."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

from temporalio.client import Client, WorkflowHandle
from temporalio.common import WorkflowIDReusePolicy

from activities.adapters.decision_codes import DecisionCodes
from activities.adapters.store import Store, open_store
from activities.adapters.store.migrations import upgrade
from activities.ports import RulebookSource
from activities.ports.alerts import AlertDesks
from activities.ports.expiry import Expiries
from domain.clock import BankClock
from domain.digest import digest_of
from domain.errors import ChannelFailed
from domain.lifecycle import TicketState
from domain.notices import Channel, Notice
from domain.review import Decision, DecisionOutcome, ReviewRequest, Verb
from domain.task import OpsTask
from domain.ticket import EventKind, TicketEvent, TicketView
from tests.fakes.core_bank import FakeCoreBank
from workers.activity_set import activity_set
from workers.settings import Settings
from workers.worker import running_workers
from workflows.contract import (
    TASK_QUEUE,
    Command,
    CommandOutcome,
    OutsideEvent,
    TicketInput,
    TicketResult,
    command_content,
    event_content,
    workflow_id,
)
from workflows.ticket import TicketWorkflow

_KEY = "a key for tests, long enough to sign with"
_NUMBERS = count(1)


@dataclass
class Outbox:
    """A channel that keeps what it was given, or refuses."""

    sent: list[tuple[Channel, str, Notice]] = field(default_factory=list)
    refusing: set[Channel] = field(default_factory=set)

    def senders(self) -> dict[Channel, "_Sender"]:
        """One sender for each real channel."""
        return {each: _Sender(self, each) for each in Channel if each is not Channel.DASHBOARD}

    def subjects(self, channel: Channel) -> list[str]:
        """Subjects of what went out on a channel."""
        return [notice.subject for via, _, notice in self.sent if via is channel]


@dataclass
class _Sender:
    outbox: Outbox
    channel: Channel

    def send(self, notice: Notice, address: str) -> str:
        if self.channel in self.outbox.refusing:
            raise ChannelFailed(f"{self.channel} refuses")
        self.outbox.sent.append((self.channel, address, notice))
        return "taken"


class Ticket:
    """One running ticket, and what people can do with it."""

    def __init__(self, handle: WorkflowHandle[Any, TicketResult], codes: DecisionCodes, task_id: str) -> None:
        self.handle = handle
        self.task_id = task_id
        self._codes = codes

    async def view(self) -> TicketView:
        """Its state, asked of the workflow."""
        return await self.handle.query(TicketWorkflow.view)

    async def timeline(self) -> list[TicketEvent]:
        """Its events, asked of the workflow."""
        return await self.handle.query(TicketWorkflow.timeline)

    async def kinds(self) -> list[EventKind]:
        """The kinds of its events, in order."""
        return [event.kind for event in await self.timeline()]

    async def until(self, holds: Callable[[TicketView], bool], seconds: float = 20) -> TicketView:
        """Waits until the view is as wanted."""
        view = None
        try:
            async with asyncio.timeout(seconds):
                while True:
                    view = await self.view()
                    if holds(view):
                        return view
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"the ticket never got there; it is {view}") from None

    async def until_told(self, level: str, told: list[str], seconds: float = 20) -> None:
        """Waits until an alert of this level went out; adds who was told."""
        try:
            async with asyncio.timeout(seconds):
                while not told:
                    for event in await self.timeline():
                        if event.kind is EventKind.ESCALATED and event.summary.startswith(level):
                            told.extend(event.data["sent"])
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"nobody was told of {level}: {await self.timeline()}") from None

    async def review(self, step: str | None = None) -> ReviewRequest:
        """Waits for an open review, of this step where one is named."""

        def asked(view: TicketView) -> list[ReviewRequest]:
            return [each for each in view.open_reviews if step in (None, each.step_id)]

        view = await self.until(lambda view: bool(asked(view)))
        return asked(view)[0]

    async def decide(
        self,
        by: str,
        verb: Verb = Verb.APPROVE,
        *,
        reason: str = "looked at it",
        choice: str | None = None,
        request: ReviewRequest | None = None,
        code: str | None = None,
        step: str | None = None,
        form: Mapping[str, Any] | None = None,
    ) -> DecisionOutcome:
        """Decides the open review as this principal, with a proper code unless another is given."""
        request = request or await self.review(step)
        if code is None:
            code = self._codes.issue(by, "decide", request.review_id, request.digest)
        return await self.handle.execute_update(
            TicketWorkflow.decide,
            Decision(
                review_id=request.review_id,
                verb=verb,
                reason=reason,
                choice=choice,
                code=code,
                form=dict(form or {}),
            ),
        )

    async def event(self, name: str, event_id: str = "E1", by: str = "intake", **data: Any) -> CommandOutcome:
        """Tells of something that happened outside."""
        bare = OutsideEvent(name=name, event_id=event_id, data=data)
        code = self._codes.issue(by, "event", self.task_id, digest_of(event_content(self.task_id, bare)))
        return await self.handle.execute_update(
            TicketWorkflow.deliver_event, bare.model_copy(update={"code": code})
        )

    async def command(self, verb: str, by: str = "op.chen", **more: Any) -> CommandOutcome:
        """Gives a command as this principal."""
        bare = Command(reason="in the test", **more)
        code = self._codes.issue(
            by, f"command:{verb}", self.task_id, digest_of(command_content(verb, self.task_id, bare))
        )
        return await self.handle.execute_update(
            verb, bare.model_copy(update={"code": code}), result_type=CommandOutcome
        )

    async def result(self, seconds: float = 30) -> TicketResult:
        """Waits for its end."""
        async with asyncio.timeout(seconds):
            return await self.handle.result()

    async def ends(self, state: TicketState, seconds: float = 30) -> TicketResult:
        """Waits for its end, which must be this one."""
        result = await self.result(seconds)
        assert result.state is state, f"ended as {result.state}: {result.result}"
        return result


@dataclass
class World:
    """Everything around tickets."""

    client: Client
    bank: FakeCoreBank
    outbox: Outbox
    store: Store
    codes: DecisionCodes
    rulebook: RulebookSource

    async def submit(self, maker: str = "intake", **task: Any) -> Ticket:
        """Starts a ticket. Without more it is a customer's own freeze of low risk."""
        number = next(_NUMBERS)
        given: dict[str, Any] = {
            "task_id": f"T{number}-{id(self):x}",
            "title": "Please freeze my account",
            "source": "test",
            "external_id": str(number),
            "category": "accounts",
            "action": "freeze",
            "account_ref": "6200000000001234",
            "customer_ref": "C1",
            "fields": CUSTOMER_ORDER,
            **task,
        }
        ticket = TicketInput(task=OpsTask.model_validate(given), maker=maker)
        handle = await self.client.start_workflow(
            TicketWorkflow.run,
            ticket,
            id=workflow_id(ticket.task.task_id),
            task_queue=TASK_QUEUE,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        )
        return Ticket(handle, self.codes, ticket.task.task_id)


CUSTOMER_ORDER: Mapping[str, Any] = {"authority": "customer", "document_no": "K-1", "identity_verified": True}
"""What a customer's own order needs to be authorised."""


def signing_codes(rulebook: RulebookSource) -> DecisionCodes:
    """Codes for everybody in the directory."""
    return DecisionCodes(_KEY, lambda: rulebook.current().directory, timedelta(minutes=5))


@asynccontextmanager
async def ticket_world(
    client: Client,
    folder: Path,
    rulebook: RulebookSource,
    *,
    bank: FakeCoreBank | None = None,
    core_bank_rate: float = 1000,
    clock: BankClock | None = BankClock(),  # noqa: B008 - an immutable value
    desks: AlertDesks | None = None,
    expiries: Expiries | None = None,
    watched: bool = False,
) -> AsyncIterator[World]:
    """Workers over fakes on an existing Temporal. Without `desks` each alert is sent at once.

    Only where they are `watched` handlers become degraded.
    """
    url = f"sqlite:///{folder / 'store.db'}"
    upgrade(url)
    store = open_store(url)
    bank = bank or FakeCoreBank(contacts={("C1", each): f"{each}-of-C1" for each in Channel})
    outbox = Outbox()
    codes = signing_codes(rulebook)
    activities = activity_set(
        rulebook=rulebook,
        bank=bank,
        senders=outbox.senders(),
        store=store,
        codes=codes,
        clock=clock,
        desks=desks,
        expiries=expiries,
        watched=watched,
    )
    settings = Settings(core_bank_rate=core_bank_rate, drain_s=1, data_dir=folder)
    async with running_workers(client, activities, settings):
        yield World(client, bank, outbox, store, codes, rulebook)
    store.close()
