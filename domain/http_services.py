"""Services that SOPs may call by HTTP: what the bank allows of each, and what an answer's status means.

The allow-list is the control: an SOP can name a service, and nothing beyond what its entry says.
"""

import ipaddress
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints

from domain.duration import Duration
from domain.model import Model, Record

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
Outcome = Literal["ok", "not_found", "conflict", "rejected"]

OUTCOMES: Final[tuple[Outcome, ...]] = ("ok", "not_found", "conflict", "rejected")
HARMLESS: Final[tuple[Method, ...]] = ("GET", "HEAD")
"""Methods that change nothing."""

_HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,63}$")]
_HeaderValue = Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]{1,500}$")]
_Status = Annotated[str, StringConstraints(pattern=r"^[24]\d\d$")]

_USUAL: Final[Mapping[int, Outcome]] = {404: "not_found", 410: "not_found", 409: "conflict"}
_NOT_TAKEN: Final = frozenset({401, 407, 408, 425, 429, 503})
"""The service did not look at the call: it is busy, or does not let us in."""
_OURS: Final = frozenset({"host", "content-length", "content-type", "transfer-encoding", "connection"})
_SECRET: Final = frozenset({"authorization", "proxy-authorization", "cookie", "x-api-key"})
IDEMPOTENCY_HEADER: Final = "Idempotency-Key"


class SecretHeader(Model):
    """A header whose value is a secret: the environment has it, the file does not."""

    name: _HeaderName = "Authorization"
    secret: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{0,49}$")] = Field(
        description="OPSLOOP_HTTP_SECRET_<this> holds it"
    )
    prefix: str = Field(default="", max_length=20, description="what stands before it, such as `Bearer `")


class HttpService(Model):
    """One entry of `http.yaml`."""

    base_url: str = Field(min_length=1, max_length=500, description="https; http on the loopback only")
    methods: tuple[Method, ...] = Field(min_length=1)
    paths: tuple[str, ...] = Field(
        min_length=1, max_length=50, description="`*` stands for one part of a path, a last `**` for any rest"
    )
    headers: dict[_HeaderName, _HeaderValue] = Field(default_factory=dict, max_length=20)
    secret_header: SecretHeader | None = None
    timeout: Duration = Field(
        default=timedelta(seconds=5), gt=timedelta(0), le=timedelta(seconds=60), description="real time"
    )
    max_response_bytes: int = Field(default=60_000, ge=100, le=60_000, strict=True)
    idempotent: bool = Field(
        default=False, strict=True, description="whether it carries out an Idempotency-Key once only"
    )
    outcomes: dict[_Status, Outcome] = Field(
        default_factory=dict, max_length=50, description="what a status means, where not the usual"
    )
    keep: tuple[str, ...] = Field(
        default=(), max_length=50, description="fields of a JSON answer that are kept; empty: all"
    )

    def outcome_of(self, status: int) -> Outcome | None:
        """What a definite answer means; None for a status that is none (3xx, 5xx, not taken)."""
        mapped = self.outcomes.get(str(status))
        if mapped is not None:
            return mapped
        if 200 <= status < 300:
            return "ok"
        if status in _NOT_TAKEN or not 400 <= status < 500:
            return None
        return _USUAL.get(status, "rejected")

    def allows(self, path: str) -> bool:
        """Whether one of the patterns covers this path."""
        return any(_covers(pattern, path) for pattern in self.paths)

    def kept(self, body: Any) -> Any:
        """Of a JSON answer, what histories may keep."""
        if not self.keep:
            return body
        if isinstance(body, list):
            return [self.kept(each) for each in body]
        return {name: body[name] for name in self.keep if name in body} if isinstance(body, dict) else None


class ServiceRequest(Record):
    """One call, checked against the service's entry."""

    method: Method
    path: str
    query: dict[str, Any] = Field(default_factory=dict)
    body: Any = None
    key: str
    """The idempotency key."""


class ServiceReply(Record):
    """What came back, before anybody asks what it means."""

    status: int
    content: bytes = b""
    truncated: bool = False
    """The answer was longer than the service's entry allows."""


def not_taken(status: int) -> bool:
    """Whether the service says that it did not look at the call."""
    return status in _NOT_TAKEN


def address_problem(base_url: str, *, https_only: bool = False) -> str | None:
    """Why this may not be called, or None. Plain http is for this machine, and not for production."""
    try:
        parts = urlsplit(base_url)
        _ = parts.port
    except ValueError:
        return "not a URL"
    if parts.scheme not in ("https", "http") or not parts.hostname:
        return "not an https URL with a host"
    if parts.username or parts.password or parts.query or parts.fragment:
        return "user, query and fragment have no place in a base URL"
    if parts.path and path_problem(parts.path):
        return "its path " + str(path_problem(parts.path))
    if parts.scheme == "http" and https_only:
        return "production calls https only"
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        return "http is for the loopback only"
    return None


def header_problem(name: str, *, is_secret: bool) -> str | None:
    """Why a header may not be set, or None."""
    if name.lower() in _OURS or name.lower() == IDEMPOTENCY_HEADER.lower():
        return f"{name} is set by opsloop"
    if name.lower() in _SECRET and not is_secret:
        return f"{name} is a secret: it belongs into secret_header"
    return None


def path_problem(path: str) -> str | None:
    """Why this cannot be a path, or None. Paths are written plainly and encoded when they are sent."""
    if not path.startswith("/"):
        return "does not begin with /"
    if len(path) > 1_000:
        return "is longer than 1,000 characters"
    if not path.isprintable() or set(path) & set("%?#\\"):
        return "holds %, ?, #, \\ or a control character; write it plainly, the query apart"
    parts = path[1:].split("/")
    if "" in parts[:-1]:
        return "holds //"
    if {".", ".."} & set(parts):
        return "holds . or .. as a part"
    return None


def pattern_problem(pattern: str) -> str | None:
    """Why this cannot be a pattern of `paths`, or None."""
    problem = path_problem(pattern)
    if problem:
        return problem
    parts = pattern[1:].split("/")
    if any("*" in part and part not in ("*", "**") for part in parts):
        return "* stands for a whole part between two /"
    if "**" in parts[:-1]:
        return "** stands last"
    return None


def _covers(pattern: str, path: str) -> bool:
    wanted, given = pattern[1:].split("/"), path[1:].split("/")
    if wanted[-1] == "**":
        wanted = wanted[:-1]
        if len(given) <= len(wanted):
            return False
        given = given[: len(wanted)]
    if len(wanted) != len(given):
        return False
    return all(part == each or (part == "*" and each) for part, each in zip(wanted, given, strict=True))


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
