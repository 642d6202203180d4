"""The SOP language's order of steps, on the interpreter itself."""

import asyncio
from typing import Any

import pytest

from definitions.book import pin
from definitions.schema import Sop
from domain.handlers import Effect, HandlerSpec, HumanTask
from domain.lifecycle import TicketState
from domain.review import ReviewKind
from domain.steps import StepOutput
from domain.task import RiskLevel
from domain.ticket import EventKind
from tests.fakes.runtime import FakeRuntime
from workflows.interpreter import Interpreter, PlannedCall, StepFailure, TicketEnded

HANDLERS = {
    spec.name: spec
    for spec in (
        HandlerSpec(name="check", summary="a check", local=True, control=True),
        HandlerSpec(
            name="risk_assessor",
            summary="risk",
            local=True,
            control=True,
            assesses_risk=True,
            outcomes=("low", "medium", "high"),
        ),
        HandlerSpec(name="freeze", summary="an effect", effect=Effect.BANK, resolver="resolve_order"),
        HandlerSpec(name="sms", summary="a message", effect=Effect.MESSAGE),
        HandlerSpec(name="plain", summary="no effect"),
        HandlerSpec(
            name="ask_compliance", summary="a person", human=HumanTask(kind="review", question="May we?")
        ),
        HandlerSpec(
            name="by_hand", summary="a person", human=HumanTask(kind="manual", question="Do it by hand")
        ),
    )
}


def step(name: str, handler: str | None = "plain", **more: Any) -> dict[str, Any]:
    return {"name": name, **({"handler": handler} if handler else {}), **more}


async def interpret(steps: list[dict[str, Any]], runtime: FakeRuntime) -> Interpreter:
    sop = Sop.model_validate({"name": "Test", "trigger": {"category": "accounts"}, "steps": steps})
    interpreter = Interpreter(pin(sop, HANDLERS), runtime)
    await interpreter.run()
    return interpreter


FREEZE = [
    step("Authorization Check", "check"),
    step(
        "Risk Assessment",
        "risk_assessor",
        branch={"high": ["ask_compliance"], "low": ["execute_freeze"]},
    ),
    step("Execute Freeze", "freeze", fallback="by_hand"),
    step("Notify Customer", "sms", **{"async": True}),
]


async def test_steps_run_in_their_order() -> None:
    runtime = FakeRuntime()
    await interpret([step("One"), step("Two"), step("Three")], runtime)
    assert runtime.ran == ["one", "two", "three"]


async def test_a_step_that_ran_as_a_target_does_not_run_again() -> None:
    runtime = FakeRuntime({"risk_assessor": ["low"]})
    await interpret(FREEZE, runtime)
    assert runtime.ran == ["authorization_check", "risk_assessment", "execute_freeze", "notify_customer"]


async def test_after_a_person_as_target_the_run_goes_on_behind_the_branching_step() -> None:
    runtime = FakeRuntime({"risk_assessor": ["high"]})
    await interpret(FREEZE, runtime)
    assert [question.kind for question in runtime.asked] == [ReviewKind.STEP]
    assert runtime.ran[-2:] == ["execute_freeze", "notify_customer"]
    assert runtime.level is RiskLevel.HIGH


async def test_the_person_sees_the_effects_that_follow() -> None:
    runtime = FakeRuntime({"risk_assessor": ["high"]})
    await interpret(FREEZE, runtime)
    assert [call.key for call in runtime.asked[0].ahead] == ["execute_freeze", "notify_customer"]


async def test_a_rejection_ends_the_run_and_nothing_behind_it_runs() -> None:
    runtime = FakeRuntime({"risk_assessor": ["high"]}, {"ask_compliance": ["reject"]})
    with pytest.raises(TicketEnded) as end:
        await interpret(FREEZE, runtime)
    assert end.value.state is TicketState.REJECTED
    assert "execute_freeze" not in runtime.ran


async def test_an_outcome_without_a_route_goes_to_a_person_who_picks_a_declared_one() -> None:
    runtime = FakeRuntime({"risk_assessor": ["medium"]}, {"risk_assessment": ["low"]})
    await interpret(FREEZE, runtime)
    assert runtime.asked[0].kind is ReviewKind.ROUTE
    assert runtime.asked[0].choices == ("high", "low")
    assert runtime.ran[-2:] == ["execute_freeze", "notify_customer"]


async def test_a_branch_skips_what_lies_between_it_and_its_target() -> None:
    runtime = FakeRuntime({"risk_assessor": ["low"]})
    steps = [
        step("Assess", "risk_assessor", branch={"low": ["last"], "high": ["middle"]}),
        step("Middle"),
        step("Last"),
    ]
    await interpret(steps, runtime)
    assert runtime.ran == ["assess", "last"]


async def test_several_targets_run_in_the_order_listed() -> None:
    runtime = FakeRuntime({"risk_assessor": ["low"]})
    steps = [
        step("Assess", "risk_assessor", branch={"low": ["third", "first"]}),
        step("First"),
        step("Second"),
        step("Third"),
    ]
    await interpret(steps, runtime)
    assert runtime.ran == ["assess", "third", "first", "second"]


async def test_a_target_with_a_branch_of_its_own_is_followed() -> None:
    runtime = FakeRuntime({"risk_assessor": ["low", "high"]})
    steps = [
        step("Assess", "risk_assessor", branch={"low": ["again"]}),
        step("Again", "risk_assessor", branch={"high": ["end"], "low": ["between"]}),
        step("Between"),
        step("End"),
    ]
    await interpret(steps, runtime)
    assert runtime.ran == ["assess", "again", "end"]


