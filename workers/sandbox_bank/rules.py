"""What an order does to an account: pure rules over integer fen."""

from decimal import Decimal
from enum import StrEnum

from pydantic import Field

from domain.model import Model, Record
from domain.orders import BankOrder, OrderKind

_MOST = Decimal("1000000000000")


class RefusedError(Exception):
    """The bank says no. `status` is the HTTP status, `code` stays stable, `message` names no customer."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class HolderType(StrEnum):
    """Whose money it is. The last three must never be frozen (bank's duty, whatever the order says)."""

    PERSONAL = "personal"
    CORPORATE = "corporate"
    SOCIAL_INSURANCE = "social_insurance"
    HOUSING_FUND = "housing_fund"
    CLIENT_RESERVE = "client_reserve"

    @property
    def protected(self) -> bool:
        """Whether a freeze is forbidden."""
        return self not in (HolderType.PERSONAL, HolderType.CORPORATE)


class AccountStatus(StrEnum):
    """`frozen` is the whole account; a partly frozen one stays `active` with `frozen_fen` set."""

    ACTIVE = "active"
    FROZEN = "frozen"
    CLOSED = "closed"


class Customer(Record):
    """Where a customer is reached. An empty address means the customer gave none."""

    ref: str
    phone: str = ""
    email: str = ""
    wecom: str = ""


class Account(Record):
    """One account. Amounts are in fen (hundredths of its currency)."""

    id: str
    customer_ref: str
    holder: HolderType = HolderType.PERSONAL
    currency: str = "CNY"
    balance_fen: int = 0
    frozen_fen: int = 0
    status: AccountStatus = AccountStatus.ACTIVE

    @property
    def available_fen(self) -> int:
        """What can still be frozen or paid out."""
        return self.balance_fen - self.frozen_fen


class NewAccount(Model):
    """Asks for an account on demand, and for its customer where that one is new."""

    id: str = Field(min_length=1, max_length=64)
    customer_ref: str = Field(min_length=1, max_length=100)
    holder: HolderType = HolderType.PERSONAL
    currency: str = Field(default="CNY", pattern=r"^[A-Z]{3}$")
    balance_fen: int = Field(default=0, ge=0, le=10**14)
    phone: str = Field(default="", max_length=100)
    email: str = Field(default="", max_length=200)
    wecom: str = Field(default="", max_length=100)


class Change(Record):
    """What carrying out an order changes."""

    balance_fen: int = 0
    """Added to the balance."""
    frozen_fen: int = 0
    """Added to the frozen part."""
    status: AccountStatus
    """The account's status afterwards."""
    effective_fen: int
    """What was frozen, released or paid."""


def fen_of(amount: Decimal) -> int:
    """Currency units as fen. Raises `RefusedError` unless positive, of two decimals and below 10¹²."""
    if not amount.is_finite() or not 0 < amount < _MOST or amount != amount.quantize(Decimal("0.01")):
        raise RefusedError(
            422, "amount_invalid", "amount: expected a positive decimal with at most two decimal places"
        )
    return int(amount * 100)


def units_of(fen: int) -> Decimal:
    """Fen as currency units with two decimals."""
    return Decimal(fen).scaleb(-2)


def carry_out(account: Account, order: BankOrder) -> Change:
    """The change that the order makes to the account. Raises `RefusedError` where the bank says no."""
    if account.status is AccountStatus.CLOSED:
        raise RefusedError(409, "account_closed", "the account is closed")
    amount = None if order.amount is None else fen_of(order.amount)
    if amount is not None and order.currency != account.currency:
        raise RefusedError(409, "currency_mismatch", f"the account is held in {account.currency}")
    match order.kind:
        case OrderKind.FREEZE:
            return _freeze(account, amount)
        case OrderKind.UNFREEZE:
            return _unfreeze(account, amount)
        case OrderKind.PAYMENT:
            return _pay(account, amount)


def _freeze(account: Account, amount: int | None) -> Change:
    if account.holder.protected:
        raise RefusedError(409, "account_protected", f"a {account.holder} account must not be frozen")
    if account.status is AccountStatus.FROZEN or (account.frozen_fen and not account.available_fen):
        raise RefusedError(409, "already_frozen", "the account is already frozen in full")
    if amount is None:
        effective = account.available_fen
        return Change(frozen_fen=effective, status=AccountStatus.FROZEN, effective_fen=effective)
    effective = min(amount, account.available_fen)
    return Change(frozen_fen=effective, status=AccountStatus.ACTIVE, effective_fen=effective)


def _unfreeze(account: Account, amount: int | None) -> Change:
    if account.status is not AccountStatus.FROZEN and not account.frozen_fen:
        raise RefusedError(409, "not_frozen", "nothing on the account is frozen")
    effective = account.frozen_fen if amount is None else min(amount, account.frozen_fen)
    # Releasing a part of a whole-account freeze leaves the rest frozen by amount.
    return Change(frozen_fen=-effective, status=AccountStatus.ACTIVE, effective_fen=effective)


def _pay(account: Account, amount: int | None) -> Change:
    if amount is None:
        raise RefusedError(422, "amount_missing", "amount: a payment needs one")
    if account.status is AccountStatus.FROZEN:
        raise RefusedError(409, "account_frozen", "the account is frozen")
    if amount > account.available_fen:
        raise RefusedError(409, "funds_short", "the available balance does not cover the payment")
    return Change(balance_fen=-amount, status=AccountStatus.ACTIVE, effective_fen=amount)
