import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from domain.orders import BankOrder, OrderKind, OrderReceipt, OrderStatus
from workers.sandbox_bank.ledger import Ledger, LedgerRow
from workers.sandbox_bank.rules import NewAccount, RefusedError

NIGHT = datetime(2026, 11, 23, 19, 7, tzinfo=UTC)
ACCOUNT = "6222020299990001"
KEY = "T123/execute_freeze/1"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger(tmp_path / "bank.db", now=lambda: NIGHT)
    ledger.open_account(NewAccount(id=ACCOUNT, customer_ref="C9999", balance_fen=8_600_000))
    yield ledger
    ledger.close()


def freeze(key: str = KEY, amount: str | None = "500.00", account: str = ACCOUNT) -> BankOrder:
    return BankOrder(
        key=key, kind=OrderKind.FREEZE, account=account, amount=None if amount is None else Decimal(amount)
    )


def arrive_and_place(ledger: Ledger, order: BankOrder) -> OrderReceipt:
    ledger.arrive(order)
    return ledger.place(order)


def row_of(ledger: Ledger, key: str = KEY) -> LedgerRow:
    return next(row for row in ledger.rows() if row.key == key)


def refusal_of(ledger: Ledger, order: BankOrder) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        arrive_and_place(ledger, order)
    return caught.value


def test_an_order_changes_the_account_and_says_what_it_did(ledger: Ledger) -> None:
    receipt = arrive_and_place(ledger, freeze())
    assert receipt.status is OrderStatus.EXECUTED
    assert receipt.order_id.startswith("FZ")
    assert (receipt.effective_amount, receipt.executed_at) == (Decimal("500.00"), NIGHT)
    account = ledger.account(ACCOUNT)
    assert account is not None
    assert (account.balance_fen, account.frozen_fen) == (8_600_000, 50_000)


def test_a_repeated_order_is_executed_once_and_gets_the_first_answer(ledger: Ledger) -> None:
    first = arrive_and_place(ledger, freeze(amount="500"))
    again = arrive_and_place(ledger, freeze(amount="500.00"))
    assert again == first.model_copy(update={"replayed": True})
    assert (row_of(ledger).attempts, row_of(ledger).effects) == (2, 1)


def test_a_key_with_another_body_is_refused_and_changes_nothing(ledger: Ledger) -> None:
    arrive_and_place(ledger, freeze(amount="500.00"))
    refusal = refusal_of(ledger, freeze(amount="600.00"))
    assert (refusal.status, refusal.code) == (422, "key_reused")
    assert row_of(ledger).effective_amount == Decimal("500.00")
    assert row_of(ledger).effects == 1


def test_a_refusal_stays_the_answer_even_when_the_account_would_allow_it_later(ledger: Ledger) -> None:
    arrive_and_place(ledger, freeze("T1/a/1", amount=None))
    assert refusal_of(ledger, freeze("T2/a/1")).code == "already_frozen"
    arrive_and_place(ledger, BankOrder(key="T3/a/1", kind=OrderKind.UNFREEZE, account=ACCOUNT))
    assert refusal_of(ledger, freeze("T2/a/1")).code == "already_frozen"
    assert row_of(ledger, "T2/a/1").status == "refused"
    assert ledger.find("T2/a/1") is None


def test_an_unknown_account_is_refused_without_naming_it(ledger: Ledger) -> None:
    refusal = refusal_of(ledger, freeze(account="6222020200000000"))
    assert (refusal.status, refusal.code) == (404, "account_unknown")
    assert "6222" not in refusal.message


def test_revoking_an_executed_order_returns_its_receipt_and_changes_nothing(ledger: Ledger) -> None:
    receipt = arrive_and_place(ledger, freeze())
    assert ledger.revoke(KEY) == receipt.model_copy(update={"replayed": True})
    assert row_of(ledger).status == "executed"


def test_a_revoked_key_is_refused_for_good(ledger: Ledger) -> None:
    assert ledger.revoke(KEY).status is OrderStatus.REVOKED
    refusal = refusal_of(ledger, freeze())
    assert (refusal.status, refusal.code) == (409, "order_revoked")
    assert (row_of(ledger).attempts, row_of(ledger).effects, row_of(ledger).status) == (1, 0, "revoked")
    found = ledger.find(KEY)
    assert found is not None
    assert found.status is OrderStatus.REVOKED


def test_a_request_that_came_to_nothing_still_counts_as_an_attempt(ledger: Ledger) -> None:
    ledger.arrive(freeze())
    row = row_of(ledger)
    assert (row.status, row.kind, row.attempts, row.effects) == ("arrived", OrderKind.FREEZE, 1, 0)


def test_what_happened_cannot_be_rewritten(ledger: Ledger, tmp_path: Path) -> None:
    arrive_and_place(ledger, freeze())
    other = sqlite3.connect(tmp_path / "bank.db")
    for statement in (
        "UPDATE effects SET key = 'x'",
        "DELETE FROM effects",
        "UPDATE arrivals SET key = 'x'",
        "DELETE FROM arrivals",
    ):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            other.execute(statement)
    other.close()


