"""What each answer of a bank means, answer by answer. The real bank is in tests/integration."""

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest

from activities.adapters.core_bank import HttpCoreBank
from activities.adapters.pacing import Pace
from domain.errors import BankUnavailable, InvalidInput, OpsloopError, OrderRefused, OutcomeUnknown
from domain.notices import Channel
from domain.orders import BankOrder, OrderKind, OrderStatus

ACCOUNT = "6222020299991234"
ORDER = BankOrder(
    key="T1/freeze/1", kind=OrderKind.FREEZE, account=ACCOUNT, amount=Decimal("1.00"), beneficiary="Wei Chen"
)
RECEIPT = {
    "key": ORDER.key,
    "order_id": "FZ1",
    "status": "executed",
    "executed_at": "2026-11-23T19:07:00Z",
    "effective_amount": "1.00",
}


def bank_that(answer: Callable[[httpx.Request], httpx.Response]) -> HttpCoreBank:
    return HttpCoreBank("http://bank.example", client=httpx.Client(transport=httpx.MockTransport(answer)))


def bank_answering(status: int, body: Any = None, text: str | None = None) -> HttpCoreBank:
    content = text if text is not None else json.dumps(body)
    return bank_that(lambda _: httpx.Response(status, text=content))


def bank_failing_with(error: type[httpx.TransportError]) -> HttpCoreBank:
    def fail(request: httpx.Request) -> httpx.Response:
        raise error(f"secret {ACCOUNT}", request=request)

    return bank_that(fail)


@pytest.mark.parametrize("status", [200, 201])
def test_a_receipt_for_this_order_is_the_answer(status: int) -> None:
    receipt = bank_answering(status, RECEIPT).place(ORDER)
    assert (receipt.status, receipt.effective_amount) == (OrderStatus.EXECUTED, Decimal("1.00"))


@pytest.mark.parametrize("status", [400, 404, 409, 422])
def test_a_refusal_in_the_bank_s_own_form_is_definite(status: int) -> None:
    body = {"code": "account_closed", "message": f"account {ACCOUNT} of Wei Chen is closed"}
    with pytest.raises(OrderRefused, match="account_closed") as caught:
        bank_answering(status, body).place(ORDER)
    assert "****1234" in str(caught.value)
    assert ACCOUNT not in str(caught.value)
    assert "Wei Chen" not in str(caught.value)


@pytest.mark.parametrize("status", [429, 503])
def test_try_later_means_not_taken(status: int) -> None:
    with pytest.raises(BankUnavailable):
        bank_answering(status, {}).place(ORDER)


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (500, "{}"),
        (502, ""),
        (504, ""),
        (302, ""),
        (401, '{"code": "x", "message": ""}'),
        (404, "<h1>Not Found</h1>"),
        (409, '{"detail": "of another service"}'),
        (200, ""),
        (200, "<html>"),
        (200, '{"ok": true}'),
        (200, json.dumps({**RECEIPT, "key": "T2/freeze/1"})),
        (200, json.dumps({**RECEIPT, "status": "revoked"})),
        (200, json.dumps({**RECEIPT, "status": "perhaps"})),
        (200, json.dumps({**RECEIPT, "effective_amount": "much"})),
        (200, "[" * 70_000),
    ],
)
def test_an_answer_that_proves_nothing_leaves_the_outcome_unknown(status: int, text: str) -> None:
    with pytest.raises(OutcomeUnknown):
        bank_answering(status, text=text).place(ORDER)


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout])
def test_without_a_connection_the_order_was_not_taken(error: type[httpx.TransportError]) -> None:
    with pytest.raises(BankUnavailable):
        bank_failing_with(error).place(ORDER)


