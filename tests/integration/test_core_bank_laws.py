"""Laws of orders over real HTTP: whatever is sent, repeated, asked and revoked while the bank fails."""

import itertools
from decimal import Decimal

import httpx
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from activities.adapters.core_bank import HttpCoreBank
from domain.errors import BankUnavailable, OrderRefused, OutcomeUnknown
from domain.orders import BankOrder, OrderKind, OrderStatus
from tests.support.sandbox import running_sandbox

PATIENT_S = 30.0
IMPATIENT_S = 0.3
_numbers = itertools.count(1)

FAULTS = st.sampled_from(["error_500", "reset", "commit_then_timeout", "down"])
KEYS = st.sampled_from([1, 2])


class OrdersUnderFaults(RuleBasedStateMachine):
    """Orders placed, repeated, asked and revoked over real HTTP while the bank misbehaves."""

    url = ""

    @initialize()
    def new_accounts(self) -> None:
        self.http = httpx.Client(base_url=self.url, trust_env=False, timeout=PATIENT_S)
        self.http.delete("/faults")
        self.bank = HttpCoreBank(self.url, timeout_s=IMPATIENT_S)
        self.number = next(_numbers)
        self.account = f"62220277{self.number:08d}"
        self.http.post(
            "/accounts", json={"id": self.account, "customer_ref": "C0001", "balance_fen": 100_000}
        ).raise_for_status()
        self.fenced: set[str] = set()
        self.executed: set[str] = set()

    def key(self, number: int) -> str:
        return f"M{self.number}/freeze/{number}"

    @rule(kind=FAULTS)
    def one_fault(self, kind: str) -> None:
        self.http.put("/faults", json=[{"kind": kind, "count": 1}]).raise_for_status()

    @rule(number=KEYS)
    def place(self, number: int) -> None:
        key = self.key(number)
        order = BankOrder(key=key, kind=OrderKind.FREEZE, account=self.account, amount=Decimal("1.00"))
        try:
            self.bank.place(order)
        except (OutcomeUnknown, BankUnavailable):
            return
        except OrderRefused:
            assert key in self.fenced
            return
        assert key not in self.fenced
        self.executed.add(key)

    @rule(number=KEYS)
    def find(self, number: int) -> None:
        try:
            found = self.bank.find(self.key(number))
        except BankUnavailable:
            return
        assert found is not None or self.key(number) not in self.executed | self.fenced

    @rule(number=KEYS)
    def revoke(self, number: int) -> None:
        try:
            receipt = self.bank.revoke(self.key(number))
        except BankUnavailable:
            return
        if receipt.status is OrderStatus.EXECUTED:
            self.executed.add(self.key(number))
        else:
            assert self.key(number) not in self.executed
            self.fenced.add(self.key(number))

    @invariant()
    def no_key_takes_effect_twice_or_after_it_was_fenced_off(self) -> None:
        if not hasattr(self, "account"):
            return
        effects = {
            row["key"]: row["effects"]
            for row in self.http.get("/ledger").json()
            if row["key"].startswith(f"M{self.number}/")
        }
        assert all(count <= 1 for count in effects.values())
        assert all(effects[key] == 1 for key in self.executed)
        assert all(effects[key] == 0 for key in self.fenced)
        frozen = self.http.get(f"/accounts/{self.account}").json()["frozen_fen"]
        assert frozen == 100 * sum(effects.values())

    def teardown(self) -> None:
        if hasattr(self, "http"):
            self.http.delete("/faults")
            self.http.close()
            self.bank.close()


def test_whatever_fails_each_key_takes_effect_at_most_once(tmp_path_factory: pytest.TempPathFactory) -> None:
    with running_sandbox(tmp_path_factory.mktemp("sandbox")) as base_url:
        machine = type("Machine", (OrdersUnderFaults,), {"url": base_url})
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=10,
                stateful_step_count=12,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
