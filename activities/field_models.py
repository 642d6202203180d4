"""Typed inputs and outputs: a pydantic model becomes the fields that the catalogue shows.

`sop check` and the run itself hold values against the same fields.

    str text · bool flag · int, float number · Decimal money · date date · datetime time ·
    Literal, StrEnum text with choices · list, tuple list · dict, a model map · all else any

`Annotated[str, FieldType.MONEY]` says the type where the annotation alone does not.
"""

import types
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin

from pydantic import AwareDatetime, BaseModel, ValidationError

from definitions.findings import listed, suggestion
from domain.errors import InvalidInput
from domain.fields import EXPECTED, FieldSpec, FieldType, fits

_Kind: TypeAlias = tuple[FieldType, tuple[str, ...]]

_CLASSES: tuple[tuple[type, FieldType], ...] = (
    (bool, FieldType.FLAG),
    (str, FieldType.TEXT),
    (int, FieldType.NUMBER),
    (float, FieldType.NUMBER),
    (Decimal, FieldType.MONEY),
    (datetime, FieldType.TIME),
    (AwareDatetime, FieldType.TIME),
    (date, FieldType.DATE),
    (BaseModel, FieldType.MAP),
    (Mapping, FieldType.MAP),
    (list, FieldType.LIST),
    (tuple, FieldType.LIST),
)
"""The first that fits; a flag is a number too, and an instant a date."""


def field_specs(model: type[BaseModel] | None) -> dict[str, FieldSpec]:
    """The model's fields as the catalogue shows them; nothing for no model."""
    specs: dict[str, FieldSpec] = {}
    for name, info in model.model_fields.items() if model else ():
        marked = next((each for each in info.metadata if isinstance(each, FieldType)), None)
        kind, choices = _kind_of(info.annotation)
        specs[info.alias or name] = FieldSpec(
            type=marked or kind,
            required=info.is_required(),
            description=info.description or "",
            choices=choices,
        )
    return specs


def check_inputs(
    handler: str, model: type[BaseModel] | None, specs: Mapping[str, FieldSpec], inputs: Mapping[str, Any]
) -> None:
    """Raises `InvalidInput` for the first input that is wrong: its field and what was expected, no value."""
    for name in inputs:
        if name not in specs:
            known = listed(specs) if specs else "none"
            raise _wrong(name, f"{handler} takes no such input{suggestion(name, specs)}; expected {known}")
    for name, spec in specs.items():
        if name not in inputs:
            if spec.required:
                raise _wrong(name, f"missing; expected {_expected(spec)}")
        elif not fits(spec.type, inputs[name]) or (spec.choices and inputs[name] not in spec.choices):
            raise _wrong(name, f"expected {_expected(spec)}")
    problem = _rule_broken(model, inputs) if model and inputs else None
    if problem:
        raise _wrong(*problem)


def output_problem(
    model: type[BaseModel] | None, specs: Mapping[str, FieldSpec], data: Mapping[str, Any]
) -> str | None:
    """What is wrong with a handler's data (as JSON), without repeating a value; None when it fits."""
    if model is None:
        return None
    for name in data:
        if name not in specs:
            return f"data.{name} is not declared"
    for name, spec in specs.items():
        value = data.get(name)
        if value is None:
            # Whether nothing will do where something is written is for the model to say.
            if spec.required and name not in data:
                return f"data.{name} is missing"
        elif not _answers(spec.type, value) or (spec.choices and value not in spec.choices):
            return f"data.{name} is not {_expected(spec)}"
    problem = _rule_broken(model, data)
    return f"data.{problem[0]}: {problem[1]}" if problem else None


def _answers(kind: FieldType, value: Any) -> bool:
    """As `fits`, but what comes back may be no amount at all, or one that is owed."""
    if kind is not FieldType.MONEY:
        return fits(kind, value)
    if isinstance(value, bool) or not isinstance(value, str | int):
        return False
    try:
        return Decimal(value).is_finite()
    except InvalidOperation:
        return False


def _rule_broken(model: type[BaseModel], values: Mapping[str, Any]) -> tuple[str, str] | None:
    """Place and words of the first rule of the model that the values break."""
    try:
        model.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        said = first["msg"].removeprefix("Value error, ").replace("Input should be", "expected")
        repeated = isinstance(first["input"], str) and len(first["input"]) > 1 and first["input"] in said
        return ".".join(str(each) for each in first["loc"]), "breaks a rule" if repeated else said
    return None


def _wrong(name: str, message: str) -> InvalidInput:
    return InvalidInput(f"inputs.{name}: {message}", field=f"inputs.{name}")


def _expected(spec: FieldSpec) -> str:
    return listed(spec.choices) if spec.choices else EXPECTED[spec.type]


def _kind_of(annotation: Any) -> _Kind:
    """The type that an annotation stands for, and the words that are allowed."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        marked = next((each for each in arguments[1:] if isinstance(each, FieldType)), None)
        kind, choices = _kind_of(arguments[0])
        return marked or kind, choices
    if origin in (Union, types.UnionType):
        kinds = {_kind_of(each) for each in arguments if each is not types.NoneType}
        return kinds.pop() if len(kinds) == 1 else (FieldType.ANY, ())
    if origin is Literal:
        is_text = all(isinstance(each, str) for each in arguments)
        return (FieldType.TEXT, arguments) if is_text else (FieldType.ANY, ())
    kind = origin or annotation
    if not isinstance(kind, type):
        return FieldType.ANY, ()
    if issubclass(kind, Enum):
        values = tuple(each.value for each in kind)
        is_text = all(isinstance(each, str) for each in values)
        return (FieldType.TEXT, values) if is_text else (FieldType.ANY, ())
    return next((known for base, known in _CLASSES if issubclass(kind, base)), FieldType.ANY), ()
