"""Every field of the SOP language has an effect at run time and a test that shows it: docs/sop-fields.md."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

from definitions.person_steps import ManualSpec, ReviewSpec
from definitions.schema import Compensation, Foreach, Repeat, Sop, Step, Trigger, Wait
from domain.fields import FormField
from domain.legal import LegalClock
from domain.sla import Escalation
from workers.settings import PROJECT

PAGE = PROJECT / "docs/sop-fields.md"
LANGUAGE: tuple[type[BaseModel], ...] = (
    *(Sop, Trigger, Step, ReviewSpec, ManualSpec, FormField),
    *(Wait, Compensation, Foreach, Repeat, Escalation, LegalClock),
)
_ROW = r"^\| `([A-Za-z_.]+)` \| ([^|]+) \| `([^`|]+)` \|$"


def rows() -> list[tuple[str, str, str]]:
    """Field, what it does, the test."""
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    found = [re.fullmatch(_ROW, line) for line in lines]
    assert all(found), [line for line, match in zip(lines, found, strict=True) if not match]
    return [(match[1], match[2], match[3]) for match in found if match]


def fields() -> list[str]:
    """As authors write them: `with`, not `inputs`."""
    return [
        f"{model.__name__}.{info.alias or name}"
        for model in LANGUAGE
        for name, info in model.model_fields.items()
    ]


def functions_of(file: Path) -> Iterator[str]:
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef):
            yield from (f"{node.name}::{each.name}" for each in node.body if isinstance(each, _FUNCTIONS))
        elif isinstance(node, _FUNCTIONS):
            yield node.name


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def test_every_model_of_the_language_is_looked_at() -> None:
    """A new part of the language is one that an SOP can hold."""
    reached: set[type[BaseModel]] = set()
    to_look_at: list[type[BaseModel]] = [Sop]
    while to_look_at:
        model = to_look_at.pop()
        if model in reached:
            continue
        reached.add(model)
        for info in model.model_fields.values():
            to_look_at += models_in(info.annotation)
    assert reached == set(LANGUAGE)


def models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from models_in(part)


def test_every_field_has_a_row_and_every_row_a_field() -> None:
    named = [field for field, _, _ in rows()]
    assert sorted(named) == sorted(fields())


def test_every_row_says_what_the_field_does() -> None:
    assert [field for field, does, _ in rows() if len(does.split()) < 3] == []


def test_every_row_names_a_test_that_exists() -> None:
    missing = []
    for field, _, test in rows():
        file, _, name = test.partition("::")
        path = PROJECT / file
        if not (path.is_file() and path.name.startswith("test_") and name in set(functions_of(path))):
            missing.append(f"{field}: {test}")
    assert missing == []
