"""What dispatch answers: where a ticket goes, and the evidence a clerk can check."""

from enum import StrEnum

from domain.model import Record
from domain.task import OpsTask, Priority, RiskLevel


class Layer(StrEnum):
    """Which layer answered."""

    RULES = "rules"
    KEYWORDS = "keywords"
    FALLBACK = "fallback"


class Evidence(Record):
    """Why. Which fields are filled depends on the layer."""

    reason: str
    """One sentence for a person."""
    rule: str = ""
    matched_text: str = ""
    words: dict[str, float] = {}
    """Keywords found, with their weights, of the winning group."""
    scores: dict[str, float] = {}
    """Sum per group, all groups with a hit."""
    runner_up: str = ""


class DispatchAnswer(Record):
    """One answer, whole: no field is left for a later guess."""

    layer: Layer
    group: str
    category: str
    action: str
    priority: Priority
    risk: RiskLevel
    """An estimate. The SOP's risk assessor replaces it."""
    sla_hours: float | None = None
    """From the rule or keyword group; None where the layer says nothing."""
    evidence: Evidence
    tables_digest: str
    """Which tables answered."""

    def applied_to(self, task: OpsTask) -> OpsTask:
        """The task with what dispatch found."""
        return task.model_copy(
            update={
                "assigned_group": self.group,
                "category": self.category,
                "action": self.action,
                "priority": self.priority,
                "risk_level": self.risk,
                "sla_hours": self.sla_hours or task.sla_hours,
                "keywords": tuple(self.evidence.words) or task.keywords,
            }
        )
