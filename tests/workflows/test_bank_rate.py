"""The core bank's rate limit holds whatever the backlog, over all workers: the server enforces it."""

import time
from pathlib import Path

from temporalio.testing import WorkflowEnvironment

from definitions.schema import Sop
from domain.lifecycle import TicketState
from domain.orders import BankOrder, OrderReceipt
from tests.fakes.core_bank import FakeCoreBank
from tests.fakes.rulebook import FakeRulebook
from tests.support.ticket_world import ticket_world

RATE = 4
TICKETS = 24
BURST = 2 * RATE
"""What the server may let through at once before its limit bites."""

SOP = Sop.model_validate(
    {
        "name": "Freeze",
        "trigger": {"category": "accounts", "action": "freeze"},
        "steps": [
            {"name": "Risk Assessment", "handler": "risk_assessor"},
            {"name": "Execute Freeze", "handler": "core_system_freeze"},
        ],
    }
)


class TimedBank(FakeCoreBank):
    """Notes when each order arrives."""

    def __init__(self) -> None:
        super().__init__()
        self.arrived: list[float] = []

    def place(self, order: BankOrder) -> OrderReceipt:
        self.arrived.append(time.monotonic())
        return super().place(order)


async def test_a_backlog_reaches_the_bank_no_faster_than_its_rate(
    env: WorkflowEnvironment, tmp_path: Path
) -> None:
    bank = TimedBank()
    rulebook = FakeRulebook([SOP], all_day="nighttime")
    async with ticket_world(env.client, tmp_path, rulebook, bank=bank, core_bank_rate=RATE) as world:
        tickets = [await world.submit() for _ in range(TICKETS)]
        for ticket in tickets:
            await ticket.ends(TicketState.COMPLETED)
    took = bank.arrived[-1] - bank.arrived[0]
    assert len(bank.arrived) == TICKETS
    assert took >= (TICKETS - BURST) / RATE
