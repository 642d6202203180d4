"""The real adapter against the real sandbox, in a process of its own, under every fault."""

import itertools
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from activities.adapters.core_bank import HttpCoreBank
from domain.errors import BankUnavailable, OrderRefused, OutcomeUnknown
from domain.notices import Channel
from domain.orders import BankOrder, OrderKind, OrderStatus
from tests.support.sandbox import Sandbox, running_sandbox, sandbox_in

PATIENT_S = 30.0
IMPATIENT_S = 0.3
SECRET = "6222028800009999"
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox")) as url:
        yield url


@pytest.fixture
def http(base_url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=base_url, trust_env=False, timeout=PATIENT_S) as client:
        yield client
        client.delete("/faults")


@pytest.fixture
def bank(base_url: str) -> Iterator[HttpCoreBank]:
    bank = HttpCoreBank(base_url, timeout_s=PATIENT_S)
    yield bank
    bank.close()


@pytest.fixture
def impatient_bank(base_url: str) -> Iterator[HttpCoreBank]:
    bank = HttpCoreBank(base_url, timeout_s=IMPATIENT_S)
    yield bank
    bank.close()


@pytest.fixture
def order(http: httpx.Client) -> BankOrder:
    """A freeze of CNY 100.00 on an account of its own."""
    number = next(_numbers)
    account = f"62220288{number:08d}"
    new = {"id": account, "customer_ref": "C0001", "balance_fen": 1_000_000}
    assert http.post("/accounts", json=new).status_code == 201
    return BankOrder(
        key=f"T{number}/execute_freeze/1", kind=OrderKind.FREEZE, account=account, amount=Decimal("100.00")
    )


def switch(http: httpx.Client, **fault: Any) -> None:
    http.put("/faults", json=[fault]).raise_for_status()


def ledger_row(http: httpx.Client, key: str) -> dict[str, Any]:
    rows: list[dict[str, Any]] = http.get("/ledger").raise_for_status().json()
    return next(row for row in rows if row["key"] == key)


def counts(http: httpx.Client, key: str) -> tuple[str, int, int]:
    row = ledger_row(http, key)
    return row["status"], row["attempts"], row["effects"]


def frozen_fen(http: httpx.Client, order: BankOrder) -> int:
    frozen: int = http.get(f"/accounts/{order.account}").raise_for_status().json()["frozen_fen"]
    return frozen


def wait_until_executed(bank: HttpCoreBank, key: str) -> None:
    until = time.monotonic() + PATIENT_S
    while bank.find(key) is None:
        assert time.monotonic() < until, "the order was never carried out"
        time.sleep(0.02)


def test_an_order_is_executed_found_and_in_the_ledger(
    bank: HttpCoreBank, http: httpx.Client, order: BankOrder
) -> None:
    receipt = bank.place(order)
    assert (receipt.status, receipt.effective_amount) == (OrderStatus.EXECUTED, Decimal("100.00"))
    assert bank.find(order.key) == receipt.model_copy(update={"replayed": True})
    row = ledger_row(http, order.key)
    assert (row["order_id"], row["effective_amount"]) == (receipt.order_id, "100.00")
    assert counts(http, order.key) == ("executed", 1, 1)
    assert frozen_fen(http, order) == 10_000


def test_a_repeated_order_is_executed_once(bank: HttpCoreBank, http: httpx.Client, order: BankOrder) -> None:
    assert not bank.place(order).replayed
    assert bank.place(order).replayed
    assert counts(http, order.key) == ("executed", 2, 1)


def test_another_order_under_the_same_key_is_refused(
    bank: HttpCoreBank, http: httpx.Client, order: BankOrder
) -> None:
    bank.place(order)
    with pytest.raises(OrderRefused, match="key_reused"):
        bank.place(order.model_copy(update={"amount": Decimal("200.00")}))
    assert frozen_fen(http, order) == 10_000


def test_a_business_refusal_is_definite(bank: HttpCoreBank, http: httpx.Client, order: BankOrder) -> None:
    with pytest.raises(OrderRefused, match="not_frozen"):
        bank.place(order.model_copy(update={"kind": OrderKind.UNFREEZE}))
    with pytest.raises(OrderRefused, match="account_unknown"):
        bank.place(order.model_copy(update={"key": f"{order.key}x", "account": "nowhere"}))
    assert counts(http, order.key) == ("refused", 1, 0)


def test_sixteen_concurrent_duplicates_are_one_effect(
    bank: HttpCoreBank, http: httpx.Client, order: BankOrder
) -> None:
    with ThreadPoolExecutor(16) as pool:
        receipts = list(pool.map(bank.place, [order] * 16))
    assert len({receipt.order_id for receipt in receipts}) == 1
    assert [receipt.replayed for receipt in receipts].count(False) == 1
    assert counts(http, order.key) == ("executed", 16, 1)