@pytest.mark.parametrize(
    "error",
    [
        httpx.ReadTimeout,
        httpx.WriteTimeout,
        httpx.ReadError,
        httpx.WriteError,
        httpx.CloseError,
        httpx.RemoteProtocolError,
    ],
)
def test_after_sending_a_lost_connection_leaves_the_outcome_unknown(
    error: type[httpx.TransportError],
) -> None:
    with pytest.raises(OutcomeUnknown) as caught:
        bank_failing_with(error).place(ORDER)
    # Neither the message nor a chained cause may carry what the HTTP library said.
    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_redirects_are_not_followed() -> None:
    seen: list[str] = []

    def redirect(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        return httpx.Response(307, headers={"Location": "http://elsewhere.example/orders"})

    with pytest.raises(OutcomeUnknown):
        bank_that(redirect).place(ORDER)
    assert seen == ["http://bank.example/orders"]


def test_the_key_travels_in_the_header_and_the_amount_as_text() -> None:
    def check(request: httpx.Request) -> httpx.Response:
        assert request.headers["Idempotency-Key"] == ORDER.key
        assert json.loads(request.content)["amount"] == "1.00"
        return httpx.Response(200, json=RECEIPT)

    assert bank_that(check).place(ORDER).order_id == "FZ1"


def test_a_slash_in_a_key_is_part_of_the_key() -> None:
    def check(request: httpx.Request) -> httpx.Response:
        assert request.url.raw_path == b"/orders/T1%2Ffreeze%2F1"
        return httpx.Response(200, json=RECEIPT)

    assert bank_that(check).find(ORDER.key) is not None


@pytest.mark.parametrize("key", ["T1/a\r\nX-Evil: 1", "T1/冻结/1"])
def test_a_key_that_cannot_travel_in_a_header_is_refused_before_sending(key: str) -> None:
    with pytest.raises(InvalidInput, match="ASCII"):
        bank_failing_with(httpx.ConnectError).place(ORDER.model_copy(update={"key": key}))


def test_no_record_means_the_bank_said_so_itself() -> None:
    said = {"code": "order_unknown", "message": "no such order"}
    assert bank_answering(404, said).find(ORDER.key) is None
    for body in ({"detail": "Not Found"}, {"code": "route_unknown", "message": ""}):
        with pytest.raises(BankUnavailable):
            bank_answering(404, body).find(ORDER.key)


@pytest.mark.parametrize(
    "ask",
    [
        lambda bank: bank.find(ORDER.key),
        lambda bank: bank.revoke(ORDER.key),
        lambda bank: bank.contact("C0001", Channel.SMS),
    ],
)
def test_an_inquiry_without_a_usable_answer_means_unavailable(ask: Callable[[HttpCoreBank], object]) -> None:
    def banks() -> Iterator[HttpCoreBank]:
        for error in (httpx.ConnectError, httpx.ReadTimeout, httpx.ReadError):
            yield bank_failing_with(error)
        for status in (302, 409, 429, 500, 503):
            yield bank_answering(status, {})
        yield bank_answering(200, text="<html>")
        yield bank_answering(200, {**RECEIPT, "key": "T2/x/1", "phone": 1})

    for bank in banks():
        with pytest.raises(BankUnavailable):
            ask(bank)


def test_a_customer_is_reached_where_the_bank_says() -> None:
    bank = bank_answering(200, {"ref": "C1", "phone": "10000000001", "email": "a@b.example"})
    assert bank.contact("C1", Channel.SMS) == "10000000001"
    assert bank.contact("C1", Channel.EMAIL) == "a@b.example"
    assert bank.contact("C1", Channel.WECOM) == ""
    assert bank_answering(404, {"code": "customer_unknown", "message": ""}).contact("C1", Channel.SMS) == ""


def test_nobody_is_asked_for_an_address_on_the_dashboard_or_of_no_customer() -> None:
    bank = bank_failing_with(httpx.ConnectError)
    assert bank.contact("C1", Channel.DASHBOARD) == ""
    assert bank.contact("", Channel.SMS) == ""


@pytest.mark.parametrize("url", ["", "bank", "ftp://bank.example", "http://", "http://bank:port"])
def test_a_wrong_base_url_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(InvalidInput, match="core bank URL"):
        HttpCoreBank(url)


def test_every_failure_of_an_order_is_one_that_sops_can_name() -> None:
    for status in range(200, 600):
        try:
            bank_answering(status, {}).place(ORDER)
        except OpsloopError as error:
            assert error.code in ("order_refused", "bank_unavailable", "outcome_unknown")


def test_a_call_that_would_wait_too_long_for_its_turn_is_not_sent() -> None:
    calls: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        return httpx.Response(404, json={"code": "order_unknown", "message": "no such order"})

    bank = HttpCoreBank(
        "http://bank.example",
        timeout_s=0.5,
        pace=Pace(0.001),
        client=httpx.Client(transport=httpx.MockTransport(answer)),
    )
    assert bank.find("T1/execute_freeze/1") is None
    with pytest.raises(BankUnavailable, match="waiting for their turn"):
        bank.find("T1/execute_freeze/1")
    assert len(calls) == 1
