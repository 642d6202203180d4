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
from workflows.interpreter import Journal

OPERATOR = Principal(id="op.chen", name="Chen", roles=frozenset({Role.OPERATOR}))


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> Commands:
    async def wait_condition(holds: Callable[[], bool], **_: Any) -> None:
        assert holds(), "the run would wait for ever"

    monkeypatch.setattr(workflow, "wait_condition", wait_condition)
    run = SimpleNamespace(
        state=TicketState.FAILED,
        hands=set(),
        failed_steps={"execute_freeze": "Execute Freeze"},
        ending=None,
        note=lambda *_, **__: None,
    )
    return Commands(run, SimpleNamespace(), Journal())  # type: ignore[arg-type]  # only what a choice touches


async def test_a_choice_that_comes_while_the_failure_is_recorded_counts(commands: Commands) -> None:
    assert commands._carry_out("skip_step", Command(reason="known"), OPERATOR) is None
    assert await commands.operator_choice("execute_freeze") == "skip"


async def test_a_choice_counts_once(commands: Commands) -> None:
    assert commands._carry_out("retry_step", Command(reason="again"), OPERATOR) is None
    assert commands._carry_out("skip_step", Command(reason="no, skip"), OPERATOR) is not None
    assert await commands.operator_choice("execute_freeze") == "retry"
    with pytest.raises(AssertionError, match="wait for ever"):
        await commands.operator_choice("execute_freeze")


async def test_where_several_steps_failed_the_choice_names_one(commands: Commands) -> None:
    commands._run.failed_steps["notify_customer"] = "Notify Customer"
    refused = commands._carry_out("retry_step", Command(reason="again"), OPERATOR)
    assert refused == "several steps have failed, name one: execute_freeze, notify_customer"
    unknown = commands._carry_out("retry_step", Command(reason="again", step="notify"), OPERATOR)
    assert unknown == "notify has not failed; these have: execute_freeze, notify_customer"
    assert commands._carry_out("skip_step", Command(reason="x", step="notify_customer"), OPERATOR) is None
    assert await commands.operator_choice("notify_customer") == "skip"
