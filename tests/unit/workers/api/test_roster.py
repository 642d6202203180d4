"""The roster over HTTP: who is on call, holes ahead, overrides before the file, the hand-over sheet."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from activities.messages import Progress
from domain.lifecycle import TicketState
from domain.roster import Roster, Rotation, Shift
from tests.support.oncall_office import Nights, caller, nights
from tests.support.tickets import decided_event, opened_event, sample_review, sample_view

HOUR = timedelta(hours=1)
ALL_DAY = Rotation(name="desk", shifts=(Shift(name="day", hours="00:00-24:00", people=("duty.liu",)),))
WITH_A_HOLE = Rotation(name="desk", shifts=(Shift(name="day", hours="08:00-20:00", people=("duty.liu",)),))


class Caller:
    def __init__(self, night: Nights, office: Any) -> None:
        self._night = night
        self._http = caller(night.app(office))

    async def ask(self, by: str, method: str, path: str = "", **content: Any) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self._night.identity.issue(by)}"}
        answer = await self._http.request(method, f"/on-call/roster{path}", headers=headers, **content)
        return answer.status_code, answer.json()

    async def override(self, by: str = "duty.liu", **body: Any) -> tuple[int, Any]:
        return await self.ask(by, "POST", "/overrides", json={"lasts": "8h", "why": "swap", **body})

    async def line(self, **params: Any) -> list[str]:
        _, shown = await self.ask("op.chen", "GET", params=params)
        names: list[str] = shown["rotations"][0]["line"]
        return names


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Nights]:
    with nights(tmp_path) as made:
        made.rulebook.book = replace(
            made.rulebook.book, written_roster=Roster(fallback=("duty.yang",), rotations=(ALL_DAY,))
        )
        yield made


@pytest.fixture
def ask(night: Nights, office: Any) -> Caller:
    return Caller(night, office)


async def test_it_says_who_is_on_call_now_and_at_another_instant(ask: Caller) -> None:
    assert await ask.line() == ["duty.liu", "duty.yang"]
    assert await ask.line(at="2027-02-06T03:00:00+08:00") == ["duty.liu", "duty.yang"]
    assert (await ask.ask("op.chen", "GET", params={"at": "2027-02-06T03:00:00"}))[0] == 422


async def test_an_override_goes_before_the_file_until_it_ends_or_is_withdrawn(
    ask: Caller, night: Nights
) -> None:
    status, kept = await ask.override(people=["duty.yang"], instead_of=["duty.liu"])
    assert (status, kept["by"]) == (201, "duty.liu")
    assert await ask.line() == ["duty.yang"]
    later = (datetime.now(UTC) + 9 * HOUR).isoformat()
    assert await ask.line(at=later) == ["duty.liu", "duty.yang"]
    path = f"/overrides/{kept['override_id']}/withdraw"
    assert (await ask.ask("wang.fang", "POST", path, json={"why": "well again"}))[0] == 403
    assert (await ask.ask("op.chen", "POST", path, json={"why": "well again"}))[0] == 200
    assert await ask.line() == ["duty.liu", "duty.yang"]
    assert (await ask.ask("op.chen", "POST", path, json={"why": "once more"}))[0] == 409
    assert night.actions() == [
        *("roster.overridden", "roster.override.refused", "roster.override_withdrawn"),
    ]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"people": ["duty.yangg"]}, "did you mean 'duty.yang'?"),
        ({"people": ["wang.fang"]}, "does not hold the role oncall"),
        ({}, "name people, or whom they are instead of"),
        ({"people": ["duty.yang"], "rotation": "night"}, "there is no rotation 'night'"),
        ({"people": ["duty.yang"], "lasts": "93d"}, "at most 92 days"),
        ({"people": ["duty.yang"], "lasts": None}, "give ends_at or lasts"),
        ({"people": ["duty.yang"], "lasts": None, "ends_at": "2020-01-01T00:00:00Z"}, "over already"),
        ({"people": ["duty.yang"], "why": " "}, "why"),
    ],
)
async def test_an_override_that_makes_no_sense_is_refused_in_words(
    ask: Caller, body: dict[str, Any], words: str
) -> None:
    status, problem = await ask.override(**body)
    assert status == 422
    assert words in problem["message"]
    assert await ask.line() == ["duty.liu", "duty.yang"]


async def test_who_is_not_on_call_and_no_operator_overrides_nothing(ask: Caller) -> None:
    assert (await ask.override("wang.fang", people=["duty.yang"]))[0] == 403


async def test_holes_ahead_are_listed_and_an_override_fills_them(ask: Caller, night: Nights) -> None:
    assert (await ask.ask("op.chen", "GET", "/gaps"))[1]["gaps"] == []
    roster = Roster(fallback=("duty.yang",), rotations=(WITH_A_HOLE,))
    night.rulebook.book = replace(night.rulebook.book, written_roster=roster)
    _, found = await ask.ask("op.chen", "GET", "/gaps", params={"days": 2})
    assert len(found["gaps"]) in (2, 3)
    await ask.override(people=["duty.yang"], lasts="3d")
    assert (await ask.ask("op.chen", "GET", "/gaps", params={"days": 2}))[1]["gaps"] == []


async def test_the_sheet_tells_what_ran_alone_what_waits_holds_expires_and_rings(
    ask: Caller, night: Nights
) -> None:
    now = datetime.now(UTC)
    for task_id, changes in {
        "alone": {"state": TicketState.COMPLETED, "closed_at": now},
        "long-ago": {"state": TicketState.COMPLETED, "closed_at": now - 48 * HOUR},
        "rejected": {"state": TicketState.REJECTED, "closed_at": now},
        "held": {"held": True, "deadline_at": None, "task": {"title": "Account 6222020200001234 is held"}},
        "due": {"deadline_at": now + 5 * HOUR},
        "in-time": {"deadline_at": now + 48 * HOUR},
    }.items():
        night.store.tickets.record(Progress(events=(), view=sample_view(task_id, **changes)))
    waits = sample_review("R1", "asked", opened_at=now)
    view = sample_view("asked", open_reviews=(waits,), deadline_at=now + 48 * HOUR)
    night.store.tickets.record(Progress(events=(opened_event(1, waits),), view=view))
    was_asked = sample_review("R2", "decided", opened_at=now)
    done = sample_view("decided", state=TicketState.COMPLETED, closed_at=now)
    events = (opened_event(1, was_asked), decided_event(2, was_asked))
    night.store.tickets.record(Progress(events=events, view=done))
    night.page("P1")
    _, sheet = await ask.ask("duty.liu", "GET", "/handover")
    assert [each["id"] for each in sheet["ran_alone"]] == ["alone"]
    assert [each["id"] for each in sheet["waiting"]] == ["R1"]
    assert [(each["id"], each["title"]) for each in sheet["holds"]] == [("held", "Account ****1234 is held")]
    assert [each["id"] for each in sheet["expiries"]] == ["due"]
    assert [each["page"]["page_id"] for each in sheet["pages"]] == ["P1"]
    assert (sheet["shift"], sheet["outgoing"]) == ("day", ["duty.liu", "duty.yang"])
