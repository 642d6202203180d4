"""Two endpoints of one ledger, each a process of its own: what goes where when one of them is down."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from activities.adapters.core_bank import HttpCoreBank
from activities.adapters.core_bank_endpoints import BankEndpoints
from definitions.schema import Sop
from domain.lifecycle import TicketState
from domain.orders import BankOrder, OrderKind, OrderStatus
from tests.fakes.core_bank import FakeCoreBank
from tests.fakes.rulebook import FakeRulebook
from tests.support.dev_server import running_dev_server
from tests.support.sandbox import Sandbox, sandbox_in
from tests.support.ticket_world import ticket_world

IMPATIENT_S = 1.0
SOP = Sop.model_validate(
    {
        "name": "Freeze",
        "trigger": {"category": "accounts", "action": "freeze"},
        "steps": [
            {"name": "Risk Assessment", "handler": "risk_assessor"},
            {
                "name": "Execute Freeze",
                "handler": "core_system_freeze",
                "retry": 0,
                "fallback": "manual_freeze",
            },
        ],
    }
)


class Pair:
    """Both endpoints, and the bank as opsloop sees it."""

    def __init__(self, primary: Sandbox, secondary: Sandbox) -> None:
        self.primary, self.secondary = primary, secondary
        first, second = (HttpCoreBank(each.base_url, timeout_s=IMPATIENT_S) for each in (primary, secondary))
        self.bank = BankEndpoints(first, second, cool_down_s=3600)
        self.closing = (first, second)

    def order(self, number: int) -> BankOrder:
        """A freeze of CNY 100.00 on an account of its own."""
        account = f"62220299{number:08d}"
        new = {"id": account, "customer_ref": "C0001", "balance_fen": 1_000_000}
        answer = httpx.post(f"{self.secondary.base_url}/accounts", json=new, trust_env=False)
        assert answer.status_code == 201
        key = f"T{number}/execute_freeze/1"
        return BankOrder(key=key, kind=OrderKind.FREEZE, account=account, amount=Decimal(100))

    def fault(self, **fault: Any) -> None:
        """Of the primary."""
        httpx.put(f"{self.primary.base_url}/faults", json=[fault], trust_env=False).raise_for_status()

    def row(self, key: str) -> tuple[str, int, int]:
        """Status, requests that arrived, and effects, of one key."""
        rows = httpx.get(f"{self.secondary.base_url}/ledger", trust_env=False).json()
        row = next(row for row in rows if row["key"] == key)
        return row["status"], row["attempts"], row["effects"]


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with sandbox_in(tmp_path) as primary, sandbox_in(tmp_path) as secondary:
        made = Pair(primary, secondary)
        yield made
        for each in made.closing:
            each.close()


def test_an_order_that_finds_the_primary_dead_is_executed_once_by_the_secondary(pair: Pair) -> None:
    order = pair.order(1)
    pair.primary.kill()
    assert pair.bank.place(order).status is OrderStatus.EXECUTED
    assert pair.row(order.key) == ("executed", 1, 1)


def test_an_order_that_the_primary_carried_out_in_silence_is_found_and_not_sent_again(pair: Pair) -> None:
    order = pair.order(2)
    pair.fault(kind="commit_then_timeout", count=1)
    receipt = pair.bank.place(order)
    assert (receipt.status, receipt.replayed) == (OrderStatus.EXECUTED, True)
    assert pair.row(order.key) == ("executed", 1, 1)


async def test_with_both_down_people_do_it_and_with_one_back_nobody_has_to(
    pair: Pair, tmp_path: Path
) -> None:
    folder = tmp_path / "world"
    folder.mkdir()
    order = pair.order(3)
    rulebook = FakeRulebook([SOP], all_day="nighttime")
    with running_dev_server(folder) as server:
        client = await server.client()
        bank = cast(FakeCoreBank, pair.bank)
        async with ticket_world(client, folder, rulebook, bank=bank, watched=True) as world:
            pair.primary.kill()
            pair.secondary.kill()
            ticket = await world.submit(account_ref=order.account)
            assert (await ticket.review()).step_id == "manual_freeze"
            await ticket.command("cancel")
            pair.secondary.start()
            ticket = await world.submit(account_ref=order.account)
            await ticket.ends(TicketState.COMPLETED)
            assert pair.row(f"{ticket.task_id}/execute_freeze/1") == ("executed", 1, 1)
            assert world.store.handler_health.of("core_system_freeze").failed_calls == ()
