"""Orders to the core bank and what it answers."""

from decimal import Decimal
from enum import StrEnum

from pydantic import Field

from domain.model import Instant, Record


class OrderKind(StrEnum):
    """What the core bank can be asked to do."""

    FREEZE = "freeze"
    UNFREEZE = "unfreeze"
    PAYMENT = "payment"


class OrderStatus(StrEnum):
    """Where an order stands at the core bank."""

    EXECUTED = "executed"
    REVOKED = "revoked"
    """Fenced off before execution: the bank will refuse a late arrival with this key."""


class BankOrder(Record):
    """One order. The key makes it happen at most once, however often it is sent."""

    key: str = Field(min_length=1, max_length=200)
    kind: OrderKind
    account: str = Field(min_length=1, max_length=64)
    amount: Decimal | None = Field(default=None, description="in currency units; None: the whole account")
    currency: str = "CNY"
    reason: str = ""
    beneficiary: str = ""


class OrderReceipt(Record):
    """The bank's own word on an order (回执): what was really done."""

    key: str
    order_id: str
    status: OrderStatus
    executed_at: Instant | None = None
    effective_amount: Decimal | None = None
    """What was frozen, released or paid; less than ordered where the balance fell short."""
    replayed: bool = False
    """The bank had this order already; this answer repeats the first one."""
