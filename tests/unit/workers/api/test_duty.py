"""The API of the duty mode: who may, what is wrong with a body, and what is told."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.duty_office import DutyOffice, duty_office

STORM = {"mode": "nighttime", "lasts": "4h", "reason": "a storm, nobody comes in"}


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[DutyOffice]:
    with duty_office(tmp_path) as made:
        yield made


async def test_the_mode_is_shown_with_why_and_what_each_risk_does(bank: DutyOffice) -> None:
    noon = "2026-11-24T12:00:00+08:00"
    status, shown = await bank.ask("li.wei", "GET", "/duty", params={"at": noon})
    assert status == 200
    now = shown["now"]
    assert (now["mode"], now["why"]) == ("daytime", "clock")
    assert [each["verdict"] for each in now["risks"]] == ["automatic", "ask", "ask"]
    assert datetime.fromisoformat(now["next_change"]) == datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
    sunday = await bank.ask("li.wei", "GET", "/duty", params={"at": "2026-11-29T12:00:00+08:00"})
    assert (sunday[1]["now"]["mode"], sunday[1]["now"]["why"]) == ("nighttime", "calendar")


async def test_an_override_is_set_shown_cleared_and_audited(bank: DutyOffice) -> None:
    status, made = await bank.ask("duty.liu", "POST", "/duty/override", json=STORM)
    assert status == 200
    held = datetime.fromisoformat(made["until"]) - datetime.fromisoformat(made["since"])
    assert held == timedelta(hours=4)
    now = (await bank.ask("li.wei", "GET", "/duty"))[1]["now"]
    assert (now["mode"], now["why"], now["override"]["by"]) == ("nighttime", "override", "duty.liu")
    assert "a storm" in now["explanation"]
    status, ended = await bank.ask("admin", "POST", "/duty/clear", json={"reason": "calm"})
    assert (status, ended["ended_by"]) == (200, "admin")
    after = (await bank.ask("li.wei", "GET", "/duty"))[1]
    assert after["now"]["why"] != "override"
    assert [each["number"] for each in after["overrides"]] == [made["number"]]
    assert [row.action for row in bank.store.audit.entries()] == ["duty.set", "duty.cleared"]
    assert (await bank.ask("admin", "POST", "/duty/clear", json={"reason": "again"}))[0] == 404


async def test_an_override_may_name_its_end(bank: DutyOffice) -> None:
    until = datetime.now(UTC) + timedelta(hours=2)
    body = {"mode": "daytime", "until": until.isoformat(), "reason": "release night"}
    status, made = await bank.ask("duty.liu", "POST", "/duty/override", json=body)
    assert (status, datetime.fromisoformat(made["until"])) == (200, until)


@pytest.mark.parametrize("who", ["li.wei", "op.chen", "audit.guo", "rel.tan"])
async def test_only_on_call_and_administrators_set_the_mode_and_refusals_are_audited(
    bank: DutyOffice, who: str
) -> None:
    status, problem = await bank.ask(who, "POST", "/duty/override", json=STORM)
    assert (status, problem["code"]) == (403, "not_permitted")
    [row] = bank.store.audit.entries()
    assert (row.action, row.actor, row.accepted) == ("duty.set.refused", who, False)
    assert bank.store.duty.overrides() == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"mode": "storm"}, "mode"),
        ({"lasts": "8d"}, "until"),
        ({"lasts": None}, "until"),
        ({"until": "2036-01-01T00:00:00Z"}, "until"),
        ({"lasts": None, "until": "2020-01-01T00:00:00Z"}, "until"),
        ({"lasts": None, "until": "2036-01-01T00:00:00"}, "until"),
        ({"lasts": "soon"}, "lasts"),
        ({"reason": "  "}, "reason"),
        ({"for": "4h"}, "for"),
    ],
)
async def test_an_override_that_cannot_be_is_refused_with_its_field(
    bank: DutyOffice, changes: dict[str, Any], field: str
) -> None:
    body = {name: value for name, value in {**STORM, **changes}.items() if value is not None}
    status, problem = await bank.ask("duty.liu", "POST", "/duty/override", json=body)
    assert (status, problem["code"], problem["field"]) == (422, "input_invalid", field)
    assert bank.store.duty.overrides() == []


async def test_withdrawn_authority_is_listed_and_given_back_by_a_releaser(bank: DutyOffice) -> None:
    bank.withdrawn()
    [listed] = (await bank.ask("li.wei", "GET", "/duty/authority"))[1]["withdrawals"]
    assert listed["kind"] == "accounts/freeze"
    assert (await bank.ask("li.wei", "GET", "/duty"))[1]["withdrawn"] == [listed]
    body = {"kind": "accounts/freeze", "reason": "version 4 mends it"}
    status, problem = await bank.ask("duty.liu", "POST", "/duty/authority/restore", json=body)
    assert (status, problem["code"]) == (403, "not_permitted")
    status, restored = await bank.ask("rel.tan", "POST", "/duty/authority/restore", json=body)
    assert (status, restored["restored_by"]) == (200, "rel.tan")
    assert (await bank.ask("li.wei", "GET", "/duty/authority"))[1]["withdrawals"] == []
    everything = await bank.ask("li.wei", "GET", "/duty/authority", params={"all": True})
    assert everything[1]["withdrawals"] == [restored]
    assert (await bank.ask("rel.tan", "POST", "/duty/authority/restore", json=body))[0] == 404
