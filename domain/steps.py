"""What goes into a handler and what comes out. Every handler has this one shape."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from domain.digest import digest_of
from domain.model import Instant, Record
from domain.task import OpsTask, RiskLevel


class StepInput(Record):
    """One call of a handler."""

    task: OpsTask
    step_id: str
    step_name: str
    handler: str
    occurrence: int = 1
    """Counts deliberate new tries by an operator; automatic retries share an occurrence."""
    risk: RiskLevel
    now: Instant
    """Bank time at which the step began."""
    sop: str = ""
    inputs: dict[str, Any] = Field(default_factory=dict)
    """What the SOP gives this handler by `with`, its expressions evaluated."""
    results: dict[str, "StepOutput"] = Field(default_factory=dict)
    """Results of the steps before, by step id, for handlers that read them."""

    has_fallback: bool = False
    """Whether something else can stand in, so that a degraded handler need not be tried."""

    @property
    def idempotency_key(self) -> str:
        """Ticket + step + occurrence: the same for every retry, also after reset and continue-as-new."""
        return f"{self.task.task_id}/{self.step_id}/{self.occurrence}"

    @property
    def facts(self) -> dict[str, Any]:
        """The ticket's fields, with the step's own inputs before them."""
        return {**self.task.fields, **self.inputs}


class StepOutput(Record):
    """What a handler answers."""

    outcome: str = "done"
    summary: str = ""
    """One line for the timeline. No personal data."""
    data: dict[str, Any] = Field(default_factory=dict)
    """Small facts for later steps; documents and tables go to the store, by reference."""


def effect_digest(handler: str, task: OpsTask, inputs: Mapping[str, Any] | None = None) -> str:
    """Identifies what an effect would do, so that an approval can be bound to it.

    Two calls with this digest in common do the same to the same account with the same facts.
    """
    return digest_of(
        {
            "handler": handler,
            "task_id": task.task_id,
            "account_ref": task.account_ref,
            "customer_ref": task.customer_ref,
            "fields": task.model_dump(mode="json", include={"fields"})["fields"],
            **({"inputs": dict(inputs)} if inputs else {}),
        }
    )
