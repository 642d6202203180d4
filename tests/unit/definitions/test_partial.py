"""A field that is wrong does not hide what else is wrong: all findings come in one run."""

from pathlib import Path

from definitions.loader import check_sop_files, parse_sop
from tests.fakes.catalogue import CATALOGUE, CODE
from tests.fakes.definition_folder import write_definitions

DRAFT = """\
name: Card Block
trigger: {category: accounts, action: block}
sla: soon
steps:
  - name: Check Papers
    handler: auth_validater
    timeout: 5 sec
  - name: Assess
    handler: risk_assessor
    branch: {high: [], low: [blok], medium: []}
  - name: Ask
    review: {question: Well?, group: Nowhere, quorum: many, deadline: 30h}
"""


def codes(text: str) -> list[tuple[int, str]]:
    sop, findings = parse_sop(text, CATALOGUE)
    assert sop is None
    return sorted({(each.line, each.code) for each in findings})


def test_fields_and_meaning_are_checked_in_one_run() -> None:
    assert codes(DRAFT) == [
        (3, "OPS107"),
        (6, "OPS201"),
        (7, "OPS107"),
        (10, "OPS203"),
        (12, "OPS103"),
    ]


def test_what_may_follow_from_a_wrong_field_is_not_said() -> None:
    text = DRAFT.replace("{high: [], low: [blok], medium: []}", "{high: 1, low: [], medium: []}")
    assert (10, "OPS206") not in codes(text)


def test_a_step_that_is_none_at_all_leaves_the_fields_findings_only() -> None:
    text = DRAFT.replace("    handler: risk_assessor\n", "")
    assert {code for _, code in codes(text)} == {"OPS107", "OPS103", "OPS108"}


def test_a_file_with_errors_is_still_held_against_the_directory(tmp_path: Path) -> None:
    write_definitions(tmp_path)
    draft = tmp_path / "draft.yaml"
    draft.write_text(DRAFT.replace("quorum: many, ", ""))
    findings = check_sop_files([draft], tmp_path, CODE)
    assert "OPS303" in {each.code for each in findings}
