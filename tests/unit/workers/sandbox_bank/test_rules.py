from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.orders import BankOrder, OrderKind
from workers.sandbox_bank import seed
from workers.sandbox_bank.rules import (
    Account,
    AccountStatus,
    HolderType,
    RefusedError,
    carry_out,
    fen_of,
    units_of,
)


def an_account(**changes: object) -> Account:
    return Account(**{"id": "A1", "customer_ref": "C1", "balance_fen": 100_000, **changes})


def an_order(kind: OrderKind, amount: str | None = None, currency: str = "CNY") -> BankOrder:
    return BankOrder(
        key="T1/s/1",
        kind=kind,
        account="A1",
        amount=None if amount is None else Decimal(amount),
        currency=currency,
    )


def refusal_of(account: Account, order: BankOrder) -> str:
    with pytest.raises(RefusedError) as caught:
        carry_out(account, order)
    return caught.value.code


def test_a_freeze_without_an_amount_takes_all_that_is_available_and_closes_the_account_to_debits() -> None:
    change = carry_out(an_account(frozen_fen=30_000), an_order(OrderKind.FREEZE))
    assert (change.frozen_fen, change.effective_fen, change.status) == (70_000, 70_000, AccountStatus.FROZEN)


def test_a_freeze_of_an_amount_takes_that_amount() -> None:
    change = carry_out(an_account(), an_order(OrderKind.FREEZE, "400.50"))
    assert (change.frozen_fen, change.status) == (40_050, AccountStatus.ACTIVE)


def test_a_freeze_beyond_the_balance_takes_what_there_is() -> None:
    assert carry_out(an_account(), an_order(OrderKind.FREEZE, "2500.00")).effective_fen == 100_000


def test_a_release_without_an_amount_frees_everything() -> None:
    frozen = an_account(frozen_fen=100_000, status=AccountStatus.FROZEN)
    change = carry_out(frozen, an_order(OrderKind.UNFREEZE))
    assert (change.frozen_fen, change.status) == (-100_000, AccountStatus.ACTIVE)


def test_a_release_of_a_part_leaves_the_rest_frozen_by_amount() -> None:
    frozen = an_account(frozen_fen=100_000, status=AccountStatus.FROZEN)
    change = carry_out(frozen, an_order(OrderKind.UNFREEZE, "300.00"))
    assert (change.frozen_fen, change.status) == (-30_000, AccountStatus.ACTIVE)


def test_a_payment_debits_the_balance() -> None:
    change = carry_out(an_account(), an_order(OrderKind.PAYMENT, "999.99"))
    assert (change.balance_fen, change.frozen_fen) == (-99_999, 0)


@pytest.mark.parametrize(
    ("account", "order", "code"),
    [
        (an_account(status=AccountStatus.CLOSED), an_order(OrderKind.FREEZE), "account_closed"),
        (an_account(status=AccountStatus.FROZEN), an_order(OrderKind.FREEZE), "already_frozen"),
        (an_account(frozen_fen=100_000), an_order(OrderKind.FREEZE, "1.00"), "already_frozen"),
        (an_account(), an_order(OrderKind.UNFREEZE), "not_frozen"),
        (an_account(frozen_fen=50_000), an_order(OrderKind.PAYMENT, "500.01"), "funds_short"),
        (an_account(status=AccountStatus.FROZEN), an_order(OrderKind.PAYMENT, "1.00"), "account_frozen"),
        (an_account(), an_order(OrderKind.PAYMENT), "amount_missing"),
        (an_account(), an_order(OrderKind.PAYMENT, "1.00", "USD"), "currency_mismatch"),
        *(
            (an_account(holder=holder), an_order(OrderKind.FREEZE), "account_protected")
            for holder in HolderType
            if holder.protected
        ),
    ],
)
def test_the_bank_refuses_what_its_rules_forbid(account: Account, order: BankOrder, code: str) -> None:
    assert refusal_of(account, order) == code


@pytest.mark.parametrize("amount", ["0", "-1", "0.001", "1e12", "1e40", "NaN", "Infinity"])
def test_an_amount_is_positive_with_at_most_two_decimals(amount: str) -> None:
    with pytest.raises(RefusedError, match="two decimal places"):
        fen_of(Decimal(amount))


@given(st.integers(min_value=1, max_value=10**14 - 1))
def test_fen_and_units_convert_without_loss(fen: int) -> None:
    assert fen_of(units_of(fen)) == fen


@given(
    balance=st.integers(0, 10**9),
    share=st.floats(0, 1),
    kind=st.sampled_from(OrderKind),
    fen=st.none() | st.integers(1, 10**10),
)
def test_no_order_makes_a_balance_negative_or_freezes_more_than_there_is(
    balance: int, share: float, kind: OrderKind, fen: int | None
) -> None:
    account = an_account(balance_fen=balance, frozen_fen=int(balance * share))
    order = an_order(kind, None if fen is None else str(units_of(fen)))
    try:
        change = carry_out(account, order)
    except RefusedError:
        return
    frozen = account.frozen_fen + change.frozen_fen
    assert 0 <= frozen <= account.balance_fen + change.balance_fen
    assert change.effective_fen == abs(change.frozen_fen) + abs(change.balance_fen)
    assert fen is None or change.effective_fen <= fen


def test_the_seed_is_synthetic_and_consistent() -> None:
    refs = {customer.ref for customer in seed.customers()}
    accounts = seed.accounts()
    assert len({account.id for account in accounts}) == len(accounts) >= 30
    assert {account.customer_ref for account in accounts} <= refs
    for customer in seed.customers():
        assert customer.phone[:3] in ("", "100")
        assert customer.email == "" or customer.email.endswith(".example")
    for account in accounts:
        assert 0 <= account.frozen_fen <= account.balance_fen
