"""`opsloop page` and `opsloop roster`: what people type at night."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
import typer

from domain.paging import Acknowledged, PagePhase, Resolved
from tests.support.http_server import serving
from tests.support.oncall_office import KEY, Nights, nights
from workers.cli import pages, roster
from workers.cli.entry import execute

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Nights]:
    with nights(tmp_path) as made:
        yield made


@pytest.fixture
def run(
    night: Nights,
    office: Any,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Run]:
    """Runs `opsloop …` against the night's API on a socket."""
    folder = tmp_path / "definitions" / "policies"
    folder.mkdir(parents=True)
    directory = night.rulebook.current().directory.model_dump(mode="json")
    (folder / "directory.yaml").write_text(json.dumps(directory), encoding="utf-8")
    for name in ("OPSLOOP_TOKEN", "OPSLOOP_USER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPSLOOP_DEFINITIONS_DIR", str(folder.parent))
    monkeypatch.setenv("OPSLOOP_IDENTITY_KEY", KEY)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(pages, "_LOOK_EVERY_S", 0.01)
    app = typer.Typer()
    app.add_typer(pages.app, name="page")
    app.add_typer(roster.app, name="roster")
    with structlog.testing.capture_logs(), serving(night.app(office)) as url:
        monkeypatch.setenv("OPSLOOP_API_URL", url)

        def typed(*arguments: str, by: str = "duty.liu") -> tuple[int, str, str]:
            capsys.readouterr()
            code = execute(app, [*arguments, "--as", by])
            printed = capsys.readouterr()
            return code, printed.out, printed.err

        yield typed


def test_pages_are_listed_and_shown_with_everybody_whom_they_told(night: Nights, run: Run) -> None:
    night.page("P1")
    _, listed, _ = run("page", "list", "--open")
    assert "P1" in listed
    assert "Freeze of high risk waits" in listed
    _, shown, _ = run("page", "show", "P1")
    for words in ("approve, reject", "it goes on waiting", "duty.liu", "sent sms", "ringing"):
        assert words in shown


def test_whoever_acknowledges_learns_that_nothing_is_approved(night: Nights, run: Run) -> None:
    night.page("P1")
    code, said, _ = run("page", "ack", "P1")
    assert (code, "approves nothing" in said) == (0, True)
    code, _, refused = run("page", "ack", "P1", by="duty.yang")
    assert (code, "duty.liu acknowledged it already" in refused) == (1, True)
    code, _, unknown = run("page", "ack", "P9")
    assert (code, "there is no page P9" in unknown) == (1, True)


def test_without_an_id_it_is_the_page_that_rings_whoever_types_it(night: Nights, run: Run) -> None:
    night.page("P1", to="duty.yang")
    night.page("P2", to="duty.liu")
    code, said, _ = run("page", "ack")
    assert (code, said.startswith("P2: acknowledged")) == (0, True)


def test_without_an_id_it_may_be_the_only_page_that_rings_though_it_rang_somebody_else(
    night: Nights, run: Run
) -> None:
    night.page("P1", to="duty.yang")
    code, said, _ = run("page", "ack")
    assert (code, said.startswith("P1: acknowledged")) == (0, True)
    code, _, nothing = run("page", "ack")
    assert (code, "no page rings" in nothing) == (1, True)


def test_without_an_id_several_pages_are_named_and_none_is_acknowledged(night: Nights, run: Run) -> None:
    night.page("P1")
    night.page("P2")
    code, _, said = run("page", "ack")
    assert code != 0
    assert "2 pages ring: say which of" in said
    assert {"P1", "P2"} <= set(said.replace(",", " ").split())
    assert all(state.phase is PagePhase.RINGING for _, state, _ in night.states.values())


def drilled(night: Nights, event: Acknowledged | Resolved) -> None:
    """Lets the workflow of the drill that is about to start do its part."""
    start = night.temporal.start_workflow

    async def started(workflow: str, argument: Any, **options: Any) -> None:
        await start(workflow, argument, **options)
        night.page(**{name: getattr(argument.page, name) for name in type(argument.page).model_fields})
        night.move(argument.page.page_id, event)

    night.temporal.start_workflow = started  # type: ignore[method-assign]


def test_a_drill_waits_for_the_answer_and_says_who_gave_it_and_after_how_long(
    night: Nights, run: Run
) -> None:
    drilled(night, Acknowledged(by="duty.liu"))
    code, said, _ = run("page", "drill", "--to", "Account Operations")
    assert code == 0
    assert "duty.liu (first): sent sms" in said
    assert "duty.liu answered after " in said
    _, document, _ = run("page", "drill", "--json")
    result = json.loads(document)
    assert (result["acknowledged_by"], result["notifications"]) == ("duty.liu", 1)
    assert 0 <= result["after_s"] < 60
    assert "page.drill" in night.actions()


def test_a_drill_that_nobody_answers_fails(night: Nights, run: Run) -> None:
    drilled(night, Resolved(why="expired"))
    code, said, _ = run("page", "drill")
    assert (code, "nobody answered" in said) == (1, True)


def test_a_drill_that_still_rings_when_the_patience_is_over_says_so(night: Nights, run: Run) -> None:
    code, said, _ = run("page", "drill", "--wait", "0")
    assert (code, "it rings on" in said) == (1, True)


def test_who_is_on_call_is_shown_and_overridden(night: Nights, run: Run) -> None:
    _, shown, _ = run("roster", "show")
    assert "duty.liu, duty.yang" in shown
    code, kept, _ = run(
        *("roster", "override", "duty.yang", "--instead-of", "duty.liu", "--for", "8h", "--why", "ill"),
        "--json",
    )
    assert code == 0
    _, shown, _ = run("roster", "show")
    assert "duty.liu, duty.yang" not in shown
    assert "ill" in shown
    code, _, _ = run("roster", "withdraw", json.loads(kept)["override_id"], "--why", "well again")
    assert code == 0
    _, shown, _ = run("roster", "show")
    assert "duty.liu, duty.yang" in shown
    code, _, refused = run("roster", "override", "duty.yang", "--for", "8 hours", "--why", "ill")
    assert (code, "lasts" in refused) == (1, True)


def test_a_roster_without_gaps_is_fine(run: Run) -> None:
    assert run("roster", "gaps") == (0, "no gap in 14 days\n", "")


def test_the_hand_over_sheet_has_the_open_pages(night: Nights, run: Run) -> None:
    night.page("P1")
    code, sheet, _ = run("roster", "handover")
    assert code == 0
    for words in ("ran alone in this shift: 0", "on hold: 0", "open pages: 1", "P1", "around the clock"):
        assert words in sheet
    view = night.store.pages.page("P1")
    assert view is not None
    assert view.state.phase is PagePhase.RINGING
