"""The SOP language: the models that every `sops/*.yaml` is read into.

Every field here has an effect at run time. A field without one does not belong in the schema.
"""

import re
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, field_validator, model_validator

from domain.duration import Duration
from domain.model import Model
from domain.sla import Escalation
from domain.task import Identifier


def step_id_of(name: str) -> str:
    """A step's id where none is given: its name in snake case (`Execute Freeze` → `execute_freeze`)."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


class Trigger(Model):
    """Which dispatched tickets this SOP serves."""

    category: Identifier
    action: Identifier | None = None
    """None: every action of the category that no other SOP names."""


class PersonStep(Model):
    """Common to steps that a person does."""

    group: str = Field(default="", max_length=100, description="who; empty means the ticket's own group")
    role: Literal["reviewer", "operator", "oncall"] = "reviewer"
    deadline: Duration | None = Field(default=None, description="how long they have, in SLA time")
    on_late: Literal["wait", "reject"] = Field(
        default="wait", description="at the deadline: tell again and wait on, or end as rejected"
    )


class ReviewSpec(PersonStep):
    """A decision: approve goes on, reject ends the ticket as REJECTED."""

    question: str = Field(min_length=1, max_length=500)


class ManualSpec(PersonStep):
    """Work by hand: confirmed goes on, not possible ends the ticket as REJECTED."""

    instructions: str = Field(min_length=1, max_length=2000)


class Step(Model):
    """One step: exactly one of `handler`, `review` and `manual`."""

    model_config = ConfigDict(serialize_by_alias=True)

    name: str = Field(min_length=1, max_length=100)
    id: Identifier = ""
    handler: Identifier | None = None
    review: ReviewSpec | None = None
    manual: ManualSpec | None = None
    timeout: Duration | None = Field(default=None, description="of one attempt; real time")
    retry: int | None = Field(
        default=None, ge=0, le=100, strict=True, description="attempts beyond the first"
    )
    branch: dict[Identifier, Annotated[tuple[Identifier, ...], Field(max_length=50)]] | None = Field(
        default=None, max_length=50, description="outcome → ids of later steps, or handlers"
    )
    fallback: Identifier | None = Field(default=None, description="handler for when all attempts failed")
    is_async: bool = Field(default=False, alias="async", strict=True, description="does not hold the run")

    @model_validator(mode="before")
    @classmethod
    def _id_from_name(cls, data: object) -> object:
        if isinstance(data, dict) and "id" not in data and isinstance(data.get("name"), str):
            return {**data, "id": step_id_of(data["name"])}
        return data

    @model_validator(mode="after")
    def _exactly_one_kind(self) -> Self:
        kinds = [name for name in ("handler", "review", "manual") if getattr(self, name) is not None]
        if len(kinds) != 1:
            raise ValueError(
                "a step has exactly one of handler, review and manual; this one has "
                + (" and ".join(kinds) or "none")
            )
        if self.handler is None:
            for field in ("timeout", "retry", "fallback"):
                if getattr(self, field) is not None:
                    raise ValueError(f"{field} belongs to steps with a handler")
            if self.is_async:
                raise ValueError("async belongs to steps with a handler")
        if self.is_async and self.branch:
            raise ValueError("an async step does not hold the run, so it cannot branch it")
        return self


class Sop(Model):
    """A standard operating procedure."""

    name: str = Field(min_length=1, max_length=100)
    description: str = Field(default="", max_length=5000)
    version: str = Field(default="", max_length=50)
    trigger: Trigger
    steps: tuple[Step, ...] = Field(min_length=1, max_length=1000)
    sla: Duration | None = None
    escalation: Escalation | None = None

    @field_validator("version", mode="before")
    @classmethod
    def _version_is_text(cls, value: object) -> object:
        return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value

    def step(self, step_id: str) -> Step | None:
        """The step with this id."""
        return next((step for step in self.steps if step.id == step_id), None)
