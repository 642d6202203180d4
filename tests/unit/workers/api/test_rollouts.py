"""The API of rollouts: who may, what is wrong with a body, and what is told."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fakes.definition_folder import FILES, edited
from tests.support.rollouts import RolloutOffice, rollout_office
from tests.support.rules_library import FREEZE
from workers.api.app import create_app
from workers.identity import Identity

KEY = "a key of the tests, long enough for HS256"
QUICKER = edited(FREEZE, "sla: 1h", "sla: 50min")
START = {"sop": FREEZE, "version": 2}


@pytest.fixture
def bank(tmp_path: Path, sqlite_url: str) -> Iterator[RolloutOffice]:
    with rollout_office(tmp_path / "definitions", sqlite_url) as made:
        made.publish(QUICKER)
        yield made


class Caller:
    def __init__(self, office: Any, bank: RolloutOffice) -> None:
        self.identity = Identity(KEY, bank.served.directory)
        app = create_app(
            office.desk, self.identity, office.reader, office.audit, office.settings, rollouts=bank.desk
        )
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://api")

    async def ask(self, by: str, method: str, path: str, **content: Any) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self.identity.issue(by)}"}
        answer = await self.http.request(method, f"/rollouts{path}", headers=headers, **content)
        return answer.status_code, answer.json()

    async def post(self, by: str, verb: str, **body: Any) -> tuple[int, Any]:
        return await self.ask(by, "POST", f"/{verb}", json=body)


@pytest.fixture
def caller(office: Any, bank: RolloutOffice) -> Caller:
    return Caller(office, bank)


async def test_a_rollout_goes_its_way_and_every_step_is_shown(caller: Caller, bank: RolloutOffice) -> None:
    status, done = await caller.post("author", "start", **START, why="to be tried")
    assert (status, done["repeated"]) == (200, False)
    assert done["shown"]["rollout"]["candidate"]["stage"] == "shadow"
    assert (await caller.post("releaser", "serve", sop="freeze", percent=10))[0] == 409
    bank.shadow_runs(20)
    assert (await caller.post("releaser", "serve", sop="freeze", percent=10))[0] == 200
    assert (await caller.post("releaser", "complete", sop="freeze"))[0] == 200
    status, listed = await caller.ask("bob", "GET", "", params={"sop": "freeze"})
    [shown] = listed["rollouts"]
    assert [each["stage"] for each in shown["rollout"]["moves"]] == ["shadow", "percentage", "full"]
    status, report = await caller.ask("bob", "GET", "/report", params={"sop": "freeze"})
    assert (status, report["signed_off_by"]) == (200, ["releaser"])


@pytest.mark.parametrize(
    ("verb", "body", "who"),
    [
        ("start", START, "releaser"),
        ("serve", {"sop": "freeze", "percent": 1}, "author"),
        ("complete", {"sop": "freeze"}, "bob"),
        ("withdraw", {"sop": "freeze", "reason": "x"}, "ann"),
    ],
)
async def test_each_step_has_its_role(caller: Caller, verb: str, body: dict[str, Any], who: str) -> None:
    status, problem = await caller.post(who, verb, **body)
    assert (status, problem["code"]) == (403, "not_permitted")


@pytest.mark.parametrize(
    ("verb", "body", "field"),
    [
        ("start", {"sop": FREEZE}, "version"),
        ("start", {**START, "category": "accounts"}, "category"),
        ("start", {**START, "categories": ["No Such"]}, "categories[0]"),
        ("serve", {"sop": "freeze", "percent": 101}, "percent"),
        ("serve", {"sop": "", "percent": 1}, "sop"),
        ("withdraw", {"sop": "freeze"}, "reason"),
    ],
)
async def test_a_body_that_does_not_fit_is_refused_with_its_field(
    caller: Caller, verb: str, body: dict[str, Any], field: str
) -> None:
    status, problem = await caller.post("boss", verb, **body)
    assert (status, problem["code"], problem["field"]) == (422, "input_invalid", field)


async def test_a_version_that_does_not_fit_comes_back_with_its_findings(
    caller: Caller, bank: RolloutOffice
) -> None:
    tasks = "policies/human_tasks.yaml"
    bank.publish(edited(FREEZE, "fallback: manual_freeze", "fallback: escalate_to_compliance"))
    bank.library.put_in_force({tasks: FILES[tasks].partition("escalate_to_compliance")[0]})
    status, problem = await caller.post("author", "start", sop=FREEZE, version=3)
    assert (status, problem["code"]) == (422, "definition_invalid")
    assert [each["code"] for each in problem["findings"]] == ["OPS202"]


async def test_what_was_never_rolled_out_is_not_found(caller: Caller) -> None:
    assert (await caller.ask("bob", "GET", "/report", params={"sop": "freeze"}))[0] == 404
    assert await caller.ask("bob", "GET", "") == (200, {"rollouts": []})
