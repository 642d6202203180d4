"""Test cases of SOPs: the models of `sops/<name>.test.yaml`. docs/testing-sops.md explains each field."""

from datetime import timedelta
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from domain.duration import Duration
from domain.lifecycle import TicketState
from domain.model import Instant, Model
from domain.task import Identifier, OpsTask, Priority, RiskLevel

KINDS: Final = ("gate", "step", "manual", "route", "closing")
"""Kinds of reviews, which `people` can name in place of a step."""

Key = Annotated[str, Field(min_length=1, max_length=200)]
"""A step's id, its key within the ticket (`book.3.pay`), or the name of a handler."""


def _from_outcome(data: object) -> object:
    return {"outcome": data} if isinstance(data, str) else data


def _as_list(data: object) -> object:
    return data if isinstance(data, list | tuple) else [data]


class Mock(Model):
    """What a handler answers to one attempt, in place of what it would do."""

    outcome: Identifier | None = Field(default=None, description="without one, the first that it declares")
    summary: str = Field(default="", max_length=500)
    data: dict[str, Any] = Field(default_factory=dict, max_length=100)
    error: Identifier | None = Field(default=None, description="the code of the error that it fails with")
    message: str = Field(default="", max_length=500, description="of the error")
    takes: Duration | None = Field(default=None, description="how long the answer takes")

    @model_validator(mode="after")
    def _answers_or_fails(self) -> Self:
        if self.error is not None and (self.outcome is not None or self.data or self.summary):
            raise ValueError("an attempt has an outcome or an error, not both")
        if self.message and self.error is None:
            raise ValueError("message belongs to an error; an outcome has a summary")
        return self


Mocks = Annotated[
    tuple[Annotated[Mock, BeforeValidator(_from_outcome)], ...],
    BeforeValidator(_as_list),
    Field(min_length=1, max_length=200),
]
"""One attempt after the other; the last one repeats."""


class Answer(Model):
    """What somebody answers when asked, or does about a failed step. Without more it is an approval."""

    approve: Literal[True] | None = None
    reject: str | None = Field(default=None, min_length=1, max_length=2000, description="why not")
    operator: Literal["retry", "skip", "cancel"] | None = Field(
        default=None, description="what becomes of a failed step"
    )
    choice: str | None = Field(default=None, max_length=64)
    form: dict[str, Any] = Field(default_factory=dict, max_length=50)
    reason: str = Field(default="", max_length=2000)
    by: str = Field(default="", max_length=64, description="who; without it the first who may")
    after: Duration | None = Field(default=None, description="since the question or the failure")
    refused: Identifier | None = Field(
        default=None, description="the code with which this answer must be refused"
    )

    @model_validator(mode="after")
    def _one_answer(self) -> Self:
        given = [name for name in ("approve", "reject", "operator") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"an answer is one of approve, reject and operator; this has {len(given)}")
        if (self.choice or self.form) and (self.reject or self.operator):
            raise ValueError("choice and form come with an approval")
        return self


Answers = Annotated[tuple[Answer, ...], BeforeValidator(_as_list), Field(min_length=1, max_length=200)]
"""In their order; each is given once."""

_VERBS: Final = ("hold", "resume", "reassign", "cancel")


class CommandCase(Model):
    """An operator's command: the verb with its reason; for `reassign` with the group."""

    hold: str | None = Field(default=None, min_length=1, max_length=2000)
    resume: str | None = Field(default=None, min_length=1, max_length=2000)
    reassign: str | None = Field(default=None, min_length=1, max_length=100, description="the new group")
    cancel: str | None = Field(default=None, min_length=1, max_length=2000)
    reason: str = Field(default="", max_length=2000, description="of a reassign")
    by: str = Field(default="", max_length=64)
    after: Duration | None = Field(default=None, description="since the ticket was received")
    refused: Identifier | None = None

    @model_validator(mode="after")
    def _one_verb(self) -> Self:
        if sum(getattr(self, verb) is not None for verb in _VERBS) != 1:
            raise ValueError(f"a command is exactly one of {', '.join(_VERBS)}")
        return self

    @property
    def verb(self) -> str:
        """Which command it is."""
        return next(verb for verb in _VERBS if getattr(self, verb) is not None)


class EventCase(Model):
    """Something from outside that reaches the ticket."""

    name: Identifier
    data: dict[str, Any] = Field(default_factory=dict, max_length=50)
    event_id: str = Field(default="", max_length=100, description="without one, each has its own")
    by: str = Field(default="", max_length=64)
    after: Duration | None = Field(default=None, description="since the ticket was received")
    refused: Identifier | None = None