def test_effects_are_counted_from_the_table(ledger: Ledger, tmp_path: Path) -> None:
    arrive_and_place(ledger, freeze())
    with sqlite3.connect(tmp_path / "bank.db") as other:
        other.execute(
            "INSERT INTO effects (key, account, balance_fen, frozen_fen, status_after, at) "
            "SELECT key, account, balance_fen, frozen_fen, status_after, at FROM effects"
        )
    assert row_of(ledger).effects == 2


def test_a_file_is_seeded_once_and_keeps_its_ledger(tmp_path: Path) -> None:
    first = Ledger(tmp_path / "bank.db")
    account = first.account("6222020200000001")
    assert account is not None
    arrive_and_place(first, freeze(account=account.id))
    rows = first.rows()
    first.close()
    second = Ledger(tmp_path / "bank.db")
    assert second.rows() == rows
    reopened = second.account(account.id)
    assert reopened is not None
    assert reopened.frozen_fen == 50_000
    second.close()


def test_opening_an_account_again_leaves_it_as_it_is(ledger: Ledger) -> None:
    arrive_and_place(ledger, freeze())
    account, made = ledger.open_account(NewAccount(id=ACCOUNT, customer_ref="C9999", balance_fen=1))
    assert not made
    assert (account.balance_fen, account.frozen_fen) == (8_600_000, 50_000)
    with pytest.raises(RefusedError, match="other particulars"):
        ledger.open_account(NewAccount(id=ACCOUNT, customer_ref="C0001"))


def test_a_new_customer_can_be_reached(ledger: Ledger) -> None:
    customer = ledger.customer("C9999")
    assert customer is not None
    assert customer.phone
    assert customer.email == "c9999@customer.example"
    assert ledger.customer("C8888") is None


def test_orders_on_one_account_from_many_threads_never_overdraw_it(ledger: Ledger) -> None:
    def pay(number: int) -> None:
        order = BankOrder(
            key=f"T{number}/pay/1", kind=OrderKind.PAYMENT, account=ACCOUNT, amount=Decimal(20_000)
        )
        try:
            arrive_and_place(ledger, order)
        except RefusedError as refusal:
            assert refusal.code == "funds_short"

    threads = [Thread(target=pay, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    account = ledger.account(ACCOUNT)
    assert account is not None
    assert account.balance_fen == 8_600_000 - 4 * 2_000_000
    assert sorted(row.status for row in ledger.rows()) == ["executed"] * 4 + ["refused"] * 4


KEYS = st.sampled_from(["T1/a/1", "T1/a/2", "T2/a/1"])
AMOUNTS = st.sampled_from([None, "100.00", "86000.00", "90000.00"])


class KeysSettleOnce(RuleBasedStateMachine):
    """Whatever is sent, repeated, asked and revoked, in any order, with answers lost on the way."""

    @initialize()
    def new_bank(self) -> None:
        self.folder = TemporaryDirectory()
        self.ledger = Ledger(Path(self.folder.name) / "bank.db", now=lambda: NIGHT)
        self.ledger.open_account(NewAccount(id=ACCOUNT, customer_ref="C9999", balance_fen=8_600_000))
        self.fenced: set[str] = set()
        self.receipts: dict[str, OrderReceipt] = {}
        self.arrivals = 0

    @rule(key=KEYS, amount=AMOUNTS, kind=st.sampled_from(OrderKind), commits=st.booleans())
    def place(self, key: str, amount: str | None, kind: OrderKind, commits: bool) -> None:
        order = freeze(key, amount).model_copy(update={"kind": kind})
        self.arrivals += 1
        self.ledger.arrive(order)
        if not commits:
            return
        try:
            receipt = self.ledger.place(order)
        except RefusedError:
            return
        assert key not in self.fenced
        first = self.receipts.setdefault(key, receipt)
        assert receipt == first.model_copy(update={"replayed": receipt is not first})

    @rule(key=KEYS)
    def find(self, key: str) -> None:
        found = self.ledger.find(key)
        if key in self.fenced:
            assert found is not None
            assert found.status is OrderStatus.REVOKED
        else:
            first = self.receipts.get(key)
            assert found == (first and first.model_copy(update={"replayed": True}))

    @rule(key=KEYS)
    def revoke(self, key: str) -> None:
        receipt = self.ledger.revoke(key)
        if key in self.receipts:
            assert receipt.status is OrderStatus.EXECUTED
        else:
            assert receipt.status is OrderStatus.REVOKED
            self.fenced.add(key)

    @rule()
    def restart(self) -> None:
        self.ledger.close()
        self.ledger = Ledger(Path(self.folder.name) / "bank.db", now=lambda: NIGHT)

    @invariant()
    def each_key_has_the_effects_it_should(self) -> None:
        rows = {row.key: row for row in self.ledger.rows()}
        for key, row in rows.items():
            assert row.effects == (1 if key in self.receipts else 0)
        assert sum(row.attempts for row in rows.values()) == self.arrivals

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.ledger.close()
            self.folder.cleanup()


TestKeysSettleOnce = KeysSettleOnce.TestCase
TestKeysSettleOnce.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
