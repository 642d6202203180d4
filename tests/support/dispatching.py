"""Dispatch tables as the shipped files give them, and tickets that are only text."""

from pathlib import Path
from typing import Any

from definitions.policy_files import Policies, read_policies
from domain.dispatch.tables import DispatchRule, DispatchTables, EscalationTable, KeywordTable
from domain.task import OpsTask, Priority, RiskLevel

DEFINITIONS = Path(__file__).resolve().parents[2] / "definitions"
IN_USE = DEFINITIONS / "policies"
SEED = DEFINITIONS / "seed" / "policies"


def policies_in(folder: Path) -> Policies:
    """All policy files of a folder; a finding fails the test."""
    policies, findings = read_policies(folder)
    assert not findings, "\n".join(map(str, findings))
    return policies


def tables_in(folder: Path) -> DispatchTables:
    """The three layers of a folder."""
    policies = policies_in(folder)
    assert policies.rules and policies.keywords and policies.escalation
    return DispatchTables(
        rules=policies.rules.rules, keywords=policies.keywords, escalation=policies.escalation
    )


def tables(*rules: DispatchRule, keywords: KeywordTable | None = None, **escalation: Any) -> DispatchTables:
    """Small tables from code. Unknown tickets of any risk go to `Desk`."""
    groups = dict.fromkeys(RiskLevel, "Desk")
    return DispatchTables(
        rules=rules,
        keywords=keywords or KeywordTable(),
        escalation=EscalationTable(**({"groups": groups} | escalation)),
    )


def rule(name: str, pattern: str, **changes: Any) -> DispatchRule:
    """A rule whose group is its name."""
    values: dict[str, Any] = {
        "category": "accounts",
        "action": "freeze",
        "group": name,
        "priority": Priority.P1,
        "risk": RiskLevel.MEDIUM,
        "sla_hours": 1,
    }
    return DispatchRule(name=name, pattern=pattern, **(values | changes))


def ticket(text: str, **changes: Any) -> OpsTask:
    """A ticket of this text: its title up to the first line end, the rest its description."""
    title, _, description = text.partition("\n")
    values: dict[str, Any] = {"task_id": "T1", "source": "test", "external_id": "1"}
    return OpsTask(title=title or "-", description=description, **(values | changes))
