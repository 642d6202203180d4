"""Risk criteria: what makes a ticket low, medium or high, each with the reason that it gives."""

from pydantic import Field

from domain.model import Model, Record
from domain.task import Identifier, RiskLevel


class RiskCriterion(Model):
    """One criterion. `when` is a CEL expression over `task`, `fields` and `amount_fen`."""

    id: Identifier
    category: Identifier | None = None
    """None: every category."""
    action: Identifier | None = None
    when: str = Field(min_length=1, max_length=1000)
    level: RiskLevel
    reason: str = Field(min_length=1, max_length=300)


class RiskPolicy(Model):
    """All criteria of a bank. The highest level that applies holds."""

    base: dict[Identifier, RiskLevel] = {}
    """Level per category where no criterion applies; `low` where the category is not named."""
    criteria: tuple[RiskCriterion, ...] = ()


class RiskAssessment(Record):
    """The level and why."""

    level: RiskLevel
    reasons: tuple[str, ...]
