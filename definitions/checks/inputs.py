"""`with`: every input is one that the handler takes, those that it needs are there, and their types fit."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from definitions.checks.subject import Subject
from definitions.findings import Finding, listed, suggestion
from definitions.schema import Place, routes_of
from domain.fields import EXPECTED, FieldSpec, FieldType, fits


def inputs_fit_the_handler(subject: Subject) -> Iterator[Finding]:
    """What a step gives is what its handler takes."""
    for place, step in subject.steps:
        spec = subject.spec(step)
        if spec is not None:
            yield from check_inputs(subject, place, step.inputs, spec.inputs, f"{spec.name!r}")
        undo = subject.catalogue.get(step.compensate.handler or "") if step.compensate else None
        if undo is not None and step.compensate is not None:
            at = (*place, "compensate")
            if step.compensate.inputs:
                yield from check_inputs(subject, at, step.compensate.inputs, undo.inputs, f"{undo.name!r}")
            else:
                # Without inputs of its own it is given those of the step that it knows.
                yield from _missing(subject, step.inputs, undo.inputs, f"{undo.name!r}", at)


def those_called_without_inputs_need_none(subject: Subject) -> Iterator[Finding]:
    """A fallback is given the step's inputs, a handler in a route none at all."""
    for place, step in subject.steps:
        stand_in = subject.catalogue.get(step.fallback or "")
        if stand_in is not None:
            at = (*place, "fallback")
            yield from _missing(subject, step.inputs, stand_in.inputs, f"{stand_in.name!r}", at)
        for below, targets in routes_of(step).items():
            for number, target in enumerate(targets):
                spec = subject.catalogue.get(target)
                if spec is not None and target not in subject.homes:
                    at = (*place, *below, number)
                    yield from _missing(subject, {}, spec.inputs, f"{target!r} as a target", at)


def check_inputs(
    subject: Subject, place: Place, given: Mapping[str, Any], taken: Mapping[str, FieldSpec], taker: str
) -> Iterator[Finding]:
    """Holds the `with` of the step or compensation at this place against what the taker takes."""
    if given and not taken:
        yield subject.found_key("OPS233", (*place, "with"), f"{taker} takes no inputs", "no `with` here")
        return
    for name, value in given.items():
        at = (*place, "with", name)
        if name not in taken:
            yield subject.found_key(
                "OPS230", at, f"{taker} has no input {name!r}{suggestion(name, taken)}", listed(taken)
            )
        elif not is_expression(value) and not _suits(taken[name], value):
            yield subject.found(
                "OPS232", at, f"{name} is not {EXPECTED[taken[name].type]}", expected(taken[name])
            )
    written = (field for field in ("with", "handler", "call") if (*place, field) in subject.document.keys)
    yield from _missing(subject, given, taken, taker, (*place, next(written, "with")))


def expected(spec: FieldSpec) -> str:
    """What an input takes, in words."""
    return listed(spec.choices, most=20) if spec.choices else EXPECTED[spec.type]


def is_expression(value: Any) -> bool:
    """Whether the value is known at run time only, or its type is checked as that of an expression."""
    return isinstance(value, str) and "${" in value


def _suits(spec: FieldSpec, value: Any) -> bool:
    if spec.type is FieldType.MONEY and isinstance(value, float):
        return False
    return fits(spec.type, value) and (not spec.choices or value in spec.choices)


def _missing(
    subject: Subject, given: Mapping[str, Any], taken: Mapping[str, FieldSpec], taker: str, place: Place
) -> Iterator[Finding]:
    missing = [name for name, spec in taken.items() if spec.required and name not in given]
    if missing:
        yield subject.found_key(
            "OPS231",
            place,
            f"{taker} needs {', '.join(missing)}",
            "`with: {" + ", ".join(f"{name}: …" for name in missing) + "}`",
        )


CHECKS: Final = (inputs_fit_the_handler, those_called_without_inputs_need_none)
