"""The rules library over HTTP."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.fakes.definition_folder import edited
from tests.support.problems import problem
from tests.support.rules_library import FREEZE, SLA, LibraryOffice, library_office
from workers.api.app import create_app
from workers.identity import Identity

KEY = "a key of the tests, long enough for HS256"
SHORTER = edited(SLA, "sla_hours: 1", "sla_hours: 0.9")


class Desk:
    """The API of an office whose library is empty, and short ways to ask it."""

    def __init__(self, library: LibraryOffice, http: httpx.AsyncClient, identity: Identity) -> None:
        self.library = library
        self.http = http
        self._identity = identity

    def _headers(self, name: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._identity.issue(name)}"}

    async def get(self, what: str, /, name: str = "bob", **params: object) -> httpx.Response:
        return await self.http.get(f"/definitions/{what}", headers=self._headers(name), params=params)

    async def post(self, path: str, body: object, name: str) -> httpx.Response:
        return await self.http.post(f"/definitions/{path}", headers=self._headers(name), json=body)

    async def publish(self, changes: dict[str, str | None], name: str = "author") -> httpx.Response:
        files = [{"path": path, "content": content} for path, content in changes.items()]
        return await self.post("publish", {"files": files, "note": "a note"}, name)


@pytest.fixture
async def desk(office, tmp_path: Path, sqlite_url: str) -> AsyncIterator[Desk]:
    with library_office(tmp_path / "definitions", sqlite_url) as library:
        identity = Identity(KEY, library.served.directory)
        app = create_app(
            office.desk, identity, office.reader, office.audit, office.settings, releases=library.desk
        )
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as http:
            yield Desk(library, http, identity)


async def test_people_of_the_folder_bring_the_first_definitions_into_force(desk: Desk) -> None:
    assert (await desk.get("status")).json()["serving"]["edition"] == ""
    published = (await desk.publish(desk.library.everything())).json()
    assert published["change_set"]["number"] == 1
    assert published["change_set"]["published_by"] == "author"
    problem(await desk.post("release", {}, "author"), 403, "not_permitted")
    released = await desk.post("release", {}, "releaser")
    assert (released.status_code, released.json()["release"]["number"]) == (200, 1)
    desk.library.served.reload()
    status = (await desk.get("status")).json()
    assert (status["serving"]["edition"], status["release"]) == ("release 1", 1)
    assert {each["folder"] for each in status["files"]} == {"in_force"}


async def test_refused_definitions_come_back_with_every_finding(desk: Desk) -> None:
    await desk.publish(desk.library.everything())
    await desk.post("release", {}, "releaser")
    response = await desk.publish({SLA: edited(SLA, "sla_hours: 1", "hours: 1")})
    body = response.json()
    assert (response.status_code, body["code"]) == (422, "definition_invalid")
    assert {"message", "field", "request_id"} <= body.keys()
    assert [(each["file"], each["line"], each["column"], each["code"]) for each in body["findings"]] == [
        (SLA, 2, 5, "OPS102"),
        (SLA, 2, 26, "OPS101"),
    ]


async def test_versions_contents_and_differences_are_read_by_staff(desk: Desk) -> None:
    await desk.publish(desk.library.everything())
    await desk.post("release", {"change_set": 1}, "releaser")
    await desk.publish({SLA: SHORTER})
    await desk.post("release", {"change_set": 2}, "both")
    versions = (await desk.get("versions", path=SLA)).json()["versions"]
    assert [(each["number"], each["state"]) for each in versions] == [(1, "superseded"), (2, "in_force")]
    assert (await desk.get("content", path=SLA, version=2)).json()["content"] == SHORTER
    diff = (await desk.get("diff", path=SLA, old="1", new="2")).json()
    assert "-  - {category: accounts, sla_hours: 1}\n" in diff["text"]
    problem(await desk.get("versions", path="policies/slas.yaml"), 404, "not_found")
    problem(await desk.get("content", path=SLA, version=9), 404, "not_found")


async def test_a_rollback_takes_one_person_and_a_reason(desk: Desk) -> None:
    await desk.publish(desk.library.everything())
    await desk.post("release", {"change_set": 1}, "releaser")
    await desk.publish({SLA: SHORTER})
    await desk.post("release", {"change_set": 2}, "releaser")
    problem(
        await desk.post("rollback", {"path": SLA, "reason": " "}, "releaser"), 422, "input_invalid", "reason"
    )
    problem(await desk.post("rollback", {"reason": "x"}, "releaser"), 422, "input_invalid", "path")
    both = {"path": SLA, "change_set": 2, "reason": "x"}
    problem(await desk.post("rollback", both, "releaser"), 422, "input_invalid", "path")
    done = await desk.post("rollback", {"change_set": 2, "reason": "too short"}, "releaser")
    assert done.json()["release"]["kind"] == "rollback"
    problem(await desk.post("rollback", {"change_set": 2, "reason": "again"}, "releaser"), 409, "conflict")


async def test_a_change_set_is_withdrawn_by_its_publisher_or_a_releaser(desk: Desk) -> None:
    await desk.publish(desk.library.everything())
    body = {"change_set": 1, "reason": "too early"}
    problem(await desk.post("withdraw", body, "bob"), 403, "not_permitted")
    problem(await desk.post("withdraw", {**body, "reason": " "}, "author"), 422, "input_invalid", "reason")
    problem(await desk.post("withdraw", {"reason": "x"}, "author"), 422, "input_invalid", "change_set")
    done = (await desk.post("withdraw", body, "author")).json()
    assert (done["repeated"], done["change_set"]["withdrawal"]["reason"]) == (False, "too early")
    assert (await desk.post("withdraw", body, "releaser")).json()["repeated"]
    problem(await desk.post("release", {"change_set": 1}, "releaser"), 409, "conflict")
    assert (await desk.get("status")).json()["waiting"] == []


@pytest.mark.parametrize(
    ("files", "field"),
    [
        ([], "files"),
        ([{"path": "../x", "content": "a: 1"}], "files.path"),
        ([{"path": "sops/x.yaml"}], "files[0].content"),
        ([{"path": "", "content": ""}], "files[0].path"),
        ([{"path": FREEZE, "content": "a"}, {"path": FREEZE, "content": "b"}], "files"),
        ([{"path": FREEZE, "content": 5}], "files[0].content"),
    ],
)
async def test_a_request_that_means_nothing_is_refused_by_field(
    desk: Desk, files: object, field: str
) -> None:
    problem(await desk.post("publish", {"files": files}, "author"), 422, "input_invalid", field)


async def test_only_people_who_are_signed_in_see_definitions(desk: Desk) -> None:
    response = await desk.http.get("/definitions/status")
    problem(response, 401, "not_signed_in")


async def test_every_operation_is_documented(desk: Desk) -> None:
    document = (await desk.http.get("/openapi.json")).json()
    ours = {path: each for path, each in document["paths"].items() if path.startswith("/definitions")}
    assert len(ours) == 8
    for methods in ours.values():
        for operation in methods.values():
            assert operation["summary"]
            assert operation["description"]
            assert operation["security"]
