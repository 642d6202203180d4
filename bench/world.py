"""The outside of a benchmark: ports that answer at once, so that what is measured is opsloop."""

from datetime import UTC, datetime
from threading import Lock

from activities.messages import CodeCheck, CodeVerdict
from domain.errors import NotFound
from domain.notices import Channel, Notice
from domain.orders import BankOrder, OrderReceipt, OrderStatus


class InstantBank:
    """A core bank in memory that honours idempotency keys."""

    def __init__(self) -> None:
        self._orders: dict[str, OrderReceipt] = {}
        self._lock = Lock()

    def place(self, order: BankOrder) -> OrderReceipt:
        """Carries the order out, once a key."""
        with self._lock:
            if order.key not in self._orders:
                self._orders[order.key] = OrderReceipt(
                    key=order.key,
                    order_id=f"FZ{len(self._orders) + 1:08d}",
                    status=OrderStatus.EXECUTED,
                    executed_at=datetime.now(UTC),
                    effective_amount=order.amount,
                )
            return self._orders[order.key]

    def find(self, key: str) -> OrderReceipt | None:
        """The record of a key."""
        return self._orders.get(key)

    def revoke(self, key: str) -> OrderReceipt:
        """Not reached: this bank always answers."""
        raise NotFound(key)

    def contact(self, customer_ref: str, channel: Channel) -> str:
        """Every customer has the same number."""
        return "19900000000"


class InstantSender:
    """A channel that takes everything."""

    def send(self, notice: Notice, address: str) -> str:
        """Takes the message."""
        return "taken"


class NoCodes:
    """Nobody decides in a benchmark of tickets that run by themselves."""

    def verify(self, check: CodeCheck) -> CodeVerdict:
        """Refuses."""
        return CodeVerdict(problem="there are no reviewers in a benchmark")