class CaseTicket(Model):
    """The ticket, as its source hands it in. What is left out comes from the defaults."""

    title: str | None = Field(
        default=None, min_length=1, max_length=300, description="without one, dispatch is left out"
    )
    description: str | None = Field(default=None, max_length=50_000)
    source: Identifier | None = None
    external_id: str | None = Field(default=None, min_length=1, max_length=200)
    category: Identifier | None = None
    action: Identifier | None = None
    priority: Priority | None = None
    risk_level: RiskLevel | None = None
    created_at: Instant | None = None
    customer_ref: str | None = Field(default=None, max_length=100)
    account_ref: str | None = Field(default=None, max_length=100)
    fields: dict[str, Any] = Field(
        default_factory=dict, max_length=100, description="null takes one of the defaults away"
    )

    def over(self, defaults: "CaseTicket") -> "CaseTicket":
        """This ticket, with the defaults where it says nothing."""
        fields = {
            name: value for name, value in {**defaults.fields, **self.fields}.items() if value is not None
        }
        return CaseTicket.model_validate(
            {**defaults.model_dump(exclude_none=True), **self.model_dump(exclude_none=True), "fields": fields}
        )

    def task(self, task_id: str, **otherwise: Any) -> OpsTask:
        """As the workflow takes it; `otherwise` fills what is left out."""
        return OpsTask.model_validate(
            {
                "source": "simulation",
                "external_id": task_id,
                **otherwise,
                **self.model_dump(exclude_none=True),
                "task_id": task_id,
            }
        )


class Asked(Model):
    """One question to a person, as far as the case cares."""

    step: Key | None = None
    kind: Literal["gate", "step", "manual", "route", "closing"] | None = None
    role: Literal["reviewer", "operator", "oncall"] | None = None
    group: str | None = Field(default=None, max_length=100)


class Expectation(Model):
    """What must be true of the run. What is left out is not looked at."""

    state: TicketState | None = None
    result: str | None = Field(default=None, min_length=1, description="a part of the ticket's result")
    risk: RiskLevel | None = None
    spot_check: bool | None = Field(default=None, strict=True)
    steps: tuple[Key, ...] | None = Field(default=None, description="those that ran, in their order")
    never: tuple[Key, ...] = Field(default=(), alias="not", description="steps and handlers that did not run")
    outcomes: dict[Key, Identifier] = Field(default_factory=dict)
    effects: tuple[Identifier, ...] | None = Field(
        default=None, description="handlers that changed something outside, in their order"
    )
    undone: tuple[Key, ...] | None = Field(default=None, description="steps that were compensated")
    alerts: tuple[Identifier, ...] | None = Field(default=None, description="their levels, in their order")
    asked: tuple[Asked, ...] | None = Field(default=None, description="questions, in their order")
    waiting_for: str | None = Field(default=None, description="of a run that does not end: a part of it")
    within: Duration | None = Field(default=None, description="from receipt to the end, bank time")


class Case(Model):
    """One simulated run and what must come of it."""

    name: str = Field(min_length=1, max_length=200)
    at: Instant | None = Field(default=None, description="when the ticket is received, with its zone")
    maker: str | None = Field(default=None, max_length=64, description="the principal that hands it in")
    ticket: CaseTicket = CaseTicket()
    inputs: dict[Identifier, Any] = Field(default_factory=dict, description="of an SOP without a trigger")
    handlers: dict[Key, Mocks] = Field(default_factory=dict)
    people: dict[Key, Answers] = Field(default_factory=dict)
    everybody: Answer | None = Field(
        default=None, description="what people answer to whom no script is left; without it, nothing"
    )
    events: tuple[EventCase, ...] = Field(default=(), max_length=200)
    commands: tuple[CommandCase, ...] = Field(default=(), max_length=200)
    until: Duration = Field(default=timedelta(days=30), description="how long the run is followed")
    expect: Expectation = Expectation()


class Defaults(Model):
    """What holds for every case that does not say otherwise. Here a script may stay unused."""

    at: Instant | None = None
    maker: str | None = Field(default=None, max_length=64)
    ticket: CaseTicket = CaseTicket()
    handlers: dict[Key, Mocks] = Field(default_factory=dict)
    people: dict[Key, Answers] = Field(default_factory=dict)
    everybody: Answer | None = None


class CaseFile(Model):
    """All cases of one SOP."""

    sop: Identifier | None = Field(default=None, description="the SOP's id; without it, by the file's name")
    defaults: Defaults = Defaults()
    cases: Annotated[tuple[Case, ...], Field(min_length=1, max_length=500)]

    def complete(self, case: Case) -> Case:
        """The case with the defaults where it says nothing."""
        defaults = self.defaults
        return case.model_copy(
            update={
                "at": case.at or defaults.at,
                "maker": case.maker or defaults.maker,
                "ticket": case.ticket.over(defaults.ticket),
                "handlers": {**defaults.handlers, **case.handlers},
                "people": {**defaults.people, **case.people},
                "everybody": case.everybody or defaults.everybody,
            }
        )
