"""Bank time as the demo's own process lives it."""

import asyncio
from datetime import UTC, datetime, timedelta

from domain.clock import BankClock


class NightClock:
    """Tells bank time and sleeps until one."""

    def __init__(self, clock: BankClock) -> None:
        self._clock = clock

    def now(self) -> datetime:
        """The bank's time."""
        return self._clock.to_bank(datetime.now(UTC))

    def at(self, real: datetime) -> datetime:
        """The bank's time at a real instant."""
        return self._clock.to_bank(real)

    def real_seconds(self, bank: timedelta) -> float:
        """How long a while of bank time takes."""
        return self._clock.real_duration(bank).total_seconds()

    def seconds_until(self, bank: datetime) -> float:
        """Real seconds until the bank's clock shows this; negative when it has."""
        return (self._clock.to_real(bank) - datetime.now(UTC)).total_seconds()

    async def until(self, bank: datetime) -> None:
        """Sleeps until the bank's clock shows this; not at all when it has."""
        await asyncio.sleep(max(0.0, self.seconds_until(bank)))
