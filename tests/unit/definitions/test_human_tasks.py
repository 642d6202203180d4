"""Human tasks have all that a person's step in an SOP has."""

from pathlib import Path

import pytest

from definitions.book import Rulebook
from definitions.findings import Finding
from definitions.loader import load_rulebook
from domain.fields import FieldType
from tests.fakes.catalogue import CODE
from tests.fakes.definition_folder import FILES, write_definitions

NAME = "policies/human_tasks.yaml"
SECOND_LOOK = """\
second_look:
  kind: review
  question: Is this right?
  group: Accounts
  deadline: 30min
  on_late: escalate
  form:
    amount: {label: Amount paid, type: money}
"""


def load(folder: Path, task: str) -> tuple[Rulebook | None, list[Finding]]:
    write_definitions(folder, **{NAME: FILES[NAME] + task})
    book, findings = load_rulebook(folder, CODE)
    return book, [each for each in findings if each.file.endswith(NAME)]


def test_lateness_a_quorum_and_a_form_reach_whoever_is_asked(tmp_path: Path) -> None:
    book, findings = load(tmp_path, SECOND_LOOK + "  quorum: 2\n  four_eyes: false\n")
    assert findings == []
    assert book is not None
    task = book.human_tasks["second_look"]
    assert (task.on_late, task.quorum, task.four_eyes) == ("escalate", 2, False)
    assert task.form["amount"].type is FieldType.MONEY


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("  quorum: 0\n", "OPS106"),
        ("  quorum: two\n", "OPS103"),
        ("  four_eyes: sometimes\n", "OPS103"),
        ("  on_late: shout\n", "OPS104"),
        ("    Paid By: {type: text}\n", "OPS105"),
        ("    payer: {type: person}\n", "OPS104"),
        ("    payer: {kind: text}\n", "OPS101"),
    ],
)
def test_what_does_not_fit_is_an_error(tmp_path: Path, change: str, code: str) -> None:
    task = SECOND_LOOK.replace("  on_late: escalate\n", "") if "on_late" in change else SECOND_LOOK
    _, findings = load(tmp_path, task + change)
    assert [each.code for each in findings] == [code]


@pytest.mark.parametrize("field", ["quorum: 2", "four_eyes: false"])
def test_work_by_hand_has_one_pair_of_hands(tmp_path: Path, field: str) -> None:
    task = SECOND_LOOK.replace("kind: review", "kind: manual") + f"  {field}\n"
    _, findings = load(tmp_path, task)
    assert [each.code for each in findings] == ["OPS108"]
    assert field.partition(":")[0] in findings[0].message


@pytest.mark.parametrize(
    ("fields", "too_few"),
    [
        ("  quorum: 1\n", False),
        ("  quorum: 2\n", True),
        ("  quorum: 2\n  four_eyes: false\n", False),
        ("  quorum: 3\n  four_eyes: false\n", True),
    ],
)
def test_a_quorum_needs_so_many_people_and_with_four_eyes_one_more(
    tmp_path: Path, fields: str, too_few: bool
) -> None:
    _, findings = load(tmp_path, SECOND_LOOK + fields)
    assert [each.code for each in findings] == (["OPS310"] if too_few else [])
