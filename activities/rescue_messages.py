"""What a ticket asks when it reaches critical."""

from domain.model import Instant, Record
from domain.rescue import RescueFacts
from domain.task import RiskLevel


class RescueOrder(Record):
    """A late ticket, as it stands."""

    task_id: str
    key: str
    """The threshold that it reached: one rescue for each, however often it is asked."""
    seq: int
    """Number of the ticket's last event. What it records after that shows what came of the rescue."""
    now: Instant
    """Bank time."""
    group: str
    had: tuple[str, ...] = ()
    """Groups that had it before."""
    category: str = ""
    action: str = ""
    risk: RiskLevel
    waits_for_person: bool = False
    worked_by: str = ""
    """Who claimed it; empty where nobody did by the ticket's own account."""
    worked_since: Instant | None = None

    def facts(self) -> RescueFacts:
        """What the ticket itself knows."""
        return RescueFacts(
            now=self.now,
            group=self.group,
            had=frozenset((*self.had, self.group)),
            category=self.category,
            action=self.action,
            risk=self.risk,
            waits_for_person=self.waits_for_person,
        )
