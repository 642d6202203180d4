"""What expressions of an SOP can name, with its type: the ticket, the results of steps, items of loops."""

from collections.abc import Iterator, Mapping
from typing import Final

from definitions.checks.subject import Subject, outcomes_of
from definitions.expression_checks import type_of
from definitions.expression_types import (
    DYN,
    INSTANT,
    INT,
    LIST,
    MAP,
    NUMBER,
    STRING,
    TIMESTAMP,
    Type,
    type_of_field,
)
from definitions.schema import NOT_NEEDED, Place, Step
from domain.fields import FormField
from domain.handlers import HandlerSpec
from domain.task import OpsTask, Priority, RiskLevel

Types = Mapping[str, Type]

SKIPPED: Final = "skipped"
"""The outcome of a step that an operator left out."""
FAILED: Final = "failed"
"""The outcome of a step whose failure took a route."""
REJECTED: Final = "rejected"
"""The outcome of a person's no that took a route."""

_RISK: Final = Type("string", choices=tuple(RiskLevel))
_TEXTS: Final = (
    *("task_id", "title", "description", "source", "external_id", "category", "action"),
    *("assigned_group", "customer_ref", "account_ref"),
)
_TASK: Final = Type.record(
    {
        **dict.fromkeys(OpsTask.model_fields, DYN),
        **dict.fromkeys(_TEXTS, STRING),
        "risk_level": _RISK,
        "priority": Type("string", choices=tuple(Priority)),
        "sla_hours": NUMBER,
        "keywords": Type.list_of(STRING),
        "attachments": LIST,
        "fields": MAP,
    }
)


class Scopes:
    """The types of everything that can be named, at each place of an SOP."""

    def __init__(self, subject: Subject) -> None:
        sop = subject.sop
        self._everywhere: Types = {
            "task": _TASK,
            "fields": MAP,
            "steps": Type.record(dict(_results(subject))),
            "sop": Type.record(dict.fromkeys(("id", "name", "version"), STRING)),
            "inputs": Type.record({name: type_of_field(kind) for name, kind in sop.inputs.items()}),
            "risk": _RISK,
            "now": TIMESTAMP,
        }
        self._loops: dict[Place, Types] = {}
        for place, step in subject.steps:
            if step.foreach is not None:
                around = self.at(place)
                items = type_of(step.foreach.items, around)
                self._loops[place] = {**around, step.foreach.item: _as_json(items.element or DYN)}

    def at(self, place: Place) -> Types:
        """What a step at this place can name."""
        if self._loops:
            for length in range(len(place) - 1, 0, -1):
                if place[:length] in self._loops:
                    return self._loops[place[:length]]
        return self._everywhere


def _as_json(type_: Type) -> Type:
    """The type of such a value once it is kept as JSON, as the items of a loop are: texts for times."""
    match type_.kind:
        case "timestamp":
            return INSTANT
        case "duration":
            return STRING
        case "list" if type_.element is not None:
            return Type.list_of(_as_json(type_.element))
        case "map" if type_.fields is not None:
            return Type.record({name: _as_json(each) for name, each in type_.fields.items()})
    return type_


def _results(subject: Subject) -> Iterator[tuple[str, Type]]:
    """By id what a step leaves behind; a handler that is a target leaves its result under its own name."""
    for name in subject.flow.bits:
        home = subject.homes.get(name)
        if home is None:
            spec = subject.catalogue[name]
            yield name, _result((*spec.outcomes, SKIPPED), _data_of(spec))
    of_handlers: dict[tuple[object, ...], Type] = {}
    for _, step in subject.steps:
        if step.handler is None:
            yield step.id, _result_of(subject, step)
            continue
        # All that its result depends on: steps with the same handler share one.
        alike = (step.handler, step.fallback, step.when is None, not step.on_error, step.on_reject is None)
        if alike not in of_handlers:
            of_handlers[alike] = _result_of(subject, step)
        yield step.id, of_handlers[alike]


def _result_of(subject: Subject, step: Step) -> Type:
    fallback = subject.catalogue.get(step.fallback or "")
    outcomes = (
        *outcomes_of(step, subject.catalogue),
        *(fallback.outcomes if fallback else ()),
        *((NOT_NEEDED,) if step.when else ()),
        *((FAILED,) if step.on_error else ()),
        *((REJECTED,) if step.on_reject is not None else ()),
        SKIPPED,
    )
    unknown = step.handler is not None and subject.spec(step) is None
    return _result(() if unknown else tuple(dict.fromkeys(outcomes)), _data(subject, step))


def _result(outcomes: tuple[str, ...], data: Type) -> Type:
    outcome = Type("string", choices=outcomes)
    return Type.record({"outcome": outcome, "summary": STRING, "data": data})


def _data(subject: Subject, step: Step) -> Type:
    if step.fallback is not None:
        return MAP
    data: Type = MAP
    if step.handler is not None:
        spec = subject.spec(step)
        data = _data_of(spec) if spec else MAP
    elif step.review is not None or step.manual is not None:
        person = step.review or step.manual
        data = _form(person.form if person else {})
    elif step.foreach is not None:
        data = Type.record({"count": INT, "results": LIST})
    elif step.repeat is not None:
        data = Type.record({"rounds": INT})
    elif step.wait is None or step.wait.event is None:
        data = Type.record({})
    if data.fields is None:
        return data
    failed = {"code": STRING} if step.on_error else {}
    refused = {"by": STRING, "reason": STRING} if step.on_reject is not None else {}
    return Type.record({**failed, **refused, **data.fields})


def _data_of(spec: HandlerSpec) -> Type:
    """What a handler says that it answers; one that says nothing may answer anything."""
    if spec.human is not None:
        return _form(spec.human.form)
    if not spec.outputs:
        return MAP
    return Type.record({name: type_of_field(each.type, each.choices) for name, each in spec.outputs.items()})


def _form(form: Mapping[str, FormField]) -> Type:
    answers = {name: type_of_field(field.type, field.choices) for name, field in form.items()}
    return Type.record({"by": STRING, **answers})
