"""The fast track in the interpreter: it saves waits and optional steps, and never a control."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from definitions.book import pin
from definitions.schema import Sop, Step, Wait
from domain.handlers import Effect, HandlerSpec
from domain.ticket import EventKind
from tests.fakes.runtime import FakeRuntime
from workflows.interpreter import Interpreter

HANDLERS = {
    spec.name: spec
    for spec in (
        HandlerSpec(name="plain", summary="no effect"),
        HandlerSpec(name="check", summary="a control", control=True),
        HandlerSpec(name="pay", summary="an effect", effect=Effect.BANK),
    )
}


async def interpret(steps: list[dict[str, Any]], *, fast: bool = True) -> tuple[FakeRuntime, Interpreter]:
    runtime = FakeRuntime()
    runtime.on_fast_track = fast
    sop = Sop.model_validate({"name": "Test", "steps": steps})
    interpreter = Interpreter(pin(sop, HANDLERS, [sop]), runtime)
    await interpreter.run()
    return runtime, interpreter


async def test_an_optional_step_is_left_out_and_the_rest_is_not() -> None:
    steps: list[dict[str, Any]] = [
        {"name": "Check", "handler": "check"},
        {"name": "Greet", "handler": "plain", "optional": True},
        {"name": "Ask", "review": {"question": "May we?"}},
        {"name": "Pay", "handler": "pay"},
    ]
    fast, done = await interpret(steps)
    assert fast.ran == ["check", "pay"]
    assert fast.admitted == ["pay"]
    assert [question.step_id for question in fast.asked] == ["ask"]
    assert done.results["greet"].outcome == "skipped"
    assert fast.notes[EventKind.STEP_SKIPPED] == ["greet"]
    slow, _ = await interpret(steps, fast=False)
    assert slow.ran == ["check", "greet", "pay"]


async def test_a_control_runs_whatever_its_step_says() -> None:
    fast, _ = await interpret([{"name": "Check", "handler": "check", "optional": True}])
    assert fast.ran == ["check"]


async def test_an_optional_step_whose_condition_is_false_was_not_needed() -> None:
    steps = [{"name": "Greet", "handler": "plain", "when": "false", "optional": True}]
    fast, done = await interpret(steps)
    assert done.results["greet"].outcome == "not_needed"
    assert fast.notes[EventKind.STEP_SKIPPED] == []


async def test_a_duration_is_not_waited_out() -> None:
    steps = [{"name": "Wait", "wait": {"duration": "2h"}}]
    for fast, waited in ((True, timedelta(0)), (False, timedelta(hours=2))):
        start = FakeRuntime().clock
        runtime, done = await interpret(steps, fast=fast)
        assert runtime.clock - start == waited
        assert done.results["wait"].outcome == "elapsed"
        assert done.results["wait"].summary == ("not waited out: fast track" if fast else "")


async def test_a_wait_that_is_a_control_is_waited_out() -> None:
    start = FakeRuntime().clock
    runtime, _ = await interpret([{"name": "Cool off", "wait": {"duration": "2h", "control": True}}])
    assert runtime.clock - start == timedelta(hours=2)


async def test_an_instant_is_waited_for_on_the_fast_track_too() -> None:
    until = 'timestamp("2026-11-24T01:00:00Z")'
    runtime, _ = await interpret([{"name": "Value date", "wait": {"until": until}}])
    assert runtime.clock.isoformat() == "2026-11-24T01:00:00+00:00"


@pytest.mark.parametrize(
    "step",
    [
        {"name": "A", "review": {"question": "?"}, "optional": True},
        {"name": "A", "wait": {"duration": "1h"}, "optional": True},
        {"name": "A", "handler": "check", "branch": {"done": ["reject"]}, "optional": True},
        {"name": "A", "wait": {"event": "papers", "control": True}},
    ],
)
def test_what_cannot_be_left_out_cannot_be_declared_so(step: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Step.model_validate(step)


def test_what_is_not_said_leaves_no_trace_in_a_history() -> None:
    assert "control" not in Wait.model_validate({"duration": "1h"}).model_dump()
    assert "optional" not in Step.model_validate({"name": "A", "handler": "b"}).model_dump()
