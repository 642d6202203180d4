"""`opsloop sop check`, as a writer of SOPs meets it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.fakes.definition_folder import edited, write_definitions
from workers.cli.entry import execute
from workers.cli.sop import app

PROJECT = Path(__file__).resolve().parents[4]
SEED_SOP = PROJECT / "definitions/seed/sops/workflow_account_freeze.yaml"


def run(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["check", *map(str, arguments)])
    return result.exit_code, result.output


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_definitions(tmp_path / "definitions")


def test_a_good_folder_is_fine(folder: Path) -> None:
    assert run("--definitions", folder) == (0, f"{folder}: no errors, no warnings\n")


def test_findings_come_one_a_line_and_errors_fail(folder: Path) -> None:
    write_definitions(
        folder, **{"sops/freeze.yaml": edited("sops/freeze.yaml", "core_system_freeze", "core_freeze")}
    )
    code, output = run("--definitions", folder)
    lines = output.splitlines()
    assert code == 1
    assert lines[0].startswith(f"{folder}/sops/freeze.yaml:5:29: error OPS201: unknown handler 'core_freeze'")
    assert lines[-1] == f"{folder}: 1 error, no warnings"


def test_json_is_a_list_of_findings(folder: Path, tmp_path: Path) -> None:
    draft = tmp_path / "draft.yaml"
    draft.write_text(edited("sops/freeze.yaml", "sla: 1h", "sla: 1 hour"))
    code, output = run(draft, "--definitions", folder, "--json")
    assert code == 1
    assert json.loads(output) == [
        {
            "file": str(draft),
            "line": 6,
            "column": 6,
            "code": "OPS107",
            "severity": "error",
            "message": "sla: '1 hour' is not a duration",
            "expected": "a duration such as 30s, 45min, 1h, 1h30min or 2d",
        }
    ]


def test_json_of_a_good_file_is_an_empty_list(folder: Path) -> None:
    assert run(folder / "sops/general.yaml", "--definitions", folder, "--json") == (0, "[]\n")


def test_a_missing_file_is_said_plainly(folder: Path) -> None:
    code, output = run(folder / "nowhere.yaml", "--definitions", folder)
    assert code == 1
    assert "nowhere.yaml:1:1: error OPS001: cannot read the file: no such file or directory" in output


def test_warnings_pass_unless_they_are_told_not_to() -> None:
    assert run(SEED_SOP)[0] == 0
    assert "warning OPS206: no route for medium" in run(SEED_SOP)[1]
    assert run(SEED_SOP, "--strict")[0] == 1


def test_a_code_is_explained_with_its_page() -> None:
    code, output = run("--explain", "OPS201")
    assert code == 0
    assert output.startswith("OPS201: unknown handler\n")
    assert "## Mended" in output
    assert json.loads(run("--explain", "ops201", "--json")[1])["code"] == "OPS201"


def test_the_schema_for_editors_is_printed_or_written(tmp_path: Path) -> None:
    printed = CliRunner().invoke(app, ["schema"])
    assert printed.exit_code == 0
    assert json.loads(printed.output)["title"] == "opsloop SOP"
    written = CliRunner().invoke(app, ["schema", "--write", str(tmp_path / "sop.schema.json")])
    assert (written.exit_code, written.output) == (0, "")
    assert (tmp_path / "sop.schema.json").read_text(encoding="utf-8") == printed.output


def test_each_policy_has_a_schema_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(app, ["schema", "duty"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "opsloop policies/duty.yaml"
    assert execute(app, ["schema", "dury"]) == 1
    complaint = capsys.readouterr().err
    assert "there is no schema 'dury' (did you mean 'duty'?); expected one of: sop, rules," in complaint
