"""`handler: http` over a service that answers as the test wants."""

import dataclasses
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.catalogue import handlers_of
from activities.http_call import HttpActivities
from domain.errors import OutcomeUnknown, ServiceUnavailable
from domain.handlers import Effect
from domain.http_services import HttpService, ServiceReply, ServiceRequest
from domain.steps import StepInput, StepOutput
from domain.task import OpsTask, RiskLevel
from tests.fakes.rulebook import FakeRulebook

READ = {"service": "ledger", "method": "GET", "path": "/entries/7"}
WRITE = {"service": "ledger", "method": "POST", "path": "/entries", "body": {"amount": "12.50"}}
ENTRY = {
    "base_url": "https://ledger.bank.example",
    "methods": ["GET", "POST"],
    "paths": ["/entries", "/entries/*"],
}


class FakeServices:
    """`ServiceCaller` that answers one thing after the other, and keeps what it was asked."""

    def __init__(self, *answers: ServiceReply | Exception) -> None:
        self.answers = list(answers)
        self.calls: list[ServiceRequest] = []

    def call(self, name: str, service: HttpService, request: ServiceRequest) -> ServiceReply:
        self.calls.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def reply(status: int = 200, body: Any = None, **more: Any) -> ServiceReply:
    content = b"" if body is None else json.dumps(body).encode()
    return ServiceReply.model_validate({"status": status, "content": content, **more})


class Attempts:
    """Runs the handler as Temporal would: attempts count up and the last heartbeat is kept."""

    def __init__(self, *answers: ServiceReply | Exception, **entry: Any) -> None:
        self.services = FakeServices(*answers)
        ledger = HttpService.model_validate({**ENTRY, **entry})
        self.http = HttpActivities(FakeRulebook(http_services={"ledger": ledger}), self.services).http
        self.count = 0
        self.details: tuple[Any, ...] = ()

    def next(self, **inputs: Any) -> StepOutput:
        self.count += 1
        env = ActivityEnvironment()
        env.info = dataclasses.replace(env.info, attempt=self.count, heartbeat_details=self.details)

        def beat(*details: Any) -> None:
            self.details = details

        env.on_heartbeat = beat
        step = StepInput(
            task=OpsTask(task_id="T1", title="A ticket", source="api", external_id="1"),
            step_id="ask",
            step_name="Ask",
            handler="http",
            risk=RiskLevel.LOW,
            now=datetime(2026, 11, 24, tzinfo=UTC),
            inputs=inputs,
        )
        output: StepOutput = env.run(self.http, step)
        return output

    def fails(self, **inputs: Any) -> tuple[str | None, bool]:
        """Code, and whether Temporal repeats it."""
        with pytest.raises(ApplicationError) as failed:
            self.next(**inputs)
        return failed.value.type, not failed.value.non_retryable


def test_reading_changes_nothing_and_writing_passes_the_gate() -> None:
    spec = handlers_of([HttpActivities])["http"]
    assert spec.effect is Effect.BANK
    assert spec.called_with(READ).effect is Effect.NONE
    assert spec.called_with(WRITE).effect is Effect.BANK


def test_a_json_answer_is_what_later_steps_find() -> None:
    output = Attempts(reply(body={"state": "booked", "by": "Ann"}), keep=["state"]).next(**READ)
    assert output.outcome == "ok"
    assert output.data == {"status": 200, "truncated": False, "body": {"state": "booked"}}
    assert output.summary == "GET ledger: ok, status 200"


def test_an_answer_that_is_no_json_is_text_unless_only_some_fields_may_be_kept() -> None:
    page = ServiceReply(status=200, content="好".encode() * 20_000)
    assert Attempts(page).next(**READ).data["text"] == "好" * 10_000
    assert "text" not in Attempts(page, keep=["state"]).next(**READ).data


def test_an_answer_that_was_cut_is_no_json() -> None:
    cut = ServiceReply(status=200, content=b'{"a": 1', truncated=True)
    assert Attempts(cut).next(**READ).data == {"status": 200, "truncated": True, "text": '{"a": 1'}


