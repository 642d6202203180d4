"""The sandbox's SQLite file: accounts, orders by key, and the append-only record of what happened."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from domain.digest import digest_of
from domain.model import Instant, Record
from domain.orders import BankOrder, OrderKind, OrderReceipt, OrderStatus
from workers.sandbox_bank import seed
from workers.sandbox_bank.rules import (
    Account,
    Change,
    Customer,
    NewAccount,
    RefusedError,
    carry_out,
    fen_of,
    units_of,
)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS customers (
    ref TEXT PRIMARY KEY, phone TEXT NOT NULL, email TEXT NOT NULL, wecom TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS accounts (
    id TEXT PRIMARY KEY, customer_ref TEXT NOT NULL REFERENCES customers (ref), holder TEXT NOT NULL,
    currency TEXT NOT NULL, balance_fen INTEGER NOT NULL, frozen_fen INTEGER NOT NULL, status TEXT NOT NULL,
    CHECK (frozen_fen >= 0 AND balance_fen >= frozen_fen));
CREATE TABLE IF NOT EXISTS orders (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE,
    status TEXT NOT NULL CHECK (status IN ('executed', 'refused', 'revoked')),
    kind TEXT, account TEXT, body_digest TEXT, effective_fen INTEGER, executed_at TEXT,
    refusal_status INTEGER, refusal_code TEXT, refusal_message TEXT);
CREATE TABLE IF NOT EXISTS arrivals (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, kind TEXT NOT NULL, account TEXT NOT NULL,
    at TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS arrivals_by_key ON arrivals (key);
CREATE TABLE IF NOT EXISTS effects (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, account TEXT NOT NULL,
    balance_fen INTEGER NOT NULL, frozen_fen INTEGER NOT NULL, status_after TEXT NOT NULL, at TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS effects_by_key ON effects (key);
CREATE TRIGGER IF NOT EXISTS arrivals_stay BEFORE UPDATE ON arrivals
    BEGIN SELECT RAISE(ABORT, 'arrivals are append-only'); END;
CREATE TRIGGER IF NOT EXISTS arrivals_are_kept BEFORE DELETE ON arrivals
    BEGIN SELECT RAISE(ABORT, 'arrivals are append-only'); END;
CREATE TRIGGER IF NOT EXISTS effects_stay BEFORE UPDATE ON effects
    BEGIN SELECT RAISE(ABORT, 'effects are append-only'); END;
CREATE TRIGGER IF NOT EXISTS effects_are_kept BEFORE DELETE ON effects
    BEGIN SELECT RAISE(ABORT, 'effects are append-only'); END;
"""

_ROWS = """
SELECT keys.key, orders.seq, orders.status, orders.effective_fen, orders.executed_at,
    coalesce(orders.kind, first.kind) AS kind, coalesce(orders.account, first.account) AS account,
    (SELECT count(*) FROM arrivals WHERE arrivals.key = keys.key) AS attempts,
    (SELECT count(*) FROM effects WHERE effects.key = keys.key) AS effects
FROM (SELECT key FROM orders UNION SELECT key FROM arrivals) AS keys
LEFT JOIN orders ON orders.key = keys.key
LEFT JOIN arrivals AS first ON first.seq = (SELECT min(seq) FROM arrivals WHERE arrivals.key = keys.key)
ORDER BY first.seq IS NULL, first.seq, orders.seq
"""

_PREFIX = {OrderKind.FREEZE: "FZ", OrderKind.UNFREEZE: "UF", OrderKind.PAYMENT: "PY"}


class LedgerRow(Record):
    """The bank's own word on one key."""

    key: str
    status: str
    """executed, refused, revoked, or `arrived`: requests came and none was carried out."""
    order_id: str | None
    kind: OrderKind | None
    """None: revoked before any order with this key arrived; the same holds for the account."""
    account: str | None
    effective_amount: Decimal | None
    attempts: int
    """How often a request with this key arrived."""
    effects: int
    """How often an account changed because of it, counted in the append-only table."""
    executed_at: Instant | None


