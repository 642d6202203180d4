"""Turns a parsed document into a model, and every pydantic error into a located finding."""

import types
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, RootModel, ValidationError
from pydantic_core import ErrorDetails

from definitions.findings import Finding, bounded, found, listed, suggestion
from definitions.yaml_source import Document
from domain import duration

_Model = TypeVar("_Model", bound=BaseModel)
_RANGES = ("too_short", "too_long", "greater_than", "less_than", "multiple_of", "finite")


def validated(document: Document, model: type[_Model]) -> tuple[_Model | None, list[Finding]]:
    """The document as this model, or None and all that is wrong with its fields."""
    try:
        return model.model_validate(document.data), []
    except ValidationError as error:
        details = error.errors(include_url=False)
        return None, bounded(_finding(document, model, each) for each in details if not _follows(each))


def _follows(error: ErrorDetails) -> bool:
    """Whether a list is only too short because items of it are wrong, which is said for each of them."""
    least = error.get("ctx", {}).get("min_length")
    written = error["input"]
    return error["type"] == "too_short" and isinstance(written, list) and len(written) >= (least or 0)


def _finding(document: Document, model: type[BaseModel], error: ErrorDetails) -> Finding:
    loc = tuple(part for part in error["loc"] if part != "[key]")
    is_key = len(loc) < len(error["loc"])
    name = _dotted(loc)
    kind = error["type"]
    value = _shown(error["input"])
    context: Mapping[str, Any] = error.get("ctx", {})
    if kind == "extra_forbidden":
        known = _fields_at(model, loc[:-1])
        return found(
            document.file,
            document.key_at(*loc),
            "OPS101",
            f"unknown field {loc[-1]!r}{suggestion(str(loc[-1]), known)}",
            listed(known, most=20),
        )
    if kind == "missing":
        return found(
            document.file,
            document.value_at(*loc),
            "OPS102",
            f"{name} is missing",
            f"a field {str(loc[-1])!r} here",
        )
    unnamed = _unnamed(document, loc)
    if unnamed is not None:
        return found(
            document.file,
            document.value_at(*loc[:-1], "name"),
            "OPS109",
            f"no id can be made of the name {_shown(unnamed)}",
            "an id in snake case beside it, such as `id: execute_freeze`",
        )
    at = document.key_at(*loc) if is_key else document.value_at(*loc)
    if kind == "value_error":
        message = str(context.get("error", error["msg"]))
        if duration.EXPECTED in message:
            return found(document.file, at, "OPS107", f"{name}: {value} is not a duration", duration.EXPECTED)
        code = "OPS106" if "out of range" in message else "OPS105"
        if isinstance(error["input"], dict | list):
            code = "OPS108"
        return found(document.file, at, code, f"{name}: {message}".removeprefix(": "))
    subject = f"{name}: the key {value}" if is_key else f"{name}: {value}"
    subject = subject.removeprefix(": ")
    if kind in ("literal_error", "enum"):
        allowed = _allowed_at(model, loc, is_key=is_key) or str(context.get("expected", ""))
        near = suggestion(str(error["input"]), allowed.removeprefix("one of ").split(", "))
        return found(document.file, at, "OPS104", f"{subject} is not allowed{near}", allowed)
    if kind == "string_pattern_mismatch":
        return found(
            document.file, at, "OPS105", f"{subject} has the wrong form", _form(str(context.get("pattern")))
        )
    code = "OPS106" if any(kind.endswith(part) or kind.startswith(part) for part in _RANGES) else "OPS103"
    expected = _size(context, error["input"]) or error["msg"].removeprefix("Input should be ")
    if kind == "string_type" and isinstance(error["input"], int | float):
        expected = f'a text: put it in quotes, "{_raw(document, loc, error["input"])}"'
    return found(document.file, at, code, f"{subject} does not fit", _plain(expected))


def _unnamed(document: Document, loc: tuple[int | str, ...]) -> str | None:
    """The name of the SOP or step, when the error is about an id that was made from it."""
    if loc[-1:] != ("id",) or loc in document.values:
        return None
    around: Any = document.data
    for part in loc[:-1]:
        around = around[part]
    name = around.get("name") if isinstance(around, dict) else None
    return name if isinstance(name, str) else None


def _raw(document: Document, loc: tuple[int | str, ...], value: object) -> str:
    return document.texts.get(loc, str(value))


def _dotted(loc: Iterable[int | str]) -> str:
    """`steps[1].timeout`, where 1 is the first step, as people count."""
    text = ""
    for part in loc:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}"
    return text.lstrip(".")


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _size(context: Mapping[str, Any], value: object) -> str:
    unit = "characters" if isinstance(value, str) else "entries"
    for limit, words in (("min_length", "at least"), ("max_length", "at most")):
        if limit in context:
            return f"{words} {context[limit]} {unit}"
    return ""


def _plain(message: str) -> str:
    """Pydantic's words, for people who do not write Python."""
    for python, plain in (
        ("valid dictionary or instance of", "mapping with the fields of"),
        ("a valid dictionary", "a mapping"),
        ("a valid tuple", "a list"),
        ("a valid string", "a text"),
        ("a valid integer", "a whole number"),
        ("a valid boolean", "true or false"),
        ("a valid number", "a number"),
    ):
        message = message.replace(python, plain)
    return message


def _form(pattern: str) -> str:
    if pattern.startswith("^[a-z][a-z0-9_]"):
        return "snake case: small letters, digits and _, beginning with a letter"
    if pattern.startswith("^[a-z][a-z0-9._-]"):
        return "an id such as li.wei: small letters, digits, dots, _ and -"
    if "[0-5]" in pattern:
        return "hours such as 08:00-20:00"
    return f"the form {pattern}"


def _annotation_at(model: type[BaseModel], loc: Iterable[int | str]) -> Any:
    """The annotation of the place that the path leads to, or None where it cannot be known."""
    annotation: Any = model
    for part in loc:
        annotation = _bare(annotation)
        if isinstance(annotation, type) and issubclass(annotation, RootModel):
            annotation = _bare(annotation.model_fields["root"].annotation)
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            fields = {each.alias or name: each.annotation for name, each in annotation.model_fields.items()}
            annotation = fields.get(str(part))
        else:
            arguments = get_args(annotation)
            if get_origin(annotation) is dict and len(arguments) == 2:
                annotation = arguments[1]
            elif arguments:
                annotation = arguments[0]
            else:
                return None
    return _bare(annotation)


def _bare(annotation: Any) -> Any:
    """Without `Annotated` and without `| None`."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif get_origin(annotation) in (Union, types.UnionType):
            rest = [each for each in get_args(annotation) if each is not type(None)]
            if len(rest) != 1:
                return annotation
            annotation = rest[0]
        else:
            return annotation


def _fields_at(model: type[BaseModel], loc: Iterable[int | str]) -> list[str]:
    annotation = _annotation_at(model, loc)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [each.alias or name for name, each in annotation.model_fields.items()]
    return []


def _allowed_at(model: type[BaseModel], loc: tuple[int | str, ...], *, is_key: bool) -> str:
    annotation = _annotation_at(model, loc[:-1] if is_key else loc)
    if is_key:
        annotation = _bare(get_args(annotation)[0]) if get_args(annotation) else None
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return f"one of {', '.join(str(each.value) for each in annotation)}"
    if get_origin(annotation) is Literal:
        return f"one of {', '.join(str(each) for each in get_args(annotation))}"
    return ""
