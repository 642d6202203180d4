import re
from datetime import UTC, datetime
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.steps import StepInput, effect_digest
from domain.task import OpsTask, Priority, RiskLevel, task_id_for

NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True)
IDS = st.text(min_size=1, max_size=60)


def ticket(**changes: Any) -> OpsTask:
    base: dict[str, Any] = {"task_id": "T1", "title": "Freeze", "source": "api", "external_id": "1"}
    return OpsTask.model_validate({**base, **changes})


@given(NAMES, IDS)
def test_the_same_item_always_becomes_the_same_ticket(source: str, external_id: str) -> None:
    task_id = task_id_for(source, external_id)
    assert task_id == task_id_for(source, external_id)
    assert re.fullmatch(r"T[A-Z2-7]{15}", task_id)
    assert ticket(task_id=task_id).task_id == task_id


@given(st.lists(st.tuples(NAMES, IDS), unique=True, max_size=20))
def test_different_items_become_different_tickets(items: list[tuple[str, str]]) -> None:
    assert len({task_id_for(*item) for item in items}) == len(items)


def test_source_and_id_do_not_run_into_each_other() -> None:
    assert task_id_for("ab", "c") != task_id_for("a", "bc")


def test_nothing_of_the_external_id_shows_in_the_ticket_id() -> None:
    assert "6222020200001234" not in task_id_for("mailbox", "6222020200001234")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"task_id": "a/b"}, "task_id"),
        ({"task_id": ""}, "task_id"),
        ({"title": ""}, "title"),
        ({"title": "   "}, "title"),
        ({"title": "x" * 301}, "title"),
        ({"description": "x" * 50_001}, "description"),
        ({"source": "My Source"}, "source"),
        ({"external_id": ""}, "external_id"),
        ({"category": "Accounts"}, "category"),
        ({"risk_level": "severe"}, "risk_level"),
        ({"priority": "P5"}, "priority"),
        ({"sla_hours": 0}, "sla_hours"),
        ({"created_at": "2026-11-23T19:55:00"}, "created_at"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as raised:
        ticket(**change)
    assert [error["loc"][0] for error in raised.value.errors()] == [field]


def test_a_ticket_is_the_same_after_a_journey_through_json() -> None:
    task = ticket(created_at="2026-11-23T19:55:00+08:00", fields={"amount": "86000.00"}, keywords=["a"])
    assert OpsTask.model_validate_json(task.model_dump_json()) == task
    assert task.created_at == datetime(2026, 11, 23, 11, 55, tzinfo=UTC)


def test_dispatch_reads_title_and_description() -> None:
    assert ticket(title="Freeze", description="account").text == "Freeze account"


@pytest.mark.parametrize(("one", "two"), list(product(RiskLevel, RiskLevel)))
def test_of_two_risks_the_higher_holds(one: RiskLevel, two: RiskLevel) -> None:
    assert one.at_least(two).rank == max(one.rank, two.rank)
    assert one.at_least(two) == two.at_least(one)


def test_ranks_follow_the_articles_order() -> None:
    assert [level.rank for level in (RiskLevel.LOW, RiskLevel.MEDIUM, RiskLevel.HIGH)] == [0, 1, 2]
    assert [each.rank for each in Priority] == [1, 2, 3, 4]


def step(**changes: Any) -> StepInput:
    base: dict[str, Any] = {
        "task": ticket(),
        "step_id": "execute_freeze",
        "step_name": "Execute Freeze",
        "handler": "core_system_freeze",
        "risk": "low",
        "now": datetime(2026, 11, 24, tzinfo=UTC),
    }
    return StepInput.model_validate({**base, **changes})


def test_the_idempotency_key_is_that_of_ticket_step_and_deliberate_try() -> None:
    assert step().idempotency_key == "T1/execute_freeze/1"
    assert step(occurrence=2).idempotency_key != step().idempotency_key
    assert step(now=datetime(2026, 11, 25, tzinfo=UTC)).idempotency_key == step().idempotency_key


def test_an_effect_is_the_same_whatever_text_surrounds_it() -> None:
    task = ticket(account_ref="A1", fields={"amount": "1.00", "currency": "CNY"})
    reworded = task.model_copy(update={"description": "please", "risk_level": RiskLevel.HIGH})
    reordered = task.model_copy(update={"fields": {"currency": "CNY", "amount": "1.00"}})
    assert (
        effect_digest("freeze", task)
        == effect_digest("freeze", reworded)
        == effect_digest("freeze", reordered)
    )


@pytest.mark.parametrize(
    "change",
    [{"account_ref": "A2"}, {"customer_ref": "C2"}, {"task_id": "T2"}, {"fields": {"amount": "2.00"}}],
)
def test_another_account_amount_or_ticket_is_another_effect(change: dict[str, Any]) -> None:
    task = ticket(account_ref="A1", fields={"amount": "1.00"})
    assert effect_digest("freeze", task) != effect_digest("freeze", task.model_copy(update=change))
    assert effect_digest("freeze", task) != effect_digest("unfreeze", task)


def test_an_effect_is_the_same_before_and_after_a_journey_through_json() -> None:
    task = ticket(fields={"amount": Decimal("86000.00"), "at": datetime(2026, 11, 24, tzinfo=UTC)})
    again = OpsTask.model_validate_json(task.model_dump_json())
    assert effect_digest("freeze", task) == effect_digest("freeze", again)
