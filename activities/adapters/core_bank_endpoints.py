"""The core bank behind two endpoints of one ledger: `CoreBank` on a primary and its secondary.

Both reach the same ledger, so that a key means the same order at both. What one endpoint did not take, the
other is given at once. What one may have taken is never given to the other: it is asked for by its key, and
where that tells nothing the outcome stays unknown. The next attempt inquires before it sends, as ever.
"""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from activities.ports import CoreBank
from domain.errors import BankUnavailable, OrderRefused, OutcomeUnknown
from domain.notices import Channel
from domain.orders import BankOrder, OrderReceipt, OrderStatus

_Answer = TypeVar("_Answer")


class BankEndpoints:
    """Uses the primary; after a failure the secondary first, until the primary has cooled down.

    One object serves all threads of a worker.
    """

    def __init__(
        self,
        primary: CoreBank,
        secondary: CoreBank,
        *,
        cool_down_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`cool_down_s`: real seconds for which a primary that failed is asked second."""
        self._primary = primary
        self._secondary = secondary
        self._cool_down_s = cool_down_s
        self._clock = clock
        self._lock = threading.Lock()
        self._primary_from = 0.0

    def place(self, order: BankOrder) -> OrderReceipt:
        """As `CoreBank.place`. Unavailable only when neither endpoint took the order."""
        first, second = self._order()
        try:
            return self._asked(first, lambda bank: bank.place(order))
        except BankUnavailable:
            return self._asked(second, lambda bank: bank.place(order))
        except OutcomeUnknown as error:
            receipt = self._inquired(second, order.key)
            if receipt is None:
                raise error
            if receipt.status is not OrderStatus.EXECUTED:
                raise OrderRefused(
                    "the order was revoked at the core bank and will not be carried out"
                ) from None
            return receipt

    def find(self, key: str) -> OrderReceipt | None:
        """As `CoreBank.find`, at whichever endpoint answers."""
        return self._either(lambda bank: bank.find(key))

    def revoke(self, key: str) -> OrderReceipt:
        """As `CoreBank.revoke`, at whichever endpoint answers: the ledger settles a key once."""
        return self._either(lambda bank: bank.revoke(key))

    def contact(self, customer_ref: str, channel: Channel) -> str:
        """As `CoreBank.contact`, at whichever endpoint answers."""
        return self._either(lambda bank: bank.contact(customer_ref, channel))

    def _either(self, ask: Callable[[CoreBank], _Answer]) -> _Answer:
        first, second = self._order()
        try:
            return self._asked(first, ask)
        except BankUnavailable:
            return self._asked(second, ask)

    def _inquired(self, bank: CoreBank, key: str) -> OrderReceipt | None:
        try:
            return self._asked(bank, lambda each: each.find(key))
        except BankUnavailable:
            return None

    def _order(self) -> tuple[CoreBank, CoreBank]:
        with self._lock:
            cooling = self._clock() < self._primary_from
        return (self._secondary, self._primary) if cooling else (self._primary, self._secondary)

    def _asked(self, bank: CoreBank, ask: Callable[[CoreBank], _Answer]) -> _Answer:
        """Asks one endpoint; a primary that does not answer is not asked first for a while."""
        try:
            answer = ask(bank)
        except (BankUnavailable, OutcomeUnknown):
            if bank is self._primary:
                self._rest(self._cool_down_s)
            raise
        if bank is self._primary:
            # It answered although it was only asked second: the secondary is worse.
            self._rest(0.0)
        return answer

    def _rest(self, seconds: float) -> None:
        with self._lock:
            self._primary_from = self._clock() + seconds if seconds else 0.0
