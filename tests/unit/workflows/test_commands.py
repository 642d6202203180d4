"""An operator's choice is never lost, whenever it comes."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from temporalio import workflow

from domain.lifecycle import TicketState
from domain.people import Principal, Role
from workflows.commands import Commands
from workflows.contract import Command

OPERATOR = Principal(id="op.chen", name="Chen", roles=frozenset({Role.OPERATOR}))


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> Commands:
    async def wait_condition(holds: Callable[[], bool], **_: Any) -> None:
        assert holds(), "the run would wait for ever"

    monkeypatch.setattr(workflow, "wait_condition", wait_condition)
    run = SimpleNamespace(
        state=TicketState.FAILED, hands=set(), current_step="execute_freeze", note=lambda *_, **__: None
    )
    return Commands(run, SimpleNamespace())  # type: ignore[arg-type]  # only what a choice touches


async def test_a_choice_that_comes_while_the_failure_is_recorded_counts(commands: Commands) -> None:
    assert commands._carry_out("skip_step", Command(reason="known"), OPERATOR) is None
    assert await commands.operator_choice() == "skip"


async def test_a_choice_counts_once(commands: Commands) -> None:
    assert commands._carry_out("retry_step", Command(reason="again"), OPERATOR) is None
    assert commands._carry_out("skip_step", Command(reason="no, skip"), OPERATOR) is not None
    assert await commands.operator_choice() == "retry"
    with pytest.raises(AssertionError, match="wait for ever"):
        await commands.operator_choice()
