"""The CLI's way to the API: where it is, who is asking, and what it answers."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final
from urllib.parse import quote, urlsplit

import httpx
import typer
from pydantic import ValidationError

from definitions.policy_files import read_directory
from domain.errors import InvalidInput, NotFound, OpsloopError
from workers.identity import Identity, key_from, principals_by_role
from workers.settings import Settings

AsOption = Annotated[
    str | None,
    typer.Option(
        "--as", metavar="NAME", help="principal who asks [default: $OPSLOOP_TOKEN or $OPSLOOP_USER]"
    ),
]
ApiOption = Annotated[
    str | None,
    typer.Option(
        "--api", metavar="URL", help="the API [default: $OPSLOOP_API_URL or the running `opsloop up`]"
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="print one JSON document")]

_TIMEOUT_S: Final = 20.0


class ApiRefusedError(OpsloopError):
    """The API answered with an error; `refusal` is its stable code, `answer` all that it said."""

    code: ClassVar[str] = "api_refused"

    def __init__(
        self, refusal: str, message: str, field: str = "", answer: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.refusal = refusal
        self.field = field
        self.answer = answer or {}


def load_settings() -> Settings:
    """The settings of this environment. Raises `InvalidInput` naming the variable that is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        raise settings_fault(error) from error


def settings_fault(error: ValidationError) -> InvalidInput:
    """What is wrong with the settings, naming the environment variable where it is one."""
    fault = error.errors()[0]
    variable = f"OPSLOOP_{str(fault['loc'][0]).upper()}: " if fault["loc"] else ""
    return InvalidInput(f"{variable}{str(fault['msg']).removeprefix('Value error, ')}")


@dataclass(frozen=True)
class Api:
    """One principal's connection to the API."""

    client: httpx.Client

    def get(self, *path: str, **params: Any) -> Any:
        """The JSON that a GET answers. Parameters that are None are left out."""
        given = {name: value for name, value in params.items() if value is not None}
        return self._ask("GET", path, params=given)

    def post(self, *path: str, body: Mapping[str, Any]) -> Any:
        """The JSON that a POST answers."""
        return self._ask("POST", path, json=body)

    def text(self, *path: str, **params: str) -> str:
        """The text that a GET answers."""
        response = self._send("GET", path, params=params)
        return response.text if response.is_success else self._read(response)

    def _ask(self, method: str, path: tuple[str, ...], **content: Any) -> Any:
        return self._read(self._send(method, path, **content))

    def _send(self, method: str, path: tuple[str, ...], **content: Any) -> httpx.Response:
        address = "/" + "/".join(quote(part, safe="") for part in path)
        try:
            return self.client.request(method, address, **content)
        except httpx.HTTPError as error:
            raise ApiRefusedError(
                "api_unreachable",
                f"the API at {self.client.base_url} does not answer ({type(error).__name__}); "
                "is `opsloop up` running?",
            ) from error

    def _read(self, response: httpx.Response) -> Any:
        try:
            answer = response.json()
        except ValueError:
            answer = None
        if response.is_success and answer is not None:
            return answer
        if isinstance(answer, dict) and {"code", "message"} <= answer.keys():
            raise ApiRefusedError(answer["code"], answer["message"], answer.get("field") or "", answer)
        raise ApiRefusedError(
            "api_strange", f"{self.client.base_url} answered {response.status_code}, not as opsloop does"
        )


def connect(api: str | None, principal: str | None) -> Api:
    """The API as this principal. Raises an `OpsloopError` that says what is missing."""
    settings = load_settings()
    url = api or _api_url(settings)
    host = urlsplit(url).hostname or ""
    if urlsplit(url).scheme not in ("http", "https") or not host:
        raise InvalidInput(f"{url!r} is not the address of an API; expected http://host:port")
    headers = {"Authorization": f"Bearer {_token(settings, principal)}"}
    local = host in ("127.0.0.1", "::1", "localhost")
    return Api(httpx.Client(base_url=url, headers=headers, timeout=_TIMEOUT_S, trust_env=not local))


def issue_token(settings: Settings, principal: str) -> str:
    """A sign-in token from the local key.

    Raises `InvalidInput` in production, where identities are not for the CLI to make, and `NotFound` for a
    stranger or where there is no key.
    """
    if settings.environment == "production":
        raise InvalidInput("tokens are made locally in the embedded run only; set OPSLOOP_TOKEN")
    directory = read_directory(settings.definitions_dir)
    return Identity(key_from(settings, "identity", create=False), lambda: directory).issue(principal)


def _token(settings: Settings, principal: str | None) -> str:
    token = os.environ.get("OPSLOOP_TOKEN", "")
    if token and not principal:
        return token
    name = principal or os.environ.get("OPSLOOP_USER", "")
    if name:
        return issue_token(settings, name)
    raise InvalidInput(
        "who are you? give --as NAME, or set OPSLOOP_USER or OPSLOOP_TOKEN; known by role: "
        + principals_by_role(read_directory(settings.definitions_dir))
    )


def _api_url(settings: Settings) -> str:
    if settings.api_url:
        return settings.api_url
    runtime = settings.data_dir / "runtime.json"
    try:
        content = json.loads(runtime.read_text(encoding="utf-8"))
        url = content["api_url"]
    except FileNotFoundError:
        if settings.api_port == 0:
            raise NotFound("no API is known: give --api URL or set OPSLOOP_API_URL") from None
        return f"http://{settings.api_host}:{settings.api_port}"
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInput(
            f'{runtime}: expected {{"api_url": "http://…"}}; give --api URL instead'
        ) from error
    return str(url)
