"""`opsloop sop publish`, `release` and the others, as authors and releasers meet them."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
import typer

from tests.fakes.definition_folder import edited, write_definitions
from tests.support.http_server import serving
from tests.support.rules_library import DIRECTORY, FREEZE, SLA, WITH_STAFF, LibraryOffice, library_office
from workers.api.app import create_app
from workers.cli import releases
from workers.cli.entry import execute
from workers.identity import Identity

KEY = "a key of the tests, long enough for HS256"
SHORTER = edited(SLA, "sla_hours: 1", "sla_hours: 0.9")
Opsloop = Callable[..., tuple[int, str]]


@pytest.fixture
def library(request: pytest.FixtureRequest, tmp_path: Path, sqlite_url: str) -> Iterator[LibraryOffice]:
    """Serves its library; its folder where the test is marked so."""
    from_folder = getattr(request, "param", "") == "from_folder"
    with library_office(tmp_path / "definitions", sqlite_url, from_folder=from_folder) as made:
        yield made


@pytest.fixture
def opsloop(
    office,
    library: LibraryOffice,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Opsloop]:
    """Runs `opsloop sop …` as somebody, against the API of the office on a socket."""
    for name in ("OPSLOOP_TOKEN", "OPSLOOP_USER"):
        monkeypatch.delenv(name, raising=False)
    identity = Identity(KEY, library.served.directory)
    app = create_app(
        office.desk, identity, office.reader, office.audit, office.settings, releases=library.desk
    )
    terminal = typer.Typer(no_args_is_help=True, add_completion=False)
    sops = typer.Typer()
    sops.add_typer(releases.app)
    terminal.add_typer(sops, name="sop")
    with structlog.testing.capture_logs(), serving(app) as url:
        monkeypatch.setenv("OPSLOOP_API_URL", url)
        monkeypatch.setenv("OPSLOOP_DATA_DIR", str(tmp_path / "data"))
        monkeypatch.setenv("OPSLOOP_DEFINITIONS_DIR", str(library.folder))
        monkeypatch.setenv("OPSLOOP_IDENTITY_KEY", KEY)
        monkeypatch.setenv("COLUMNS", "200")
        monkeypatch.chdir(tmp_path)

        def run(by: str, *arguments: str) -> tuple[int, str]:
            capsys.readouterr()
            code = execute(terminal, ["sop", *arguments, "--as", by])
            printed = capsys.readouterr()
            library.served.reload()
            return code, printed.out + printed.err

        yield run


def as_json(ran: tuple[int, str]) -> Any:
    assert ran[0] == 0, ran[1]
    return json.loads(ran[1])


def start(opsloop: Opsloop) -> None:
    """The whole folder is in force."""
    assert opsloop("author", "publish", "--all", "--note", "the first")[0] == 0
    assert opsloop("releaser", "release")[0] == 0


def test_everything_is_published_and_released_at_the_start(opsloop: Opsloop, library: LibraryOffice) -> None:
    code, said = opsloop("author", "publish", "--all", "--note", "the first")
    assert code == 0
    assert "sops/freeze.yaml: version 1, new" in said
    assert "published by author as change set 1: another person releases it" in said
    code, said = opsloop("releaser", "release")
    assert code == 0
    assert "released by releaser as release 1" in said
    assert library.served.current().edition == "release 1"
    assert "nothing to publish" in opsloop("author", "publish", "--all")[1]


def test_a_file_is_published_by_its_path_from_here_or_from_the_folder(
    opsloop: Opsloop, library: LibraryOffice
) -> None:
    start(opsloop)
    (library.folder / SLA).write_text(SHORTER)
    done = as_json(opsloop("author", "publish", f"definitions/{SLA}", "--json"))
    assert [(each["path"], each["version"]) for each in done["change_set"]["files"]] == [(SLA, 2)]
    again = as_json(opsloop("both", "publish", SLA, str(library.folder / SLA), "--json"))
    assert (again["repeated"], again["change_set"]["number"]) == (True, 2)
    assert "published before by author as change set 2" in opsloop("author", "publish", SLA)[1]
    assert as_json(opsloop("releaser", "release", "2", "--json"))["release"]["number"] == 2
    assert as_json(opsloop("releaser", "release", "2", "--json"))["repeated"]
    assert "released before by releaser as release 2" in opsloop("releaser", "release", "2")[1]


def test_findings_come_one_a_line_and_nothing_is_kept(opsloop: Opsloop, library: LibraryOffice) -> None:
    start(opsloop)
    (library.folder / SLA).write_text(edited(SLA, "sla_hours: 1", "hours: 1"))
    code, said = opsloop("author", "publish", SLA)
    assert code == 1
    assert said.splitlines()[1].startswith("policies/sla.yaml:2:26: error OPS101: unknown field 'hours'")
    code, said = opsloop("author", "publish", SLA, "--json")
    assert code == 1
    assert [each["code"] for each in json.loads(said)["findings"]] == ["OPS102", "OPS101"]
    assert len(library.store.library.versions(SLA)) == 1


def test_a_file_that_is_no_yaml_does_not_travel(opsloop: Opsloop, library: LibraryOffice) -> None:
    start(opsloop)
    (library.folder / FREEZE).write_bytes(b"x" * 5_000_000)
    code, said = opsloop("author", "publish", FREEZE)
    assert code == 1
    assert f"{library.folder / FREEZE}:1:1: error OPS002" in said
    (library.folder / FREEZE).write_bytes(b"a: \xff")
    assert "error OPS003" in opsloop("author", "publish", "--all")[1]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("publish",), "name the files to publish, or give --all"),
        (("publish", "../x.yaml"), "../x.yaml: no such file in"),
        (("publish", "sops/nowhere.yaml"), "to remove it give --delete sops/nowhere.yaml"),
        (("publish", "--delete", "../x.yaml"), "no definition has the path '../x.yaml'"),
        (("versions", "sops/freese.yaml"), "did you mean 'sops/freeze.yaml'?"),
        (("diff", "sops/freese.yaml", "1", "2"), "no version 1 of sops/freese.yaml"),
        (("rollback", "sops/freeze.yaml", "--reason", "x"), "needs the role releaser"),
        (("release", "1"), "needs the role releaser"),
    ],
)
def test_a_command_that_means_nothing_says_what_is_wrong(
    opsloop: Opsloop, arguments: tuple[str, ...], complaint: str
) -> None:
    start(opsloop)
    code, said = opsloop("author", *arguments)
    assert (code, complaint in said) == (1, True), said


def test_one_file_for_an_empty_library_is_refused_with_what_to_do(opsloop: Opsloop) -> None:
    code, said = opsloop("author", "publish", FREEZE)
    assert code == 1
    assert said.splitlines()[-1] == "refused: the library is empty: publish all files at once (--all)"
    told = json.loads(opsloop("author", "publish", FREEZE, "--json")[1])
    assert told["hint"] == "the library is empty: publish all files at once (--all)"


def test_a_change_set_is_withdrawn_before_anybody_releases_it(
    opsloop: Opsloop, library: LibraryOffice
) -> None:
    start(opsloop)
    (library.folder / SLA).write_text(SHORTER)
    opsloop("author", "publish", SLA)
    assert opsloop("author", "withdraw", "2")[0] == 2, "a reason is needed"
    code, said = opsloop("author", "withdraw", "2", "--reason", "too early")
    assert (code, said.strip()) == (0, "change set 2 by author was withdrawn by author: too early")
    assert "was withdrawn before by author" in opsloop("releaser", "withdraw", "2", "--reason", "x")[1]
    assert "nothing waits for its release" in opsloop("releaser", "release")[1]
    assert "withdrawn" in opsloop("bob", "versions", SLA)[1]
    code, said = opsloop("releaser", "withdraw", "1", "--reason", "too late")
    assert (code, "`opsloop sop rollback 1` goes back" in said) == (1, True)


def test_a_removed_file_is_published_with_all_or_by_name(opsloop: Opsloop, library: LibraryOffice) -> None:
    start(opsloop)
    (library.folder / FREEZE).unlink()
    assert "sops/freeze.yaml: version 2, after version 1" in opsloop("author", "publish", "--all")[1]
    assert "published before" in opsloop("author", "publish", "--delete", FREEZE)[1]
    assert "sops/freeze.yaml: version 2 is in force, was version 1" in opsloop("releaser", "release")[1]
    assert FREEZE not in library.store.library.in_force().contents


def test_a_rollback_is_one_command_with_a_reason(opsloop: Opsloop, library: LibraryOffice) -> None:
    start(opsloop)
    (library.folder / SLA).write_text(SHORTER)
    opsloop("author", "publish", "--all")
    opsloop("releaser", "release")
    assert opsloop("releaser", "rollback", SLA)[0] == 2, "a reason is needed"
    code, said = opsloop("releaser", "rollback", f"definitions/{SLA}", "--reason", "too short")
    assert code == 0
    assert "policies/sla.yaml: version 1 is in force, was version 2" in said
    assert "rolled back by releaser as release 3" in said
    assert as_json(opsloop("releaser", "rollback", SLA, "--to", "2", "--reason", "it was right", "--json"))
    assert library.served.current().sla["accounts"].sla_hours == 0.9
    assert "was version 2" in opsloop("releaser", "rollback", SLA, "--to", "1", "--reason", "x")[1]


def test_versions_are_listed_with_who_when_and_state(opsloop: Opsloop, library: LibraryOffice) -> None:
    assert "nothing was published yet" in opsloop("bob", "versions")[1]
    start(opsloop)
    (library.folder / SLA).write_text(SHORTER)
    opsloop("both", "publish", SLA, "--note", "shorter")
    header, first, second = opsloop("bob", "versions", SLA)[1].splitlines()
    assert header.split()[:3] == ["file", "version", "state"]
    assert first.split()[:3] == [SLA, "1", "in_force"]
    assert second.split()[:3] == [SLA, "2", "published"]
    assert second.rstrip().endswith("shorter")
    listed = as_json(opsloop("bob", "versions", "--json"))["versions"]
    assert {each["published_by"] for each in listed} == {"author", "both"}


def test_the_difference_is_that_of_my_folder_to_what_is_in_force(
    opsloop: Opsloop, library: LibraryOffice
) -> None:
    start(opsloop)
    assert "no difference between version 1, in force and folder" in opsloop("bob", "diff", FREEZE)[1]
    (library.folder / FREEZE).write_text(edited(FREEZE, "sla: 1h", "sla: 2h"))
    lines = opsloop("bob", "diff", FREEZE)[1].splitlines()
    assert lines[0] == "sla: 1h → 2h"
    assert "-sla: 1h" in lines
    assert "+sla: 2h" in lines
    found = as_json(opsloop("bob", "diff", FREEZE, "folder", "1", "--json"))
    assert (found["old"], found["new"], found["changes"]) == ("folder", "version 1", ["sla: 2h → 1h"])


def test_the_status_tells_what_is_served_edited_broken_and_waiting(
    opsloop: Opsloop, library: LibraryOffice
) -> None:
    said = opsloop("bob", "status")[1]
    assert "nothing yet" in said
    start(opsloop)
    write_definitions(library.folder, **{SLA: SHORTER, DIRECTORY: WITH_STAFF})
    opsloop("author", "publish", SLA)
    write_definitions(
        library.folder,
        **{SLA: SHORTER, DIRECTORY: WITH_STAFF, FREEZE: edited(FREEZE, "core_system_freeze", "core_freeze")},
    )
    said = opsloop("bob", "status")[1]
    assert "release 1" in said
    assert "sops/freeze.yaml:5:29: error OPS201: unknown handler 'core_freeze'" in said
    assert "change set 2 by author waits: policies/sla.yaml version 2" in said
    shown = as_json(opsloop("bob", "status", "--json"))
    states = {each["path"]: each["folder"] for each in shown["files"]}
    assert (states[SLA], states[FREEZE], states[DIRECTORY]) == ("published", "edited", "in_force")
    assert "OPS201" in [each["code"] for each in shown["broken"]]


@pytest.mark.parametrize("library", ["from_folder"], indirect=True)
def test_the_status_of_an_installation_that_serves_its_folder_says_so(
    opsloop: Opsloop, library: LibraryOffice
) -> None:
    said = opsloop("bob", "status")[1]
    assert said.splitlines()[0] == "tickets are served by  the folder, as it is edited"
    assert "this installation serves its folder as it is edited; nothing was released yet" in said
    assert "in force" not in said
    assert said.count("not published") == len(library.everything())
    start(opsloop)
    (library.folder / SLA).write_text(SHORTER)
    said = opsloop("bob", "status")[1]
    assert "the library's versions only wait here" in said
    assert "in force" not in said
    rows = {line.split()[0]: line for line in said.splitlines() if line.startswith(("sops/", "policies/"))}
    assert rows[SLA].rstrip().endswith("not published")
    assert rows[FREEZE].rstrip().endswith("as released")
