"""An office at night: desks of pages and roster over a real store, behind the API; Temporal is in memory.

The workflow behind a page is the state machine itself: `Nights.acknowledge` answers an Update as it would.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import httpx
from fastapi import FastAPI
from temporalio.client import Client

from activities.adapters.decision_codes import DecisionCodes
from activities.adapters.page_links import SignedPageLinks
from activities.adapters.store import Store, open_store
from activities.adapters.store.migrations import upgrade
from activities.messages import CodeCheck
from domain.clock import BankClock
from domain.page_views import PageProgress, PageStep
from domain.paging import (
    Acknowledged,
    Due,
    Notify,
    PageRequest,
    PageState,
    Resolved,
    decide,
    objection,
    opened,
)
from domain.paging_policy import PagingPolicy
from tests.fakes.rulebook import FakeRulebook
from tests.fakes.temporal_client import FakeTemporal
from workers.api.app import create_app
from workers.desk.authority import Trail
from workers.desk.paging import PageDesk
from workers.desk.roster import RosterDesk
from workers.identity import Identity
from workers.page_workflows import PageWorkflows
from workers.settings import Settings
from workflows.page_contract import ACK_PURPOSE, AckOutcome, page_workflow_id

KEY = "a key of the tests, long enough for HS256"
BASE = "https://pages.bank.example"
POLICY = PagingPolicy(supervisor="Operations Supervisor")


@dataclass
class Nights:
    """Everything of one test."""

    store: Store
    settings: Settings
    rulebook: FakeRulebook
    temporal: FakeTemporal = field(default_factory=FakeTemporal)

    def __post_init__(self) -> None:
        def directory() -> Any:
            return self.rulebook.current().directory

        self.identity = Identity(KEY, directory)
        self.codes = DecisionCodes(KEY, directory, timedelta(minutes=5))
        self.links = SignedPageLinks(KEY, BASE, timedelta(hours=1))
        self.states: dict[str, tuple[PageRequest, PageState, int]] = {}
        self.temporal.on_update["acknowledge"] = self._unknown
        clock = BankClock()
        trail = Trail(self.store.audit, clock)
        self.pages = PageDesk(
            PageWorkflows(cast(Client, self.temporal), patience=timedelta(seconds=5)),
            self.store.pages,
            links=self.links,
            codes=self.codes,
            trail=trail,
            rulebook=self.rulebook.current,
            clock=clock,
        )
        self.roster = RosterDesk(
            self.rulebook.current, self.store.overrides, self.store.shifts, self.store.pages, trail
        )

    def app(self, office: Any) -> FastAPI:
        """The API with these desks beside those of an ordinary office."""
        return create_app(
            office.desk,
            self.identity,
            self.store.reader,
            self.store.audit,
            self.settings,
            pages=self.pages,
            roster=self.roster,
            zone=lambda: "Asia/Shanghai",
        )

    def page(self, page_id: str = "P1", to: str = "duty.liu", **changes: Any) -> PageRequest:
        """A page that rings, and has told one person."""
        values = {
            "page_id": page_id,
            "task_id": "T1",
            "group": "Account Operations",
            "subject": "Freeze of high risk waits <for you>",
            "choices": ("approve", "reject"),
            "silence": "it goes on waiting",
            "deadline_at": datetime(2026, 11, 23, 21, 0, tzinfo=UTC),
            "opened_at": datetime.now(UTC),
            **changes,
        }
        request = PageRequest.model_validate(values)
        now = request.opened_at
        step = decide(POLICY, opened(request, POLICY, now), Due(line=(to, "duty.yang")), now)
        told = [
            PageStep(step=each.step, to=each.to, reason=each.reason, at=now, fate="sent", sent=("sms",))
            for each in step.effects
            if isinstance(each, Notify)
        ]
        self.states[page_id] = (request, step.state, 1)
        self.store.pages.record(PageProgress(page=request, state=step.state, number=1, steps=tuple(told)))
        self.temporal.started[page_workflow_id(page_id)] = cast(Any, None)
        self.temporal.on_update["acknowledge"] = lambda given: self.acknowledge(page_id, given.code)
        return request

    def acknowledge(self, page_id: str, code: str) -> AckOutcome:
        """What the page's workflow does with an acknowledgement."""
        request, state, _ = self.states[page_id]
        now = datetime.now(UTC)
        verdict = self.codes.verify(
            CodeCheck(code=code, purpose=ACK_PURPOSE, subject=page_id, digest=request.digest)
        )
        assert verdict.principal is not None, verdict.problem
        problem = objection(verdict.principal, state)
        if problem:
            return AckOutcome(
                page_id=page_id,
                accepted=False,
                code=problem[0],
                message=problem[1],
                acknowledged_by=state.acknowledged_by,
            )
        self.move(page_id, Acknowledged(by=verdict.principal.id))
        return AckOutcome(
            page_id=page_id,
            accepted=True,
            code="accepted",
            message="acknowledged: nobody else is called. It approves nothing",
            acknowledged_by=verdict.principal.id,
            acknowledged_at=now,
        )

    def move(self, page_id: str, event: Acknowledged | Resolved) -> None:
        """Something happens to the page, and its workflow records it."""
        request, state, number = self.states[page_id]
        after = decide(POLICY, state, event, datetime.now(UTC)).state
        self.states[page_id] = (request, after, number + 1)
        self.store.pages.record(PageProgress(page=request, state=after, number=number + 1))

    def link(self, page: PageRequest, to: str = "duty.liu", step: int = 1) -> str:
        """The path of a link that was sent."""
        return self.links.url(page, to, step).removeprefix(BASE)

    def actions(self) -> list[str]:
        """What the audit log has."""
        return [row.action for row in self.store.audit.entries()]

    def _unknown(self, _: Any) -> Any:
        raise AssertionError("no page was started")


@contextmanager
def nights(folder: Path) -> Iterator[Nights]:
    """The office, with a store of its own."""
    url = f"sqlite:///{folder / 'nights.db'}"
    upgrade(url)
    store = open_store(url)
    yield Nights(store, Settings(data_dir=folder), FakeRulebook(paging=POLICY))
    store.close()


def caller(app: FastAPI) -> httpx.AsyncClient:
    """A client of the API that is not signed in."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://api")
