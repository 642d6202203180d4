"""The documentation fits the program: commands, links, decisions."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from workers.cli.main import app
from workers.settings import PROJECT

_FOLDERS = ("activities", "bench", "definitions", "docs", "domain", "tests", "workers", "workflows")
PAGES = [PROJECT / "README.md"]
for _name in _FOLDERS:
    PAGES.extend(sorted((PROJECT / _name).rglob("*.md")))
TEXTS = {str(page.relative_to(PROJECT)): page.read_text(encoding="utf-8") for page in PAGES}
COMMON = {"--as", "--api", "--json", "--help"}
"""Options that many commands share: documented once."""


def commands(command: object, path: str = "opsloop") -> Iterator[tuple[str, TyperCommand]]:
    """Every command that people are shown, with what they type for it."""
    if isinstance(command, TyperCommand):
        yield path, command
        return
    assert isinstance(command, TyperGroup)
    for name, each in command.commands.items():
        if not each.hidden:
            yield from commands(each, f"{path} {name}")


COMMANDS = dict(commands(get_command(app)))


def rows_of(path: str) -> str:
    """The rows of tables that begin with this command."""
    pattern = rf"^\| `{re.escape(path)}(?: [^`]*)?` \|.*$"
    return "\n".join(line for text in TEXTS.values() for line in re.findall(pattern, text, re.MULTILINE))


def headings(text: str) -> set[str]:
    """The anchors of a page, as Markdown viewers make them."""
    titles = re.findall(r"^#+ (.+)$", without_code(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def without_code(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def links(text: str) -> list[str]:
    """The targets of links and images, except those to other machines."""
    targets = re.findall(r"\]\(([^)\s]+)\)", without_code(text))
    return [target for target in targets if not re.match(r"[a-z]+:", target)]


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_has_a_row_with_all_its_options(path: str) -> None:
    rows = rows_of(path)
    assert rows, f"no page has a table row that begins with `{path}`"
    options = {option for each in COMMANDS[path].params for option in each.opts if option.startswith("--")}
    assert {option for option in options - COMMON if f"`{option}" not in rows} == set()


@pytest.mark.parametrize("option", sorted(COMMON - {"--help"}))
def test_an_option_that_commands_share_is_explained(option: str) -> None:
    assert f"`{option}" in TEXTS["docs/api.md"]


@pytest.mark.parametrize("page", TEXTS)
def test_no_page_names_a_command_that_does_not_exist(page: str) -> None:
    named = re.findall(r"`(?:\.venv/bin/)?opsloop((?: [a-z][a-z-]*)+)", TEXTS[page])
    known = {" ".join(path.split()[:depth]) for path in COMMANDS for depth in (2, 3)}
    hidden = {"opsloop sandbox-bank", "opsloop sinks"}
    wrong = {
        words
        for words in named
        if not {f"opsloop {' '.join(words.split()[:depth])}" for depth in (1, 2)} & (known | hidden)
    }
    assert wrong == set()


@pytest.mark.parametrize("page", TEXTS)
def test_every_link_leads_somewhere(page: str) -> None:
    here = PROJECT / page
    broken = []
    for target in links(TEXTS[page]):
        name, _, anchor = target.partition("#")
        file = (here.parent / name).resolve() if name else here
        there = file.exists() and (not anchor or anchor in headings(file.read_text(encoding="utf-8")))
        if not there:
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("page", TEXTS)
def test_every_file_that_a_page_names_exists(page: str) -> None:
    """Paths such as `workflows/reviews.py`, from the root, the definitions folder or the page's own."""
    named = re.findall(r"`((?:[\w-]+/)*[\w-]+\.(?:py|yaml|yml|toml|md))`", without_code(TEXTS[page]))
    roots = (PROJECT, PROJECT / "definitions", (PROJECT / page).parent)
    missing = {name for name in named if "/" in name and not any((root / name).is_file() for root in roots)}
    assert missing == set()


def linked_from(page: Path) -> set[Path]:
    """The files that a page links to."""
    targets = links(TEXTS[str(page.relative_to(PROJECT))])
    return {(page.parent / target.partition("#")[0]).resolve() for target in targets}


def test_every_page_is_reached_from_the_index() -> None:
    """From `docs/README.md`, or from the index of its folder, which that one links to."""
    index = PROJECT / "docs" / "README.md"
    listed = linked_from(index)
    for other in (PROJECT / "docs").rglob("*/README.md"):
        listed |= linked_from(other) if other.resolve() in listed else set()
    pages = {page.resolve() for page in (PROJECT / "docs").rglob("*.md")} - {index.resolve()}
    assert {str(page.relative_to(PROJECT)) for page in pages - listed} == set()


def test_decisions_are_numbered_without_holes() -> None:
    files = sorted((PROJECT / "docs" / "decisions").glob("*.md"))
    assert [int(file.name[:4]) for file in files] == list(range(1, len(files) + 1))
    assert [file.name for file in files if not file.read_text().startswith(f"# {file.name[:4]}")] == []


@pytest.mark.parametrize("name", [*(name for name in _FOLDERS if name != "docs")])
def test_each_folder_says_when_to_touch_it(name: str) -> None:
    lines = (PROJECT / name / "README.md").read_text(encoding="utf-8").splitlines()
    assert re.match(r"\*\*When do you (need to )?touch this (directory|folder)\?\*\* ", lines[2])
