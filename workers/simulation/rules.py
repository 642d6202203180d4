"""The definitions of a simulated bank: real, with a way in for SOPs that no dispatch leads to."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

from definitions.book import Rulebook
from definitions.schema import Sop, Step, Trigger
from domain.dispatch.answer import DispatchAnswer
from domain.task import OpsTask
from workers.rulebook import FixedRulebook

CALLER: Final = "simulation"
"""The category of the SOPs that only call another one."""


def with_callers(rulebook: Rulebook, sops: Iterable[Sop]) -> Rulebook:
    """The rulebook, with an SOP for each of these that calls it with the ticket's fields as inputs."""
    return replace(rulebook, sops=(*rulebook.sops, *(_caller_of(sop) for sop in sops)))


def _caller_of(sop: Sop) -> Sop:
    inputs = {name: f"${{ fields.{name} }}" for name in sop.inputs}
    step: dict[str, Any] = {"name": sop.name, "id": sop.id, "call": sop.id, "with": inputs}
    return Sop(
        name=f"Simulated call of {sop.name}"[:100],
        id=f"simulated_{sop.id}"[:64],
        trigger=Trigger(category=CALLER, action=sop.id),
        steps=(Step.model_validate(step),),
        sla=sop.sla,
        escalation=sop.escalation,
    )


class SimulatedRulebook(FixedRulebook):
    """The rulebook of a simulation. A ticket without a text of its own goes straight to its SOP."""

    def __init__(self, rulebook: Rulebook) -> None:
        super().__init__(rulebook)
        self._direct: dict[str, Trigger] = {}

    def send(self, task_id: str, trigger: Trigger) -> None:
        """Leaves dispatch out for this ticket."""
        self._direct[task_id] = trigger

    def dispatch(self, task: OpsTask) -> DispatchAnswer:
        """As the tables say; for a ticket that is sent directly, as a rule of that kind would."""
        answer = super().dispatch(task)
        trigger = self._direct.get(task.task_id)
        if trigger is None:
            return answer
        action = task.action or trigger.action or answer.action
        rules = self.current().dispatch.rules
        rule = next(
            (each for each in rules if (each.category, each.action) == (trigger.category, action)), None
        )
        known = rule.model_dump(include={"group", "priority", "risk", "sla_hours"}) if rule else {}
        reason = "dispatch is left out: the simulated ticket has no text of its own"
        return answer.model_copy(
            update={
                "category": trigger.category,
                "action": action,
                "evidence": answer.evidence.model_copy(update={"reason": reason}),
                **known,
            }
        )
