"""What goes wrong in the night: faults of the core bank, and the death of a worker."""

import asyncio
import os
import signal
from dataclasses import dataclass
from typing import Any, Final

import httpx

from workers.demo.chronicle import Chronicle
from workers.demo.clock import NightClock
from workers.demo.script import Script
from workers.demo.script_files import BankFault, Kill
from workers.sandbox_bank.ledger import LedgerRow
from workers.supervisor import Supervisor

WORKER: Final = "worker"
_LONGEST_WAIT_S: Final = 3.0
_GLANCE_S: Final = 0.1


class CoreBankSwitches:
    """The sandbox bank's own interface: its faults, and its ledger."""

    def __init__(self, url: str) -> None:
        self._client = httpx.AsyncClient(base_url=url, timeout=10, trust_env=False)

    async def close(self) -> None:
        """Closes the connection."""
        await self._client.aclose()

    async def switch(self, fault: BankFault) -> None:
        """Puts these faults in place of all others."""
        wanted: list[dict[str, Any]] = [
            each.model_dump(mode="json", exclude_defaults=True) for each in fault.bank
        ]
        (await self._client.put("/faults", json=wanted)).raise_for_status()

    async def ledger(self) -> list[LedgerRow]:
        """What the bank itself says of every order."""
        response = await self._client.get("/ledger")
        response.raise_for_status()
        return [LedgerRow.model_validate(row) for row in response.json()]

    async def orders_under_way(self) -> int:
        """Orders that arrived and have no effect yet."""
        return sum(row.status == "arrived" for row in await self.ledger())


@dataclass
class Mishaps:
    """Lets happen what the script says."""

    bank: CoreBankSwitches
    supervisor: Supervisor
    clock: NightClock
    chronicle: Chronicle
    kills: int = 0

    async def run(self, script: Script) -> None:
        """Returns when the last mishap is over."""
        async with asyncio.TaskGroup() as tasks:
            for fault in script.hours.faults:
                tasks.create_task(self._switch(script, fault))
            if script.hours.kill is not None:
                tasks.create_task(self._kill_worker(script, script.hours.kill))

    async def _switch(self, script: Script, fault: BankFault) -> None:
        await self.clock.until(script.night.at(fault.at))
        await self.bank.switch(fault)
        self.chronicle.headline(self.clock.now(), fault.headline)

    async def _kill_worker(self, script: Script, kill: Kill) -> None:
        await self.clock.until(script.night.at(kill.at))
        under_way = 0
        try:
            async with asyncio.timeout(_LONGEST_WAIT_S):
                while (under_way := await self.bank.orders_under_way()) < kill.orders_under_way:
                    await asyncio.sleep(_GLANCE_S)
        except TimeoutError:
            pass
        before = self.supervisor.restarts(WORKER)
        os.kill(self.supervisor.pid(WORKER), signal.SIGKILL)
        self.kills += 1
        middle = f" with {under_way} orders under way at the bank" if under_way else ""
        self.chronicle.headline(self.clock.now(), f"SIGKILL: the worker is dead{middle}")
        while self.supervisor.restarts(WORKER) == before:
            await asyncio.sleep(_GLANCE_S)
        self.chronicle.headline(
            self.clock.now(), "A new worker was started; it takes over where the other stopped"
        )
