"""`opsloop handlers health|degrade|restore` against the API behind a real socket."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog

from tests.support.duty_office import KEY, DutyOffice, duty_office
from tests.support.http_server import serving
from workers.cli.entry import execute
from workers.cli.main import app

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def bank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DutyOffice]:
    """The office, with its API where the environment says."""
    folder = tmp_path / "definitions" / "policies"
    folder.mkdir(parents=True)
    with duty_office(tmp_path) as made:
        content = made.directory.model_dump(mode="json")
        (folder / "directory.yaml").write_text(json.dumps(content), encoding="utf-8")
        for name in ("OPSLOOP_TOKEN", "OPSLOOP_USER"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("OPSLOOP_DATA_DIR", str(tmp_path / "data"))
        monkeypatch.setenv("OPSLOOP_DEFINITIONS_DIR", str(folder.parent))
        monkeypatch.setenv("OPSLOOP_IDENTITY_KEY", KEY)
        monkeypatch.setenv("COLUMNS", "200")
        with structlog.testing.capture_logs(), serving(made.app) as url:
            monkeypatch.setenv("OPSLOOP_API_URL", url)
            yield made


@pytest.fixture
def opsloop(bank: DutyOffice, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: str, by: str = "duty.liu") -> tuple[int, str, str]:
        capsys.readouterr()
        code = execute(app, ["handlers", *arguments, "--as", by])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def test_a_handler_is_held_shown_and_restored(opsloop: Run) -> None:
    code, said, _ = opsloop("degrade", "core_system_freeze", "--for", "2h", "--why", "maintenance")
    assert (code, "core_system_freeze is degraded until" in said) == (0, True)
    first = opsloop("health")[1].splitlines()[1:3]
    shown = " ".join(first)
    for part in ("core_system_freeze", "degraded", "held by duty.liu until", "maintenance"):
        assert part in shown
    code, said, _ = opsloop("restore", "core_system_freeze", "--reason", "done")
    assert (code, said.strip()) == (0, "core_system_freeze is tried again from the next call on")
    document = json.loads(opsloop("health", "--json")[1])
    assert {each["health"]["state"] for each in document["handlers"]} == {"healthy"}


def test_who_may_not_and_what_is_not_there_is_said(opsloop: Run) -> None:
    code, _, said = opsloop("restore", "core_system_freeze", "--reason", "x", by="op.chen")
    assert code != 0 and "that needs the role oncall" in said
    code, _, said = opsloop("restore", "core_system_frieze", "--reason", "x")
    assert code != 0 and "core_system_freeze" in said


def test_a_name_without_a_command_is_shown_as_before(
    opsloop: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute(app, ["handlers", "sms_notifier", "--json"]) != execute(app, ["handlers", "sms_notifer"])
    assert '"name": "sms_notifier"' in capsys.readouterr().out
