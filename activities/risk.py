"""Evaluates a bank's risk criteria (CEL) over a ticket.

An expression that cannot be evaluated is a reason for caution, never one to wave a ticket through.
"""

from typing import Any

from definitions.expressions import holds
from domain.errors import ExpressionFailed, InvalidInput
from domain.money import parse_amount, to_fen
from domain.risk import RiskAssessment, RiskPolicy
from domain.task import OpsTask, RiskLevel


def assess_risk(policy: RiskPolicy, task: OpsTask) -> RiskAssessment:
    """The highest level among the criteria that apply; the category's base level where none does.

    A criterion that cannot be evaluated, or an amount that is no amount, makes it medium at least.
    Reasons name fields and criteria, never their values.
    """
    found: list[tuple[RiskLevel, str]] = []
    doubts: list[str] = []
    facts = _facts(task, doubts)
    for criterion in policy.criteria:
        if criterion.category not in (None, task.category) or criterion.action not in (None, task.action):
            continue
        try:
            if holds(criterion.when, facts):
                found.append((criterion.level, criterion.reason))
        except ExpressionFailed as error:
            doubts.append(f"cannot judge {criterion.id}: {error}")
    found.sort(key=lambda each: -each[0].rank)
    base = policy.base.get(task.category or "", RiskLevel.LOW)
    level = found[0][0] if found else base
    if doubts:
        level = level.at_least(RiskLevel.MEDIUM)
    reasons = [reason for _, reason in found] or [f"no criterion applies: {base} is the base of its category"]
    return RiskAssessment(level=level, reasons=(*doubts, *reasons))


def _facts(task: OpsTask, doubts: list[str]) -> dict[str, Any]:
    """What expressions can name: `task`, `fields`, `amount_fen` (0 where there is no amount)."""
    plain = task.model_dump(mode="json")
    amount_fen = 0
    if task.fields.get("amount") not in (None, ""):
        try:
            amount_fen = to_fen(parse_amount(task.fields["amount"]))
        except InvalidInput as error:
            doubts.append(f"cannot judge the amount: {error}")
    return {"task": plain, "fields": plain["fields"], "amount_fen": amount_fen}
