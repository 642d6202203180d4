"""Bank time: the clock that business durations run on.

In production bank time is real time. The demo and the stress run accelerate it with one affine map,
pinned in each workflow's input, so that a replay computes the same instants for ever. Business
durations (SLA, deadlines, waits) go through this map; technical time-outs do not.
"""

from datetime import UTC, datetime, timedelta

from pydantic import Field

from domain.model import Instant, Record

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


class BankClock(Record):
    """bank = bank_origin + factor × (real − real_origin). Factor 1 with equal origins is real time."""

    real_origin: Instant = _EPOCH
    bank_origin: Instant = _EPOCH
    factor: float = Field(default=1.0, gt=0)

    @property
    def is_real_time(self) -> bool:
        """Whether bank time is real time."""
        return self.factor == 1.0 and self.real_origin == self.bank_origin

    def to_bank(self, real: datetime) -> datetime:
        """The bank's time at this real instant."""
        if self.is_real_time:
            return real
        return self.bank_origin + (real - self.real_origin) * self.factor

    def to_real(self, bank: datetime) -> datetime:
        """The real instant at which the bank's clock shows this."""
        if self.is_real_time:
            return bank
        return self.real_origin + (bank - self.bank_origin) / self.factor

    def real_duration(self, bank: timedelta) -> timedelta:
        """How long a business duration takes in real time."""
        return bank if self.is_real_time else bank / self.factor
