"""`policies/rescue.yaml`: what it means, what is wrong in it, and that a bank may do without."""

from datetime import timedelta
from pathlib import Path

import pytest

from definitions.loader import load_rulebook
from domain.rescue import RescuePolicy
from tests.fakes.definition_folder import write_definitions
from workers.activity_set import handler_specs

GROUP = "groups:\n  - name: {name}\n    capacity: 10\n    skills: [{skill}]\n"


def load(tmp_path: Path, text: str | None) -> tuple[RescuePolicy | None, list[tuple[str, int]]]:
    folder = write_definitions(tmp_path / "definitions")
    if text is not None:
        (folder / "policies" / "rescue.yaml").write_text(text, encoding="utf-8")
    book, findings = load_rulebook(folder, handler_specs())
    places = [(each.code, each.line) for each in findings if each.file.endswith("rescue.yaml")]
    return (book.rescue if book else None), places


def test_without_the_file_no_group_is_known_and_the_fast_track_is_open(tmp_path: Path) -> None:
    policy, findings = load(tmp_path, None)
    assert policy is not None and findings == []
    assert policy.groups == ()
    assert policy.fast_track.enabled


def test_what_the_file_says_holds(tmp_path: Path) -> None:
    text = "at_most: 2\nleave_claimed: 30min\nfast_track: {enabled: false}\n"
    policy, findings = load(tmp_path, text + GROUP.format(name="Accounts", skill="accounts/freeze"))
    assert policy is not None and findings == []
    assert (policy.at_most, policy.leave_claimed) == (2, timedelta(minutes=30))
    assert not policy.fast_track.enabled
    assert [(each.name, each.skills) for each in policy.groups] == [("Accounts", ("accounts/freeze",))]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (GROUP.format(name="Acounts", skill="accounts"), ("OPS558", 2)),
        (GROUP.format(name="Accounts", skill="acounts"), ("OPS560", 4)),
        ("fill_to: 1.5\n", ("OPS106", 1)),
    ],
)
def test_what_is_wrong_is_found_where_it_stands(tmp_path: Path, text: str, place: tuple[str, int]) -> None:
    _, findings = load(tmp_path, text)
    assert findings == [place]


def test_a_group_takes_over_only_with_people_who_decide_and_who_work(tmp_path: Path) -> None:
    folder = write_definitions(tmp_path / "definitions")
    directory = folder / "policies" / "directory.yaml"
    text = directory.read_text(encoding="utf-8")
    directory.write_text(text.replace("  - {name: Night Desk}", "  - {name: Night Desk}\n  - {name: Empty}"))
    rescue = folder / "policies" / "rescue.yaml"
    rescue.write_text(GROUP.format(name="Empty", skill="accounts"), encoding="utf-8")
    _, findings = load_rulebook(folder, handler_specs())
    assert [(each.code, each.line) for each in findings if each.file.endswith("rescue.yaml")] == [
        ("OPS559", 2)
    ]
