"""`opsloop sop graph` and `opsloop ticket graph`, as people use them."""

import json
from pathlib import Path

import pytest
import typer

from definitions.book import pin
from definitions.schema import Sop
from tests.fakes.catalogue import CATALOGUE
from tests.fakes.definition_folder import write_definitions
from workers.cli import graph, tickets
from workers.cli.entry import execute


@pytest.fixture
def run(terminal, definitions: Path, capsys: pytest.CaptureFixture[str]):
    """Runs `opsloop graph …` (as `sop graph`) or `opsloop ticket …`; returns code, output, complaint."""
    directory = (definitions / "policies" / "directory.yaml").read_text()
    write_definitions(definitions, **{"policies/directory.yaml": directory})
    app = typer.Typer(no_args_is_help=True)
    app.command("graph")(graph.sop_graph)
    app.add_typer(tickets.app, name="ticket")

    def run(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = execute(app, [str(each) for each in arguments])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def test_an_sop_is_named_by_its_id_or_its_file(run, definitions: Path):
    code, by_id, _ = run("graph", "freeze")
    assert code == 0
    assert by_id.startswith("flowchart TD\n")
    assert run("graph", definitions / "sops/freeze.yaml")[1] == by_id


def test_it_is_written_to_a_file_in_the_format_of_its_name(run, tmp_path: Path):
    out = tmp_path / "freeze.svg"
    assert run("graph", "freeze", "--out", out) == (0, "", "")
    assert out.read_text(encoding="utf-8").startswith("<svg ")
    run("graph", "freeze", "--out", out, "--format", "mermaid")
    assert out.read_text(encoding="utf-8").startswith("flowchart")


def test_json_holds_the_picture_or_says_where_it_is(run, tmp_path: Path):
    shown = json.loads(run("graph", "freeze", "--format", "svg", "--json")[1])
    assert shown["format"] == "svg"
    assert shown["picture"].startswith("<svg ")
    out = tmp_path / "f.svg"
    assert json.loads(run("graph", "freeze", "--out", out, "--json")[1]) == {
        "format": "svg",
        "file": str(out),
    }


def test_people_of_the_policies_are_drawn_as_people(run):
    assert "work by hand<br/>Manual freeze" in run("graph", "freeze")[1]


def test_a_draft_with_an_unknown_handler_is_drawn_and_one_of_a_wrong_form_is_not(run, tmp_path: Path):
    draft = tmp_path / "draft.yaml"
    draft.write_text("name: Draft\nsteps: [{name: A, handler: not_written_yet}]\n")
    assert "not_written_yet" in run("graph", draft)[1]
    draft.write_text("name: Draft\nsteps: [{name: A, handlr: x}]\n")
    code, _, complaint = run("graph", draft)
    assert code == 1
    assert "draft.yaml:2:" in complaint


def test_what_cannot_be_drawn_is_said_plainly(run, tmp_path: Path):
    code, _, complaint = run("graph", "freze")
    assert code == 1
    assert "there is no SOP 'freze' (did you mean 'freeze'?)" in complaint
    assert "say what to draw" in run("graph")[2]
    assert "no such file" in run("graph", tmp_path / "none.yaml")[2]
    assert "cannot write" in run("graph", "freeze", "--out", tmp_path / "none" / "x.svg")[2]


def test_a_ticket_is_drawn_as_it_pinned_its_sop(run, office, api: str, tmp_path: Path):
    steps = [{"name": "Papers of yesterday", "handler": "auth_validator"}]
    pinned = pin(Sop.model_validate({"name": "Freeze", "steps": steps}), CATALOGUE)
    office.running(sop="Freeze")
    office.temporal.on_query["sop"] = lambda _: pinned
    code, text, _ = run("ticket", "graph", "T1", "--as", "op.chen")
    assert code == 0
    assert "Papers of yesterday" in text
    assert run("graph", "--ticket", "T1", "--as", "op.chen")[1] == text
    assert run("graph", "freeze", "--ticket", "T1", "--as", "op.chen")[1] == text
    out = tmp_path / "t.svg"
    assert run("ticket", "graph", "T1", "--as", "op.chen", "--out", out)[0] == 0
    assert "Freeze: ticket T1" in out.read_text(encoding="utf-8")
    code, _, complaint = run("graph", "general", "--ticket", "T1", "--as", "op.chen")
    assert code == 1
    assert "ticket T1 runs 'Freeze', not 'General'" in complaint
    assert "there is no ticket T9" in run("ticket", "graph", "T9", "--as", "op.chen")[2]
