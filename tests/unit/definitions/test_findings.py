import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from definitions.findings import CODES, Finding, Position, Severity, bounded, found, suggestion
from definitions.schema import ManualSpec, ReviewSpec, Sop, Step, Trigger
from domain.sla import Escalation
from workers.activity_set import handler_specs

PROJECT = Path(__file__).resolve().parents[3]
LANGUAGE = (PROJECT / "docs/sop-language.md").read_text(encoding="utf-8")


def test_a_finding_reads_as_one_line_that_editors_can_jump_to() -> None:
    finding = found("sops/a.yaml", Position(3, 5), "OPS201", "unknown handler 'x'", "one of a, b")
    assert str(finding) == "sops/a.yaml:3:5: error OPS201: unknown handler 'x'; expected one of a, b"
    assert str(Finding("a", 1, 1, "OPS206", Severity.WARNING, "m")) == "a:1:1: warning OPS206: m"


def test_only_near_names_are_suggested() -> None:
    assert suggestion("execute_frieze", ["execute_freeze", "x"]) == " (did you mean 'execute_freeze'?)"
    assert suggestion("zebra", ["execute_freeze"]) == ""


def test_a_flood_of_warnings_never_hides_an_error() -> None:
    here = Position(1, 1)
    flood = [found("a", here, "OPS206", "w")] * 5000 + [found("a", here, "OPS201", "e")] * 5000
    kept = bounded(flood)
    assert [finding.code for finding in kept] == ["OPS206"] * 200 + ["OPS201"] * 200


def test_the_documentation_lists_every_code_and_no_other() -> None:
    rows = dict(re.findall(r"^\| (OPS\d{3}) \| (?:error|warning) \| (.+?) \|", LANGUAGE, re.MULTILINE))
    assert rows == {code: entry.title for code, entry in CODES.items()}
    severities = dict(re.findall(r"^\| (OPS\d{3}) \| (error|warning) \|", LANGUAGE, re.MULTILINE))
    assert severities == {code: entry.severity.value for code, entry in CODES.items()}


def test_every_registered_code_is_given_somewhere_and_none_other_is() -> None:
    sources = "".join(
        path.read_text(encoding="utf-8")
        for path in (PROJECT / "definitions").rglob("*.py")
        if path.name != "findings.py"
    )
    assert set(re.findall(r'"(OPS\d{3})"', sources)) == set(CODES)


def test_the_documentation_lists_the_catalogue_as_it_is() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (\w+)( \(control\))? \| (.+?) \|$", LANGUAGE, re.MULTILINE)
    assert rows == [
        (
            name,
            ", ".join(spec.outcomes),
            spec.effect.value,
            " (control)" if spec.control else "",
            spec.summary,
        )
        for name, spec in sorted(handler_specs().items())
    ]


@pytest.mark.parametrize("model", [Sop, Trigger, Step, ReviewSpec, ManualSpec, Escalation])
def test_the_documentation_has_every_field_of_the_language(model: type[BaseModel]) -> None:
    for name, field in model.model_fields.items():
        assert f"`{field.alias or name}`" in LANGUAGE
