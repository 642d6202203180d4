"""A folder of definitions is read as a whole, and its files are held against each other."""

from pathlib import Path

import pytest

from definitions.findings import Finding, has_errors
from definitions.loader import check_sop_files, load_rulebook
from domain.people import Role
from tests.fakes.catalogue import CODE
from tests.fakes.definition_folder import edited, write_definitions

RULES = "policies/dispatch/rules.yaml"
KEYWORDS = "policies/dispatch/keywords.yaml"
ESCALATION = "policies/dispatch/escalation.yaml"
DIRECTORY = "policies/directory.yaml"
HUMAN_TASKS = "policies/human_tasks.yaml"


def findings_of(folder: Path, **changes: str | None) -> list[Finding]:
    _, findings = load_rulebook(write_definitions(folder, **changes), CODE)
    return findings


def placed(folder: Path, findings: list[Finding]) -> list[tuple[str, int, int, str]]:
    return [
        (Path(each.file).relative_to(folder).as_posix(), each.line, each.column, each.code)
        for each in findings
    ]


def test_a_complete_folder_becomes_a_rulebook(tmp_path: Path) -> None:
    rulebook, findings = load_rulebook(write_definitions(tmp_path), CODE)
    assert findings == []
    assert rulebook is not None
    assert rulebook.sop_for("accounts", "freeze").name == "Freeze"
    assert rulebook.sop_for("anything", "else").name == "General"
    assert rulebook.human_tasks["manual_freeze"].role is Role.REVIEWER
    assert type(rulebook.human_tasks["manual_freeze"]).__name__ == "HumanTask"
    assert rulebook.sanctions == ("Blocked Trading Ltd",)
    assert rulebook.sla["accounts"].sla_hours == 1


