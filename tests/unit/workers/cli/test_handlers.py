"""`opsloop handlers`, as a writer of SOPs meets it."""

import json
from pathlib import Path

import pytest
import yaml

from definitions.schema import Step
from tests.fakes.definition_folder import write_definitions
from workers.activity_set import handler_specs
from workers.cli.entry import execute
from workers.cli.handlers import snippet
from workers.cli.main import app


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_definitions(tmp_path / "definitions")


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    code = execute(app, ["handlers", *map(str, arguments)])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_the_list_has_code_and_people(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    code, output, _ = run(capsys, "--definitions", folder)
    lines = {line.split()[0]: line for line in output.splitlines()}
    assert code == 0
    assert set(handler_specs()) <= set(lines)
    assert "person (manual)" in lines["manual_freeze"]
    assert "control" in lines["auth_validator"]
    assert "sent, withheld, no_address" in lines["sms_notifier"]


def test_one_handler_is_shown_whole(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    code, output, _ = run(capsys, "core_system_freeze", "--definitions", folder)
    assert code == 0
    for part in (
        "passes the duty gate",
        "<ticket id>/<step id>/<occurrence>",
        "core_system_unfreeze",
        "settled by resolve_order",
        "opsloop-corebank",
        "account_ref",
        "effective_amount",
        "handler: core_system_freeze",
    ):
        assert part in output


def test_a_human_task_shows_whom_it_asks(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    _, output, _ = run(capsys, "escalate_to_compliance", "--definitions", folder)
    for part in ("reviewer of Accounts", "1:00:00", "wait"):
        assert part in output


def test_a_name_that_is_nearly_right_is_suggested(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    code, output, error = run(capsys, "core_system_freze", "--definitions", folder)
    assert (code, output) == (1, "")
    assert "did you mean 'core_system_freeze'?" in error


def test_json_has_every_field_of_the_entry(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    _, output, _ = run(capsys, "http", "--json", "--definitions", folder)
    entry = json.loads(output)
    assert entry["inputs"]["method"]["choices"][0] == "GET"
    assert entry["harmless_when"] == {"method": ["GET", "HEAD"]}
    assert entry["idempotency_key"]
    _, output, _ = run(capsys, "--json", "--definitions", folder)
    assert entry in json.loads(output)


def test_people_that_cannot_be_read_are_left_out_and_said(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    write_definitions(folder, **{"policies/human_tasks.yaml": "manual_freeze: {kind: robot}\n"})
    code, output, error = run(capsys, "--definitions", folder)
    assert code == 0
    assert "core_system_freeze" in output
    assert "human tasks cannot be read" in error


@pytest.mark.parametrize("name", sorted(handler_specs()))
def test_each_snippet_is_a_step_of_the_language(name: str) -> None:
    [step] = yaml.safe_load(snippet(handler_specs()[name]))
    assert Step.model_validate(step).handler == name


def test_every_handler_says_what_it_takes_changes_and_how_it_is_undone() -> None:
    for spec in handler_specs().values():
        assert spec.summary
        assert spec.inputs and spec.outputs, spec.name
        # What a call by HTTP does, and how it is undone, only the SOP can say.
        if spec.effect != "none" and spec.name != "http":
            assert bool(spec.compensation) != bool(spec.irreversible), spec.name