def test_a_500_leaves_the_outcome_unknown_and_the_retry_executes_once(
    bank: HttpCoreBank, http: httpx.Client, order: BankOrder
) -> None:
    switch(http, kind="error_500", count=1, account=order.account)
    with pytest.raises(OutcomeUnknown):
        bank.place(order)
    assert bank.find(order.key) is None
    assert counts(http, order.key) == ("arrived", 1, 0)
    bank.place(order)
    assert counts(http, order.key) == ("executed", 2, 1)


def test_a_reset_connection_leaves_the_outcome_unknown_and_nothing_done(
    bank: HttpCoreBank, http: httpx.Client, order: BankOrder
) -> None:
    switch(http, kind="reset", count=1, account=order.account)
    with pytest.raises(OutcomeUnknown):
        bank.place(order)
    assert bank.find(order.key) is None
    assert counts(http, order.key) == ("arrived", 1, 0)


def test_a_reset_is_one_at_the_socket(base_url: str, http: httpx.Client, order: BankOrder) -> None:
    switch(http, kind="reset", count=1, account=order.account)
    body = order.model_dump_json().encode()
    head = (
        f"POST /orders HTTP/1.1\r\nHost: bank\r\nContent-Type: application/json\r\n"
        f"Idempotency-Key: {order.key}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    url = httpx.URL(base_url)
    with socket.create_connection((url.host, url.port or 80), timeout=PATIENT_S) as connection:
        connection.sendall(head.encode() + body)
        with pytest.raises(ConnectionResetError):
            connection.recv(1)


def test_a_bank_that_commits_and_falls_silent_is_settled_by_inquiry(
    impatient_bank: HttpCoreBank, bank: HttpCoreBank, http: httpx.Client, order: BankOrder
) -> None:
    switch(http, kind="commit_then_timeout", count=1, account=order.account)
    with pytest.raises(OutcomeUnknown, match="ReadTimeout"):
        impatient_bank.place(order)
    wait_until_executed(bank, order.key)
    assert bank.revoke(order.key).status is OrderStatus.EXECUTED
    assert counts(http, order.key) == ("executed", 1, 1)
    assert frozen_fen(http, order) == 10_000


def test_silence_ends_in_a_reset_after_its_delay(
    bank: HttpCoreBank, http: httpx.Client, order: BankOrder
) -> None:
    switch(http, kind="commit_then_timeout", count=1, account=order.account, delay_s=0.1)
    with pytest.raises(OutcomeUnknown, match=r"ReadError|RemoteProtocolError"):
        bank.place(order)
    assert bank.place(order).replayed


def test_a_slow_order_is_carried_out_after_the_client_has_gone(
    impatient_bank: HttpCoreBank, bank: HttpCoreBank, http: httpx.Client, order: BankOrder
) -> None:
    switch(http, kind="slow", count=1, account=order.account, delay_s=1)
    with pytest.raises(OutcomeUnknown):
        impatient_bank.place(order)
    wait_until_executed(bank, order.key)
    assert counts(http, order.key) == ("executed", 1, 1)


def test_a_slow_order_that_was_revoked_meanwhile_never_takes_effect(
    bank: HttpCoreBank, http: httpx.Client, order: BankOrder
) -> None:
    switch(http, kind="slow", count=1, account=order.account, delay_s=3)
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(bank.place, order)
        while not any(row["key"] == order.key for row in http.get("/ledger").json()):
            time.sleep(0.02)
        assert bank.revoke(order.key).status is OrderStatus.REVOKED
        with pytest.raises(OrderRefused, match="order_revoked"):
            late.result()
    assert counts(http, order.key) == ("revoked", 1, 0)
    assert frozen_fen(http, order) == 0


def test_a_bank_that_is_down_answers_nothing_and_takes_nothing(
    bank: HttpCoreBank, http: httpx.Client, order: BankOrder
) -> None:
    switch(http, kind="down")
    for call in (
        lambda: bank.place(order),
        lambda: bank.find(order.key),
        lambda: bank.revoke(order.key),
        lambda: bank.contact("C0001", Channel.SMS),
    ):
        with pytest.raises(BankUnavailable):
            call()
    assert http.get("/healthz").status_code == 200
    http.delete("/faults").raise_for_status()
    assert bank.place(order).status is OrderStatus.EXECUTED
    assert counts(http, order.key) == ("executed", 2, 1)


def test_a_bank_without_a_process_is_unavailable(order: BankOrder) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    with pytest.raises(BankUnavailable):
        HttpCoreBank(f"http://127.0.0.1:{port}").place(order)


def test_an_answer_that_dribbles_in_ends_at_the_deadline(order: BankOrder) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:

        def dribble() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n")
                for _ in range(1000):
                    try:
                        connection.sendall(b" ")
                    except OSError:
                        return
                    time.sleep(0.05)

        served = pool.submit(dribble)
        bank = HttpCoreBank(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout_s=IMPATIENT_S)
        with pytest.raises(OutcomeUnknown, match="not complete within"):
            bank.place(order)
        served.result()


def test_customers_are_reached_where_the_bank_says(bank: HttpCoreBank) -> None:
    assert bank.contact("C0001", Channel.EMAIL) == "c0001@customer.example"
    assert bank.contact("C0001", Channel.SMS).startswith("100")
    assert bank.contact("C0029", Channel.SMS) == ""
    assert bank.contact("nobody", Channel.SMS) == ""


def test_faults_are_shown_with_their_hits(bank: HttpCoreBank, http: httpx.Client, order: BankOrder) -> None:
    switch(http, kind="error_500", count=3, order_kind="freeze", account=order.account)
    with pytest.raises(OutcomeUnknown):
        bank.place(order)
    (state,) = http.get("/faults").json()
    assert (state["fault"]["count"], state["hits"]) == (3, 1)
    http.delete("/faults").raise_for_status()
    assert http.get("/faults").json() == []


def an_order_body(**changes: Any) -> dict[str, Any]:
    return {"key": "a", "kind": "freeze", "account": SECRET, **changes}


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("PUT", "/faults", [{"kind": "explode"}], "body.0.kind"),
        ("PUT", "/faults", {"kind": "slow"}, "body"),
        ("POST", "/accounts", {"id": SECRET}, "body.customer_ref"),
        ("POST", "/orders", an_order_body(kind="melt"), "body.kind"),
        ("POST", "/orders", an_order_body(amount=SECRET + "x"), "body.amount"),
        ("POST", "/orders", an_order_body(amount="0.001"), "amount"),
        ("POST", "/orders", an_order_body(key="b"), "Idempotency-Key"),
        ("POST", "/orders/revoke", {}, "body.key"),
    ],
)
def test_a_wrong_request_is_answered_with_the_field(
    http: httpx.Client, method: str, path: str, body: Any, field: str
) -> None:
    answer = http.request(method, path, json=body, headers={"Idempotency-Key": "a"})
    assert answer.status_code == 422
    assert field in answer.json()["message"]
    assert SECRET not in answer.text


