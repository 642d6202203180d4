"""A gateway on a real socket that says what a test tells it, and remembers what it was asked."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.support.http_server import serving


@dataclass
class Asked:
    """One request."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass
class Gateway:
    """Answers with the next of `answers`, the last of them again and again."""

    url: str = ""
    answers: list[tuple[int, Any, dict[str, str]]] = field(default_factory=lambda: [(200, {}, {})])
    asked: list[Asked] = field(default_factory=list)

    def says(self, *answers: Any) -> None:
        """Bodies of coming 200s, or (status, body) or (status, body, headers)."""
        self.answers = [(*each, {})[:3] if isinstance(each, tuple) else (200, each, {}) for each in answers]

    async def _answer(self, request: Request) -> Response:
        self.asked.append(
            Asked(
                request.method,
                request.url.path,
                dict(request.query_params),
                dict(request.headers),
                await request.body(),
            )
        )
        status, body, headers = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(body, bytes):
            return Response(body, status, headers)
        return JSONResponse(body, status, headers)


@contextmanager
def running_gateway() -> Iterator[Gateway]:
    """A gateway on a free port of the loopback."""
    gateway = Gateway()
    app = Starlette(routes=[Route("/{rest:path}", gateway._answer, methods=["GET", "POST"])])
    with serving(app) as url:
        gateway.url = url
        yield gateway
