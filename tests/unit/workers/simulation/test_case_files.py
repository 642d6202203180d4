"""Case files: what they may say, and where each mistake is."""

from pathlib import Path

import pytest

from definitions.book import Rulebook
from definitions.loader import load_rulebook
from tests.fakes.definition_folder import FILES, write_definitions
from workers.activity_set import handler_specs
from workers.settings import PROJECT
from workers.simulation.files import CaseSet, case_files, read_cases, rulebook_with

GOOD = """\
defaults:
  at: 2026-11-24T22:00:00+08:00
  ticket: {account_ref: A1, fields: {amount: "5.00", authority: customer}}
  people: {gate: {after: 5min}}
cases:
  - name: Runs through
    ticket: {fields: {amount: "7.00", authority: null}}
    handlers:
      freeze: [{error: bank_unavailable}, done]
    expect: {state: completed}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_definitions(tmp_path / "definitions")


@pytest.fixture
def rulebook(folder: Path) -> Rulebook:
    book, findings = load_rulebook(folder, handler_specs())
    assert book is not None, findings
    return book


def read(folder: Path, rulebook: Rulebook, text: str) -> tuple[CaseSet | None, list[str]]:
    path = folder / "sops/freeze.test.yaml"
    path.write_text(text)
    cases, findings = read_cases(path, rulebook)
    return cases, [str(each).removeprefix(f"{path}:") for each in findings]


def wrong(folder: Path, rulebook: Rulebook, old: str, new: str) -> list[str]:
    """The findings for the good file with one place changed."""
    assert old in GOOD
    cases, findings = read(folder, rulebook, GOOD.replace(old, new, 1))
    assert cases is None
    return findings


def test_a_case_takes_from_the_defaults_what_it_does_not_say(folder: Path, rulebook: Rulebook) -> None:
    cases, findings = read(folder, rulebook, GOOD)
    assert findings == []
    assert cases is not None
    play = cases.plays[0]
    assert play.sop.id == "freeze"
    assert play.case.ticket.fields == {"amount": "7.00"}
    assert play.case.ticket.account_ref == "A1"
    assert [mock.error or mock.outcome for mock in play.case.handlers["freeze"]] == [
        "bank_unavailable",
        "done",
    ]
    assert play.case.people["gate"][0].after is not None


def test_scripts_of_the_defaults_may_stay_unused_and_those_of_a_case_may_not(
    folder: Path, rulebook: Rulebook
) -> None:
    cases, _ = read(folder, rulebook, GOOD)
    assert cases is not None
    assert cases.plays[0].scripts == ("handlers.freeze[1]", "handlers.freeze[2]")


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        ("freeze: [", "freze: [", "9:7: error OPS104: no step or handler is called 'freze' (did you mean"),
        ("_unavailable", "_unavailible", "9:24: error OPS104: there is no error 'bank_unavailible' (did"),
        (", done]", ", ended]", "9:43: error OPS104: core_system_freeze never answers 'ended'; expected"),
        ("gate: {", "gates: {", "4:12: error OPS104: no step, person or kind of review is called 'gates'"),
        ("5min", "5min, by: bib", "4:36: error OPS303: the directory has no 'bib' (did you mean 'bob'?)"),
        ("state: completed", "not: [thaw]", "10:20: error OPS104: no step or handler is called 'thaw'"),
        ("state: completed", "state: done", "10:21: error OPS104: cases[1].expect.state: 'done' is not"),
        ("{state: completed}", "{}", "6:5: error OPS102: expect is missing; expected what must come of it"),
        ("  at: 2026-11-24T22:00:00+08:00\n", "", "5:5: error OPS102: at is missing; expected `at: 2026"),
        ("22:00:00+08:00", "22:00:00", "2:7: error OPS1"),
        ("after: 5min", "approve: true, reject: why", "4:18: error OPS108: "),
        ("{error: bank_unavailable}", "{error: bank_unavailable, outcome: done}", "9:16: error OPS108: "),
        ("after: 5min", "after: soon", "4:18: error OPS107: "),
    ],
)  # fmt: skip
def test_each_mistake_is_told_with_its_place(
    folder: Path, rulebook: Rulebook, old: str, new: str, finding: str
) -> None:
    findings = wrong(folder, rulebook, old, new)
    assert len(findings) == 1
    assert findings[0].startswith(finding)


def test_two_cases_of_one_name_are_refused(folder: Path, rulebook: Rulebook) -> None:
    twice = GOOD + GOOD[GOOD.index("  - name") :]
    findings = read(folder, rulebook, twice)[1]
    assert findings == [
        "11:11: error OPS307: two cases are called 'Runs through'; expected its own name",
    ]


def test_a_case_file_without_its_sop_says_what_it_looked_for(folder: Path, rulebook: Rulebook) -> None:
    path = folder / "sops/thaw.test.yaml"
    path.write_text(GOOD)
    assert "beside this file there is no SOP thaw.yaml" in str(read_cases(path, rulebook)[1][0])
    path.write_text(f"sop: freez\n{GOOD}")
    finding = str(read_cases(path, rulebook)[1][0])
    assert finding.endswith(
        "there is no SOP 'freez' (did you mean 'freeze'?); expected one of freeze, general"
    )


def test_case_files_are_no_definitions(folder: Path) -> None:
    (folder / "sops/freeze.test.yaml").write_text(GOOD)
    book, findings = load_rulebook(folder, handler_specs())
    assert findings == []
    assert book is not None
    assert len(book.sops) == 2
    assert [each.name for each in case_files(folder)] == ["freeze.test.yaml"]


def test_a_draft_takes_the_place_of_the_sop_with_its_trigger(folder: Path, tmp_path: Path) -> None:
    draft = tmp_path / "draft.yaml"
    draft.write_text(
        FILES["sops/freeze.yaml"].replace("name: Freeze\ntrigger", "name: Freeze II\ntrigger", 1)
    )
    book, findings = rulebook_with(folder, [draft])
    assert findings == []
    assert book is not None
    assert sorted(sop.id for sop in book.sops) == ["freeze_ii", "general"]


def test_a_draft_that_cannot_be_read_is_told_with_its_place(folder: Path, tmp_path: Path) -> None:
    draft = tmp_path / "draft.yaml"
    draft.write_text("name: Freeze\nsteps: []\n")
    book, findings = rulebook_with(folder, [draft])
    assert book is None
    assert str(findings[0]).startswith(f"{draft}:2:8: error OPS106")


def test_every_shipped_case_file_is_good() -> None:
    folder = PROJECT / "definitions"
    book, findings = load_rulebook(folder, handler_specs())
    assert book is not None, findings
    assert case_files(folder)
    for path in case_files(folder):
        assert read_cases(path, book)[1] == []