def test_the_call_carries_the_step_s_idempotency_key() -> None:
    attempts = Attempts(reply(201))
    attempts.next(**WRITE)
    [call] = attempts.services.calls
    assert (call.key, call.method, call.body) == ("T1/ask/1", "POST", {"amount": "12.50"})


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"service": "leger"}, "inputs.service"),
        ({"method": "DELETE"}, "inputs.method"),
        ({"method": "get"}, "inputs.method"),
        ({"path": "/accounts/1"}, "inputs.path"),
        ({"path": "/entries/../accounts"}, "inputs.path"),
        ({"path": "/entries/1/close"}, "inputs.path"),
        ({"path": "https://evil.example/"}, "inputs.path"),
        ({"body": {"a": 1}}, "inputs.body"),
        ({"query": {"a": None}}, "inputs.query"),
        ({"query": {"a": {"b": 1}}}, "inputs.query"),
        ({"url": "https://evil.example"}, "inputs.url"),
    ],
)
def test_what_is_not_allowed_is_never_sent(change: dict[str, Any], field: str) -> None:
    attempts = Attempts()
    with pytest.raises(ApplicationError) as refused:
        attempts.next(**{**READ, **change})
    assert refused.value.type == "input_invalid"
    assert refused.value.message.startswith(field)
    assert attempts.services.calls == []


def test_a_body_that_is_too_large_is_never_sent() -> None:
    assert Attempts().fails(**{**WRITE, "body": "x" * 70_000}) == ("input_invalid", False)


@pytest.mark.parametrize("status", [401, 429, 503])
@pytest.mark.parametrize("call", [READ, WRITE])
def test_a_call_that_was_not_taken_is_repeated(status: int, call: dict[str, Any]) -> None:
    attempts = Attempts(reply(status), reply(200))
    assert attempts.fails(**call) == ("service_unavailable", True)
    assert attempts.next(**call).outcome == "ok"


@pytest.mark.parametrize("lost", [OutcomeUnknown("no answer"), reply(500), reply(302)])
class TestLostAnswers:
    def test_reading_is_repeated(self, lost: Any) -> None:
        attempts = Attempts(lost, reply(200))
        assert attempts.fails(**READ) == ("service_unavailable", True)
        assert attempts.next(**READ).outcome == "ok"

    def test_a_change_is_repeated_where_the_service_knows_the_key(self, lost: Any) -> None:
        attempts = Attempts(lost, reply(200), idempotent=True)
        assert attempts.fails(**WRITE) == ("outcome_unknown", True)
        assert attempts.next(**WRITE).outcome == "ok"
        assert {call.key for call in attempts.services.calls} == {"T1/ask/1"}

    def test_a_change_is_never_repeated_elsewhere(self, lost: Any) -> None:
        attempts = Attempts(lost)
        assert attempts.fails(**WRITE) == ("outcome_unknown", False)
        # Even where Temporal begins another attempt, as after a time-out of ours, nothing is sent.
        assert attempts.fails(**WRITE) == ("outcome_unknown", False)
        assert len(attempts.services.calls) == 1

    def test_a_doubt_stays_a_doubt_while_the_service_is_away(self, lost: Any) -> None:
        attempts = Attempts(lost, ServiceUnavailable("away"), idempotent=True)
        assert attempts.fails(**WRITE) == ("outcome_unknown", True)
        assert attempts.fails(**WRITE) == ("outcome_unknown", True)


def test_a_change_that_was_never_taken_is_repeated_whatever_the_service_knows() -> None:
    attempts = Attempts(ServiceUnavailable("away"), ServiceUnavailable("away"), reply(201))
    assert attempts.fails(**WRITE) == ("service_unavailable", True)
    assert attempts.fails(**WRITE) == ("service_unavailable", True)
    assert attempts.next(**WRITE).outcome == "ok"


def test_an_answer_without_what_is_expected_is_not_ok() -> None:
    attempts = Attempts(reply(body={"state": "booked"}), reply(body=["id"]), reply(body={"id": 7}))
    asked = {**READ, "expect": ["id"]}
    assert attempts.fails(**asked) == ("service_unavailable", True)
    assert attempts.fails(**asked) == ("service_unavailable", True)
    assert attempts.next(**asked).outcome == "ok"


def test_a_refusal_needs_nothing_that_is_expected() -> None:
    assert Attempts(reply(404)).next(**{**READ, "expect": ["id"]}).outcome == "not_found"
