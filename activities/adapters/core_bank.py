"""The core bank over HTTP: the `CoreBank` port on httpx.

What an answer means is decided here, once:

    2xx with a valid body                       the receipt
    400, 404, 409, 422 with {code, message}     `OrderRefused`: a definite no
    no connection, 429, 503                     `BankUnavailable`: not taken
    anything else                               `OutcomeUnknown`: it may have been carried out

"Anything else" is a read time-out, a connection lost after sending, a 500 (it may have come after the
commit), a redirect, and a 200 whose body is not a receipt for this key.
"""

import time
from http import HTTPStatus
from typing import Final, NoReturn, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, Field, ValidationError

from activities.adapters.pacing import Pace
from domain.errors import BankUnavailable, InvalidInput, OrderRefused, OutcomeUnknown
from domain.model import Record
from domain.notices import Channel
from domain.orders import BankOrder, OrderReceipt, OrderStatus
from domain.redaction import mask_reference

_LONGEST_CONNECT_S: Final = 2.0
_MOST_CONNECTIONS: Final = 20
_MOST_BYTES: Final = 65_536
_REFUSALS: Final = frozenset((400, 404, 409, 422))
_NOT_TAKEN: Final = frozenset((429, 503))

_Answer = TypeVar("_Answer", bound=BaseModel)


class _Problem(Record):
    """How the bank says no."""

    code: str = Field(min_length=1, max_length=64, pattern=r"^[a-z0-9_]+$")
    message: str = Field(max_length=1000)


class _Addresses(Record):
    """Where a customer is reached."""

    phone: str = ""
    email: str = ""
    wecom: str = ""


class _NotSentError(Exception):
    """No connection to the bank: it has not seen the request."""


class _NoAnswerError(Exception):
    """The request may have reached the bank, and no usable answer came back."""


