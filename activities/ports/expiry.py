"""What expiries need of the store and of Temporal."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from activities.expiry_messages import ExpiryInput, Lifted
from domain.expiry import ExpiryProgress, ExpiryView


class ExpiryBook(Protocol):
    """Expiries as people read them. Every method raises `StoreUnavailable`."""

    def record(self, progress: ExpiryProgress) -> None:
        """Writes an expiry's progress with its audit rows in one transaction; repeats change nothing."""

    def expiry(self, measure_id: str) -> ExpiryView | None:
        """One expiry."""

    def expiries(
        self, *, open_only: bool = False, until: datetime | None = None, limit: int = 50
    ) -> Sequence[ExpiryView]:
        """Expiries, the next end first; those that end by an instant, where one is given."""

    def in_force(self, account_digest: str) -> Sequence[ExpiryView]:
        """The open expiries of an account."""


class Expiries(Protocol):
    """The expiry workflows. Every method raises `RPCError` when Temporal does not answer."""

    async def start(self, start: ExpiryInput) -> None:
        """Starts an expiry; the same measure again, running or over, changes nothing."""

    async def lift(self, measure_id: str, lifted: Lifted) -> bool:
        """Tells an expiry that its measure is over. False where none runs."""
