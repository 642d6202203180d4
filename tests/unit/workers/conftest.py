"""One small bank office: the ticket desk over an in-memory store and Temporal, with its API."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from fastapi import FastAPI
from temporalio.client import Client

from activities.adapters.decision_codes import DecisionCodes
from definitions.book import PinnedSop, pin
from definitions.schema import Sop
from domain.clock import BankClock
from domain.people import Principal, Role
from tests.fakes.rulebook import people
from tests.fakes.store import FakeAudit, FakeIntake, FakeReader, a_review, a_view
from tests.fakes.temporal_client import FakeTemporal
from workers.api.app import create_app
from workers.identity import Identity
from workers.settings import Settings
from workers.tickets import TicketDesk
from workflows.contract import FinishedStep, JournalView

KEY = "a key of the tests, long enough for HS256"
BOSS = Principal(id="boss", name="boss", roles=frozenset({Role.ADMIN, Role.REVIEWER, Role.OPERATOR}))
TICKET = {"title": "Freeze the account", "source": "gateway", "external_id": "X-1"}


def a_pinned_sop(version: str, name: str = "Freeze", *steps: str) -> PinnedSop:
    """A version of an SOP; without other steps it checks, pays, and tells in its own words."""
    names = steps or ("Check", "Pay", f"Tell {version}")
    content = {
        "name": name,
        "version": version,
        "steps": [{"name": each, "handler": "record"} for each in names],
    }
    return pin(Sop.model_validate(content), {})


@dataclass
class Office:
    """Everything of one test, and short ways to use it."""

    settings: Settings
    temporal: FakeTemporal = field(default_factory=FakeTemporal)
    reader: FakeReader = field(default_factory=FakeReader)
    intake: FakeIntake = field(default_factory=FakeIntake)
    audit: FakeAudit = field(default_factory=FakeAudit)
    in_force: dict[str, PinnedSop] = field(default_factory=dict)
    archive: dict[tuple[str, str], PinnedSop] = field(default_factory=dict)
    journals: dict[str, JournalView] = field(default_factory=dict)

    def __post_init__(self) -> None:
        directory = people()
        self.directory = directory.model_copy(update={"principals": (*directory.principals, BOSS)})
        self.identity = Identity(KEY, lambda: self.directory)
        self.codes = DecisionCodes(KEY, lambda: self.directory, timedelta(minutes=5))
        self.desk = TicketDesk(
            cast(Client, self.temporal),
            reader=self.reader,
            intake=self.intake,
            audit=self.audit,
            codes=self.codes,
            clock=BankClock(),
            directory=lambda: self.directory,
            in_force=lambda: self.in_force,
            archived=lambda name, digest: self.archive.get((name, digest)),
        )
        self.app: FastAPI = create_app(self.desk, self.identity, self.reader, self.audit, self.settings)
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://api")

    def who(self, name: str) -> Principal:
        principal = self.directory.principal(name)
        assert principal is not None
        return principal

    def signed_in(self, name: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.identity.issue(name)}"}

    async def get(self, path: str, name: str = "op.chen", **options: Any) -> httpx.Response:
        return await self.http.get(path, headers=self.signed_in(name), **options)

    async def post(
        self, path: str, body: Any, name: str, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        return await self.http.post(path, json=body, headers={**self.signed_in(name), **(headers or {})})

    async def submit(self, **changes: Any) -> httpx.Response:
        return await self.post("/tickets", {**TICKET, **changes}, "intake")

    def running(self, task_id: str = "T1", **changes: Any) -> None:
        """A ticket that is recorded and runs."""
        self.reader.views[task_id] = a_view(task_id, **changes)
        self.temporal.started[f"ticket-{task_id}"] = cast(Any, None)

    def pinned_to(
        self, task_id: str, version: str, *finished: str, sop: str = "Freeze", **changes: Any
    ) -> None:
        """A ticket that runs under this version of an SOP and has finished these steps."""
        pinned = a_pinned_sop(version, sop)
        self.running(task_id, sop=sop, sop_version=version, sop_digest=pinned.digest, **changes)
        self.journals[f"ticket-{task_id}"] = JournalView(
            sop=pinned,
            finished=tuple(FinishedStep(key=each, step_id=each, outcome="done") for each in finished),
        )
        self.temporal.on_query["journal"] = self.journals.__getitem__

    def asking(self, review_id: str = "R1", **changes: Any) -> str:
        """A review that waits on running ticket T1; its digest."""
        self.running()
        self.reader.reviews[review_id] = a_review(review_id, **changes)
        return self.reader.reviews[review_id].digest


@pytest.fixture
def pinned_sop() -> Callable[..., PinnedSop]:
    """Makes versions of SOPs."""
    return a_pinned_sop


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(Settings(data_dir=tmp_path, max_body_bytes=200_000))