class HttpCoreBank:
    """The core bank at a base URL. One object serves all threads of a worker."""

    def __init__(
        self,
        base_url: str,
        *,
        timeout_s: float = 5.0,
        pace: Pace | None = None,
        client: httpx.Client | None = None,
    ) -> None:
        """`timeout_s`: real seconds until an answer must be complete. A `client` given is not closed.

        `pace` bounds the calls of this process; a call that would wait longer than its time-out for its
        turn is not sent.

        Raises `InvalidInput` for a base URL that is not http or https with a host.
        """
        try:
            url = httpx.URL(base_url)
        except httpx.InvalidURL as error:
            raise InvalidInput(f"core bank URL: {error}", field="core_bank_url") from None
        if url.scheme not in ("http", "https") or not url.host:
            raise InvalidInput(
                "core bank URL: expected http:// or https:// with a host", field="core_bank_url"
            )
        self._base = str(url).rstrip("/")
        self._timeout_s = timeout_s
        self._timeouts = httpx.Timeout(timeout_s, connect=min(timeout_s, _LONGEST_CONNECT_S))
        self._pace = pace
        self._own_client = client is None
        self._client = client or httpx.Client(
            limits=httpx.Limits(
                max_connections=_MOST_CONNECTIONS, max_keepalive_connections=_MOST_CONNECTIONS
            ),
            # The bank is reached directly: no proxy or credentials from the environment.
            trust_env=False,
        )

    def close(self) -> None:
        """Closes the connections."""
        if self._own_client:
            self._client.close()

    def place(self, order: BankOrder) -> OrderReceipt:
        """Carries the order out at most once per key.

        Raises `OrderRefused`, `BankUnavailable` or `OutcomeUnknown`; `InvalidInput` for a key that
        cannot travel in a header.
        """
        if not order.key.isascii() or not order.key.isprintable():
            raise InvalidInput("an order's key must be printable ASCII", field="key")
        try:
            status, body = self._exchange(
                "POST",
                "/orders",
                content=order.model_dump_json(),
                headers={"Idempotency-Key": order.key, "Content-Type": "application/json"},
            )
        except _NotSentError as error:
            raise BankUnavailable(f"the core bank cannot be reached: {error}") from None
        except _NoAnswerError as error:
            raise OutcomeUnknown(f"the order was sent and the core bank did not answer: {error}") from None
        if status in _NOT_TAKEN:
            raise BankUnavailable(f"the core bank did not take the order: status {status}")
        problem = _read(_Problem, body) if status in _REFUSALS else None
        if problem is not None:
            said = _without_references(problem.message, order)
            raise OrderRefused(f"the core bank refused the order ({problem.code}): {said}")
        receipt = _read(OrderReceipt, body) if HTTPStatus(200) <= status < 300 else None
        if receipt is None or receipt.key != order.key or receipt.status is not OrderStatus.EXECUTED:
            raise OutcomeUnknown(f"the core bank's answer is not a receipt for this order: status {status}")
        return receipt

    def find(self, key: str) -> OrderReceipt | None:
        """The bank's record of a key; None when it has none. Raises `BankUnavailable`."""
        status, body = self._ask("GET", f"/orders/{quote(key, safe='')}")
        if _says(status, body, "order_unknown"):
            return None
        return self._receipt_for(key, status, body)

    def revoke(self, key: str) -> OrderReceipt:
        """Settles a key for good: its receipt if executed, else fences it off. Raises `BankUnavailable`."""
        status, body = self._ask("POST", "/orders/revoke", json={"key": key})
        return self._receipt_for(key, status, body)

    def contact(self, customer_ref: str, channel: Channel) -> str:
        """A customer's address on a channel, or `""`. Raises `BankUnavailable`."""
        if channel in (Channel.DASHBOARD, Channel.WEBHOOK) or not customer_ref:
            return ""
        status, body = self._ask("GET", f"/customers/{quote(customer_ref, safe='')}")
        if _says(status, body, "customer_unknown"):
            return ""
        addresses = _read(_Addresses, body) if status == HTTPStatus.OK else None
        if addresses is None:
            _unusable(status)
        return {
            Channel.SMS: addresses.phone,
            Channel.EMAIL: addresses.email,
            Channel.WECOM: addresses.wecom,
        }[channel]

    def _receipt_for(self, key: str, status: int, body: bytes) -> OrderReceipt:
        receipt = _read(OrderReceipt, body) if status == HTTPStatus.OK else None
        if receipt is None or receipt.key != key:
            _unusable(status)
        return receipt

    def _ask(self, method: str, path: str, *, json: dict[str, str] | None = None) -> tuple[int, bytes]:
        """A request that may be repeated freely: without an answer, the bank is unavailable."""
        try:
            return self._exchange(method, path, json=json)
        except (_NotSentError, _NoAnswerError) as error:
            raise BankUnavailable(f"the core bank does not answer: {error}") from None

    def _exchange(
        self,
        method: str,
        path: str,
        *,
        content: str | None = None,
        json: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, bytes]:
        """Status and body. The deadline covers the whole answer, so that a dribbling one ends too.

        Failures name the kind of error only: texts of the HTTP library can hold addresses.
        """
        if self._pace is not None and not self._pace.take(self._timeout_s):
            raise _NotSentError("too many calls are waiting for their turn (OPSLOOP_CORE_BANK_RATE)")
        until = time.monotonic() + self._timeout_s
        try:
            with self._client.stream(
                method,
                self._base + path,
                content=content,
                json=json,
                headers=headers,
                timeout=self._timeouts,
                follow_redirects=False,
            ) as response:
                body = b""
                for piece in response.iter_bytes():
                    body += piece
                    if len(body) > _MOST_BYTES:
                        raise _NoAnswerError(f"the answer is longer than {_MOST_BYTES} bytes")
                    if time.monotonic() > until:
                        raise _NoAnswerError(f"the answer was not complete within {self._timeout_s:g} s")
                return response.status_code, body
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise _NotSentError(type(error).__name__) from None
        except httpx.RequestError as error:
            raise _NoAnswerError(type(error).__name__) from None


def _read(model: type[_Answer], body: bytes) -> _Answer | None:
    """The body as this model; None where it is something else."""
    try:
        return model.model_validate_json(body)
    except ValidationError:
        return None


def _says(status: int, body: bytes, code: str) -> bool:
    """Whether this is the bank's own 404 with this code; one from a proxy proves nothing."""
    problem = _read(_Problem, body) if status == HTTPStatus.NOT_FOUND else None
    return problem is not None and problem.code == code


def _unusable(status: int) -> NoReturn:
    raise BankUnavailable(f"the core bank's answer cannot be used: status {status}")


def _without_references(text: str, order: BankOrder) -> str:
    """The bank's words without account numbers: they go into histories and logs."""
    for reference in filter(None, (order.account, order.beneficiary)):
        text = text.replace(reference, mask_reference(reference))
    return text
