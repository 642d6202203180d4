"""Commands of the demo: the real program, held against what the script says that it does."""

from pathlib import Path

import pytest

from domain.errors import InvalidInput
from workers.demo.commands import Terminal, apply_edits
from workers.demo.script_files import Command, Edit

HANDLERS = Command(
    run="handlers --json", show=('^    "name": ',), tell="{count} handlers of {bank}", quiet=True
)


def terminal(folder: Path) -> Terminal:
    return Terminal({}, {"bank": "ours", "draft": str(folder / "draft.yaml")}, folder)


async def test_what_a_command_says_is_counted_and_told(tmp_path: Path) -> None:
    typed = terminal(tmp_path)
    said = await typed.run(HANDLERS)
    assert said.as_expected
    assert said.command == "opsloop handlers --json"
    assert said.lines == ()
    number, _, rest = said.summary.partition(" ")
    assert int(number) > 10
    assert rest == "handlers of ours"
    assert typed.typed == [said]


async def test_a_refusal_is_expected_where_the_script_says_so_and_a_failure_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "draft.yaml").write_text("name: [", encoding="utf-8")
    refused = await terminal(tmp_path).run(Command(run="sop check {draft}", exit=1, show=("OPS004",)))
    assert refused.as_expected
    assert refused.lines
    failed = await terminal(tmp_path).run(Command(run="sop check {draft}"))
    assert not failed.as_expected
    assert failed.shown[-1] == "✗ exit code 1, expected 0"


async def test_a_command_that_does_not_say_what_it_should_has_failed(tmp_path: Path) -> None:
    said = await terminal(tmp_path).run(Command(run="handlers", find="no such handler"))
    assert not said.as_expected


async def test_a_name_that_nothing_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="known: bank, draft"):
        await terminal(tmp_path).run(Command(run="ticket show {ticket}"))


def test_edits_of_one_file_are_saved_together(tmp_path: Path) -> None:
    path = tmp_path / "sop.yaml"
    path.write_text("version: one\nquorum: 1\n", encoding="utf-8")
    told = apply_edits(
        (
            Edit(file="sop.yaml", old="version: one", new="version: two"),
            Edit(file="sop.yaml", old="quorum: 1", new="quorum: 2"),
        ),
        tmp_path,
    )
    assert path.read_text(encoding="utf-8") == "version: two\nquorum: 2\n"
    assert told == ["version: one → version: two", "quorum: 1 → quorum: 2"]
    assert [each.name for each in tmp_path.iterdir()] == ["sop.yaml"]


@pytest.mark.parametrize("old", ["quorum: 3", "a"])
def test_an_edit_that_does_not_fit_once_changes_nothing(tmp_path: Path, old: str) -> None:
    path = tmp_path / "sop.yaml"
    path.write_text("a: a\n", encoding="utf-8")
    with pytest.raises(InvalidInput, match="exactly once"):
        apply_edits((Edit(file="sop.yaml", old=old, new="b"),), tmp_path)
    assert path.read_text(encoding="utf-8") == "a: a\n"
