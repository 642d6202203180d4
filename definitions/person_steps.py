"""What an SOP says of a step that a person does: whom to ask, by when, and what silence means."""

from typing import Annotated, Literal

from pydantic import Field

from domain.duration import Duration
from domain.fields import FormField
from domain.model import Model
from domain.task import Identifier

Form = Annotated[dict[Identifier, FormField], Field(max_length=50)]


class PersonStep(Model):
    """Common to steps that a person does."""

    group: str = Field(default="", max_length=100, description="who; empty means the ticket's own group")
    role: Literal["reviewer", "operator", "oncall"] = Field(
        default="reviewer", description="which role of theirs it takes"
    )
    deadline: Duration | None = Field(default=None, description="how long they have, in SLA time")
    on_late: Literal["wait", "escalate", "go_on", "reject"] = Field(
        default="wait",
        description="at the deadline: tell again and wait on; ask whoever is on call; go on with the outcome "
        "`late`, approving nothing; or count as a no",
    )
    form: Form = Field(default_factory=dict, description="fields to fill in; later steps can use them")


class ReviewSpec(PersonStep):
    """A decision: approve goes on; reject ends the ticket as REJECTED, or takes the route `on_reject`."""

    question: str = Field(min_length=1, max_length=500, description="what they decide")
    quorum: int = Field(
        default=1, ge=1, le=5, strict=True, description="how many different people must approve"
    )
    four_eyes: bool = Field(
        default=True, strict=True, description="whoever made or worked on the ticket cannot decide"
    )


class ManualSpec(PersonStep):
    """Work by hand: confirmed goes on; not possible ends the ticket as REJECTED, or takes `on_reject`."""

    instructions: str = Field(min_length=1, max_length=2000, description="what they do")
