"""`opsloop sop rollout`, as authors, releasers and operators meet it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
import typer

from tests.fakes.definition_folder import edited
from tests.support.http_server import serving
from tests.support.rollouts import RolloutOffice, rollout_office
from tests.support.rules_library import FREEZE
from workers.api.app import create_app
from workers.cli import rollout
from workers.cli.entry import execute
from workers.identity import Identity

KEY = "a key of the tests, long enough for HS256"
QUICKER = edited(FREEZE, "sla: 1h", "sla: 50min")
Opsloop = Callable[..., tuple[int, str]]


@pytest.fixture
def bank(tmp_path: Path, sqlite_url: str) -> Iterator[RolloutOffice]:
    with rollout_office(tmp_path / "definitions", sqlite_url) as made:
        yield made


@pytest.fixture
def opsloop(
    office,
    bank: RolloutOffice,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> Iterator[Opsloop]:
    """Runs `opsloop sop rollout …` as somebody, against the API of the office on a socket."""
    for name in ("OPSLOOP_TOKEN", "OPSLOOP_USER"):
        monkeypatch.delenv(name, raising=False)
    app = create_app(
        office.desk,
        Identity(KEY, bank.served.directory),
        office.reader,
        office.audit,
        office.settings,
        rollouts=bank.desk,
    )
    terminal = typer.Typer(no_args_is_help=True, add_completion=False)
    sops = typer.Typer()
    sops.callback()(lambda: None)
    sops.add_typer(rollout.app, name="rollout")
    terminal.add_typer(sops, name="sop")
    with structlog.testing.capture_logs(), serving(app) as url:
        monkeypatch.setenv("OPSLOOP_API_URL", url)
        monkeypatch.setenv("OPSLOOP_DATA_DIR", str(tmp_path / "data"))
        monkeypatch.setenv("OPSLOOP_DEFINITIONS_DIR", str(bank.library.folder))
        monkeypatch.setenv("OPSLOOP_IDENTITY_KEY", KEY)
        monkeypatch.setenv("COLUMNS", "200")
        monkeypatch.chdir(tmp_path)

        def run(by: str, *arguments: str) -> tuple[int, str]:
            capsys.readouterr()
            code = execute(terminal, ["sop", "rollout", *arguments, "--as", by])
            printed = capsys.readouterr()
            return code, printed.out + printed.err

        yield run


def done(ran: tuple[int, str]) -> str:
    assert ran[0] == 0, ran[1]
    return ran[1]


def as_json(ran: tuple[int, str]) -> Any:
    return json.loads(done(ran))


def test_a_version_goes_from_shadow_to_full_and_leaves_its_report(
    opsloop: Opsloop, bank: RolloutOffice, tmp_path: Path
) -> None:
    bank.publish(QUICKER)
    said = done(
        opsloop(
            "author", "start", FREEZE, "--version", "2", "--category", "accounts", "--action", "freeze",
            "--why", "50 minutes are enough",
        )
    )  # fmt: skip
    for words in ("1 of Freeze", "version 2 of sops/freeze.yaml", "accounts / freeze", "shadow", "none yet"):
        assert words in said
    assert "0 shadow runs so far; at least 20 are needed" in said
    bank.shadow_runs(20)
    assert "10 %" in done(opsloop("releaser", "to", "freeze", "10"))
    assert "it stands there already" in done(opsloop("releaser", "to", "freeze", "10"))
    said = done(opsloop("bob", "status"))
    assert "20, 100.0 % agree with what was done (0 differ, 0 failed, 0 touches saved)" in said
    assert (
        as_json(opsloop("releaser", "full", "freeze", "--json"))["shown"]["rollout"]["moves"][-1]["stage"]
        == "full"
    )
    page = done(opsloop("bob", "report", "freeze"))
    assert page.startswith("# Run report: rollout 1 of Freeze\n")
    assert "| 10 % | full | releaser |" in page
    file = tmp_path / "report.md"
    assert f"written to {file}" in done(opsloop("bob", "report", "1", "--out", str(file)))
    assert file.read_text(encoding="utf-8") == page
    assert as_json(opsloop("bob", "report", "freeze", "--json"))["stage"] == "full"


def test_one_command_takes_a_candidate_back(opsloop: Opsloop, bank: RolloutOffice) -> None:
    bank.publish(QUICKER)
    done(opsloop("author", "start", "Freeze", "--version", "2"))
    done(opsloop("releaser", "to", "Freeze", "50", "--despite", "a pilot of one branch"))
    assert opsloop("bob", "back", "freeze")[0] == 2, "a reason is needed"
    assert "withdrawn" in done(opsloop("bob", "back", "freeze", "--reason", "customers complain"))
    assert bank.served.current().candidates == ()
    report = done(opsloop("bob", "report", "freeze"))
    assert "despite the shadow runs: a pilot of one branch" in report
    assert "| 50 % | withdrawn | bob |" in report
    listed = as_json(opsloop("bob", "status", "freeze", "--json"))["rollouts"]
    assert [each["rollout"]["candidate"]["stage"] for each in listed] == ["withdrawn"]


@pytest.mark.parametrize(
    ("by", "arguments", "complaint"),
    [
        ("bob", ("start", FREEZE, "--version", "2"), "needs the role author"),
        ("author", ("start", "sops/freese.yaml", "--version", "2"), "did you mean 'sops/freeze.yaml'?"),
        ("author", ("start", FREEZE, "--version", "7"), "no version 7 of sops/freeze.yaml"),
        ("author", ("start", FREEZE, "--version", "2", "--category", "tax"), "serves accounts only, not tax"),
        ("releaser", ("to", "freeze", "10"), "there was never a rollout of 'freeze'"),
        ("bob", ("status", "freeze"), "there was never a rollout of 'freeze'"),
        ("bob", ("report", "9"), "there was never a rollout of '9'"),
    ],
)
def test_a_command_that_means_nothing_says_what_is_wrong(
    opsloop: Opsloop, bank: RolloutOffice, by: str, arguments: tuple[str, ...], complaint: str
) -> None:
    bank.publish(QUICKER)
    code, said = opsloop(by, *arguments)
    assert (code, complaint in said) == (1, True), said


def test_before_the_first_rollout_the_status_says_how_to_begin(opsloop: Opsloop) -> None:
    assert "there was no rollout yet: `opsloop sop rollout start` begins one" in done(
        opsloop("bob", "status")
    )


def test_a_report_that_cannot_be_written_is_an_error(opsloop: Opsloop, bank: RolloutOffice) -> None:
    bank.publish(QUICKER)
    bank.start()
    code, said = opsloop("bob", "report", "freeze", "--out", "nowhere/report.md")
    assert (code, "cannot write nowhere/report.md" in said) == (1, True)
