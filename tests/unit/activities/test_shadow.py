"""What a shadow run may call: handlers that change nothing, and no others."""

import pytest
from temporalio.exceptions import ApplicationError

from activities.catalogue import activities_of, handler
from activities.checks import CheckActivities
from activities.core_bank import CoreBankActivities
from activities.http_call import HttpActivities, HttpInputs
from activities.shadow import ShadowHandlers
from domain.handlers import Effect
from domain.steps import StepInput, StepOutput
from domain.task import RiskLevel
from tests.fakes.core_bank import FakeCoreBank
from tests.fakes.rulebook import FakeRulebook
from tests.support.tickets import NIGHT, sample_task
from workers.activity_set import handler_specs


class Own:
    """A bank's own handlers."""

    def __init__(self) -> None:
        self.called: list[str] = []

    @handler()
    def look_up(self, step: StepInput) -> StepOutput:
        """Reads something."""
        self.called.append("look_up")
        return StepOutput()

    @handler(effect=Effect.BANK)
    def change(self, step: StepInput) -> StepOutput:
        """Changes something."""
        self.called.append("change")
        return StepOutput()

    @handler(effect=Effect.BANK, inputs=HttpInputs, harmless_when={"method": ("GET",)})
    def maybe(self, step: StepInput) -> StepOutput:
        """Changes something, or not."""
        self.called.append("maybe")
        return StepOutput()


def step(name: str, **inputs: object) -> StepInput:
    return StepInput(
        task=sample_task(),
        step_id="s",
        step_name="S",
        handler=name,
        risk=RiskLevel.LOW,
        now=NIGHT,
        inputs=dict(inputs),
    )


def test_what_has_no_effect_is_called() -> None:
    own = Own()
    assert ShadowHandlers([own]).call_without_effect(step("look_up")).outcome == "done"
    assert own.called == ["look_up"]


@pytest.mark.parametrize("name", ["change", "nobody_has_this"])
def test_what_has_one_is_refused(name: str) -> None:
    own = Own()
    with pytest.raises(ApplicationError, match="a shadow run does not call it") as refused:
        ShadowHandlers([own]).call_without_effect(step(name))
    assert (refused.value.type, refused.value.non_retryable) == ("not_permitted", True)
    assert own.called == []


def test_inputs_decide_where_they_make_a_handler_harmless() -> None:
    own = Own()
    shadow = ShadowHandlers([own])
    with pytest.raises(ApplicationError, match="does not call it"):
        shadow.call_without_effect(step("maybe", method="POST", service="s", path="/"))
    with pytest.raises(ApplicationError, match="does not call it"):
        shadow.call_without_effect(step("maybe"))
    assert own.called == []
    shadow.call_without_effect(step("maybe", method="GET", service="s", path="/"))
    assert own.called == ["maybe"]


def test_every_handler_of_the_catalogue_with_an_effect_is_refused() -> None:
    class Nobody:
        def call(self, *_: object) -> None:
            raise AssertionError("a service was called")

    bank = FakeCoreBank()
    owners = (
        CheckActivities(FakeRulebook()),
        CoreBankActivities(bank),
        HttpActivities(FakeRulebook(), Nobody()),
    )
    shadow = ShadowHandlers(owners)
    for name, spec in handler_specs().items():
        if spec.effect is not Effect.NONE:
            with pytest.raises(ApplicationError, match="does not call it"):
                shadow.call_without_effect(step(name, method="POST"))
    assert not bank.attempts


def test_a_worker_has_one_activity_for_all_of_them() -> None:
    assert [each.__name__ for each in activities_of(ShadowHandlers([Own()]))] == ["call_without_effect"]
