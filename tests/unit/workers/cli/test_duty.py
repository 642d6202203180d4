"""`opsloop duty …` and `opsloop spot-check …` against the API behind a real socket."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import structlog
import typer

from tests.support.duty_office import KEY, DutyOffice, duty_office
from tests.support.http_server import serving
from workers.cli import duty, spot_checks
from workers.cli.entry import execute


class Ran(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


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
        monkeypatch.setenv("TZ", "Asia/Shanghai")
        with structlog.testing.capture_logs(), serving(made.app) as url:
            monkeypatch.setenv("OPSLOOP_API_URL", url)
            yield made


@pytest.fixture
def opsloop(bank: DutyOffice, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    app = typer.Typer(no_args_is_help=True, add_completion=False)
    app.add_typer(duty.app, name="duty")
    app.add_typer(spot_checks.app, name="spot-check")

    def run(*arguments: str, by: str = "duty.liu") -> Ran:
        capsys.readouterr()
        code = execute(app, [*arguments, "--as", by])
        printed = capsys.readouterr()
        return Ran(code, printed.out, printed.err)

    return run


def test_the_mode_is_shown_in_words(opsloop: Callable[..., Ran]) -> None:
    ran = opsloop("duty", "show", "--at", "2026-11-24T23:00:00+08:00")
    assert ran.code == 0
    assert "nighttime is 20:00-08:00 in Asia/Shanghai" in ran.out
    assert "runs by itself, spot-checked the next day" in ran.out
    assert "a person is asked, on-call is paged" in ran.out


def test_an_override_is_set_shown_and_cleared(opsloop: Callable[..., Ran]) -> None:
    ran = opsloop("duty", "set", "nighttime", "--for", "4h", "--reason", "a storm")
    assert (ran.code, "nighttime" in ran.out) == (0, True)
    shown = opsloop("duty", "show", "--json").document
    assert (shown["now"]["why"], shown["now"]["override"]["reason"]) == ("override", "a storm")
    assert "override: set by duty.liu until" in opsloop("duty", "show").out
    assert opsloop("duty", "clear", "--reason", "calm").code == 0
    again = opsloop("duty", "clear", "--reason", "calm")
    assert again.code != 0
    assert "no override is in force" in again.err


def test_an_override_without_an_end_is_refused(opsloop: Callable[..., Ran]) -> None:
    ran = opsloop("duty", "set", "nighttime", "--reason", "a storm")
    assert ran.code != 0
    assert "until" in ran.err


def test_who_may_not_is_told_which_role_it_needs(opsloop: Callable[..., Ran]) -> None:
    ran = opsloop("duty", "set", "nighttime", "--for", "1h", "--reason", "x", by="li.wei")
    assert ran.code != 0
    assert "oncall" in ran.err


def test_authority_is_listed_and_given_back(bank: DutyOffice, opsloop: Callable[..., Ran]) -> None:
    assert "no authority is withdrawn" in opsloop("duty", "authority", "list").out
    bank.withdrawn()
    assert "accounts/freeze" in opsloop("duty", "authority", "list").out
    assert "runs by itself no more" in opsloop("duty", "show").out
    ran = opsloop("duty", "authority", "restore", "accounts/freeze", "--reason", "mended", by="rel.tan")
    assert (ran.code, "runs by itself again" in ran.out) == (0, True)
    assert "rel.tan" in opsloop("duty", "authority", "list", "--all").out


def test_spot_checks_are_listed_shown_and_answered(bank: DutyOffice, opsloop: Callable[..., Ran]) -> None:
    assert "nothing waits to be checked" in opsloop("spot-check", "list").out
    bank.opened("T1")
    assert "accounts/freeze" in opsloop("spot-check", "list", "--state", "open", "--mine", by="li.wei").out
    shown = opsloop("spot-check", "show", "T1")
    assert "reviewer in Account Operations" in shown.out
    assert "intake, wang.fang" in shown.out
    assert "pass recorded" in opsloop("spot-check", "pass", "T1", "--reason", "fine", by="li.wei").out
    reply = opsloop("spot-check", "object", "T1", "--reason", "wrong", "--json", by="li.wei").document
    assert reply["accepted"] is True
    refused = opsloop("spot-check", "pass", "T1", "--reason", "fine", by="wang.fang")
    assert refused.code != 0
    assert "four eyes" in refused.err
