"""A terminal: runs command lines against the API of the test's office, behind a real socket."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog
import typer

from tests.support.http_server import serving
from workers.cli import access, dispatch, migration, reviews, submit, tickets
from workers.cli.entry import execute

KEY = "a key of the tests, long enough for HS256"


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on standard output."""
        return json.loads(self.out)


Terminal = Callable[..., Ran]


@pytest.fixture
def definitions(office, tmp_path: Path) -> Path:
    """A definitions folder that has the office's directory and nothing else."""
    folder = tmp_path / "definitions"
    (folder / "policies").mkdir(parents=True)
    directory = office.directory.model_dump(mode="json")
    (folder / "policies" / "directory.yaml").write_text(json.dumps(directory), encoding="utf-8")
    return folder


@pytest.fixture
def terminal(
    definitions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Terminal:
    """Runs `opsloop …` in an environment of its own."""
    for name in ("OPSLOOP_TOKEN", "OPSLOOP_USER", "OPSLOOP_API_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPSLOOP_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("OPSLOOP_DEFINITIONS_DIR", str(definitions))
    monkeypatch.setenv("OPSLOOP_IDENTITY_KEY", KEY)
    monkeypatch.setenv("COLUMNS", "200")
    app = typer.Typer(no_args_is_help=True, add_completion=False)
    app.command("submit")(submit.submit)
    app.command("token")(access.token)
    app.command("settings")(access.settings)
    app.add_typer(tickets.app, name="ticket")
    app.add_typer(reviews.app, name="review")
    app.add_typer(dispatch.app, name="dispatch")
    sops = typer.Typer()
    sops.callback()(lambda: None)
    sops.command("migrate")(migration.migrate)
    app.add_typer(sops, name="sop")

    def run(*arguments: str) -> Ran:
        capsys.readouterr()
        code = execute(app, arguments)
        printed = capsys.readouterr()
        return Ran(code, printed.out, printed.err)

    return run


@pytest.fixture
def api(office, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The office's API on a socket, where the environment says."""
    with structlog.testing.capture_logs(), serving(office.app) as url:
        monkeypatch.setenv("OPSLOOP_API_URL", url)
        yield url
