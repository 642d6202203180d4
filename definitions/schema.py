"""The SOP language: the models that every `sops/*.yaml` is read into.

Every field here has an effect at run time. A field without one does not belong in the schema.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from definitions.person_steps import ManualSpec, ReviewSpec
from domain.duration import Duration
from domain.fields import FieldType
from domain.legal import LegalClock
from domain.model import Model
from domain.sla import Escalation
from domain.task import Identifier

Expression = Annotated[str, Field(min_length=1, max_length=2000)]
"""CEL over task, fields, steps, sop, inputs, risk and now."""

Targets = Annotated[tuple[Identifier, ...], Field(max_length=50)]
"""Ids of later steps of the same sequence, handlers, or one of the words of `ENDINGS`."""

REJECT: Final = "reject"
"""As a target: the ticket ends as REJECTED."""
FINISH: Final = "finish"
"""As a target: the SOP is done; the steps behind are not run."""
ENDINGS: Final = (REJECT, FINISH)
ANY_ERROR: Final = "any"
"""As a key of `on_error`: every error that has no route of its own."""
NOT_NEEDED: Final = "not_needed"
"""The outcome of a step whose `when` is false."""
LATE: Final = "late"
"""The outcome of a person's step or an event that did not come in time, where the run goes on."""

KINDS: Final = ("handler", "review", "manual", "wait", "call", "parallel", "foreach", "repeat")
_FOR_HANDLERS: Final = ("timeout", "retry", "fallback", "compensate")


def step_id_of(name: str) -> str:
    """The id of a step or an SOP where none is given: its name in snake case."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


class Trigger(Model):
    """Which dispatched tickets this SOP serves."""

    category: Identifier = Field(description="the category that dispatch found, such as `accounts`")
    action: Identifier | None = Field(
        default=None, description="without it: every action of the category that no other SOP names"
    )


class Wait(Model):
    """Waits for a while, until an instant, or for an event from outside: exactly one of the three."""

    duration: Duration | None = Field(default=None, description="bank time, counted from the step's begin")
    until: Expression | None = Field(default=None, description="CEL giving an instant")
    event: Identifier | None = Field(
        default=None, description="the name of an event that is sent to the ticket"
    )
    deadline: Duration | None = Field(default=None, description="of an event, in SLA time")
    on_late: Literal["fail", "go_on", "reject"] | None = Field(
        default=None,
        description="no event in time: an error (as it is when left out), the outcome `late`, or the end",
    )
    control: bool = Field(
        default=False,
        strict=True,
        description="of a duration: a cooling-off period that also a ticket on the fast track waits out",
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = [name for name in ("duration", "until", "event") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                "a wait has exactly one of duration, until and event; this one has "
                + (" and ".join(given) or "none")
            )
        if self.event is None and (self.deadline is not None or self.on_late is not None):
            raise ValueError("deadline and on_late belong to a wait for an event")
        if self.control and self.duration is None:
            raise ValueError("control belongs to a wait for a duration; no other one is ever cut short")
        return self

    @model_serializer(mode="wrap")
    def _as_before_where_it_is_no_control(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A wait that is no control has the digest that it had before there were any."""
        written: dict[str, Any] = dump(self)
        return {name: value for name, value in written.items() if name != "control" or value}


class Compensation(Model):
    """How a step is undone when the SOP ends badly after it, or why it cannot be."""

    model_config = ConfigDict(serialize_by_alias=True)

    handler: Identifier | None = Field(default=None, description="the handler that undoes it")
    inputs: dict[Identifier, Any] = Field(
        default_factory=dict,
        alias="with",
        max_length=50,
        description="its inputs; without them it is given those of the step",
    )
    none: str | None = Field(default=None, max_length=500, description="why this cannot be undone")

    @model_validator(mode="before")
    @classmethod
    def _handler_alone(cls, data: object) -> object:
        return {"handler": data} if isinstance(data, str) else data

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.handler is None) == (self.none is None):
            raise ValueError("a compensation is a handler, or `none` with the reason")
        return self


