"""The API of handlers: what is shown, who may degrade and restore, and what is audited."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.duty_office import DutyOffice, duty_office

HANDLER = "core_system_freeze"
DEGRADE = {"handler": HANDLER, "lasts": "2h", "reason": "the bank maintains it"}


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[DutyOffice]:
    with duty_office(tmp_path) as made:
        yield made


async def statuses(bank: DutyOffice) -> dict[str, str]:
    status, shown = await bank.ask("li.wei", "GET", "/handlers/health")
    assert status == 200
    return {each["health"]["handler"]: each["health"]["state"] for each in shown["handlers"]}


async def test_every_handler_that_can_be_degraded_is_shown(bank: DutyOffice) -> None:
    shown = await statuses(bank)
    assert shown[HANDLER] == "healthy"
    assert {"sms_notifier", "http"} <= set(shown)
    assert not {"risk_assessor", "manual_freeze"} & set(shown)


async def test_a_handler_is_degraded_shown_first_restored_and_audited(bank: DutyOffice) -> None:
    status, made = await bank.ask("duty.liu", "POST", "/handlers/degrade", json=DEGRADE)
    assert status == 200
    ends = datetime.fromisoformat(made["until"]) - datetime.fromisoformat(made["since"])
    assert (made["state"], made["by"], ends) == ("degraded", "duty.liu", timedelta(hours=2))
    assert next(iter(await statuses(bank))) == HANDLER
    restore = {"handler": HANDLER, "reason": "done"}
    assert (await bank.ask("admin", "POST", "/handlers/restore", json=restore))[0] == 200
    assert (await bank.ask("admin", "POST", "/handlers/restore", json=restore))[0] == 409
    rows = [(row.action, row.actor, row.accepted) for row in bank.store.audit.entries()]
    assert rows == [
        ("handler.degraded", "duty.liu", True),
        ("handler.restored", "admin", True),
        ("handler.restore.refused", "admin", False),
    ]


@pytest.mark.parametrize("who", ["li.wei", "op.chen", "rel.tan"])
async def test_only_on_call_and_administrators_decide(bank: DutyOffice, who: str) -> None:
    assert (await bank.ask(who, "POST", "/handlers/degrade", json=DEGRADE))[0] == 403
    assert (await statuses(bank))[HANDLER] == "healthy"
    assert [row.action for row in bank.store.audit.entries()] == ["handler.degrade.refused"]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"handler": "core_system_frieze"}, 404),
        ({"handler": "risk_assessor"}, 404),
        ({"handler": f"{HANDLER}/x"}, 404),
        ({"lasts": "8d"}, 422),
        ({"lasts": None}, 422),
        ({"until": (datetime.now(UTC) + timedelta(hours=1)).isoformat()}, 422),
        ({"reason": " "}, 422),
    ],
)
async def test_what_makes_no_sense_is_refused(bank: DutyOffice, changes: dict[str, Any], status: int) -> None:
    body = {name: value for name, value in (DEGRADE | changes).items() if value is not None}
    assert (await bank.ask("duty.liu", "POST", "/handlers/degrade", json=body))[0] == status


async def test_a_service_is_degraded_by_itself(bank: DutyOffice) -> None:
    body = DEGRADE | {"handler": "http/payments"}
    assert (await bank.ask("duty.liu", "POST", "/handlers/degrade", json=body))[0] == 200
    shown = await statuses(bank)
    assert (shown["http/payments"], shown["http"]) == ("degraded", "healthy")
