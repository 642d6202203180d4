"""The demo's way to opsloop: the HTTP API, as the principals of the script, each signed in."""

import asyncio
import contextlib
import time
from datetime import timedelta
from types import TracebackType
from typing import Any, ClassVar, Final, Self

import httpx

from domain.errors import OpsloopError
from domain.people import Directory
from workers.identity import Identity, key_from
from workers.settings import Settings

_PATIENCE_S: Final = 60.0
_PAUSE_S: Final = 0.5


class Refused(OpsloopError):
    """The API answered no; `status` is the HTTP status, `refusal` its stable code."""

    code: ClassVar[str] = "demo_refused"

    def __init__(self, status: int, refusal: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.refusal = refusal


class Api:
    """One HTTP client, and a sign-in token for each principal who asks."""

    def __init__(self, settings: Settings, directory: Directory) -> None:
        self._identity = Identity(
            key_from(settings, "identity"), lambda: directory, timedelta(seconds=settings.session_ttl_s)
        )
        self._client = httpx.AsyncClient(base_url=settings.api_url, timeout=20, trust_env=False)
        self._tokens: dict[str, str] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        await self._client.aclose()

    async def get(self, principal: str, path: str, **params: Any) -> Any:
        """The JSON that a GET answers. Raises `Refused`."""
        return await self._ask(principal, "GET", path, params=params)

    async def post(self, principal: str, path: str, body: dict[str, Any]) -> Any:
        """The JSON that a POST answers. Raises `Refused`."""
        return await self._ask(principal, "POST", path, json=body)

    async def _ask(self, principal: str, method: str, path: str, **content: Any) -> Any:
        """Asks again while the service is away or busy, as its documentation tells clients to do."""
        token = self._tokens.get(principal) or self._identity.issue(principal)
        self._tokens[principal] = token
        headers = {"Authorization": f"Bearer {token}"}
        until = time.monotonic() + _PATIENCE_S
        while True:
            response = None
            with contextlib.suppress(httpx.TransportError):
                response = await self._client.request(method, path, headers=headers, **content)
            if response is not None and response.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                break
            if time.monotonic() > until:
                raise Refused(503, "unavailable", f"the API did not serve {path} for {_PATIENCE_S:.0f} s")
            await asyncio.sleep(_PAUSE_S)
        answer = response.json()
        if response.is_success:
            return answer
        raise Refused(response.status_code, answer.get("code", ""), answer.get("message", response.text))
