"""A page's whole world for workflow tests: real Temporal, real activities, fakes behind the channels."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from temporalio.client import Client, WorkflowHandle
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.adapters.address_book import DirectoryAddressBook
from activities.adapters.decision_codes import DecisionCodes
from activities.adapters.store import Store, open_store
from activities.adapters.store.migrations import upgrade
from activities.catalogue import activities_of
from activities.codes import CodeActivities
from activities.paging import PageActivities, PageSending
from domain.handlers import Queue
from domain.page_views import PageView
from domain.paging import PagePhase, PageRequest
from tests.fakes.rulebook import FakeRulebook
from tests.support.ticket_world import Outbox, signing_codes
from workflows.page import PageWorkflow
from workflows.page_contract import (
    ACK_PURPOSE,
    PAGE_QUEUE,
    Acknowledgement,
    AckOutcome,
    PageInput,
    PageOutcome,
    page_workflow_id,
)
from workflows.sandbox import workflow_runner

_NUMBERS = count(1)


@dataclass
class Page:
    """One running page, and what people can do with it."""

    handle: WorkflowHandle[Any, PageOutcome]
    request: PageRequest
    codes: DecisionCodes
    outbox: Outbox
    store: Store
    env: WorkflowEnvironment

    async def pass_time(self, minutes: float) -> None:
        """Moves the page's clock, and waits until it has acted on what was due."""
        await self.env.fast_forward(self.handle, timedelta(minutes=minutes))
        now = await self.env.get_current_time(self.handle)
        await self.until(lambda view: view.state.due_at is None or view.state.due_at > now)
        await self.settled()

    async def settled(self) -> None:
        """Waits until nothing is on its way."""
        await self.until(lambda view: all(step.fate != "ordered" for step in view.steps))

    async def view(self) -> PageView:
        """As its workflow tells it."""
        return await self.handle.query(PageWorkflow.page)

    async def until(self, holds: Callable[[PageView], bool], seconds: float = 20) -> PageView:
        """Waits until the page is as wanted."""
        view = None
        try:
            async with asyncio.timeout(seconds):
                while True:
                    view = await self.view()
                    if holds(view):
                        return view
                    await asyncio.sleep(0.03)
        except TimeoutError:
            raise AssertionError(f"the page never got there; it is {view}") from None

    async def ack(self, by: str, code: str | None = None) -> AckOutcome:
        """Acknowledges as this principal, with a proper code unless another is given."""
        if code is None:
            code = self.codes.issue(by, ACK_PURPOSE, self.request.page_id, self.request.digest)
        return await self.handle.execute_update(PageWorkflow.acknowledge, Acknowledgement(code=code))

    def recorded(self) -> PageView:
        """As the store has it."""
        view = self.store.pages.page(self.request.page_id)
        assert view is not None
        return view

    def told(self) -> list[str]:
        """Whom the store has as told, in order."""
        return [step.to for step in self.recorded().steps]

    def messages(self) -> list[tuple[str, str]]:
        """(channel, person) of all that went out for this page, in order."""
        mine = f"{self.request.page_id}/"
        return [
            (channel.value, notice.to)
            for channel, _, notice in self.outbox.sent
            if notice.notice_id.startswith(mine)
        ]

    async def ends(self, seconds: float = 20) -> PageOutcome:
        """Waits for its end."""
        async with asyncio.timeout(seconds):
            return await self.handle.result()


@dataclass
class PageWorld:
    """Everything around pages."""

    client: Client
    env: WorkflowEnvironment
    rulebook: FakeRulebook
    outbox: Outbox
    store: Store
    codes: DecisionCodes

    async def page(self, *, start: dict[str, Any] | None = None, **changes: Any) -> Page:
        """Starts a page."""
        number = next(_NUMBERS)
        given = {
            "page_id": f"P{number}-{id(self):x}",
            "task_id": f"T{number}",
            "group": "Account Operations",
            "subject": "High risk: ticket waits for a decision",
            "choices": ("approve", "reject"),
            "silence": "it goes on waiting",
            "opened_at": datetime.now(UTC),
            **changes,
        }
        request = PageRequest.model_validate(given)
        handle = await self.client.start_workflow(
            PageWorkflow.run,
            PageInput(page=request, **(start or {})),
            id=page_workflow_id(request.page_id),
            task_queue=PAGE_QUEUE,
        )
        return Page(handle, request, self.codes, self.outbox, self.store, self.env)


@asynccontextmanager
async def page_world(
    env: WorkflowEnvironment, folder: Path, rulebook: FakeRulebook
) -> AsyncIterator[PageWorld]:
    """Workers over fakes on an existing Temporal."""
    url = f"sqlite:///{folder / 'store.db'}"
    upgrade(url)
    store = open_store(url)
    outbox, codes = Outbox(), signing_codes(rulebook)
    own = (CodeActivities(codes), PageActivities(rulebook, store.pages, store.overrides))
    sending = PageSending(
        senders=outbox.senders(),
        log=store.notices,
        addresses=DirectoryAddressBook(rulebook),
        rulebook=rulebook,
        pages=store.pages,
    )
    with ThreadPoolExecutor(8) as threads:
        pages = Worker(
            env.client,
            task_queue=PAGE_QUEUE,
            workflows=[PageWorkflow],
            activities=[each for owner in own for each in activities_of(owner)],
            activity_executor=threads,
            workflow_runner=workflow_runner(),
        )
        channels = Worker(
            env.client,
            task_queue=Queue.CHANNELS,
            activities=activities_of(sending),
            activity_executor=threads,
        )
        async with pages, channels:
            yield PageWorld(env.client, env, rulebook, outbox, store, codes)
    store.close()


def is_over(view: PageView) -> bool:
    """Whether a page is over."""
    return view.state.phase is PagePhase.OVER