def test_an_order_without_a_key_in_the_header_is_refused(http: httpx.Client) -> None:
    answer = http.post("/orders", json=an_order_body())
    assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")
    assert "header.idempotency-key" in answer.json()["message"]


def test_the_ledger_outlives_sigkill(tmp_path: Path) -> None:
    order = BankOrder(
        key="T1/execute_freeze/1",
        kind=OrderKind.FREEZE,
        account="6222020200000030",
        amount=Decimal("1.00"),
    )
    with sandbox_in(tmp_path) as sandbox:
        before = HttpCoreBank(sandbox.base_url, timeout_s=PATIENT_S)
        before.place(order)
        before.revoke("T2/execute_freeze/1")
        sandbox.kill()
        with pytest.raises(BankUnavailable):
            before.find(order.key)
        sandbox.start()
        after = HttpCoreBank(sandbox.base_url, timeout_s=PATIENT_S)
        assert after.place(order).replayed
        with pytest.raises(OrderRefused, match="order_revoked"):
            after.place(order.model_copy(update={"key": "T2/execute_freeze/1"}))
        with httpx.Client(base_url=sandbox.base_url, trust_env=False) as http:
            assert counts(http, order.key) == ("executed", 2, 1)
            assert counts(http, "T2/execute_freeze/1") == ("revoked", 1, 0)


def test_the_sandbox_stops_cleanly_while_an_order_hangs(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path)
    sandbox.start()
    order = BankOrder(key="T1/a/1", kind=OrderKind.FREEZE, account="6222020200000002")
    with httpx.Client(base_url=sandbox.base_url, trust_env=False) as http:
        switch(http, kind="commit_then_timeout")
        with ThreadPoolExecutor(1) as pool:
            hanging = pool.submit(HttpCoreBank(sandbox.base_url, timeout_s=PATIENT_S).place, order)
            wait_until_executed(HttpCoreBank(sandbox.base_url, timeout_s=PATIENT_S), order.key)
            sandbox.stop()
            with pytest.raises(OutcomeUnknown):
                hanging.result()
