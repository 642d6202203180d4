"""Each code has a page whose examples are true: the wrong one has that finding, the mended one has not."""

import re
from pathlib import Path

import pytest

from definitions.finding_pages import PAGES, explained, page_path
from definitions.findings import CODES, Finding, has_errors
from definitions.loader import load_rulebook
from domain.errors import NotFound
from tests.fakes.definition_folder import write_definitions
from workers.activity_set import handler_specs

PROJECT = Path(__file__).resolve().parents[3]
WITHOUT_EXAMPLE = {
    "OPS001",  # a file that is not there
    "OPS002",  # a file that is too large
    "OPS330",  # a whole bank without authors and releasers
}
EXAMPLE = "sops/example.yaml"


def examples(code: str, heading: str) -> dict[str, str]:
    """The files that the page shows under this heading, by path."""
    page = page_path(code).read_text(encoding="utf-8")
    section = page.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    files = {}
    for block in re.findall(r"```yaml\n(.*?)```", section, re.DOTALL):
        named = re.match(r"# (\S+\.ya?ml)\n", block)
        files[named[1] if named else EXAMPLE] = block
    return files


def findings_in(folder: Path, files: dict[str, str]) -> list[Finding]:
    """What is found in these files, or about the folder that has them."""
    _, findings = load_rulebook(write_definitions(folder, **files), handler_specs())
    places = {str(folder / name) for name in files} | {str((folder / name).parent) for name in files}
    return [each for each in findings if each.file in places]


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_a_page_that_says_what_it_is_and_why(code: str) -> None:
    page = page_path(code).read_text(encoding="utf-8")
    entry = CODES[code]
    assert page.startswith(f"# {code}: {entry.title}\n\n{entry.severity.capitalize()}. ")
    assert "\n## Why\n" in page


@pytest.mark.parametrize("code", [code for code in CODES if code not in WITHOUT_EXAMPLE])
def test_the_wrong_example_has_this_finding_and_the_mended_one_is_right(code: str, tmp_path: Path) -> None:
    wrong = findings_in(tmp_path / "wrong", examples(code, "Wrong"))
    assert {each.code for each in wrong} == {code}, [str(each) for each in wrong]
    mended = findings_in(tmp_path / "mended", examples(code, "Mended"))
    assert code not in {each.code for each in mended}
    assert not has_errors(mended), [str(each) for each in mended]


def test_there_is_no_page_for_a_code_that_is_gone() -> None:
    assert {path.stem for path in PAGES.glob("OPS*.md")} == set(CODES)


def test_the_index_lists_every_page() -> None:
    index = (PAGES / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^- \[(OPS\d{3})\]\(\1\.md\) (.+) \((error|warning)\)$", index, re.MULTILINE)
    assert rows == [(code, entry.title, entry.severity.value) for code, entry in CODES.items()]
    assert "findings/README.md" in (PROJECT / "docs/README.md").read_text(encoding="utf-8")


def test_a_code_is_explained_with_its_example() -> None:
    text = explained("ops201")
    assert text.startswith("OPS201: unknown handler")
    assert "core_sytem_freeze" in text


def test_an_unknown_code_is_answered_with_one_that_is_near() -> None:
    with pytest.raises(NotFound, match="did you mean 'OPS"):
        explained("OPS299")
