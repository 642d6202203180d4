"""What is wrong with an SOP is said with its code and its exact place."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from definitions.findings import Finding, Severity
from definitions.loader import parse_sop, read_sop
from tests.fakes.catalogue import CATALOGUE

PROJECT = Path(__file__).resolve().parents[3]
SEED_SOP = PROJECT / "definitions/seed/sops/workflow_account_freeze.yaml"

HEAD = "name: Test\ntrigger: {category: accounts, action: freeze}\nsteps:\n"
"""Three lines: the first step of what a test adds is on line 4."""
STEPS = "steps: [{name: A, manual: {instructions: x, deadline: 1h}}]\n"
RISK = "  - {name: Risk, handler: risk_assessor}\n"


def findings_of(text: str | bytes) -> list[Finding]:
    return parse_sop(text, CATALOGUE, file="sop.yaml")[1]


def only(text: str | bytes) -> Finding:
    findings = findings_of(text)
    assert len(findings) == 1, [str(finding) for finding in findings]
    return findings[0]


@pytest.mark.parametrize(
    ("text", "place", "code", "said"),
    [
        ("- a\n- b\n", (1, 1), "OPS103", "a list does not fit"),
        ("just words\n", (1, 1), "OPS103", "'just words' does not fit"),
        ("trigger: {category: other}\n" + STEPS, (1, 1), "OPS102", "name is missing"),
        ("name: A\ntrigger: {category: other}\nsteps: []\n", (3, 8), "OPS106", "steps: a list does not fit"),
        ("name: A\ntrigger: {category: other}\nsteps: 5\n", (3, 8), "OPS103", "steps: 5 does not fit"),
        ("name: 5\ntrigger: {category: other}\n" + STEPS,
         (1, 7), "OPS103", "put it in quotes"),
        ("name: A\ntrigger: {category: Accounts}\n" + STEPS,
         (2, 21), "OPS105", "snake case"),
        (HEAD + "  - name: A\n    handler: auth_validator\n    timout: 5s\n",
         (6, 5), "OPS101", "did you mean 'timeout'?"),
        (HEAD + "  - name: A\n    handler: auth_validator\nescalate: {at: 1h, to: X}\n",
         (6, 1), "OPS101", "unknown field 'escalate' (did you mean 'escalation'?)"),
        (HEAD + "  - {handler: auth_validator}\n", (4, 5), "OPS102", "steps[1].name is missing"),
        (HEAD + "  - {name: A, handler: auth_validator, timeout: 5}\n", (4, 49), "OPS107", "not a duration"),
        (HEAD + "  - {name: A, handler: auth_validator, timeout: 45 minutes}\n",
         (4, 49), "OPS107", "'45 minutes' is not a duration; expected a duration such as 30s"),
        (HEAD + "  - {name: A, handler: auth_validator, timeout: 3:10}\n", (4, 49), "OPS107", "'3:10'"),
        (HEAD + "  - {name: A, handler: auth_validator, timeout: 0s}\n", (4, 49), "OPS106", "out of range"),
        (HEAD + "  - {name: A, handler: auth_validator, retry: many}\n", (4, 47), "OPS103", "whole number"),
        (HEAD + "  - {name: A, handler: auth_validator, retry: true}\n", (4, 47), "OPS103", "whole number"),
        (HEAD + "  - {name: A, handler: auth_validator, retry: -1}\n", (4, 47), "OPS106", "greater than"),
        (HEAD + RISK + "  - {name: A, handler: sms_notifier, async: yes}\n",
         (5, 45), "OPS103", "true or false"),
        (HEAD + "  - {name: A}\n", (4, 5), "OPS108", "exactly one of handler, review, manual, wait"),
        (HEAD + "  - name: A\n    handler: auth_validator\n    manual: {instructions: x, deadline: 1h}\n",
         (4, 5), "OPS108", "handler and manual"),
        (HEAD + "  - {name: A, retry: 3, manual: {instructions: x, deadline: 1h}}\n",
         (4, 5), "OPS108", "retry belongs to steps with a handler"),
        (HEAD + "  - {name: 冻结账户, handler: auth_validator}\n", (4, 12), "OPS109", "冻结账户"),
        (HEAD + "  - {name: 2nd check, handler: auth_validator}\n", (4, 12), "OPS109", "2nd check"),
        (HEAD + "  - {name: A, handler: Auth Validator}\n", (4, 24), "OPS105", "snake case"),
        (HEAD + "  - {name: A, review: {question: Right, deadline: 1h, on_late: approve}}\n",
         (4, 64), "OPS104", "expected one of wait, escalate, go_on, reject"),
        (HEAD + "  - {name: A, review: {question: Right, deadline: 1h, role: revewer}}\n",
         (4, 61), "OPS104", "did you mean 'reviewer'?"),
        (HEAD + "  - {name: A, handler: auth_validator}\nescalation: {at: 1h, to: X, channel: pager}\n",
         (5, 38), "OPS104", "expected one of dashboard, email, sms, wecom"),
        (HEAD + "  - {name: A, handler: risk_assessor, branch: {High!: [x], low: [x], medium: [x]}}\n",
         (4, 48), "OPS105", "the key 'High!'"),
        (HEAD + "  - {name: A, handler: risk_assessor, branch: {high: x}}\n", (4, 54), "OPS103", "a list"),
    ],
)  # fmt: skip
def test_the_form_is_checked_with_place_and_reason(
    text: str, place: tuple[int, int], code: str, said: str
) -> None:
    finding = only(text)
    assert (finding.line, finding.column, finding.code) == (*place, code)
    assert finding.severity is Severity.ERROR
    assert said in str(finding)


@pytest.mark.parametrize(
    ("steps", "place", "code", "said"),
    [
        ("  - {name: A, handler: auth_validater}\n", (4, 24), "OPS201", "did you mean 'auth_validator'?"),
        ("  - {name: A, handler: auth_validator, fallback: manual_freze}\n",
         (4, 50), "OPS202", "did you mean 'manual_freeze'?"),
        ("  - {name: A, handler: auth_validator, fallback: auth_validator}\n",
         (4, 50), "OPS215", "has just failed"),
        (RISK + "  - {name: Risk, handler: auth_validator}\n", (5, 12), "OPS204", "that of step 1"),
        (RISK + "  - {name: B, id: risk, handler: auth_validator}\n", (5, 19), "OPS204", "'risk'"),
        ("  - {name: A, handler: risk_assessor, branch: {low: [freze], medium: [freeze], high: [freeze]}}\n"
         "  - {name: Freeze, handler: core_system_freeze}\n", (4, 54), "OPS203", "did you mean 'freeze'?"),
        ("  - {name: A, handler: auth_validator}\n"
         "  - {name: B, handler: risk_assessor, branch: {low: [a], medium: [], high: []}}\n",
         (5, 54), "OPS205", "an earlier step, 'a'"),
        ("  - {name: B, handler: risk_assessor, branch: {low: [b], medium: [], high: []}}\n",
         (4, 54), "OPS205", "itself"),
        ("  - {name: A, handler: risk_assessor, branch: {low: [x, x], medium: [x], high: [x]}}\n"
         "  - {name: X, handler: core_system_freeze}\n", (4, 57), "OPS219", "'x' stands twice"),
        ("  - {name: A, handler: auth_validator, branch: {done: [b, c]}}\n"
         "  - {name: B, handler: sanctions_screener, branch: {clear: [c], hit: [manual_freeze]}}\n"
         "  - {name: C, handler: auth_validator}\n", (4, 56), "OPS220", "'b' as the last target"),
        ("  - {name: A, handler: risk_assessor, branch: {low: [], medium: [], hihg: [], high: []}}\n",
         (4, 69), "OPS207", "did you mean 'high'?"),
        ("  - {name: A, handler: manual_freeze, branch: {aproved: []}}\n", (4, 48), "OPS207", "one of done"),
        ("  - {name: A, handler: core_system_freeze}\n", (4, 24), "OPS211", "before the risk is assessed"),
        ("  - {name: A, handler: sms_notifier}\n" + RISK, (4, 24), "OPS211", "sms_notifier"),
        ("  - {name: A, handler: sanctions_screener, branch: {clear: [freeze], hit: [risk]}}\n"
         "  - {name: Risk, handler: auth_validator}\n"
         "  - {name: Assess, handler: risk_assessor}\n"
         "  - {name: Freeze, handler: core_system_freeze}\n", (7, 29), "OPS211", "core_system_freeze"),
        (RISK + "  - {name: A, handler: manual_freeze, async: true}\n",
         (5, 46), "OPS209", "a person's decision"),
        ("  - {name: A, handler: auth_validator, async: true}\n", (4, 47), "OPS209", "a control"),
        ("  - {name: A, handler: manual_freeze, retry: 3}\n", (4, 39), "OPS216", "retry has no effect"),
        ("  - {name: A, handler: auth_validator}\nsla: 1h\nescalation: {at: 60min, to: X}\n",
         (6, 18), "OPS208", "less than 1h"),
        ("  - {name: A, handler: auth_validator}\nescalation: {at: 2d, to: X}\n",
         (5, 18), "OPS208", "where no `sla` is given"),
    ],
)  # fmt: skip
def test_the_meaning_is_checked_with_place_and_reason(
    steps: str, place: tuple[int, int], code: str, said: str
) -> None:
    errors = [finding for finding in findings_of(HEAD + steps) if finding.severity is Severity.ERROR]
    assert [(each.line, each.column, each.code) for each in errors] == [(*place, code)]
    assert said in str(errors[0])


@pytest.mark.parametrize(
    ("steps", "place", "code", "said"),
    [
        ("  - name: A\n    handler: risk_assessor\n    branch: {low: []}\n",
         (6, 5), "OPS206", "no route for medium, high"),
        ("  - name: A\n    review: {question: Right}\n", (5, 5), "OPS210", "has no deadline"),
        ("  - name: A\n    handler: sanctions_screener\n", (5, 14), "OPS218", "clear, hit"),
        ("  - {name: A, handler: sanctions_screener, branch: {clear: [c], hit: [c]}}\n"
         "  - {name: B, handler: acknowledge_receipt}\n"
         "  - {name: C, handler: acknowledge_receipt}\n", (5, 5), "OPS212", "'b' is never reached"),
        ("  - {name: A, handler: sanctions_screener, branch: {clear: [c], hit: []}}\n"
         "  - {name: B, handler: auth_validator}\n"
         "  - {name: C, handler: acknowledge_receipt}\n", (4, 53), "OPS213", "leaves out the control 'b'"),
        ("  - {name: A, handler: auth_validator, timeout: 30h}\nsla: 1h\n", (4, 49), "OPS214", "at most 1h"),
        ("  - {name: A, review: {question: Right, deadline: 2h}}\nsla: 1h\n",
         (4, 51), "OPS214", "deadline of 2h"),
        ("  - {name: A, handler: risk_assessor, branch: {low: [core_system_freeze], medium: [], high: []}}\n"
         "  - {name: F, handler: core_system_freeze}\n", (4, 54), "OPS217", "the step's id, 'f'"),
    ],
)  # fmt: skip
def test_what_is_only_doubtful_is_a_warning_and_the_sop_is_used(
    steps: str, place: tuple[int, int], code: str, said: str
) -> None:
    sop, findings = parse_sop(HEAD + steps, CATALOGUE)
    assert sop is not None
    assert [(each.line, each.column, each.code) for each in findings] == [(*place, code)]
    assert findings[0].severity is Severity.WARNING
    assert said in str(findings[0])


def test_all_that_is_wrong_is_said_at_once() -> None:
    text = HEAD + "  - {name: A, handler: auth_validator, retry: x, timeout: y}\n  - {nme: B}\nslaa: 1h\n"
    assert sorted(finding.code for finding in findings_of(text)) == [
        "OPS101",
        "OPS101",
        "OPS102",
        "OPS103",
        "OPS107",
    ]


def test_the_articles_own_sop_is_used_as_it_stands() -> None:
    sop, findings = read_sop(SEED_SOP, CATALOGUE)
    assert sop is not None
    assert [str(finding).partition(SEED_SOP.name)[2] for finding in findings] == [
        ":16:5: warning OPS206: no route for medium: at run time a person has to pick one; "
        "expected a route for each outcome"
    ]
    assert [step.id for step in sop.steps] == [
        "authorization_check",
        "risk_assessment",
        "execute_freeze",
        "notify_customer",
    ]
    assert sop.steps[2].retry == 3
    assert sop.steps[3].is_async


def test_a_version_stays_as_it_was_written() -> None:
    steps = "  - {name: A, handler: auth_validator}\n"
    sops = [
        parse_sop(f"version: {written}\n{HEAD}{steps}", CATALOGUE)[0] for written in ("1.1", "1.10", '"2"')
    ]
    assert [sop.version for sop in sops if sop] == ["1.1", "1.10", "2"]


def test_an_empty_route_goes_on_with_the_next_step() -> None:
    routes = "{low: [], medium: [], high: [escalate_to_compliance]}"
    steps = f"  - {{name: A, handler: risk_assessor, branch: {routes}}}\n"
    sop, findings = parse_sop(HEAD + steps + "  - {name: F, handler: core_system_freeze}\n", CATALOGUE)
    assert findings == []
    assert sop is not None


def test_a_person_picks_one_of_the_routes_of_a_review() -> None:
    steps = (
        "  - {name: A, review: {question: Which, deadline: 1h}, branch: {pay: [b], apologise: [c], no: []}}\n"
        "  - {name: B, handler: acknowledge_receipt}\n"
        "  - {name: C, handler: acknowledge_receipt}\n"
    )
    sop, findings = parse_sop(HEAD + steps, CATALOGUE)
    assert findings == []
    assert sop is not None


def test_a_cycle_of_branches_is_refused() -> None:
    steps = (
        "  - {name: A, handler: auth_validator, branch: {done: [b]}}\n"
        "  - {name: B, handler: auth_validator, branch: {done: [a]}}\n"
    )
    assert only(HEAD + steps).code == "OPS205"


def test_a_file_that_is_not_there_is_a_finding(tmp_path: Path) -> None:
    sop, findings = read_sop(tmp_path / "no.yaml", CATALOGUE)
    assert sop is None
    assert [(finding.code, finding.line) for finding in findings] == [("OPS001", 1)]
    assert read_sop(tmp_path, CATALOGUE)[1][0].code == "OPS001"


def test_a_huge_file_is_refused_without_being_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "huge.yaml"
    path.write_bytes(b"name: x\n" * 650_000)
    assert [finding.code for finding in read_sop(path, CATALOGUE)[1]] == ["OPS002"]


_FRAGMENTS = st.sampled_from(
    [
        HEAD,
        RISK,
        "name: Test\n",
        "trigger: {category: other}\n",
        "steps:\n",
        "  - name: A\n",
        "    handler: risk_assessor\n",
        "    handler: core_system_freeze\n",
        "    branch: {low: [b], medium: [a], high: [manual_freeze, b]}\n",
        "    review: {question: Q}\n",
        "    async: true\n",
        "    retry: 3\n",
        "    timeout: 1h\n",
        "  - {name: B, handler: sms_notifier}\n",
        "  - {name: A, manual: {instructions: x}}\n",
        "  -\n",
        "  - 3\n",
        "sla: 1h\n",
        "escalation: {at: 45min, to: X}\n",
        "steps: {a: 1}\n",
        "version: [1]\n",
    ]
)


@settings(max_examples=300)
@given(st.one_of(st.text(), st.binary(), st.lists(_FRAGMENTS, max_size=8).map("".join)))
def test_any_text_is_an_sop_or_gives_findings(text: str | bytes) -> None:
    sop, findings = parse_sop(text, CATALOGUE)
    assert (sop is None) == any(finding.severity is Severity.ERROR for finding in findings)