async def test_the_fallback_runs_when_all_attempts_failed() -> None:
    runtime = FakeRuntime(
        {"risk_assessor": ["low"], "freeze": [StepFailure("order_refused", "account closed")]}
    )
    await interpret(FREEZE, runtime)
    assert runtime.asked[0].kind is ReviewKind.MANUAL
    assert runtime.notes[EventKind.STEP_FAILED] == ["execute_freeze"]
    assert runtime.ran[-1] == "notify_customer"


async def test_a_fallback_that_is_a_handler_has_an_idempotency_key_of_its_own() -> None:
    runtime = FakeRuntime({"freeze": [StepFailure("order_refused", "no")]})
    await interpret([step("Execute", "freeze", fallback="plain")], runtime)
    assert runtime.calls == [("execute", "freeze", 1), ("plain", "plain", 1)]


async def test_a_failed_step_without_fallback_waits_for_the_operator() -> None:
    runtime = FakeRuntime({"plain": [StepFailure("step_failed", "no"), "done"]}, operator=["retry"])
    await interpret([step("One")], runtime)
    assert runtime.calls == [("one", "plain", 1), ("one", "plain", 2)]


async def test_a_skipped_control_makes_the_ticket_high_risk() -> None:
    runtime = FakeRuntime({"check": [StepFailure("authorisation_refused", "no")]}, operator=["skip"])
    interpreter = await interpret([step("Check", "check"), step("Two")], runtime)
    assert runtime.cautions == ["the control check was skipped"]
    assert interpreter.results["check"].outcome == "skipped"
    assert runtime.ran == ["check", "two"]


async def test_an_operator_can_cancel_at_a_failed_step() -> None:
    runtime = FakeRuntime({"plain": [StepFailure("step_failed", "no")]}, operator=["cancel"])
    with pytest.raises(TicketEnded) as end:
        await interpret([step("One"), step("Two", "check")], runtime)
    assert end.value.state is TicketState.CANCELLED
    assert runtime.ran == ["one"]


class SlowMessages(FakeRuntime):
    """Messages go out only when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.release = asyncio.Event()

    async def call(self, call: PlannedCall) -> StepOutput:
        if call.spec.name == "sms":
            await self.release.wait()
        return await super().call(call)


async def test_an_async_step_does_not_hold_the_run_but_is_waited_for_at_the_end() -> None:
    runtime = SlowMessages()
    run = asyncio.create_task(interpret([step("Tell", "sms", **{"async": True}), step("Next")], runtime))
    while runtime.ran != ["next"]:
        await asyncio.sleep(0)
    assert not run.done()
    runtime.release.set()
    await run
    assert runtime.ran == ["next", "tell"]


async def test_a_failing_async_step_warns_and_the_run_goes_on() -> None:
    runtime = FakeRuntime({"sms": [StepFailure("channel_failed", "no")]})
    await interpret([step("Tell", "sms", **{"async": True}), step("Next")], runtime)
    assert runtime.warned == ["tell"]
    assert sorted(runtime.ran) == ["next", "tell"]


async def test_every_gated_effect_passes_the_gate_and_nothing_else_does() -> None:
    runtime = FakeRuntime({"risk_assessor": ["low"]})
    await interpret(FREEZE, runtime)
    assert runtime.admitted == ["execute_freeze", "notify_customer"]


async def test_a_review_step_with_branches_offers_them_as_choices() -> None:
    runtime = FakeRuntime(answers={"decide": ["refuse"]})
    steps = [
        {
            "name": "Decide",
            "review": {"question": "Which?", "group": "Customer Experience"},
            "branch": {"pay": ["pay_out"], "refuse": ["answer"]},
        },
        step("Pay Out", "freeze"),
        step("Answer", "sms"),
    ]
    await interpret(steps, runtime)
    assert runtime.asked[0].choices == ("pay", "refuse")
    assert runtime.ran == ["answer"]


async def test_confirming_ones_own_work_approves_nothing_beyond_it() -> None:
    runtime = FakeRuntime()
    steps = [{"name": "Do It", "manual": {"instructions": "By hand"}}, step("Execute", "freeze")]
    await interpret(steps, runtime)
    assert runtime.asked[0].kind is ReviewKind.MANUAL
    assert runtime.asked[0].ahead == ()
    assert runtime.admitted == ["execute"]


async def test_nobody_approves_what_a_control_has_still_to_judge() -> None:
    runtime = FakeRuntime()
    steps = [
        {"name": "Ask", "review": {"question": "Tomorrow instead?"}},
        step("Tell", "sms"),
        step("Screen", "check"),
        step("Execute", "freeze"),
    ]
    await interpret(steps, runtime)
    assert [call.key for call in runtime.asked[0].ahead] == ["tell"]


async def test_the_fallback_of_an_async_step_asks_only_when_the_other_steps_are_done() -> None:
    runtime = FakeRuntime({"sms": [StepFailure("channel_failed", "no")]})
    steps = [step("Tell", "sms", fallback="by_hand", **{"async": True}), step("Next"), step("Last")]
    interpreter = await interpret(steps, runtime)
    assert runtime.warned == ["tell"]
    assert [question.step_id for question in runtime.asked] == ["by_hand"]
    assert runtime.asked[0].because == "Tell: no"
    assert set(interpreter.results) == {"tell", "next", "last"}


async def test_a_ticket_that_ends_early_asks_nobody_to_replace_a_background_step() -> None:
    runtime = FakeRuntime(
        {"sms": [StepFailure("channel_failed", "no")], "plain": [StepFailure("step_failed", "no")]},
        operator=["cancel"],
    )
    with pytest.raises(TicketEnded):
        await interpret([step("Tell", "sms", fallback="by_hand", **{"async": True}), step("Next")], runtime)
    assert runtime.asked == []
