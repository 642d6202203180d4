"""`handler: http`: an SOP calls a service that `policies/http.yaml` allows, without code.

What was sent and not answered is repeated only where the service tells a repeat by its key; elsewhere the
outcome is unknown, and a person finds out.
"""

from typing import Any, Final

from pydantic import Field
from pydantic_core import from_json, to_json

from activities.attempts import earlier_attempts_were_not_taken, note_not_taken
from activities.catalogue import handler
from activities.ports import RulebookSource, ServiceCaller
from definitions.findings import listed, suggestion
from domain.errors import InvalidInput, OutcomeUnknown, ServiceUnavailable
from domain.handlers import Effect, Queue
from domain.http_services import (
    HARMLESS,
    OUTCOMES,
    HttpService,
    Method,
    ServiceReply,
    ServiceRequest,
    not_taken,
    path_problem,
)
from domain.model import Model
from domain.steps import StepInput, StepOutput
from domain.task import Identifier

_MOST_BODY_BYTES: Final = 65_536
_LONGEST_TEXT: Final = 10_000
_Scalar = str | int | float | bool


class AnswerLost(OutcomeUnknown):
    """The call was sent, no usable answer came, and the service cannot tell a repeat from a new call."""

    retryable = False


class HttpInputs(Model):
    """Which service to call, and how."""

    service: Identifier = Field(description="a name of policies/http.yaml")
    method: Method = Field(description="one that the service's entry allows")
    path: str = Field(description="below the service's base_url, written plainly: /accounts/6222…")
    query: dict[str, _Scalar | list[_Scalar]] = Field(
        default_factory=dict, max_length=50, description="texts, numbers, flags, or lists of them"
    )
    body: Any = Field(default=None, description="sent as JSON; not with GET and HEAD")
    expect: list[str] = Field(
        default_factory=list, max_length=50, description="fields that the JSON answer must have to be `ok`"
    )


class HttpOutputs(Model):
    """What the service answered."""

    status: int = Field(description="HTTP status")
    body: Any = Field(default=None, description="a JSON answer, as far as the service's entry keeps it")
    text: str | None = Field(default=None, description="any other answer, at most 10,000 characters")
    truncated: bool = Field(description="the answer was longer than the service's entry allows")


class HttpActivities:
    """The handler that calls services by HTTP."""

    def __init__(self, rulebook: RulebookSource, services: ServiceCaller) -> None:
        self._rulebook = rulebook
        self._services = services

    @handler(
        effect=Effect.BANK,
        queue=Queue.SERVICES,
        outcomes=OUTCOMES,
        inputs=HttpInputs,
        outputs=HttpOutputs,
        harmless_when={"method": HARMLESS},
    )
    def http(self, step: StepInput) -> StepOutput:
        """Calls a service of policies/http.yaml and answers with what it said.

        Fails with `service_unavailable` (not taken; retried), `outcome_unknown` (sent, no usable answer;
        retried only where the service is idempotent) and `input_invalid` (the entry does not allow it).
        """
        call = HttpInputs.model_validate(step.inputs)
        service = _allowed(self._rulebook.current().http_services, call)
        request = ServiceRequest(
            method=call.method,
            path=call.path,
            query=call.query,
            body=call.body,
            key=step.idempotency_key,
        )
        return self._ask(service, request, call.service, call.expect)

    def _ask(self, service: HttpService, request: ServiceRequest, name: str, expect: list[str]) -> StepOutput:
        harmless = request.method in HARMLESS
        in_doubt = not harmless and not earlier_attempts_were_not_taken()
        if in_doubt and not service.idempotent:
            raise AnswerLost(f"{name}: an earlier attempt may have been carried out; it is not repeated")
        try:
            reply = self._services.call(name, service, request)
            if not_taken(reply.status) and service.outcome_of(reply.status) is None:
                raise ServiceUnavailable(f"{name} did not take the call: status {reply.status}")
            return _output(service, request, name, reply, expect)
        except ServiceUnavailable as error:
            if in_doubt:
                raise OutcomeUnknown(f"an earlier attempt may have been carried out; now {error}") from None
            if not harmless:
                note_not_taken()
            raise
        except OutcomeUnknown as error:
            if harmless:
                raise ServiceUnavailable(str(error)) from None
            raise error if service.idempotent else AnswerLost(str(error)) from None


def _allowed(services: dict[str, HttpService], call: HttpInputs) -> HttpService:
    """The entry that allows this call. Raises `InvalidInput` naming what it does not allow."""
    service = services.get(call.service)
    if service is None:
        known = f"expected {listed(services)} of policies/http.yaml"
        raise _wrong("service", f"no such service{suggestion(call.service, services)}; {known}")
    if call.method not in service.methods:
        raise _wrong("method", f"{call.service} allows {', '.join(service.methods)}")
    problem = path_problem(call.path)
    if problem:
        raise _wrong("path", problem)
    if not service.allows(call.path):
        raise _wrong("path", f"{call.service} allows {listed(service.paths)}")
    if call.body is not None and call.method in HARMLESS:
        raise _wrong("body", f"{call.method} has none")
    if len(to_json(call.body)) > _MOST_BODY_BYTES:
        raise _wrong("body", f"expected at most {_MOST_BODY_BYTES:,} bytes of JSON")
    return service


def _output(
    service: HttpService, request: ServiceRequest, name: str, reply: ServiceReply, expect: list[str]
) -> StepOutput:
    """What the answer means. Raises `OutcomeUnknown` where it means nothing definite."""
    outcome = service.outcome_of(reply.status)
    if outcome is None:
        raise OutcomeUnknown(f"{name} gave no definite answer: status {reply.status}")
    data: dict[str, Any] = {"status": reply.status, "truncated": reply.truncated}
    body = None if reply.truncated else _json(reply.content)
    if outcome == "ok" and expect:
        missing = [each for each in expect if not isinstance(body, dict) or each not in body]
        if missing:
            raise OutcomeUnknown(f"{name} answered {reply.status} without {', '.join(missing)}")
    if body is not None:
        data["body"] = service.kept(body)
    elif reply.content and not service.keep:
        data["text"] = reply.content.decode("utf-8", "replace")[:_LONGEST_TEXT]
    # No path: it may name an account.
    return StepOutput(
        outcome=outcome, summary=f"{request.method} {name}: {outcome}, status {reply.status}", data=data
    )


def _json(content: bytes) -> Any:
    try:
        return from_json(content, allow_inf_nan=False)
    except ValueError:
        return None


def _wrong(name: str, message: str) -> InvalidInput:
    return InvalidInput(f"inputs.{name}: {message}", field=f"inputs.{name}")
