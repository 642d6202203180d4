"""Run it from opsloop's checkout: .venv/bin/python -m pytest docs/samples/bank_handlers"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from bank_handlers import BranchActivities, LimitActivities
from domain.steps import StepInput, StepOutput
from domain.task import OpsTask, RiskLevel


def run(method: Any, fields: dict[str, Any] | None = None, **inputs: Any) -> StepOutput:
    step = StepInput(
        task=OpsTask(task_id="T1", title="A ticket", source="api", external_id="1", fields=fields or {}),
        step_id="a_step",
        step_name="A Step",
        handler=method.__name__,
        risk=RiskLevel.LOW,
        now=datetime(2026, 11, 24, 1, 30, tzinfo=UTC),
        inputs=inputs,
    )
    output: StepOutput = ActivityEnvironment().run(method, step)
    return output


@pytest.mark.parametrize(("amount", "outcome"), [("50000", "within"), ("50000.01", "above")])
def test_an_amount_of_the_ticket_is_compared_with_the_limit(amount: str, outcome: str) -> None:
    output = run(LimitActivities().day_limit_checker, {"amount": amount})
    assert output.outcome == outcome
    assert output.data["limit"] == "50000"


def test_what_the_sop_gives_stands_before_the_ticket() -> None:
    output = run(LimitActivities().day_limit_checker, {"amount": "1"}, amount="60000", segment="corporate")
    assert output.data["headroom"] == "4940000"


def test_a_repeated_step_lays_one_slip(tmp_path: Path) -> None:
    branch = BranchActivities(tmp_path)
    slips = {run(branch.instruct_branch, branch="0123", text="Call back").data["slip"] for _ in range(3)}
    assert [path.name for path in tmp_path.glob("*.json")] == sorted(slips)
    assert json.loads((tmp_path / slips.pop()).read_text("utf-8"))["instruction"] == "Call back"


def test_a_branch_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ApplicationError) as refused:
        run(BranchActivities(tmp_path).instruct_branch, branch="head office", text="Call back")
    assert refused.value.type == "input_invalid"
    assert not list(tmp_path.iterdir())
