"""What can be wrong with roster and paging, each with its place; and the folder that has neither."""

from pathlib import Path

import pytest

from definitions.findings import Finding
from definitions.loader import load_rulebook
from domain.paging_policy import PagingPolicy
from tests.fakes.catalogue import CODE
from tests.fakes.definition_folder import write_definitions

DEFINITIONS = Path(__file__).resolve().parents[3] / "definitions"
ROSTER = "policies/roster.yaml"
PAGING = "policies/paging.yaml"
GOOD = """\
timezone: Asia/Shanghai
fallback: [ann]
rotations:
  - name: desk
    handover: 30min
    shifts:
      - {name: day, hours: "08:00-20:30", people: [ann]}
      - {name: night, hours: "20:00-08:30", people: [ann]}
      - {name: feast, hours: "00:00-24:00", first_on: 2027-02-05, last_on: 2027-02-07, people: [ann]}
overrides:
  - starts_at: "2027-03-01T08:00:00+08:00"
    ends_at: "2027-03-02T08:00:00+08:00"
    people: [ann]
    by: bob
    why: swap
"""


def findings_of(folder: Path, roster: str) -> list[Finding]:
    _, findings = load_rulebook(write_definitions(folder, **{ROSTER: roster}), CODE)
    return findings


def test_a_good_roster_has_no_findings_and_is_the_rulebooks(tmp_path: Path) -> None:
    rulebook, findings = load_rulebook(write_definitions(tmp_path, **{ROSTER: GOOD}), CODE)
    assert findings == []
    assert rulebook is not None
    assert [each.name for each in rulebook.roster.rotations[0].shifts] == ["day", "night", "feast"]


def test_a_folder_without_them_has_the_directorys_order_around_the_clock(tmp_path: Path) -> None:
    rulebook, findings = load_rulebook(write_definitions(tmp_path), CODE)
    assert findings == []
    assert rulebook is not None
    [rotation] = rulebook.roster.rotations
    assert [(each.hours, each.people) for each in rotation.shifts] == [("00:00-24:00", ("ann",))]
    assert rulebook.roster.fallback == ("ann",)
    assert rulebook.paging == PagingPolicy()


def test_the_seed_folder_loads_without_them() -> None:
    assert not (DEFINITIONS / "seed" / ROSTER).exists()
    rulebook, _ = load_rulebook(DEFINITIONS / "seed", CODE)
    assert rulebook is None or rulebook.written_roster.rotations == ()


@pytest.mark.parametrize(
    ("edit", "line", "code", "said"),
    [
        (("08:00-20:30", "08:00-22:00"), 8, "OPS520", "overlap by 120 minutes"),
        (("handover: 30min", "handover: 10min"), 8, "OPS520", "overlap by 30 minutes"),
        (
            ("people: [ann]}\n      - {name: night", "people: []}\n      - {name: night"),
            7,
            "OPS521",
            "nobody",
        ),
        (("[ann]\nrotations", "[anne]\nrotations"), 2, "OPS522", "did you mean 'ann'?"),
        (('20:00-08:30", people: [ann]', '20:00-08:30", people: [bob]'), 8, "OPS523", "without the role"),
        (("    people: [ann]\n    by", "    people: [bob]\n    by"), 13, "OPS523", "without the role"),
        (("Asia/Shanghai", "Asia/Beijing"), 1, "OPS524", "'Asia/Beijing' is not a time zone"),
        (("Asia/Shanghai", "''"), 1, "OPS524", "is not a time zone"),
        (("20:00-08:30", "20:00-07:00"), 4, "OPS525", "Mon 07:00 to Mon 08:00, and 6 more times a week"),
        (("fallback: [ann]", "fallback: []"), 2, "OPS526", "no fallback"),
        (("name: night", "name: day"), 8, "OPS527", "stands here twice"),
        (
            ("    handover: 30min\n", "    groups: [Accounts]\n"),
            4,
            "OPS529",
            "no rotation takes the pages of all",
        ),
        (("last_on: 2027-02-07", "last_on: 2027-02-07, days: [mon]"), 9, "OPS530", "never takes place"),
        (("last_on: 2027-02-07", "last_on: 2027-02-01"), 9, "OPS108", "last_on is before first_on"),
        (("2027-03-02T08:00:00+08:00", "2027-03-01T08:00:00+08:00"), 11, "OPS108", "not after starts_at"),
        (("handover: 30min", "handover: 30"), 5, "OPS107", "not a duration"),
        (('"08:00-20:30"', "8-20"), 7, "OPS105", "hours"),
    ],
)
def test_what_is_wrong_is_found_with_its_place(
    tmp_path: Path, edit: tuple[str, str], line: int, code: str, said: str
) -> None:
    assert edit[0] in GOOD
    [finding] = findings_of(tmp_path, GOOD.replace(*edit, 1))
    assert (finding.line, finding.code) == (line, code), str(finding)
    assert said in str(finding)


def test_a_hole_without_a_fallback_is_an_error(tmp_path: Path) -> None:
    text = GOOD.replace("20:00-08:30", "20:00-07:00").replace("fallback: [ann]\n", "")
    [finding] = findings_of(tmp_path, text)
    assert (finding.code, finding.severity) == ("OPS528", "error")


def test_two_dated_shifts_that_run_side_by_side_overlap(tmp_path: Path) -> None:
    days = "first_on: 2027-02-06, last_on: 2027-02-06"
    more = f'      - {{name: guests, hours: "10:00-14:00", {days}, people: [ann]}}\n'
    [finding] = findings_of(tmp_path, GOOD.replace("overrides:", more + "overrides:"))
    assert (finding.line, finding.code) == (10, "OPS520")


def test_a_group_has_one_rotation_and_exists(tmp_path: Path) -> None:
    own = """\
  - name: own
    groups: [Accounts, Acounts]
    shifts: [{name: all, hours: "00:00-24:00", people: [ann]}]
  - name: other
    groups: [Accounts]
    shifts: [{name: all, hours: "00:00-24:00", people: [ann]}]
overrides:"""
    found = findings_of(tmp_path, GOOD.replace("overrides:", own))
    assert [(each.line, each.code) for each in found] == [(11, "OPS529"), (14, "OPS529")]
    assert "did you mean 'Accounts'?" in found[0].message


@pytest.mark.parametrize("text", ["rotations: []\n", "timezone: Asia/Shanghai\n"])
def test_a_roster_without_rotations_is_an_error(tmp_path: Path, text: str) -> None:
    assert "OPS521" in {each.code for each in findings_of(tmp_path, text)}


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("supervisor: Acounts\n", "OPS531", "did you mean 'Accounts'?"),
        ("supervisor: Night Desk\n", "OPS531", "has no lead"),
        ("channels: [dashboard]\n", "OPS108", "wakes nobody"),
        ("nobody_answers: {then: approve}\n", "OPS104", "keep_waiting"),
        ("times: 0\n", "OPS106", "times"),
    ],
)
def test_paging_that_makes_no_sense_is_found(tmp_path: Path, text: str, code: str, said: str) -> None:
    _, findings = load_rulebook(write_definitions(tmp_path, **{PAGING: text}), CODE)
    [finding] = findings
    assert finding.code == code, str(finding)
    assert said in str(finding)