class Step(Model):
    """One step: exactly one of the `KINDS`."""

    model_config = ConfigDict(serialize_by_alias=True)

    name: str = Field(min_length=1, max_length=100, description="what people see")
    id: Identifier = Field(
        default="", description="how routes and expressions name it; without it the name in snake case"
    )
    when: Expression | None = Field(default=None, description="CEL; false leaves the step out")
    handler: Identifier | None = Field(
        default=None, description="the work: a handler of the catalogue (`opsloop handlers`) or a human task"
    )
    review: ReviewSpec | None = Field(default=None, description="a decision that a person makes")
    manual: ManualSpec | None = Field(default=None, description="work that a person does by hand")
    wait: Wait | None = Field(
        default=None, description="waits for a while, until an instant, or for an event"
    )
    call: Identifier | None = Field(default=None, description="the id of another SOP, run as this step")
    parallel: "Annotated[dict[Identifier, Steps], Field(min_length=2, max_length=20)] | None" = Field(
        default=None, description="sequences that run at the same time, by name"
    )
    foreach: "Foreach | None" = Field(default=None, description="steps that run once for each item of a list")
    repeat: "Repeat | None" = Field(default=None, description="steps that run until a condition holds")
    inputs: dict[Identifier, Any] = Field(
        default_factory=dict, alias="with", max_length=50, description="inputs of a handler or a called SOP"
    )
    timeout: Duration | None = Field(default=None, description="of one attempt; real time")
    retry: int | None = Field(
        default=None, ge=0, le=100, strict=True, description="attempts beyond the first"
    )
    fallback: Identifier | None = Field(default=None, description="handler for when all attempts failed")
    is_async: bool = Field(default=False, alias="async", strict=True, description="does not hold the run")
    optional: bool = Field(
        default=False, strict=True, description="left out when the ticket is on the fast track"
    )
    branch: Annotated[dict[Identifier, Targets], Field(max_length=50)] | None = Field(
        default=None, description="outcome → ids of later steps, or handlers"
    )
    on_error: Annotated[dict[Identifier, Targets], Field(max_length=50)] | None = Field(
        default=None, description="error code, or `any` → where to go instead of failing"
    )
    on_reject: Targets | None = Field(
        default=None, description="where a no leads, instead of ending the ticket"
    )
    compensate: Compensation | None = Field(
        default=None,
        description="how it is undone when the SOP ends badly, or `none` with the reason why not",
    )

    @model_validator(mode="before")
    @classmethod
    def _id_from_name(cls, data: object) -> object:
        if isinstance(data, dict) and "id" not in data and isinstance(data.get("name"), str):
            return {**data, "id": step_id_of(data["name"])}
        return data

    @model_validator(mode="after")
    def _exactly_one_kind(self) -> Self:
        kinds = [name for name in KINDS if getattr(self, name) is not None]
        if len(kinds) != 1:
            raise ValueError(
                f"a step has exactly one of {', '.join(KINDS[:-1])} and {KINDS[-1]}; this one has "
                + (" and ".join(kinds) or "none")
            )
        return self

    @model_validator(mode="after")
    def _fields_fit_the_kind(self) -> Self:
        if self.handler is None:
            for field in _FOR_HANDLERS:
                if getattr(self, field) is not None:
                    raise ValueError(f"{field} belongs to steps with a handler")
            if self.is_async:
                raise ValueError("async belongs to steps with a handler")
            if self.optional:
                raise ValueError("optional belongs to steps with a handler")
            if self.inputs and self.call is None:
                raise ValueError("with belongs to steps with a handler or a call")
        if self.is_async and (self.branch or self.on_error):
            raise ValueError("an async step does not hold the run, so it cannot branch it")
        if self.optional and self.branch:
            raise ValueError("an optional step may be left out, so it cannot branch the run")
        if self.on_error and self.fallback:
            raise ValueError("fallback and on_error both say what follows a failure; keep one of them")
        if self.on_error and (self.review or self.manual):
            raise ValueError("on_error belongs to steps that can fail; a person's no is on_reject")
        if self.branch and (self.parallel or self.foreach):
            raise ValueError("a parallel or foreach step has one outcome, so it cannot branch")
        return self

    @model_serializer(mode="wrap")
    def _without_what_is_not_said(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Histories keep each ticket's SOP: what the author left out is left out there too."""
        written: dict[str, Any] = dump(self)
        return {
            name: value
            for name, value in written.items()
            if value is not None and value is not False and value != {}
        }

    @property
    def kind(self) -> str:
        """Which of the `KINDS` it is."""
        return next(name for name in KINDS if getattr(self, name) is not None)

    def sequences(self) -> Iterator[tuple[tuple[str, ...], "tuple[Step, ...]"]]:
        """The sequences of steps inside, each with its place below this step."""
        for name, steps in (self.parallel or {}).items():
            yield ("parallel", name), steps
        if self.foreach is not None:
            yield ("foreach", "steps"), self.foreach.steps
        if self.repeat is not None:
            yield ("repeat", "steps"), self.repeat.steps


Steps = Annotated[tuple[Step, ...], Field(min_length=1, max_length=1000)]


class Foreach(Model):
    """Runs steps once for each item of a list."""

    model_config = ConfigDict(serialize_by_alias=True)

    items: Expression = Field(description="CEL giving a list of at most 500 items")
    item: Identifier = Field(default="item", alias="as", description="what the steps call one of them")
    limit: int = Field(default=1, ge=1, le=50, strict=True, description="how many at the same time")
    steps: Steps = Field(description="what is done for each item")


class Repeat(Model):
    """Runs steps again until a condition holds."""

    until: Expression = Field(description="CEL, asked after each round")
    limit: int = Field(
        ge=1, le=1000, strict=True, description="most rounds; when they are used up, it is an error"
    )
    every: Duration | None = Field(default=None, description="pause between two rounds, bank time")
    steps: Steps = Field(description="what is done in each round")


class Sop(Model):
    """A standard operating procedure."""

    name: str = Field(min_length=1, max_length=100, description="what people see")
    id: Identifier = Field(
        default="", description="how other SOPs call it; without it the name in snake case"
    )
    description: str = Field(
        default="", max_length=5000, description="one or two sentences on what the SOP is for"
    )
    version: str = Field(
        default="", max_length=50, description="your name for this edition; without it, part of its digest"
    )
    trigger: Trigger | None = Field(default=None, description="without it only other SOPs call this one")
    inputs: dict[Identifier, FieldType] = Field(
        default_factory=dict, max_length=50, description="what a caller must give"
    )
    steps: Steps = Field(description="what is done, in this order")
    sla: Duration | None = Field(
        default=None, description="how long a ticket may take; the strictest of all that apply holds"
    )
    escalation: Escalation | None = Field(default=None, description="whom to tell at which point of the SLA")
    legal: tuple[LegalClock, ...] = Field(
        default=(), max_length=20, description="deadlines that a law sets; no hold stops them"
    )

    @model_validator(mode="before")
    @classmethod
    def _id_from_name(cls, data: object) -> object:
        if isinstance(data, dict) and "id" not in data and isinstance(data.get("name"), str):
            return {**data, "id": step_id_of(data["name"])}
        return data

    @field_validator("version", mode="before")
    @classmethod
    def _version_is_text(cls, value: object) -> object:
        return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value

    @model_serializer(mode="wrap")
    def _as_before_where_no_law_is_named(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """An SOP without legal deadlines has the digest that it had before there were any."""
        written: dict[str, Any] = dump(self)
        return {name: value for name, value in written.items() if name != "legal" or value}

    def step(self, step_id: str) -> Step | None:
        """The step with this id, wherever it stands."""
        return next((step for _, step in all_steps(self.steps) if step.id == step_id), None)


def routes_of(step: Step) -> dict[tuple[str, ...], Targets]:
    """All the step's routes, by their place below it: `("branch", "high")`, `("on_reject",)`."""
    routes: dict[tuple[str, ...], Targets] = {}
    for field in ("branch", "on_error"):
        for key, targets in (getattr(step, field) or {}).items():
            routes[(field, key)] = targets
    if step.on_reject is not None:
        routes[("on_reject",)] = step.on_reject
    return routes


Place = tuple[str | int, ...]
"""Where something stands in an SOP's file, from its top: `("steps", 2, "foreach", "steps", 0)`."""


def all_steps(steps: Sequence[Step], place: Place = ("steps",)) -> Iterator[tuple[Place, Step]]:
    """Every step at every depth, in the order of the file, with its place in it."""
    for index, step in enumerate(steps):
        here = (*place, index)
        yield here, step
        for below, inner in step.sequences():
            yield from all_steps(inner, (*here, *below))


def all_sequences(steps: Sequence[Step], place: Place = ("steps",)) -> Iterator[tuple[Place, Sequence[Step]]]:
    """Every sequence of steps at every depth, the outer before the inner."""
    yield place, steps
    for index, step in enumerate(steps):
        for below, inner in step.sequences():
            yield from all_sequences(inner, (*place, index, *below))


Step.model_rebuild()
