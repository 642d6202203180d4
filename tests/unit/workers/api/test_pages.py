"""Pages over HTTP: a link whose GET only shows and whose POST acts, once; lists and drills for staff."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from activities.adapters.page_links import SignedPageLinks
from domain.paging import PagePhase, Resolved
from tests.support.oncall_office import BASE, KEY, Nights, caller, nights


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Nights]:
    with nights(tmp_path) as made:
        yield made


@pytest.fixture
def http(night: Nights, office: Any) -> httpx.AsyncClient:
    return caller(night.app(office))


def signed_in(night: Nights, name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {night.identity.issue(name)}"}


def phase(night: Nights, page_id: str = "P1") -> PagePhase:
    view = night.store.pages.page(page_id)
    assert view is not None
    return view.state.phase


async def test_opening_a_link_shows_the_matter_and_changes_nothing(
    night: Nights, http: httpx.AsyncClient
) -> None:
    path = night.link(night.page())
    before = night.actions()
    for method in ("GET", "HEAD", "GET", "OPTIONS", "GET"):
        await http.request(method, path)
    shown = await http.get(path)
    assert shown.status_code == 200
    for words in (
        "approve, reject",
        "it goes on waiting",
        "2026-11-24 05:00 CST",
        'method="post"',
        "duty.liu",
    ):
        assert words in shown.text
    assert "waits &lt;for you&gt;" in shown.text, "what others wrote is text, not markup"
    assert phase(night) is PagePhase.RINGING
    assert night.temporal.updates == []
    assert night.actions() == before
    assert night.store.pages.link_use("P1/1/duty.liu") is None


async def test_pressing_the_button_acknowledges_once_and_approves_nothing(
    night: Nights, http: httpx.AsyncClient
) -> None:
    path = night.link(night.page())
    form = {"content-type": "application/x-www-form-urlencoded"}
    pressed = await http.post(path, headers=form)
    assert pressed.status_code == 200
    assert "Acknowledged by duty.liu" in pressed.text
    assert "approves nothing" in pressed.text
    assert phase(night) is PagePhase.ACKNOWLEDGED
    again = await http.post(path, headers=form)
    assert again.status_code == 409
    assert "This link was used by duty.liu on 20" in again.text
    assert len(night.temporal.updates) == 1
    assert "This link was used by duty.liu" in (await http.get(path)).text
    assert night.actions() == ["page.opened", "page.acknowledged", "page.link.refused"]


async def test_the_answers_are_kept_by_nobody_and_load_nothing(
    night: Nights, http: httpx.AsyncClient
) -> None:
    path = night.link(night.page())
    for answer in (await http.get(path), await http.post(path), await http.get("/pages/nonsense")):
        headers = answer.headers
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "form-action 'self'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "<script" not in answer.text
        assert "src=" not in answer.text


async def test_a_repeat_of_the_same_message_shares_its_one_use(
    night: Nights, http: httpx.AsyncClient
) -> None:
    page = night.page()
    await http.post(night.link(page))
    assert (await http.post(night.link(page))).status_code == 409
    assert len(night.temporal.updates) == 1


async def test_two_who_press_at_once_act_once(night: Nights) -> None:
    page = night.page()
    claims = [night.store.pages.claim_link("P1/1/duty.liu", page.page_id, "duty.liu") for _ in range(2)]
    assert claims[0] is None
    assert claims[1] is not None


async def test_an_answer_that_did_not_come_about_leaves_the_link_good(
    night: Nights, http: httpx.AsyncClient
) -> None:
    path = night.link(night.page())
    night.temporal.down = True
    failed = await http.post(path)
    assert failed.status_code == 503
    assert "try again" in failed.text
    night.temporal.down = False
    assert (await http.post(path)).status_code == 200


async def test_a_link_is_good_for_its_person_its_page_and_its_content_only(
    night: Nights, http: httpx.AsyncClient
) -> None:
    page = night.page()
    other = night.link(page.model_copy(update={"subject": "Another matter"}))
    gone = night.link(page, to="nobody")
    late = SignedPageLinks(KEY, BASE, timedelta(seconds=-1)).url(page, "duty.liu", 1).removeprefix(BASE)
    foreign = SignedPageLinks(KEY[::-1], BASE, timedelta(hours=1)).url(page, "duty.liu", 1).removeprefix(BASE)
    claims = jwt.decode(night.link(page).removeprefix("/pages/"), options={"verify_signature": False})
    unsigned = "/pages/" + jwt.encode(claims, "", algorithm="none")
    token = night.identity.issue("duty.liu")
    code = night.codes.issue("duty.liu", "ack:page", "P1", page.digest)
    for path, words in (
        (other, "another content"),
        (late, "expired"),
        (foreign, "not a link of ours"),
        (unsigned, "not a link of ours"),
        (f"/pages/{token}", "not a link of ours"),
        (f"/pages/{code}", "not a link of ours"),
        (f"/pages/{'x' * 5000}", "not a link of ours"),
    ):
        for method in ("GET", "POST"):
            answer = await http.request(method, path)
            assert answer.status_code == 403
            assert words in answer.text
    assert (await http.post(gone)).status_code == 403
    assert phase(night) is PagePhase.RINGING


async def test_a_link_to_a_page_that_is_over_says_so(night: Nights, http: httpx.AsyncClient) -> None:
    path = night.link(night.page())
    night.move("P1", Resolved(why="decided"))
    shown = await http.get(path)
    assert "the page is over (decided)" in shown.text.lower()
    assert "<button" not in shown.text
    night.temporal.ended.add("page-P1")
    assert (await http.post(path)).status_code == 409


async def test_somebody_else_was_quicker(night: Nights, http: httpx.AsyncClient) -> None:
    page = night.page()
    await http.post(night.link(page, "duty.yang", 3))
    answer = await http.post(night.link(page))
    assert answer.status_code == 409
    assert "duty.yang acknowledged it already" in answer.text


async def test_staff_list_show_and_acknowledge_pages(night: Nights, http: httpx.AsyncClient) -> None:
    night.page("P1")
    assert (await http.get("/on-call/pages")).status_code == 401
    assert (await http.get("/on-call/pages", headers=signed_in(night, "intake"))).status_code == 403
    staff = signed_in(night, "op.chen")
    listed = (await http.get("/on-call/pages", params={"open_only": True}, headers=staff)).json()
    assert [each["page"]["page_id"] for each in listed["pages"]] == ["P1"]
    shown = (await http.get("/on-call/pages/P1", headers=staff)).json()
    assert [step["to"] for step in shown["view"]["steps"]] == ["duty.liu"]
    refused = await http.post("/on-call/pages/P1/acknowledge", json={}, headers=staff)
    assert (refused.status_code, refused.json()["code"]) == (403, "not_permitted")
    duty = signed_in(night, "duty.yang")
    accepted = await http.post("/on-call/pages/P1/acknowledge", json={}, headers=duty)
    assert (accepted.status_code, accepted.json()["acknowledged_by"]) == (200, "duty.yang")
    late = await http.post("/on-call/pages/P1/acknowledge", json={}, headers=signed_in(night, "duty.liu"))
    assert (late.status_code, late.json()["code"]) == (409, "conflict")
    assert (await http.get("/on-call/pages/P9", headers=staff)).status_code == 404


async def test_a_drill_is_a_real_page_for_those_who_may_start_one(
    night: Nights, http: httpx.AsyncClient
) -> None:
    started = await http.post(
        "/on-call/drills", json={"group": "Account Operations"}, headers=signed_in(night, "duty.liu")
    )
    assert started.status_code == 201
    [(workflow_id, argument)] = night.temporal.started.items()
    assert workflow_id == f"page-{started.json()['page_id']}"
    page = argument.page  # type: ignore[attr-defined]
    assert (page.drill, page.asked_by, page.group) == (True, "duty.liu", "Account Operations")
    assert page.ends_at - page.opened_at == timedelta(minutes=45)
    assert night.actions() == ["page.drill"]
    refused = await http.post("/on-call/drills", json={}, headers=signed_in(night, "wang.fang"))
    assert refused.status_code == 403
    unknown = await http.post(
        "/on-call/drills", json={"group": "Acount Operations"}, headers=signed_in(night, "duty.liu")
    )
    assert unknown.status_code == 422
    assert "did you mean 'Account Operations'?" in unknown.json()["message"]
    night.temporal.down = True
    assert (
        await http.post("/on-call/drills", json={}, headers=signed_in(night, "duty.liu"))
    ).status_code == 503
