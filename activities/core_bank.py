"""Orders to the core bank: freeze, unfreeze, pay; and the inquiry that settles an unknown outcome.

Every order carries the step's idempotency key, so the bank carries it out at most once. What may
already have been sent is never sent again unasked: later attempts inquire by key first.
"""

from decimal import Decimal
from functools import partial
from typing import Any, Final

from pydantic import Field
from temporalio import activity

from activities.attempts import earlier_attempts_were_not_taken, note_not_taken
from activities.catalogue import handler, task
from activities.ports import CoreBank
from domain.errors import BankUnavailable, InvalidInput, OrderRefused, OutcomeUnknown
from domain.handlers import Effect, Queue
from domain.model import Instant, Model
from domain.money import parse_amount, to_fen
from domain.orders import BankOrder, OrderKind, OrderReceipt, OrderStatus
from domain.redaction import mask_reference
from domain.steps import StepInput, StepOutput

NOT_EXECUTED: Final = "not_executed"
"""What `resolve_order` answers when the order was not carried out and now never will be."""

_LIMIT: Final = Decimal(10) ** 12
"""No order is for as much. It is far below what a JSON number carries exactly, cents included."""
_KINDS: Final = {
    "core_system_freeze": OrderKind.FREEZE,
    "core_system_unfreeze": OrderKind.UNFREEZE,
    "release_payment": OrderKind.PAYMENT,
}
_DONE: Final = {OrderKind.FREEZE: "frozen", OrderKind.UNFREEZE: "released", OrderKind.PAYMENT: "paid"}
_PLACE: Final = {OrderKind.FREEZE: "on", OrderKind.UNFREEZE: "on", OrderKind.PAYMENT: "from"}


class FreezeFacts(Model):
    """Of freeze and unfreeze: what to act on, where it is not what the ticket says."""

    account_ref: str | None = Field(default=None, min_length=1, description="instead of the ticket's account")
    amount: Decimal | None = Field(
        default=None, description="in currency units; neither here nor in the ticket: the whole account"
    )
    currency: str | None = Field(default=None, description="three letters; CNY unless said")


class PaymentOrder(FreezeFacts):
    """Of a payment."""

    beneficiary: str | None = Field(default=None, description="who is paid")


class Receipt(Model):
    """The bank's own word on an order."""

    order_id: str
    status: OrderStatus
    account: str = Field(description="masked but for its last four characters")
    currency: str | None = Field(default=None, description="of the amount; none for a whole account")
    effective_amount: Decimal | None = Field(default=None, description="what was really done")
    executed_at: Instant | None = None
    short: bool = Field(description="less was done than ordered")
    replayed: bool = Field(description="the bank had carried it out before")


_order = partial(
    handler, effect=Effect.BANK, queue=Queue.CORE_BANK, resolver="resolve_order", outputs=Receipt
)


class CoreBankActivities:
    """Handlers that change something at the core bank."""

    def __init__(self, bank: CoreBank) -> None:
        self._bank = bank

    @_order(inputs=FreezeFacts, compensation="core_system_unfreeze")
    def core_system_freeze(self, step: StepInput) -> StepOutput:
        """Freezes the ticket's account, or the amount in its fields, at the core bank."""
        return self._carry_out(order_of(step, OrderKind.FREEZE))

    @_order(inputs=FreezeFacts, compensation="core_system_freeze")
    def core_system_unfreeze(self, step: StepInput) -> StepOutput:
        """Releases what is frozen on the ticket's account, or the amount in its fields."""
        return self._carry_out(order_of(step, OrderKind.UNFREEZE))

    @_order(inputs=PaymentOrder, irreversible="a payment that left is recalled by people (camt.056)")
    def release_payment(self, step: StepInput) -> StepOutput:
        """Pays the amount in the ticket's fields from its account."""
        return self._carry_out(order_of(step, OrderKind.PAYMENT))

    @task
    def resolve_order(self, step: StepInput) -> StepOutput:
        """Settles the order of a step for good by asking the bank.

        Executed: the output as if the call had answered. Not executed: outcome `not_executed`, and the
        bank refuses the key from now on. Fails with `bank_unavailable` while the bank does not answer.
        """
        kind = _KINDS.get(step.handler)
        if kind is None:
            raise InvalidInput(f"{step.handler!r} places no orders at the core bank", field="handler")
        order = order_of(step, kind)
        receipt = self._bank.revoke(order.key)
        if receipt.status is OrderStatus.EXECUTED:
            return _output(order, receipt, confirmed=True)
        return StepOutput(
            outcome=NOT_EXECUTED,
            summary=f"the bank confirms that nothing was done on {mask_reference(order.account)}; "
            "the order is revoked",
            data={"order_id": receipt.order_id, "status": receipt.status.value},
        )

    def _carry_out(self, order: BankOrder) -> StepOutput:
        attempt = activity.info().attempt
        in_doubt = not earlier_attempts_were_not_taken()
        try:
            receipt = self._bank.find(order.key) if attempt > 1 else None
            if receipt is not None:
                if receipt.status is not OrderStatus.EXECUTED:
                    raise OrderRefused("the order was revoked at the core bank and will not be carried out")
                return _output(order, receipt, confirmed=True)
            return _output(order, self._bank.place(order))
        except BankUnavailable as error:
            if in_doubt:
                raise OutcomeUnknown(f"an earlier attempt may have been carried out; now {error}") from None
            note_not_taken()
            raise


