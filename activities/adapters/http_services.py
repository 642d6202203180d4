"""Services by HTTP: the `ServiceCaller` port on httpx.

One request to the host that the service's entry names, and nowhere else: no redirects, no proxy of the
environment, no other scheme. Secrets come from the settings and appear in no error.
"""

import json
import ssl
import time
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote

import httpx
from pydantic import SecretStr

from domain.errors import OutcomeUnknown, ServiceUnavailable
from domain.http_services import (
    HARMLESS,
    IDEMPOTENCY_HEADER,
    HttpService,
    ServiceReply,
    ServiceRequest,
    address_problem,
)

_LONGEST_CONNECT_S: Final = 3.0
_MOST_CONNECTIONS: Final = 20


class ServiceNotUsable(ServiceUnavailable):
    """The service's entry cannot be used on this installation: another attempt cannot help."""

    retryable = False


class HttpxServices:
    """Calls services. One object serves all threads of a worker."""

    def __init__(
        self,
        secret: Callable[[str], SecretStr | None],
        *,
        https_only: bool = False,
        client: httpx.Client | None = None,
    ) -> None:
        """`secret` gives the secret of a name; `https_only` refuses http also on the loopback."""
        self._secret = secret
        self._https_only = https_only
        self._client = client or httpx.Client(
            # The machine's own certificate store, which SSL_CERT_FILE can point elsewhere: banks have their
            # own authorities.
            verify=ssl.create_default_context(),
            limits=httpx.Limits(
                max_connections=_MOST_CONNECTIONS, max_keepalive_connections=_MOST_CONNECTIONS
            ),
            trust_env=False,
        )

    def call(self, name: str, service: HttpService, request: ServiceRequest) -> ServiceReply:
        """Sends it once. Raises `ServiceUnavailable` (not sent) or `OutcomeUnknown` (sent, no answer)."""
        problem = address_problem(service.base_url, https_only=self._https_only)
        if problem:
            raise ServiceNotUsable(f"{name}: base_url: {problem}")
        timeout_s = service.timeout.total_seconds()
        headers = self._headers(name, service, request)
        content = None
        if request.body is not None:
            headers["Content-Type"] = "application/json"
            content = json.dumps(request.body, ensure_ascii=False).encode()
        until = time.monotonic() + timeout_s
        try:
            with self._client.stream(
                request.method,
                _url(service, request),
                params=_query(request.query),
                content=content,
                headers=headers,
                timeout=httpx.Timeout(timeout_s, connect=min(timeout_s, _LONGEST_CONNECT_S)),
                follow_redirects=False,
            ) as response:
                return _read(name, response, service.max_response_bytes, until)
        # Errors name their kind only: texts of the HTTP library can hold addresses.
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise ServiceUnavailable(f"{name} cannot be reached: {type(error).__name__}") from None
        except httpx.RequestError as error:
            raise OutcomeUnknown(f"{name} did not answer: {type(error).__name__}") from None

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def _headers(self, name: str, service: HttpService, request: ServiceRequest) -> dict[str, str]:
        # An answer that is not compressed cannot grow beyond what was read.
        headers = {"Accept": "application/json", **service.headers, "Accept-Encoding": "identity"}
        if request.method not in HARMLESS:
            headers[IDEMPOTENCY_HEADER] = quote(request.key, safe="/-_.~")
        if service.secret_header is not None:
            setting = f"OPSLOOP_HTTP_SECRET_{service.secret_header.secret}"
            secret = self._secret(service.secret_header.secret)
            if secret is None:
                raise ServiceNotUsable(f"{name}: {setting} is not set")
            value = service.secret_header.prefix + secret.get_secret_value()
            if not value.isascii() or not value.isprintable():
                raise ServiceNotUsable(f"{name}: {setting} cannot stand in a header")
            headers[service.secret_header.name] = value
        return headers


def _url(service: HttpService, request: ServiceRequest) -> str:
    return service.base_url.rstrip("/") + quote(request.path, safe="/:@!$&'()*+,=-._~")


def _query(query: dict[str, Any]) -> httpx.QueryParams:
    return httpx.QueryParams(
        [
            (name, str(each).lower() if isinstance(each, bool) else str(each))
            for name, value in query.items()
            for each in (value if isinstance(value, list) else [value])
        ]
    )


def _read(name: str, response: httpx.Response, most_bytes: int, until: float) -> ServiceReply:
    """The answer up to the size that is allowed; the deadline covers all of it."""
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise OutcomeUnknown(f"{name} compressed its answer, which was not asked for")
    content = b""
    for piece in response.iter_raw():
        content += piece
        if len(content) > most_bytes:
            return ServiceReply(status=response.status_code, content=content[:most_bytes], truncated=True)
        if time.monotonic() > until:
            raise OutcomeUnknown(f"{name} did not answer completely in time")
    return ServiceReply(status=response.status_code, content=content)
