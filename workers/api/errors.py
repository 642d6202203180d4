"""Errors as the API tells them: one shape, `{code, message, field, request_id}`, for everything."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from http import HTTPStatus
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from domain.errors import (
    Conflict,
    DefinitionsMissing,
    IllegalTransition,
    InvalidInput,
    NoDecisionCode,
    NotFound,
    NotPermitted,
    OpsloopError,
    StoreUnavailable,
)
from domain.model import Record
from workers.identity import NotSignedIn
from workers.ticket_workflows import EngineUnavailable

RETRY_AFTER_S: Final = 5
_MOST_FAULTS: Final = 5

_STATUS: Final[Mapping[type[OpsloopError], HTTPStatus]] = {
    InvalidInput: HTTPStatus.UNPROCESSABLE_ENTITY,
    NotSignedIn: HTTPStatus.UNAUTHORIZED,
    NotPermitted: HTTPStatus.FORBIDDEN,
    NoDecisionCode: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    IllegalTransition: HTTPStatus.CONFLICT,
    EngineUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    StoreUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    DefinitionsMissing: HTTPStatus.SERVICE_UNAVAILABLE,
}
_REFUSALS: Final[Mapping[str, tuple[HTTPStatus, str | None]]] = {
    "not_permitted": (HTTPStatus.FORBIDDEN, None),
    "four_eyes": (HTTPStatus.FORBIDDEN, None),
    "decision_code_invalid": (HTTPStatus.FORBIDDEN, None),
    "not_found": (HTTPStatus.NOT_FOUND, None),
    "input_invalid": (HTTPStatus.UNPROCESSABLE_ENTITY, None),
    "choice_missing": (HTTPStatus.UNPROCESSABLE_ENTITY, "choice"),
    "choice_unexpected": (HTTPStatus.UNPROCESSABLE_ENTITY, "choice"),
    "reason_missing": (HTTPStatus.UNPROCESSABLE_ENTITY, "reason"),
    "form_invalid": (HTTPStatus.UNPROCESSABLE_ENTITY, "form"),
    "content_changed": (HTTPStatus.CONFLICT, "digest"),
}
_log = structlog.get_logger(__name__)


class Problem(Record):
    """What every error answer looks like."""

    code: str = Field(description="a stable word for programs", examples=["input_invalid"])
    message: str = Field(description="what is wrong and what was expected, for people")
    field: str | None = Field(
        description="path of the field at fault, where one is", examples=["fields.amount"]
    )
    request_id: str = Field(description="names this request in the logs; also in the header X-Request-ID")


class ProblemError(Exception):
    """An error answer that no exception of the domain stands for."""

    def __init__(self, status: int, code: str, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.field = field


def refusal(code: str, message: str) -> ProblemError:
    """The error answer for what a workflow refused, by its stable code."""
    status, field = _REFUSALS.get(code, (HTTPStatus.CONFLICT, None))
    return ProblemError(status, code, message, field)


def answer(request_id: str, error: ProblemError) -> JSONResponse:
    """The error as a response, with the headers that belong to its status."""
    headers = {}
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="opsloop"'
    if error.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_AFTER_S)
    problem = Problem(code=error.code, message=str(error), field=error.field, request_id=request_id)
    return JSONResponse(problem.model_dump(mode="json"), status_code=error.status, headers=headers)


def as_problem(error: OpsloopError) -> ProblemError:
    """The error answer for an exception of the domain. One that nobody expected here is a 500."""
    status = next((each for kind, each in _STATUS.items() if isinstance(error, kind)), None)
    if status is None:
        _log.error("request.unexpected_error", code=error.code, exc_info=error)
        return internal_error()
    field = error.field or None if isinstance(error, InvalidInput) else None
    return ProblemError(status, error.code, str(error), field)


def internal_error() -> ProblemError:
    """The answer for a fault of ours: it says nothing of the inside."""
    return ProblemError(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "internal_error",
        "something went wrong on our side; the log has it under this request id",
    )


def install(app: FastAPI) -> None:
    """Makes the app answer every error in the one shape."""

    async def on_problem(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, ProblemError)  # noqa: S101  # registered for this type alone
        return answer(request.state.request_id, error)

    async def on_domain(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, OpsloopError)  # noqa: S101
        return answer(request.state.request_id, as_problem(error))

    async def on_validation(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)  # noqa: S101
        return answer(request.state.request_id, _invalid(error.errors(), _body_fields(request)))

    async def on_http(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)  # noqa: S101
        response = answer(request.state.request_id, _http(error, request))
        response.headers.update(error.headers or {})
        return response

    app.add_exception_handler(ProblemError, on_problem)
    app.add_exception_handler(OpsloopError, on_domain)
    app.add_exception_handler(RequestValidationError, on_validation)
    app.add_exception_handler(HTTPException, on_http)


def _http(error: HTTPException, request: Request) -> ProblemError:
    status = HTTPStatus(error.status_code)
    if status is HTTPStatus.NOT_FOUND:
        return ProblemError(status, "not_found", "there is no such address; /openapi.json lists all")
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        return ProblemError(status, "method_not_allowed", f"{request.method} is not possible here")
    return ProblemError(status, status.phrase.lower().replace(" ", "_"), str(error.detail))


def _body_fields(request: Request) -> Sequence[str]:
    """The names that the route's body may have, to tell whoever wrote another one."""
    body = getattr(request.scope.get("route"), "body_field", None)
    model = getattr(getattr(body, "field_info", None), "annotation", None)
    if isinstance(model, type) and issubclass(model, BaseModel):
        return tuple(model.model_fields)
    return ()


def _invalid(faults: Sequence[Mapping[str, Any]], known: Sequence[str]) -> ProblemError:
    sentences = [_fault(fault, known) for fault in faults[:_MOST_FAULTS]]
    if len(faults) > _MOST_FAULTS:
        sentences.append(f"and {len(faults) - _MOST_FAULTS} more")
    return ProblemError(
        HTTPStatus.UNPROCESSABLE_ENTITY, "input_invalid", "; ".join(sentences), field_path(faults[0]["loc"])
    )


def _fault(fault: Mapping[str, Any], known: Sequence[str]) -> str:
    """One sentence of a fault. It never repeats the value: that may be somebody's."""
    location = fault["loc"]
    path = field_path(location) or "the body"
    if fault["type"] == "extra_forbidden":
        name = str(location[-1])
        near = get_close_matches(name, known, n=1)
        if near:
            return f"{path}: unknown field; did you mean {near[0]!r}?"
        expected = f"; expected {', '.join(known)}" if known and location[0] == "body" else ""
        return f"{path}: unknown field{expected}"
    if fault["type"] == "missing":
        return f"{path}: missing"
    message = str(fault["msg"]).removeprefix("Value error, ")
    return f"{path}: {message[:1].lower()}{message[1:]}"


def field_path(location: Sequence[str | int]) -> str | None:
    """A pydantic location as people write it: `fields.lines[2].amount`; None for the body itself."""
    path = ""
    for part in location[1:]:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return path or None
