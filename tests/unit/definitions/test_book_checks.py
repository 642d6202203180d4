"""SOPs that call each other, and the people whom they ask, fit together."""

from pathlib import Path

import pytest

from definitions.findings import Finding
from definitions.loader import check_sop_files, load_rulebook
from tests.fakes.catalogue import CODE
from tests.fakes.definition_folder import write_definitions

HEAD = "name: Main\ntrigger: {category: accounts, action: main}\nsteps:\n"
RISK = "  - {name: Risk, handler: risk_assessor}\n"
PAPERS = (
    "name: Papers\ninputs: {limit: number, who: text}\nsteps:\n"
    "  - {name: Look, handler: acknowledge_receipt}\n"
)
SEND = "name: Send\nsteps:\n  - {name: Tell, handler: sms_notifier}\n"
ASSESS = "name: Assess\nsteps:\n  - {name: Judge, handler: risk_assessor}\n"


def findings_of(folder: Path, **sops: str) -> list[tuple[str, int, int, str]]:
    files = {f"sops/{name}.yaml": text for name, text in sops.items()}
    _, findings = load_rulebook(write_definitions(folder, **files), CODE)
    return placed(findings)


def placed(findings: list[Finding]) -> list[tuple[str, int, int, str]]:
    return [(Path(each.file).stem, each.line, each.column, each.code) for each in findings]


@pytest.mark.parametrize(
    ("step", "found"),
    [
        ("{name: A, call: papers, with: {limit: 5, who: ann}}", []),
        ("{name: A, call: papers, with: {limit: '${ fields.limit }', who: '${ task.title }'}}", []),
        ("{name: A, call: papers}", [("main", 5, 15, "OPS231")]),
        ("{name: A, call: papers, with: {limit: 5, who: 7}}", [("main", 5, 51, "OPS232")]),
        ("{name: A, call: papers, with: {limit: 5, who: a, hwo: b}}", [("main", 5, 54, "OPS230")]),
        ("{name: A, call: papers, with: {limit: '${ task.title }', who: a}}", [("main", 5, 47, "OPS262")]),
    ],
)
def test_a_call_gives_what_the_called_sop_takes(
    step: str, found: list[tuple[str, int, int, str]], tmp_path: Path
) -> None:
    assert findings_of(tmp_path, main=f"{HEAD}{RISK}  - {step}\n", papers=PAPERS) == found


def test_an_unknown_sop_is_named_with_one_that_is_near(tmp_path: Path) -> None:
    folder = write_definitions(
        tmp_path, **{"sops/main.yaml": HEAD + "  - {name: A, call: asess}\n", "sops/assess.yaml": ASSESS}
    )
    _, findings = load_rulebook(folder, CODE)
    assert placed(findings) == [("assess", 1, 7, "OPS273"), ("main", 4, 21, "OPS270")]
    assert "unknown SOP 'asess' (did you mean 'assess'?)" in findings[1].message


def test_calls_that_go_round_are_refused_wherever_they_are(tmp_path: Path) -> None:
    sub = "name: Sub\nsteps:\n  - {name: B, call: third}\n"
    third = (
        "name: Third\nsteps:\n  - name: F\n    foreach:\n      items: fields.all\n"
        "      steps: [{name: C, call: sub}]\n"
    )
    found = findings_of(tmp_path, main=HEAD + "  - {name: A, call: sub}\n", sub=sub, third=third)
    assert found == [("sub", 3, 21, "OPS271"), ("third", 6, 31, "OPS271")]


def test_loops_multiply_through_calls(tmp_path: Path) -> None:
    def loop(limit: int, step: str) -> str:
        return (
            "  - name: L\n    repeat:\n      until: now > timestamp(fields.due)\n"
            f"      limit: {limit}\n      steps: [{step}]\n"
        )

    sub = "name: Sub\nsteps:\n  - {name: B, call: third}\n"
    third = "name: Third\nsteps:\n" + loop(200, "{name: C, handler: acknowledge_receipt}")
    call = "{name: A, call: sub}"
    assert findings_of(tmp_path / "a", main=HEAD + loop(50, call), sub=sub, third=third) == []
    found = findings_of(tmp_path / "b", main=HEAD + loop(51, call), sub=sub, third=third)
    assert found == [("main", 8, 31, "OPS242")]


def test_an_effect_in_a_called_sop_waits_for_the_assessment_of_its_caller(tmp_path: Path) -> None:
    call = "  - {name: A, call: send}\n"
    assert findings_of(tmp_path / "a", main=HEAD + call, send=SEND) == [("main", 4, 21, "OPS211")]
    assert findings_of(tmp_path / "b", main=HEAD + RISK + call, send=SEND) == []


def test_an_assessment_in_a_called_sop_counts(tmp_path: Path) -> None:
    steps = "  - {name: A, call: assess}\n  - {name: B, handler: sms_notifier}\n"
    assert findings_of(tmp_path / "a", main=HEAD + steps, assess=ASSESS) == []
    skippable = ASSESS.replace("risk_assessor", "risk_assessor, on_error: {any: [finish]}")
    assert findings_of(tmp_path / "b", main=HEAD + steps, assess=skippable) == [("main", 5, 24, "OPS211")]


def test_two_sops_do_not_share_an_id(tmp_path: Path) -> None:
    other = HEAD.replace("action: main", "action: other") + RISK
    assert findings_of(tmp_path, main=HEAD + RISK, other=other) == [("other", 1, 7, "OPS272")]


def test_a_draft_is_held_against_the_sops_of_the_folder(tmp_path: Path) -> None:
    folder = write_definitions(tmp_path / "definitions", **{"sops/papers.yaml": PAPERS})
    draft = tmp_path / "draft.yaml"
    draft.write_text(HEAD + "  - {name: A, call: papers}\n  - {name: B, call: paper}\n", encoding="utf-8")
    assert placed(check_sop_files([draft], folder, CODE)) == [
        ("draft", 4, 15, "OPS231"),
        ("draft", 5, 21, "OPS270"),
    ]


@pytest.mark.parametrize(
    ("who", "enough"),
    [
        ("quorum: 1", True),
        ("quorum: 2", False),
        ("quorum: 2, four_eyes: false", True),
        ("quorum: 3, four_eyes: false", False),
        ("quorum: 1, role: operator", False),
        ("quorum: 1, role: operator, four_eyes: false", True),
    ],
)
def test_a_group_has_as_many_people_as_must_decide_and_one_more_for_four_eyes(
    who: str, enough: bool, tmp_path: Path
) -> None:
    steps = (
        "  - name: Both\n    parallel:\n      a: [{name: N, wait: {duration: 1s}}]\n"
        f"      b: [{{name: Ask, review: {{question: Q, deadline: 1h, group: Accounts, {who}}}}}]\n"
    )
    assert [each[3] for each in findings_of(tmp_path, main=HEAD + steps)] == ([] if enough else ["OPS310"])


def test_a_group_is_known_at_every_depth(tmp_path: Path) -> None:
    steps = (
        "  - name: F\n    foreach:\n      items: fields.all\n"
        "      steps: [{name: Ask, manual: {instructions: Q, deadline: 1h, group: Acounts}}]\n"
    )
    assert findings_of(tmp_path, main=HEAD + steps) == [("main", 7, 74, "OPS303")]
