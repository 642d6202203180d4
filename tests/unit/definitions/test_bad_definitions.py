"""Whatever a file says, it is an SOP or it has located findings, soon."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from definitions.findings import MOST_FINDINGS, Severity
from definitions.loader import parse_sop
from tests.fakes.catalogue import CATALOGUE

DEFINITIONS = Path(__file__).resolve().parents[3] / "definitions"
HEAD = "name: Test\ntrigger: {category: other}\nsteps:\n"
RISK = "  - {name: Risk, handler: risk_assessor}\n"
WHOLE_LANGUAGE = """\
name: Everything
trigger: {category: accounts, action: all}
steps:
  - {name: Risk, handler: risk_assessor, branch: {low: [papers], medium: [], high: [escalate_to_compliance]}}
  - {name: Ask, review: {question: Right?, deadline: 1h, quorum: 2, on_late: go_on}, on_reject: [finish],
     branch: {yes: [], late: [reject]}}
  - name: Papers
    parallel:
      bank:
        - {name: Screen, handler: sanctions_screener, branch: {clear: [], hit: [reject]}}
      people:
        - {name: Wait For Papers, wait: {event: papers, deadline: 30min, on_late: go_on}}
        - {name: Read, manual: {instructions: Read., deadline: 1h, form: {sum: {type: number}}}}
  - name: Each
    foreach:
      items: fields.payments
      as: payment
      limit: 3
      steps:
        - {name: Freeze, handler: core_system_freeze, when: payment.sum > steps.read.data.sum, retry: 2,
           fallback: manual_freeze, compensate: {none: ordered}}
  - name: Poll
    repeat:
      until: steps.look.outcome == 'clear' || now > timestamp("2030-01-01T00:00:00Z")
      limit: 5
      every: 5min
      steps:
        - {name: Look, handler: sanctions_screener, on_error: {any: [finish]}, branch: {clear: [], hit: []}}
  - {name: Other, call: another_sop, with: {sum: "${ steps.read.data.sum }"}}
  - {name: Tell, handler: sms_notifier, async: true}
sla: 4h
escalation: {at: 3h, to: group}
"""
TEXTS = [
    WHOLE_LANGUAGE,
    *(
        path.read_text(encoding="utf-8")
        for path in sorted((DEFINITIONS / "sops").glob("*.yaml"))
        if not path.name.endswith(".test.yaml")
    ),
]
WORDS = (
    *("low", "risk", "finish", "reject", "any", "late", "papers", "core_system_freeze", "manual_freeze"),
    *(
        "${ ",
        " }",
        "&x ",
        "*x",
        "!!str ",
        "\t",
        "0",
        "-1",
        "9" * 30,
        "1h",
        "null",
        "true",
        "[",
        "]",
        "{",
        "}",
    ),
    *(
        ": ",
        "- ",
        "\n",
        "\n\n",
        '"',
        "'",
        "steps",
        "parallel",
        "foreach",
        "repeat",
        "steps.each",
        "has(",
        "#",
    ),
)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A good SOP with a few places changed: parts left out, doubled, swapped, or other words put in."""
    text = draw(st.sampled_from(TEXTS))
    for _ in range(draw(st.integers(1, 4))):
        begin = draw(st.integers(0, len(text)))
        end = min(len(text), begin + draw(st.integers(0, 30)))
        change = draw(st.sampled_from(["drop", "double", "put"]))
        middle = {"drop": "", "double": text[begin:end] * 2, "put": draw(st.sampled_from(WORDS))}[change]
        text = text[:begin] + middle + text[end:]
    return text


@st.composite
def with_lines_moved(draw: st.DrawFn) -> str:
    """A good SOP whose lines are changed as a whole, so that most of it is still read."""
    lines = draw(st.sampled_from(TEXTS)).splitlines(keepends=True)
    for _ in range(draw(st.integers(1, 3))):
        source, target = draw(st.integers(0, len(lines) - 1)), draw(st.integers(0, len(lines) - 1))
        moved = lines[source] if draw(st.booleans()) else lines.pop(source)
        lines.insert(target, moved)
    return "".join(lines)


def test_the_whole_language_is_fine_to_begin_with() -> None:
    sop, findings = parse_sop(WHOLE_LANGUAGE, CATALOGUE)
    assert sop is not None
    assert [(each.line, each.code) for each in findings] == [(5, "OPS213")]


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(st.one_of(mutated(), with_lines_moved()))
def test_a_changed_sop_is_an_sop_or_has_located_findings(text: str) -> None:
    sop, findings = parse_sop(text, CATALOGUE, file="sop.yaml")
    assert (sop is None) == any(each.severity is Severity.ERROR for each in findings)
    lines = text.count("\n") + text.count("\r") + 2
    for each in findings:
        assert 1 <= each.line <= lines
        assert each.column >= 1


def test_a_thousand_steps_inside_each_other_are_refused_where_they_are_too_deep() -> None:
    text = HEAD + "  - " + "{name: A, repeat: {until: x, limit: 1, steps: [" * 1000
    sop, findings = parse_sop(text, CATALOGUE)
    assert sop is None
    assert [(each.line, each.column, each.code) for each in findings] == [(4, 287, "OPS008")]


def test_ten_thousand_steps_are_too_many_or_the_file_is_too_large() -> None:
    short = "  - {name: A, id: s%d, call: b}\n"
    sop, findings = parse_sop(HEAD + "".join(short % n for n in range(7000)), CATALOGUE)
    assert sop is None
    assert [(each.code, each.line, each.column) for each in findings] == [("OPS106", 4, 3)]
    _, findings = parse_sop(HEAD + "".join(short % n for n in range(10_000)), CATALOGUE)
    assert [each.code for each in findings] == ["OPS002"]


def test_a_thousand_mistakes_are_told_up_to_a_bound() -> None:
    steps = "".join(f"  - {{name: S{n}, handler: nobody}}\n" for n in range(1000))
    sop, findings = parse_sop(HEAD + steps, CATALOGUE)
    assert sop is None
    assert len(findings) == MOST_FINDINGS


@pytest.mark.parametrize(
    ("expression", "code"),
    [
        ("(" * 900 + "1" + ")" * 900, "OPS260"),
        ("fields.l.all(a, fields.l.all(b, fields.l.all(c, fields.l.all(d, a + b + c + d > 0))))", "OPS265"),
        ("fields.x.matches('" + "(a{100}){100}" * 10 + "')", "OPS262"),
        ("'" + "x" * 3000 + "' == ''", "OPS106"),
        ("'\\ud800' == ''", "OPS260"),
    ],
)  # fmt: skip
def test_an_expression_that_would_never_end_is_refused_at_its_place(expression: str, code: str) -> None:
    quoted = '"' + expression.replace("\\", "\\\\") + '"'
    _, findings = parse_sop(
        HEAD + f"  - {{name: A, handler: acknowledge_receipt, when: {quoted}}}\n", CATALOGUE
    )
    assert [each.code for each in findings] == [code], [str(each)[:300] for each in findings]
    assert findings[0].line == 4
