"""The desks of duty and spot checks over a real store, with the API in front; Temporal is a dictionary."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import httpx
from fastapi import FastAPI
from temporalio.client import Client

from activities.adapters.decision_codes import DecisionCodes
from activities.adapters.store import Store, open_store
from activities.adapters.store.migrations import upgrade
from domain.clock import BankClock
from domain.people import Principal, Role
from domain.spot_check import CheckAnswer, CheckOutcome, CheckReply, CheckVerb, SpotCheck, SpotCheckPolicy
from domain.task import RiskLevel
from tests.fakes.rulebook import FakeRulebook
from tests.fakes.store import FakeIntake, FakeReader
from tests.fakes.temporal_client import FakeTemporal
from workers.activity_set import handler_specs
from workers.api.app import create_app
from workers.desk.authority import Trail
from workers.desk.duty import DutyDesk
from workers.desk.handlers import HandlerDesk
from workers.desk.rescue import RescueDesk
from workers.desk.spot_checks import SpotCheckDesk
from workers.identity import Identity
from workers.settings import Settings
from workers.tickets import TicketDesk
from workflows.spot_check_contract import DECIDE_UPDATE, spot_check_id

KEY = "a key of the tests, long enough for HS256"
RELEASER = Principal(id="rel.tan", name="rel.tan", roles=frozenset({Role.RELEASER}))


def a_check(task_id: str = "T1", **changes: Any) -> SpotCheck:
    """A freeze of last night, handed in by `intake` and worked on by `wang.fang`."""
    now = datetime.now(UTC)
    given: dict[str, Any] = {
        "task_id": task_id,
        "kind": "accounts/freeze",
        "category": "accounts",
        "group": "Account Operations",
        "sop": "Freeze",
        "sop_version": "1",
        "sop_digest": "d" * 64,
        "risk": RiskLevel.MEDIUM,
        "result": "COMPLETED: Freeze completed",
        "maker": "intake",
        "hands": ("intake", "wang.fang"),
        "marked_at": now - timedelta(hours=9),
        "drawn_at": now,
        "due_at": now + timedelta(hours=8),
    }
    return SpotCheck.model_validate(given | changes)


@dataclass
class DutyOffice:
    """Everything of one test."""

    store: Store
    settings: Settings
    rulebook: FakeRulebook = field(default_factory=FakeRulebook)
    temporal: FakeTemporal = field(default_factory=FakeTemporal)

    def __post_init__(self) -> None:
        directory = self.rulebook.book.directory
        directory = directory.model_copy(update={"principals": (*directory.principals, RELEASER)})
        self.rulebook.book = replace(self.rulebook.book, directory=directory)
        self.directory = directory
        self.identity = Identity(KEY, lambda: directory)
        self.codes = DecisionCodes(KEY, lambda: directory, timedelta(minutes=5))
        client = cast(Client, self.temporal)
        clock, audit = BankClock(), self.store.audit
        desk = TicketDesk(
            client,
            reader=FakeReader(),
            intake=FakeIntake(),
            audit=audit,
            codes=self.codes,
            clock=clock,
            directory=lambda: directory,
            in_force=dict,
            archived=lambda _name, _digest: None,
        )
        self.app: FastAPI = create_app(
            desk,
            self.identity,
            FakeReader(),
            audit,
            self.settings,
            duty=DutyDesk(self.store.duty, self.rulebook, audit=audit, clock=clock),
            spot_checks=SpotCheckDesk(
                client, self.store.spot_checks, audit=audit, codes=self.codes, clock=clock
            ),
            handlers=HandlerDesk(
                self.store.handler_health,
                handlers=handler_specs,
                policy=lambda: self.rulebook.book.degraded,
                trail=Trail(audit, clock),
            ),
            trends=self.store.trends,
            rescues=RescueDesk(self.rulebook, self.store.rescues, self.store.database.now),
        )
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://api")

    async def ask(self, by: str, method: str, path: str, **content: Any) -> tuple[int, Any]:
        """Status and document of one request."""
        headers = {"Authorization": f"Bearer {self.identity.issue(by)}"}
        answer = await self.http.request(method, path, headers=headers, **content)
        return answer.status_code, answer.json()

    def opened(self, task_id: str = "T1", **changes: Any) -> SpotCheck:
        """A check in the queue, whose workflow runs and takes any answer as the real one keeps it."""
        check = a_check(task_id, **changes)
        self.store.spot_checks.open(check)
        self.temporal.started[spot_check_id(task_id)] = cast(Any, None)
        self.temporal.on_update[DECIDE_UPDATE] = lambda answer: self._taken(check, answer)
        return check

    def withdrawn(self, kind: str = "accounts/freeze") -> None:
        """A kind of which spot checks found one ticket, and that one wrong."""
        check = self.opened("T-bad", kind=kind)
        outcome = CheckOutcome(
            task_id=check.task_id,
            kind=kind,
            verb=CheckVerb.OBJECT,
            by="li.wei",
            reason="wrong",
            at=check.drawn_at,
        )
        assert self.store.spot_checks.close(outcome, SpotCheckPolicy(least=1)) is not None

    def _taken(self, check: SpotCheck, answer: CheckAnswer) -> CheckReply:
        return CheckReply(
            task_id=check.task_id, accepted=True, code="accepted", message=f"{answer.verb} recorded"
        )


@contextmanager
def duty_office(folder: Path) -> Iterator[DutyOffice]:
    """The office with a store of its own in this folder."""
    url = f"sqlite:///{folder / 'store.db'}"
    upgrade(url)
    store = open_store(url)
    yield DutyOffice(store, Settings(data_dir=folder))
    store.close()
