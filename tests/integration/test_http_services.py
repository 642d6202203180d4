"""Calls of `handler: http` against a real server on the loopback."""

import asyncio
import gzip
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from activities.adapters.http_services import HttpxServices
from domain.errors import OutcomeUnknown, ServiceUnavailable
from domain.http_services import HttpService, ServiceRequest
from tests.support.http_server import serving

SECRET = "a secret that nobody reads"


class Outside:
    """A service that keeps what reached it."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        routes = [
            Route("/api/echo/{rest:path}", self.echo, methods=["GET", "POST", "HEAD"]),
            Route("/api/elsewhere", self.elsewhere),
            Route("/api/slow", self.slow, methods=["POST"]),
            Route("/api/long", self.long),
            Route("/api/dribble", self.dribble),
            Route("/api/packed", self.packed),
        ]
        self.app = Starlette(routes=routes)

    async def echo(self, request: Request) -> Response:
        self.requests.append(
            {
                "method": request.method,
                "path": request.scope["raw_path"].decode(),
                "query": request.url.query,
                "headers": dict(request.headers),
                "body": (await request.body()).decode(),
            }
        )
        return JSONResponse({"said": "hello"}, status_code=201)

    async def elsewhere(self, _: Request) -> Response:
        return RedirectResponse("/api/echo/there")

    async def slow(self, request: Request) -> Response:
        self.requests.append({"path": request.url.path})
        await asyncio.sleep(5)
        return Response()

    async def long(self, _: Request) -> Response:
        return Response("x" * 1_000_000)

    async def dribble(self, _: Request) -> Response:
        async def drops() -> Any:
            for _ in range(100):
                yield b"x"
                await asyncio.sleep(0.05)

        return StreamingResponse(drops())

    async def packed(self, _: Request) -> Response:
        return Response(gzip.compress(b"x" * 10_000_000), headers={"Content-Encoding": "gzip"})


@pytest.fixture(scope="module")
def outside() -> Iterator[tuple[Outside, str]]:
    service = Outside()
    with serving(service.app) as url:
        yield service, url


@pytest.fixture
def services() -> Iterator[HttpxServices]:
    made = HttpxServices({"LEDGER": SecretStr(SECRET)}.get)
    yield made
    made.close()


def entry(url: str, **changes: Any) -> HttpService:
    given = {"base_url": f"{url}/api", "methods": ["GET", "POST"], "paths": ["/**"], "timeout": "2s"}
    return HttpService.model_validate({**given, **changes})


def request(method: str = "GET", path: str = "/echo/here", **more: Any) -> ServiceRequest:
    return ServiceRequest.model_validate({"method": method, "path": path, "key": "T1/ask/1", **more})


def test_a_change_arrives_as_json_with_its_key_and_the_secret(
    outside: tuple[Outside, str], services: HttpxServices, caplog: pytest.LogCaptureFixture
) -> None:
    service, url = outside
    ledger = entry(
        url,
        headers={"X-Channel": "opsloop"},
        secret_header={"secret": "LEDGER", "prefix": "Bearer "},
    )
    with caplog.at_level(logging.DEBUG):
        answer = services.call("ledger", ledger, request("POST", body={"amount": "12.50", "by": "王"}))
    assert (answer.status, answer.content) == (201, b'{"said":"hello"}')
    arrived = service.requests[-1]
    assert arrived["body"] == '{"amount": "12.50", "by": "王"}'
    assert arrived["headers"]["idempotency-key"] == "T1/ask/1"
    assert arrived["headers"]["x-channel"] == "opsloop"
    assert arrived["headers"]["authorization"] == f"Bearer {SECRET}"
    assert SECRET not in caplog.text


def test_reading_has_no_key_and_its_query_is_encoded(
    outside: tuple[Outside, str], services: HttpxServices
) -> None:
    service, url = outside
    query = {"since": "2026-11-24", "open": True, "kind": ["a&b", "c"], "most": 5}
    services.call("ledger", entry(url), request(query=query))
    arrived = service.requests[-1]
    assert arrived["query"] == "since=2026-11-24&open=true&kind=a%26b&kind=c&most=5"
    assert "idempotency-key" not in arrived["headers"]


def test_a_path_is_encoded_part_by_part(outside: tuple[Outside, str], services: HttpxServices) -> None:
    service, url = outside
    services.call("ledger", entry(url), request(path="/echo/账户 1;x=2/a:b"))
    assert service.requests[-1]["path"] == "/api/echo/%E8%B4%A6%E6%88%B7%201%3Bx=2/a:b"


def test_nobody_is_followed_elsewhere(outside: tuple[Outside, str], services: HttpxServices) -> None:
    service, url = outside
    before = len(service.requests)
    assert services.call("ledger", entry(url), request(path="/elsewhere")).status == 307
    assert len(service.requests) == before


def test_a_long_answer_is_cut(outside: tuple[Outside, str], services: HttpxServices) -> None:
    answer = services.call("ledger", entry(outside[1], max_response_bytes=500), request(path="/long"))
    assert (len(answer.content), answer.truncated) == (500, True)


def test_a_packed_answer_is_not_unpacked(outside: tuple[Outside, str], services: HttpxServices) -> None:
    with pytest.raises(OutcomeUnknown, match="compressed"):
        services.call("ledger", entry(outside[1]), request(path="/packed"))


@pytest.mark.parametrize(("method", "path"), [("POST", "/slow"), ("GET", "/dribble")])
def test_an_answer_that_does_not_come_in_time_is_an_unknown_outcome(
    outside: tuple[Outside, str], services: HttpxServices, method: str, path: str
) -> None:
    with pytest.raises(OutcomeUnknown, match="did not answer"):
        services.call("ledger", entry(outside[1], timeout="300ms"), request(method, path))


def test_a_service_that_is_not_there_was_not_asked(services: HttpxServices) -> None:
    nobody = entry("http://127.0.0.1:9")
    with pytest.raises(ServiceUnavailable, match="ledger cannot be reached: ConnectError") as failed:
        services.call("ledger", nobody, request("POST"))
    assert failed.value.retryable


def test_a_secret_that_is_not_set_is_named_by_its_setting(
    outside: tuple[Outside, str], services: HttpxServices
) -> None:
    with pytest.raises(ServiceUnavailable, match="OPSLOOP_HTTP_SECRET_OTHER is not set") as failed:
        services.call("ledger", entry(outside[1], secret_header={"secret": "OTHER"}), request())
    assert not failed.value.retryable


def test_production_does_not_call_http(outside: tuple[Outside, str]) -> None:
    strict = HttpxServices(lambda _: None, https_only=True)
    before = len(outside[0].requests)
    with pytest.raises(ServiceUnavailable, match="https only"):
        strict.call("ledger", entry(outside[1]), request())
    assert len(outside[0].requests) == before
    strict.close()
