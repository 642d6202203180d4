"""One request to a gateway and what it answered, with every way to fail told apart and no secret told."""

import json
import logging
import ssl
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import httpx

from activities.adapters.channels.addresses import is_this_machine
from activities.adapters.channels.failures import Throttled
from domain.errors import ChannelFailed

_MOST_BYTES: Final = 65_536
_USUAL_PAUSE_S: Final = 60.0
_LONGEST_PAUSE_S: Final = 3600.0


class HttpExchange:
    """Requests to one host. Redirects are not followed: they would carry the key to somebody else."""

    def __init__(self, url: str, *, timeout_s: float) -> None:
        _keep_urls_out_of_logs()
        self._timeout_s = timeout_s
        self._client = httpx.Client(
            verify=ssl.create_default_context(),
            timeout=timeout_s,
            # A bank's way out is often a proxy; this machine is never behind it.
            trust_env=not is_this_machine(httpx.URL(url).host),
            follow_redirects=False,
        )

    def ask(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """The JSON of a 2xx answer, or None where it is none.

        Raises `Throttled` for a 429, else `ChannelFailed` with a reason of our own words and numbers: what a
        gateway says may repeat anything that it was told.
        """
        given = {**(headers or {}), "Accept": "application/json", "Accept-Encoding": "identity"}
        until = time.monotonic() + 2 * self._timeout_s
        try:
            request = self._client.build_request(method, url, params=params, content=content, headers=given)
            response = self._client.send(request, stream=True)
            try:
                answer = _read(response, until)
            finally:
                response.close()
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise ChannelFailed(f"no connection to the gateway ({type(error).__name__})") from None
        except httpx.TimeoutException:
            raise ChannelFailed("the gateway did not answer in time; it may have taken the message") from None
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise ChannelFailed(f"the gateway cannot be asked ({type(error).__name__})") from None
        if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            pause_s = _pause(response.headers.get("Retry-After", ""))
            raise Throttled(f"the gateway takes no more for {pause_s:.0f} s (429)", pause_s)
        if not response.is_success:
            raise ChannelFailed(f"the gateway answered {response.status_code}")
        try:
            return json.loads(answer)
        except ValueError:
            return None


def found_at(answer: Any, path: str) -> str | None:
    """The value at a path such as `data.0.code` as text (`true`, `0`, `ok`); None where there is none."""
    here = answer
    for part in path.split("."):
        if isinstance(here, dict) and part in here:
            here = here[part]
        elif isinstance(here, list) and part.isdecimal() and int(part) < len(here):
            here = here[int(part)]
        else:
            return None
    if isinstance(here, bool):
        return str(here).lower()
    return str(here) if isinstance(here, str | int | float) else None


def _read(response: httpx.Response, until: float) -> bytes:
    """The beginning of the answer. A gateway that sends it byte by byte is left at the deadline."""
    content = b""
    for piece in response.iter_raw():
        content += piece
        if time.monotonic() > until:
            raise httpx.ReadTimeout("the answer takes too long")
        if len(content) > _MOST_BYTES:
            break
    return content[:_MOST_BYTES]


def _pause(retry_after: str) -> float:
    if retry_after.isdecimal():
        return min(max(float(retry_after), 1.0), _LONGEST_PAUSE_S)
    return _USUAL_PAUSE_S


def _keep_urls_out_of_logs() -> None:
    """Both libraries log whole URLs: senders report instead."""
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
