"""A core bank in memory, behind the `CoreBank` port, with failures to order."""

import threading
from collections import Counter, deque
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum, auto

from domain.errors import BankUnavailable, OrderRefused, OutcomeUnknown
from domain.notices import Channel
from domain.orders import BankOrder, OrderReceipt, OrderStatus


class Failure(Enum):
    """What goes wrong with one call of `place`."""

    UNAVAILABLE = auto()
    """Not taken; the caller knows."""
    REFUSED = auto()
    """A definite no."""
    LOST_BEFORE_COMMIT = auto()
    """Nothing was done; the caller cannot know."""
    LOST_AFTER_COMMIT = auto()
    """Carried out; the caller cannot know."""


class FakeCoreBank:
    """Takes every account. `available` limits what an account yields; others have any amount.

    `attempts` and `effects` count per key. `down = True` makes every call raise `BankUnavailable`.
    """

    def __init__(
        self,
        *,
        available: Mapping[str, Decimal] | None = None,
        contacts: Mapping[tuple[str, Channel], str] | None = None,
    ) -> None:
        self.attempts: Counter[str] = Counter()
        self.effects: Counter[str] = Counter()
        self.orders: dict[str, BankOrder] = {}
        self.down = False
        self._available = dict(available or {})
        self._contacts = dict(contacts or {})
        self._receipts: dict[str, OrderReceipt] = {}
        self._failures: deque[Failure] = deque()
        self._lock = threading.Lock()

    def fail_next(self, *failures: Failure) -> None:
        """The next calls of `place` fail this way, in this order."""
        self._failures.extend(failures)

    def place(self, order: BankOrder) -> OrderReceipt:
        with self._lock:
            self.attempts[order.key] += 1
            self._check_up()
            failure = self._failures.popleft() if self._failures else None
            match failure:
                case Failure.UNAVAILABLE:
                    raise BankUnavailable("the bank is busy")
                case Failure.REFUSED:
                    raise OrderRefused("the bank says no")
                case Failure.LOST_BEFORE_COMMIT:
                    raise OutcomeUnknown("no answer")
            receipt = self._settle(order)
            if failure is Failure.LOST_AFTER_COMMIT:
                raise OutcomeUnknown("no answer")
            return receipt

    def find(self, key: str) -> OrderReceipt | None:
        with self._lock:
            self._check_up()
            receipt = self._receipts.get(key)
            return receipt and receipt.model_copy(update={"replayed": True})

    def revoke(self, key: str) -> OrderReceipt:
        with self._lock:
            self._check_up()
            receipt = self._receipts.setdefault(
                key, OrderReceipt(key=key, order_id=f"RV{len(self._receipts)}", status=OrderStatus.REVOKED)
            )
            return receipt.model_copy(update={"replayed": True})

    def contact(self, customer_ref: str, channel: Channel) -> str:
        with self._lock:
            self._check_up()
            return self._contacts.get((customer_ref, channel), "")

    def _settle(self, order: BankOrder) -> OrderReceipt:
        present = self._receipts.get(order.key)
        if present is not None:
            if present.status is OrderStatus.REVOKED:
                raise OrderRefused("the order was revoked")
            if self.orders[order.key] != order:
                raise OrderRefused("this key came with another order before")
            return present.model_copy(update={"replayed": True})
        receipt = OrderReceipt(
            key=order.key,
            order_id=f"FK{len(self._receipts)}",
            status=OrderStatus.EXECUTED,
            executed_at=datetime(2026, 11, 23, 19, 7, tzinfo=UTC),
            effective_amount=self._effective(order),
        )
        self._receipts[order.key] = receipt
        self.orders[order.key] = order
        self.effects[order.key] += 1
        return receipt

    def _effective(self, order: BankOrder) -> Decimal | None:
        limit = self._available.get(order.account)
        if limit is None or order.amount is None:
            return order.amount if limit is None else limit
        return min(order.amount, limit)

    def _check_up(self) -> None:
        if self.down:
            raise BankUnavailable("the bank is down")
