"""What `@handler` makes of a method, and what it does not let through."""

import asyncio
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.catalogue import activities_of, handler, handlers_of
from domain.errors import BankUnavailable, DefinitionError, InvalidInput
from domain.fields import FieldSpec, FieldType
from domain.handlers import Effect, Queue
from domain.model import Model
from domain.steps import StepInput, StepOutput
from domain.task import OpsTask, RiskLevel


class Asked(Model):
    amount: Decimal


class Answered(Model):
    total: Decimal


class Ours:
    """One handler that answers whatever the test wants."""

    def __init__(self, answer: Callable[[StepInput], Any]) -> None:
        self.answer = answer

    @handler(
        effect=Effect.BANK,
        queue=Queue.SERVICES,
        outcomes=("done", "late"),
        inputs=Asked,
        outputs=Answered,
        compensation="other",
        reads_results=True,
        harmless_when={"amount": ("0",)},
    )
    def ours(self, step: StepInput) -> StepOutput:
        """Does what the test says.

        And more.
        """
        return self.answer(step)  # type: ignore[no-any-return]


def run(answer: Callable[[StepInput], Any], **inputs: Any) -> StepOutput:
    step = StepInput(
        task=OpsTask(task_id="T1", title="A ticket", source="api", external_id="1"),
        step_id="ours",
        step_name="Ours",
        handler="ours",
        risk=RiskLevel.LOW,
        now=datetime(2026, 11, 24, tzinfo=UTC),
        inputs={"amount": "5", **inputs},
    )
    output: StepOutput = ActivityEnvironment().run(Ours(answer).ours, step)
    return output


def failure(answer: Callable[[StepInput], Any], **inputs: Any) -> ApplicationError:
    with pytest.raises(ApplicationError) as failed:
        run(answer, **inputs)
    return failed.value


def good(_: StepInput) -> StepOutput:
    return StepOutput(data={"total": Decimal("5.00")})


def test_the_entry_says_all_that_was_declared() -> None:
    spec = handlers_of([Ours])["ours"]
    assert spec.summary == "Does what the test says."
    assert spec.inputs == {"amount": FieldSpec(type=FieldType.MONEY, required=True)}
    assert spec.outputs == {"total": FieldSpec(type=FieldType.MONEY, required=True)}
    assert (spec.compensation, spec.reads_results, spec.queue) == ("other", True, Queue.SERVICES)
    assert spec.called_with({"amount": "0"}).effect is Effect.NONE
    assert spec.called_with({"amount": "1"}).effect is Effect.BANK
    assert [each.__name__ for each in activities_of(Ours(good))] == ["ours"]


def test_what_is_answered_comes_as_a_history_keeps_it() -> None:
    assert run(good).data == {"total": "5.00"}


def test_a_wrong_input_never_reaches_the_handler() -> None:
    called: list[StepInput] = []
    error = failure(called.append, amount="five")
    assert (error.type, error.non_retryable, called) == ("input_invalid", True, [])
    assert error.message == "inputs.amount: expected an amount such as 1200.50"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "answered NoneType, not a StepOutput"),
        ({"outcome": "done"}, "answered dict, not a StepOutput"),
        (StepOutput(outcome="fine", data={"total": 1}), "an outcome other than done, late"),
        (StepOutput(data={"sum": 1, "total": 1}), "data.sum is not declared"),
        (StepOutput(data={}), "data.total is missing"),
        (StepOutput(data={"total": object()}), "data that is not JSON"),
        (StepOutput(data={"total": "1", "text": "x" * 70_000}), "more than 65,536 bytes"),
        (StepOutput(summary="x" * 2_001, data={"total": 1}), "a summary of more than 2,000 characters"),
    ],
)
def test_an_answer_that_is_not_as_declared_breaks_the_handler_for_good(answer: Any, said: str) -> None:
    error = failure(lambda _: answer)
    assert (error.type, error.non_retryable) == ("handler_broken", True)
    assert error.message.startswith("ours answered ")
    assert said in error.message
    assert "what it did outside may be in force" in error.message


def test_an_unexpected_error_is_repeated_and_keeps_its_text_to_itself() -> None:
    def explode(_: StepInput) -> StepOutput:
        raise KeyError("6222020200001234")

    error = failure(explode)
    assert (error.type, error.non_retryable) == ("handler_broken", False)
    assert error.message == "ours failed unexpectedly: KeyError"


@pytest.mark.parametrize("own", [BankUnavailable("closed"), InvalidInput("no", field="x")])
def test_errors_of_ours_keep_their_codes(own: Any) -> None:
    def refuse(_: StepInput) -> StepOutput:
        raise own

    error = failure(refuse)
    assert (error.type, error.non_retryable) == (own.code, not own.retryable)


def test_a_failure_in_temporal_s_own_words_is_left_alone() -> None:
    own = ApplicationError("mine", type="card_blocked")

    def refuse(_: StepInput) -> StepOutput:
        raise own

    assert failure(refuse) is own


def silent(self: Any, step: StepInput) -> StepOutput:
    return StepOutput()


def spoken(self: Any, step: StepInput) -> StepOutput:
    """Speaks."""
    return StepOutput()


async def waiting(self: Any, step: StepInput) -> StepOutput:
    """Waits."""
    await asyncio.sleep(0)
    return StepOutput()


def Shouted(self: Any, step: StepInput) -> StepOutput:  # noqa: N802
    """Shouts."""
    return StepOutput()


@pytest.mark.parametrize(
    ("method", "arguments", "said"),
    [
        (silent, {}, "handler silent: a docstring is missing"),
        (waiting, {}, "plain functions, not async"),
        (Shouted, {}, "'Shouted': names and outcomes are in snake case"),
        (spoken, {"outcomes": ("All Good",)}, "'All Good': names"),
        (spoken, {"outcomes": ()}, "at least one"),
        (spoken, {"outcomes": ("a", "a")}, "stands there twice"),
        (spoken, {"queue": "night-shift"}, "handler spoken: queue: Input should be 'opsloop-tickets'"),
        (spoken, {"local": True, "effect": Effect.BANK}, "is not local"),
        (spoken, {"compensation": "x", "irreversible": "y"}, "not both"),
        (spoken, {"assesses_risk": True, "outcomes": ("huge",)}, "a risk is low, medium or high"),
        (spoken, {"harmless_when": {"method": ("GET",)}}, "names an input that is not there"),
    ],
)
def test_an_entry_that_makes_no_sense_is_refused_when_it_is_written(
    method: Any, arguments: dict[str, Any], said: str
) -> None:
    with pytest.raises(DefinitionError, match=said.replace("(", r"\(")):
        handler(**arguments)(method)


def test_dates_and_instants_are_told_apart() -> None:
    class Days(Model):
        day: date
        at: datetime

    class Own:
        @handler(inputs=Days)
        def calendar(self, step: StepInput) -> StepOutput:
            """Looks."""
            return StepOutput()

    inputs = handlers_of([Own])["calendar"].inputs
    assert {name: spec.type.value for name, spec in inputs.items()} == {"day": "date", "at": "time"}
