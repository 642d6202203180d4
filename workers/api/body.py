"""Request bodies: read with a limit and a deadline, and checked as strict JSON before any route sees them."""

import asyncio
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from domain.errors import InvalidInput
from workers.api.errors import ProblemError, answer, as_problem
from workers.api.strict_json import read_json

_READ_DEADLINE_S: Final = 30.0
_DRAIN_BYTES: Final = 64_000_000


class JsonBodies:
    """Middleware that lets only small, strict JSON bodies through.

    A body over the limit is not kept. Its rest is read and thrown away, within bounds, because a client
    that is still sending when the connection closes never sees the answer.
    """

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one connection (ASGI)."""
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        if "content-length" not in headers and "transfer-encoding" not in headers:
            await self._app(scope, receive, send)
            return
        try:
            body = await self._read(headers, receive)
            if body:
                _check(headers, body)
        except ProblemError as error:
            await answer(scope["state"]["request_id"], error)(scope, receive, send)
            return
        replayed = False

        async def replay() -> Message:
            nonlocal replayed
            if replayed:
                return await receive()
            replayed = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, replay, send)

    async def _read(self, headers: Headers, receive: Receive) -> bytes:
        stated = headers.get("content-length", "0")
        size = int(stated) if stated.isdecimal() else 0
        if size > self._max_bytes and headers.get("expect", "").lower() == "100-continue":
            raise self._too_large()
        try:
            async with asyncio.timeout(_READ_DEADLINE_S):
                return await self._read_all(receive, keep=size <= self._max_bytes)
        except TimeoutError:
            raise ProblemError(
                HTTPStatus.REQUEST_TIMEOUT,
                "request_timeout",
                f"the body did not arrive within {_READ_DEADLINE_S:.0f} s",
            ) from None

    async def _read_all(self, receive: Receive, *, keep: bool) -> bytes:
        chunks: list[bytes] = []
        total = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ProblemError(HTTPStatus.BAD_REQUEST, "body_incomplete", "the body broke off")
            chunk: bytes = message.get("body", b"")
            total += len(chunk)
            if total > self._max_bytes:
                keep = False
                chunks.clear()
            if keep:
                chunks.append(chunk)
            if not message.get("more_body", False) or total > _DRAIN_BYTES:
                break
        if not keep:
            raise self._too_large()
        return b"".join(chunks)

    def _too_large(self) -> ProblemError:
        return ProblemError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "body_too_large",
            f"the body is larger than {self._max_bytes:,} bytes; hand documents in by reference",
        )


def _check(headers: Headers, body: bytes) -> None:
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise ProblemError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "media_type_unsupported",
            f"the content type is {media_type[:80] or 'missing'}; expected application/json",
        )
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise ProblemError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "media_type_unsupported",
            f"the content encoding is {encoding[:80]}; expected an uncompressed body",
        )
    try:
        read_json(body)
    except InvalidInput as error:
        raise as_problem(error) from error