def order_of(step: StepInput, kind: OrderKind) -> BankOrder:
    """The order that a step asks for: the same for every attempt, because the bank compares.

    Reads the account, and of the inputs or else the ticket's fields `amount` (text such as "86000.00";
    without it a freeze or release covers the whole account), `currency` and `beneficiary`. Raises
    `InvalidInput`.
    """
    account = str(step.inputs.get("account_ref") or step.task.account_ref).strip()
    if not account:
        raise InvalidInput("account_ref: the ticket names no account to act on", field="account_ref")
    amount = _amount_of(step)
    if amount is None and kind is OrderKind.PAYMENT:
        raise InvalidInput("fields.amount: a payment needs an amount", field="fields.amount")
    currency = _text_of(step, "currency") or "CNY"
    if len(currency) != 3 or not currency.isalpha() or not currency.isascii():
        where = _place_of(step, "currency")
        raise InvalidInput(f"{where}: expected a three-letter code such as CNY", field=where)
    return BankOrder(
        key=step.idempotency_key,
        kind=kind,
        account=account,
        amount=amount,
        currency=currency.upper(),
        reason=f"ticket {step.task.task_id}",
        beneficiary=_text_of(step, "beneficiary"),
    )


def _place_of(step: StepInput, name: str) -> str:
    """Where a fact comes from, for errors."""
    return f"{'inputs' if name in step.inputs else 'fields'}.{name}"


def _amount_of(step: StepInput) -> Decimal | None:
    """Reads as the checks before it do: what passed them is what the bank is told."""
    value = step.facts.get("amount")
    if value is None:
        return None
    where = _place_of(step, "amount")
    # An empty text is refused with the rest: it is no order for the whole account.
    amount = parse_amount(value, where)
    to_fen(amount, where)
    if amount >= _LIMIT:
        raise InvalidInput(f"{where}: expected less than {_LIMIT:,}", field=where)
    return amount


def _text_of(step: StepInput, name: str) -> str:
    value: Any = step.facts.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        where = _place_of(step, name)
        raise InvalidInput(f"{where}: expected text", field=where)
    return value.strip()


def _output(order: BankOrder, receipt: OrderReceipt, *, confirmed: bool = False) -> StepOutput:
    effective = receipt.effective_amount
    short = order.amount is not None and effective is not None and effective < order.amount
    summary = f"{_what(order, effective, short=short)}, order {receipt.order_id}"
    return StepOutput(
        outcome="done",
        summary=f"{summary} (confirmed by inquiry)" if confirmed else summary,
        data={
            "order_id": receipt.order_id,
            "status": receipt.status.value,
            "account": mask_reference(order.account),
            "currency": None if order.amount is None else order.currency,
            "effective_amount": None if effective is None else f"{effective:f}",
            "executed_at": None if receipt.executed_at is None else receipt.executed_at.isoformat(),
            "short": short,
            "replayed": receipt.replayed,
        },
    )


def _what(order: BankOrder, effective: Decimal | None, *, short: bool) -> str:
    done, account = _DONE[order.kind], mask_reference(order.account)
    if order.amount is None:
        # The account's currency is not on the receipt, so none is claimed.
        return f"{done} whole account {account}" + ("" if effective is None else f", {effective:,.2f}")
    amount = order.amount if effective is None else effective
    ordered = f" of {order.amount:,.2f} ordered" if short else ""
    return f"{done} {order.currency} {amount:,.2f}{ordered} {_PLACE[order.kind]} {account}"