class Ledger:
    """The books of the sandbox. Every public method is one transaction; threads may share it."""

    def __init__(self, path: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """Opens the file, and fills a new one with synthetic customers and accounts."""
        self._now = now
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        # WAL without a sync per commit outlives SIGKILL of the process, which is what the tests do to it.
        self._db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;" + _SCHEMA)
        with self._transaction():
            if not self._db.execute("SELECT 1 FROM customers").fetchone():
                for customer in seed.customers():
                    self._add_customer(customer)
                for account in seed.accounts():
                    self._add_account(account)

    def close(self) -> None:
        """Closes the file."""
        self._db.close()

    def arrive(self, order: BankOrder) -> None:
        """Notes that a request came in, whatever becomes of it."""
        with self._transaction():
            self._db.execute(
                "INSERT INTO arrivals (key, kind, account, at) VALUES (?, ?, ?, ?)",
                (order.key, order.kind, order.account, self._now().isoformat()),
            )

    def place(self, order: BankOrder) -> OrderReceipt:
        """Carries an order out once per key; a repeat gets the first answer, a refusal included.

        Raises `RefusedError`: unknown account, a rule of the account, a revoked key, or another body (422).
        """
        digest = _body_digest(order)
        with self._transaction():
            answer = self._earlier_answer(order.key, digest)
            if answer is None:
                answer = self._carry_out(order, digest)
        # Raised outside the transaction: a refusal is an answer and is kept.
        if isinstance(answer, RefusedError):
            raise answer
        return answer

    def find(self, key: str) -> OrderReceipt | None:
        """The receipt of an executed or revoked key."""
        with self._transaction():
            row = self._order(key)
        return None if row is None or row["status"] == "refused" else _receipt(row, replayed=True)

    def revoke(self, key: str) -> OrderReceipt:
        """Settles a key for good: its receipt if executed; else the key is refused from now on."""
        with self._transaction():
            self._db.execute(
                "INSERT INTO orders (key, status) VALUES (?, 'revoked') "
                "ON CONFLICT (key) DO UPDATE SET status = 'revoked' WHERE status <> 'executed'",
                (key,),
            )
            row = self._order(key)
        if row is None:
            raise LookupError("the order that was just written is gone")
        return _receipt(row, replayed=True)

    def account(self, account_id: str) -> Account | None:
        """An account as it stands."""
        with self._transaction():
            return self._account(account_id)

    def customer(self, ref: str) -> Customer | None:
        """A customer's addresses."""
        with self._transaction():
            row = self._db.execute("SELECT * FROM customers WHERE ref = ?", (ref,)).fetchone()
        return Customer(**dict(row)) if row else None

    def open_account(self, new: NewAccount) -> tuple[Account, bool]:
        """The account, and whether it was made now. Raises `RefusedError` where another has its id."""
        with self._transaction():
            present = self._account(new.id)
            if present is not None:
                identity = (present.customer_ref, present.holder, present.currency)
                if identity != (new.customer_ref, new.holder, new.currency):
                    raise RefusedError(409, "account_exists", "an account with this id has other particulars")
                return present, False
            made_up = seed.contacts_of(new.customer_ref)
            self._add_customer(
                Customer(
                    ref=new.customer_ref,
                    phone=new.phone or made_up.phone,
                    email=new.email or made_up.email,
                    wecom=new.wecom or made_up.wecom,
                )
            )
            account = Account(**new.model_dump())
            self._add_account(account)
            return account, True

    def rows(self) -> list[LedgerRow]:
        """Every key that ever arrived or was revoked, in the order of first arrival."""
        with self._transaction():
            rows = self._db.execute(_ROWS).fetchall()
        return [
            LedgerRow(
                key=row["key"],
                status=row["status"] or "arrived",
                order_id=_order_id(row) if row["status"] == "executed" else None,
                kind=row["kind"],
                account=row["account"],
                effective_amount=_units(row["effective_fen"]),
                attempts=row["attempts"],
                effects=row["effects"],
                executed_at=row["executed_at"],
            )
            for row in rows
        ]

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _earlier_answer(self, key: str, digest: str) -> OrderReceipt | RefusedError | None:
        row = self._order(key)
        if row is None:
            return None
        if row["status"] == "revoked":
            return RefusedError(409, "order_revoked", "the order was revoked and will not be carried out")
        if row["body_digest"] != digest:
            return RefusedError(422, "key_reused", "Idempotency-Key: this key came with another order before")
        if row["status"] == "refused":
            return RefusedError(row["refusal_status"], row["refusal_code"], row["refusal_message"])
        return _receipt(row, replayed=True)

    def _carry_out(self, order: BankOrder, digest: str) -> OrderReceipt | RefusedError:
        account = self._account(order.account)
        try:
            if account is None:
                raise RefusedError(404, "account_unknown", "the bank has no such account")
            change = carry_out(account, order)
        except RefusedError as refusal:
            self._db.execute(
                "INSERT INTO orders (key, status, kind, account, body_digest, refusal_status, refusal_code, "
                "refusal_message) VALUES (?, 'refused', ?, ?, ?, ?, ?, ?)",
                (order.key, order.kind, order.account, digest, refusal.status, refusal.code, refusal.message),
            )
            return refusal
        self._apply(order, digest, change)
        row = self._order(order.key)
        if row is None:
            raise LookupError("the order that was just written is gone")
        return _receipt(row, replayed=False)

    def _apply(self, order: BankOrder, digest: str, change: Change) -> None:
        at = self._now().isoformat()
        self._db.execute(
            "UPDATE accounts SET balance_fen = balance_fen + ?, frozen_fen = frozen_fen + ?, status = ? "
            "WHERE id = ?",
            (change.balance_fen, change.frozen_fen, change.status, order.account),
        )
        self._db.execute(
            "INSERT INTO effects (key, account, balance_fen, frozen_fen, status_after, at) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (order.key, order.account, change.balance_fen, change.frozen_fen, change.status, at),
        )
        self._db.execute(
            "INSERT INTO orders (key, status, kind, account, body_digest, effective_fen, executed_at) "
            "VALUES (?, 'executed', ?, ?, ?, ?, ?)",
            (order.key, order.kind, order.account, digest, change.effective_fen, at),
        )

    def _order(self, key: str) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self._db.execute("SELECT * FROM orders WHERE key = ?", (key,)).fetchone()
        return row

    def _account(self, account_id: str) -> Account | None:
        row = self._db.execute("SELECT * FROM accounts WHERE id = ?", (account_id,)).fetchone()
        return Account(**dict(row)) if row else None

    def _add_customer(self, customer: Customer) -> None:
        self._db.execute(
            "INSERT INTO customers (ref, phone, email, wecom) VALUES (:ref, :phone, :email, :wecom) "
            "ON CONFLICT (ref) DO NOTHING",
            customer.model_dump(mode="json"),
        )

    def _add_account(self, account: Account) -> None:
        self._db.execute(
            "INSERT INTO accounts (id, customer_ref, holder, currency, balance_fen, frozen_fen, status) "
            "VALUES (:id, :customer_ref, :holder, :currency, :balance_fen, :frozen_fen, :status)",
            account.model_dump(mode="json"),
        )


def _body_digest(order: BankOrder) -> str:
    """Identifies what an order asks for: 86000 and 86000.00 are the same."""
    amount = None if order.amount is None else fen_of(order.amount)
    return digest_of({**order.model_dump(mode="json", exclude={"amount", "key"}), "amount_fen": amount})


def _receipt(row: sqlite3.Row, *, replayed: bool) -> OrderReceipt:
    return OrderReceipt(
        key=row["key"],
        order_id=_order_id(row),
        status=OrderStatus(row["status"]),
        executed_at=row["executed_at"],
        effective_amount=_units(row["effective_fen"]),
        replayed=replayed,
    )


def _order_id(row: sqlite3.Row) -> str:
    prefix = _PREFIX[OrderKind(row["kind"])] if row["status"] == "executed" else "RV"
    return f"{prefix}{row['seq']:08d}"


def _units(fen: int | None) -> Decimal | None:
    return None if fen is None else units_of(fen)