@pytest.mark.parametrize(
    ("name", "edit", "place", "code", "said"),
    [
        ("sops/freeze.yaml", ("{category: accounts, action: freeze}", "{category: other}"),
         (2, 1), "OPS301", "sops/freeze.yaml has the trigger other (any action) already"),
        ("sops/freeze.yaml", ("Night Desk", "Nigth Desk"), (7, 29), "OPS303", "did you mean 'Night Desk'?"),
        ("sops/freeze.yaml", ("45min", "90min"), (7, 18), "OPS208", "less than 1h"),
        ("sops/general.yaml", ("deadline: 8h", "deadline: 8h, group: Nobody"),
         (5, 75), "OPS303", "one of Accounts"),
        (RULES, ("group: Accounts", "group: Account"), (6, 12), "OPS303", "did you mean 'Accounts'?"),
        (RULES, ("(freeze|stop", "(?=freeze|stop"), (3, 14), "OPS305", 'rule "Freeze"'),
        (RULES, ("priority: P1", "priority: P9"), (7, 15), "OPS104", "one of P1, P2, P3, P4"),
        (RULES, ("sla_hours: 1", "sla_hours: 0"), (9, 16), "OPS106", "greater than 0"),
        (RULES, ("sla_hours: 1", "sla: 1h"), (9, 5), "OPS101", "unknown field 'sla'"),
        (KEYWORDS, ("balance", "' '"), (4, 12), "OPS315", "Accounts"),
        (ESCALATION, ("  low: Accounts\n", ""), (1, 1), "OPS308", "low risk"),
        (ESCALATION, ("high:", "hihg:"), (4, 3), "OPS104", "did you mean 'high'?"),
        ("policies/sla.yaml", ("sla_hours: 1", "sla_hours: 1, red_alert_ratio: 0.6"),
         (2, 5), "OPS108", "must rise"),
        ("policies/duty.yaml", ("20:00-08:00", "21:00-08:00"), (1, 1), "OPS108", "at 20:00 there is no mode"),
        ("policies/duty.yaml", ("08:00-20:00", "8-20"), (3, 17), "OPS105", "hours such as 08:00-20:00"),
        ("policies/duty.yaml", ("modes:", "timezone: Asia/Nowhere\nmodes:"),
         (1, 11), "OPS105", "not a time zone"),
        ("policies/risk.yaml", ("amount_fen", "amount_fn"), (3, 11), "OPS306", "did you mean 'amount_fen'?"),
        ("policies/risk.yaml", ("amount_fen >= 50000000", "((amount"), (3, 11), "OPS306", "this is not CEL"),
        ("policies/alerts.yaml", ("red:", "purple:"), (2, 3), "OPS104", "one of pre_alert, orange"),
        ("policies/alerts.yaml", ("to: lead", "to: boss"), (2, 13), "OPS104", "one of dashboard"),
        ("policies/sla.yaml", ("sla_hours: 1}", "sla_hours: 1}\n  - {category: accounts, sla_hours: 2}"),
         (3, 16), "OPS307", "'accounts' stands here twice"),
        (DIRECTORY, ("lead: bob", "lead: bobb"), (5, 28), "OPS303", "did you mean 'bob'?"),
        (DIRECTORY, ("on_call: [ann]", "on_call: [ann, zoe]"), (7, 16), "OPS303", "unknown person 'zoe'"),
        (DIRECTORY, ("on_call: [ann]", "on_call: [ann, bob]"), (7, 16), "OPS304", "without the role oncall"),
        (DIRECTORY, ("groups: [Accounts, Night Desk]", "groups: [Accounts, Night]"),
         (2, 72), "OPS303", "unknown group 'Night'"),
        (DIRECTORY, ("id: bob", "id: ann"), (1, 1), "OPS108", "principal ann is listed more than once"),
        (HUMAN_TASKS, ("manual_freeze:", "auth_validator:"), (1, 1), "OPS311", "papers"),
        (HUMAN_TASKS, ("group: Accounts", "grup: Accounts"), (1, 58), "OPS101", "did you mean 'group'?"),
        (HUMAN_TASKS, ("kind: manual", "kind: hand"), (1, 23), "OPS104", "one of review, manual"),
        ("policies/bank.yaml", ("CN", "ZZ"), (1, 10), "OPS314", "no holidays are known for 'ZZ'"),
    ],
)  # fmt: skip
def test_one_wrong_place_is_found(
    tmp_path: Path, *, name: str, edit: tuple[str, str], place: tuple[int, int], code: str, said: str
) -> None:
    findings = findings_of(tmp_path, **{name: edited(name, *edit)})
    first = next(each for each in findings if each.code == code)
    where = "sops/general.yaml" if code == "OPS301" else name
    assert placed(tmp_path, [first]) == [(where, *place, code)]
    assert said in str(first)
    assert has_errors(findings)


@pytest.mark.parametrize(
    ("name", "old", "new", "code"),
    [
        (HUMAN_TASKS, ", deadline: 1h", "", "OPS210"),
        (
            DIRECTORY,
            "groups: [Accounts, Night Desk]}\n  - {id: bob",
            "groups: [Night Desk]}\n  - {id: bob",
            "OPS310",
        ),
        (RULES, "action: freeze", "action: close", "OPS309"),
        ("policies/sla.yaml", "sla_hours: 1", "sla_hours: 0.5", "OPS313"),
    ],
)
def test_what_is_only_doubtful_does_not_keep_the_rulebook_back(
    tmp_path: Path, name: str, old: str, new: str, code: str
) -> None:
    rulebook, findings = load_rulebook(write_definitions(tmp_path, **{name: edited(name, old, new)}), CODE)
    assert rulebook is not None
    assert {finding.code for finding in findings} == {code}


def test_on_call_is_told_and_nobody_is_there(tmp_path: Path) -> None:
    findings = findings_of(tmp_path, **{DIRECTORY: edited(DIRECTORY, "on_call: [ann]", "on_call: []")})
    assert placed(tmp_path, findings) == [
        ("policies/alerts.yaml", 3, 14, "OPS312"),
        ("policies/duty.yaml", 7, 3, "OPS312"),
    ]


def test_the_country_norway_is_not_read_as_false(tmp_path: Path) -> None:
    assert findings_of(tmp_path, **{"policies/bank.yaml": "country: NO\n"}) == []


