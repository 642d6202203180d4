"""A heartbeat to somebody outside who calls when it stops: healthchecks.io, or a bank's own."""

import httpx
from pydantic import SecretStr


class HttpHeartbeat:
    """Implements `Heartbeat` with a GET. The address is a secret: whoever has it can feign health."""

    def __init__(self, url: SecretStr, *, timeout_s: float = 5.0) -> None:
        self._url = url
        self._timeout_s = timeout_s

    async def beat(self) -> str:
        """Says that all is well; what went wrong with saying so, without the address, or nothing."""
        try:
            async with httpx.AsyncClient(timeout=self._timeout_s, trust_env=False) as client:
                answer = await client.get(self._url.get_secret_value())
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return type(error).__name__
        return "" if answer.is_success else f"it answered {answer.status_code}"
