"""What surrounds every request: its id, one log line, safe headers, and an answer even to a fault of ours."""

import string
import time
import uuid
from typing import Final

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from workers.api.errors import answer, internal_error

_ID_CHARACTERS: Final = frozenset(string.ascii_letters + string.digits + "._-")
_LONGEST_ID: Final = 64
_log = structlog.get_logger(__name__)


class RequestContext:
    """The outermost middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one connection (ASGI)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(Headers(scope=scope))
        scope.setdefault("state", {})["request_id"] = request_id
        status = 0
        began = time.perf_counter()

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                headers.setdefault("Cache-Control", "no-store")
                headers.setdefault("X-Content-Type-Options", "nosniff")
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, send_with_headers)
            except Exception:
                _log.exception("request.failed", method=scope["method"], route=_route(scope))
                if status:
                    raise
                await answer(request_id, internal_error())(scope, receive, send_with_headers)
            finally:
                _log.info(
                    "request",
                    method=scope["method"],
                    route=_route(scope),
                    status=status,
                    ms=round((time.perf_counter() - began) * 1000, 1),
                )


def _request_id(headers: Headers) -> str:
    """The caller's id where it is harmless, so that its logs and ours meet; else a new one."""
    stated = headers.get("x-request-id", "")
    if 0 < len(stated) <= _LONGEST_ID and _ID_CHARACTERS.issuperset(stated):
        return stated
    return uuid.uuid4().hex


def _route(scope: Scope) -> str:
    """The route's template: the path itself is whatever somebody typed."""
    return getattr(scope.get("route"), "path", "unmatched")
