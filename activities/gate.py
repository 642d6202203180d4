"""The duty gate: may an effect of this risk run by itself at this hour?"""

from activities.catalogue import task
from activities.messages import GateQuestion
from activities.ports import RulebookSource
from domain.duty import GateVerdict, gate


class GateActivities:
    """Duty × risk by the duty policy in force now, not by that of the ticket's start."""

    def __init__(self, rulebook: RulebookSource) -> None:
        self._rulebook = rulebook

    @task
    def decide_gate(self, question: GateQuestion) -> GateVerdict:
        """Decides one effect at this instant of bank time."""
        duty = self._rulebook.current().duty
        return gate(duty, question.risk, question.now, self._rulebook.is_working_day)
