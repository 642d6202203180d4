"""The JSON Schemas of the policies are those of today's models, and agree with the checks on form."""

from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from definitions.policy_files import FILES, read_policies
from definitions.policy_schema import CALENDAR, POLICIES, policy_schema, policy_schema_text
from definitions.policy_schema import SCHEMAS as NAMES
from definitions.sources import DefinitionFiles

DEFINITIONS = Path(__file__).resolve().parents[3] / "definitions"
SCHEMAS = DEFINITIONS / "schemas"


def fits(name: str, text: str) -> bool:
    return Draft202012Validator(policy_schema(name)).is_valid(yaml.safe_load(text))


def is_read(name: str, text: str) -> bool:
    policies, _ = read_policies(DefinitionFiles({FILES[name].path: text.encode()}))
    return getattr(policies, name) is not None


@pytest.mark.parametrize("name", NAMES)
def test_the_file_for_editors_is_fresh(name: str) -> None:
    written = (SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8")
    assert written == policy_schema_text(name), (
        f"write it anew: opsloop sop schema {name} --write definitions/schemas/{name}.schema.json"
    )


def test_there_is_no_schema_of_a_policy_that_is_gone() -> None:
    assert {each.name for each in SCHEMAS.iterdir()} == {f"{name}.schema.json" for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_it_is_a_schema_in_which_every_field_is_described(name: str) -> None:
    schema = policy_schema(name)
    Draft202012Validator.check_schema(schema)
    bare = [
        f"{part}.{field}"
        for part, model in {name: schema, **schema.get("$defs", {})}.items()
        for field, own in model.get("properties", {}).items()
        if not own.get("description")
    ]
    assert bare == []


@pytest.mark.parametrize("folder", ["policies", "seed/policies"])
@pytest.mark.parametrize("name", POLICIES)
def test_every_policy_that_we_ship_fits(folder: str, name: str) -> None:
    path = DEFINITIONS / folder / FILES[name].path
    if FILES[name].optional and not path.exists():
        pytest.skip(f"{folder} does without it")
    text = path.read_text(encoding="utf-8")
    validator = Draft202012Validator(policy_schema(name))
    assert [error.message for error in validator.iter_errors(yaml.safe_load(text))] == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("rules", "rules:\n  - {name: A, pattern: x}\n"),
        ("keywords", "groups: [{group: A, words: {}}]\n"),
        ("keywords", "match: anywhere\n"),
        ("escalation", "groups: {very_high: Ops}\n"),
        ("sla", "policies: [{category: accounts, hours: 1}]\n"),
        ("duty", "modes: {day: {time_range: 8-18, auto_execute_risk: low, escalation_threshold: high}}\n"),
        ("risk", "criteria: [{id: a, when: 'true', level: severe, reason: x}]\n"),
        ("alerts", "levels: {red: {to: lead, channels: [pigeon]}}\n"),
        ("directory", "principals: [{id: Wang Fang, name: W, roles: [reviewer]}]\n"),
        ("human_tasks", "ask: {kind: review, question: Q, role: reviewer, deadline: soon, on_late: wait}\n"),
        ("screening", "names: Aldermoor\n"),
        ("bank", "country: China\n"),
        ("http", "services: {rates: {base_url: 'https://x', methods: [GETT], paths: [/]}}\n"),
    ],
)
def test_what_an_editor_marks_is_wrong_for_the_checks_as_well(name: str, text: str) -> None:
    assert not fits(name, text)
    assert not is_read(name, text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("escalation", "groups: {low: Ops}\npriority: P2\n"),
        ("risk", "base: {payments: medium}\n"),
        ("bank", "country: CN\n"),
        ("human_tasks", "ask: {kind: manual, question: Q, role: operator, deadline: 1h, on_late: wait}\n"),
        (
            "http",
            "services: {rates: {base_url: 'https://x.example', methods: [GET], paths: [/a], timeout: 3s}}\n",
        ),
    ],
)
def test_what_the_checks_read_an_editor_takes(name: str, text: str) -> None:
    assert fits(name, text)
    assert is_read(name, text)


@pytest.mark.parametrize("name", ["always", "office"])
def test_every_calendar_that_we_ship_fits(name: str) -> None:
    assert fits(CALENDAR, (DEFINITIONS / "calendars" / f"{name}.yaml").read_text(encoding="utf-8"))
