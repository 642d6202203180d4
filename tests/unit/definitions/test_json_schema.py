"""The JSON Schema for editors is that of today's models, and agrees with the checks on form."""

import json
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from definitions.json_schema import sop_schema, sop_schema_text
from definitions.loader import parse_sop
from definitions.schema import KINDS

PROJECT = Path(__file__).resolve().parents[3]
DEFINITIONS = PROJECT / "definitions"
SOPS = [
    path
    for folder in ("sops", "seed/sops")
    for path in sorted((DEFINITIONS / folder).glob("*.yaml"))
    if not path.name.endswith(".test.yaml")
]
HEAD = "name: A\ntrigger: {category: other}\nsteps:\n"
VALIDATOR = Draft202012Validator(sop_schema())


def fits(text: str) -> bool:
    return VALIDATOR.is_valid(yaml.safe_load(text))


def test_the_file_for_editors_is_fresh() -> None:
    written = (DEFINITIONS / "sop.schema.json").read_text(encoding="utf-8")
    assert written == sop_schema_text(), (
        "write it anew: opsloop sop schema --write definitions/sop.schema.json"
    )


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(sop_schema())


@pytest.mark.parametrize("path", SOPS, ids=lambda path: path.stem)
def test_every_sop_that_we_ship_fits(path: Path) -> None:
    errors = [
        error.message for error in VALIDATOR.iter_errors(yaml.safe_load(path.read_text(encoding="utf-8")))
    ]
    assert errors == []


def test_every_field_is_described() -> None:
    models = {"Sop": sop_schema(), **sop_schema()["$defs"]}
    bare = [
        f"{name}.{field}"
        for name, model in models.items()
        for field, schema in model.get("properties", {}).items()
        if not schema.get("description")
    ]
    assert bare == []


def test_every_kind_of_step_is_offered() -> None:
    assert set(KINDS) <= set(sop_schema()["$defs"]["Step"]["properties"])


def test_a_bank_may_have_handlers_of_its_own() -> None:
    assert "auth_validator" not in json.dumps(sop_schema())
    assert fits(HEAD + "  - {name: A, handler: a_handler_of_the_bank}\n")


@pytest.mark.parametrize(
    "steps",
    [
        "  - {name: A}\n",
        "  - {handler: b}\n",
        "  - {name: A, handler: b, timeout: 5}\n",
        "  - {name: A, handler: b, timeout: 5 minutes}\n",
        "  - {name: A, handler: b, timout: 5s}\n",
        "  - {name: A, handler: B C}\n",
        "  - {name: A, handler: b, retry: -1}\n",
        "  - {name: A, handler: b, branch: {ok: b}}\n",
        "  - {name: A, handler: b, branch: {O K: [b]}}\n",
        "  - {name: A, handler: b, review: {question: Q}}\n",
        "  - {name: A, review: {question: Q, on_late: approve}}\n",
        "  - {name: A, wait: {duration: 1h, event: e}}\n",
        "  - {name: A, foreach: {items: fields.all}}\n",
        "  - {name: A, parallel: {a: [{name: B, handler: b}]}}\n",
    ],
)
def test_what_an_editor_marks_is_wrong_for_the_checks_as_well(steps: str) -> None:
    assert not fits(HEAD + steps)
    assert parse_sop(HEAD + steps, None)[0] is None


@pytest.mark.parametrize(
    "steps",
    [
        "  - {name: A, handler: b, timeout: 1h30min, compensate: undo_b}\n",
        "  - {name: A, handler: b, compensate: {none: it is done}}\n",
        "  - {name: A, handler: b, with: {any: [1, {b: 2}]}, on_error: {any: [reject]}}\n",
        "  - {name: A, wait: {event: e, deadline: 1h, on_late: go_on}}\n",
        "  - {name: A, parallel: {a: [{name: B, handler: b}], c: [{name: C, call: d}]}}\n",
        "  - {name: A, repeat: {until: now > x, limit: 3, steps: [{name: B, handler: b}]}}\n",
        "  - {name: A, manual: {instructions: x, form: {sum: {type: money}}}}\n",
    ],
)
def test_what_the_checks_read_an_editor_takes(steps: str) -> None:
    assert fits("version: 1.1\n" + HEAD + steps)
    assert parse_sop(HEAD + steps, None)[0] is not None