def test_a_macro_may_bind_names_in_a_criterion(tmp_path: Path) -> None:
    when = "has(fields.flags) && fields.flags.exists(flag, flag == 'vip')"
    risk = edited("policies/risk.yaml", "amount_fen >= 50000000", when)
    assert findings_of(tmp_path, **{"policies/risk.yaml": risk}) == []


def test_there_is_exactly_one_general_sop(tmp_path: Path) -> None:
    findings = findings_of(tmp_path, **{"sops/general.yaml": None})
    assert [finding.code for finding in findings] == ["OPS302"]


def test_a_broken_general_sop_is_not_also_called_missing(tmp_path: Path) -> None:
    broken = edited("sops/general.yaml", "steps:", "step:")
    findings = findings_of(tmp_path, **{"sops/general.yaml": broken})
    assert sorted(finding.code for finding in findings) == ["OPS101", "OPS102"]


def test_a_missing_policy_is_named(tmp_path: Path) -> None:
    findings = findings_of(tmp_path, **{"policies/sla.yaml": None})
    assert placed(tmp_path, findings) == [("policies/sla.yaml", 1, 1, "OPS001")]


def test_broken_human_tasks_do_not_make_their_names_unknown(tmp_path: Path) -> None:
    findings = findings_of(tmp_path, **{HUMAN_TASKS: "manual_freeze: 5\n"})
    assert [finding.code for finding in findings] == ["OPS103"]


def test_files_that_nobody_reads_are_pointed_out(tmp_path: Path) -> None:
    findings = findings_of(tmp_path, **{"policies/slas.yaml": "a: 1\n", "sops/freeze.yml": "a: 1\n"})
    assert placed(tmp_path, findings) == [
        ("policies/slas.yaml", 1, 1, "OPS013"),
        ("sops/freeze.yml", 1, 1, "OPS013"),
    ]


def test_findings_of_all_files_come_at_once(tmp_path: Path) -> None:
    findings = findings_of(
        tmp_path,
        **{
            RULES: edited(RULES, "P1", "P9"),
            "policies/bank.yaml": "country: china\n",
            "sops/freeze.yaml": edited("sops/freeze.yaml", "risk_assessor", "risk_assesor"),
        },
    )
    assert [finding.code for finding in findings] == ["OPS105", "OPS104", "OPS201", "OPS211"]


def test_an_empty_folder_gives_findings(tmp_path: Path) -> None:
    rulebook, findings = load_rulebook(tmp_path, CODE)
    assert rulebook is None
    assert {finding.code for finding in findings} == {"OPS001", "OPS302"}


def test_single_files_are_held_against_the_policies(tmp_path: Path) -> None:
    folder = write_definitions(tmp_path / "definitions")
    draft = tmp_path / "draft.yaml"
    draft.write_text(edited("sops/freeze.yaml", "Night Desk", "Day Desk"))
    findings = check_sop_files([draft, folder / "sops/general.yaml"], folder, CODE)
    assert [(Path(finding.file).name, finding.line, finding.code) for finding in findings] == [
        ("draft.yaml", 7, "OPS303")
    ]


def test_single_files_are_not_checked_quietly_against_broken_policies(tmp_path: Path) -> None:
    folder = write_definitions(tmp_path, **{DIRECTORY: "principals: []\n"})
    findings = check_sop_files([folder / "sops/general.yaml"], folder, CODE)
    assert [(Path(finding.file).name, finding.code) for finding in findings] == [("directory.yaml", "OPS106")]


def test_a_policy_file_may_be_named_too(tmp_path: Path) -> None:
    folder = write_definitions(tmp_path, **{HUMAN_TASKS: edited(HUMAN_TASKS, ", deadline: 1h", "")})
    assert [each.code for each in check_sop_files([folder / HUMAN_TASKS], folder, CODE)] == ["OPS210"]
    assert check_sop_files([folder / RULES], folder, CODE) == []
    assert [each.code for each in check_sop_files([folder / "policies/no.yaml"], folder, CODE)] == ["OPS001"]
