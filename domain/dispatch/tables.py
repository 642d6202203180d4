"""What dispatch is configured with: rules, keyword groups, escalation groups.

Article, "Intelligent Ticket Dispatch: Three-Layer Strategy".
"""

from typing import Literal

from pydantic import Field

from domain.model import Model
from domain.task import Identifier, Priority, RiskLevel


class DispatchRule(Model):
    """One rule of layer 1. Rules are tried in their order; the first match wins."""

    name: str = Field(min_length=1, max_length=100)
    pattern: str = Field(min_length=1, max_length=2000, description="RE2 syntax, case does not matter")
    category: Identifier
    action: Identifier = "handle"
    group: str = Field(min_length=1, max_length=100)
    priority: Priority
    risk: RiskLevel
    sla_hours: float = Field(gt=0, le=24 * 366)


class KeywordGroup(Model):
    """One group of layer 2: words and what they weigh, and what a hit implies."""

    group: str = Field(min_length=1, max_length=100)
    category: Identifier | None = None
    action: Identifier | None = None
    least_risk: RiskLevel | None = None
    priority: Priority | None = None
    sla_hours: float | None = Field(default=None, gt=0, le=24 * 366)
    words: dict[str, float] = Field(min_length=1)


class KeywordTable(Model):
    """Layer 2."""

    threshold: float = Field(default=4.0, gt=0)
    match: Literal["substring", "word"] = "word"
    """`substring` finds a word anywhere (the article); `word` only where a word begins, so that
    `close` is not found in `disclose`. Chinese has no spaces and always matches anywhere."""
    groups: tuple[KeywordGroup, ...] = ()


class EscalationTable(Model):
    """Layer 3: who takes what nobody knows, by risk."""

    groups: dict[RiskLevel, str]
    category: Identifier | None = None
    action: Identifier | None = None
    least_risk: RiskLevel | None = None
    priority: Priority = Priority.P3


class DispatchTables(Model):
    """All three layers."""

    rules: tuple[DispatchRule, ...] = ()
    keywords: KeywordTable = KeywordTable()
    escalation: EscalationTable
