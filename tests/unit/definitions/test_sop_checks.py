"""The checks hold at every depth: inside parallel, foreach and repeat as well as at the top."""

import pytest

from definitions.book import with_people
from definitions.findings import Finding, Severity, has_errors
from definitions.loader import parse_sop
from domain.fields import FieldSpec, FieldType
from domain.handlers import Effect, HandlerSpec, HumanTask
from tests.fakes.catalogue import CODE, PEOPLE

HANDLERS = {
    **CODE,
    "pay": HandlerSpec(
        name="pay",
        summary="pays",
        effect=Effect.BANK,
        inputs={
            "amount": FieldSpec(type=FieldType.MONEY, required=True),
            "currency": FieldSpec(type=FieldType.TEXT, choices=("CNY", "EUR")),
            "urgent": FieldSpec(type=FieldType.FLAG),
        },
        outputs={"reference": FieldSpec(type=FieldType.TEXT)},
        compensation="recall",
    ),
    "recall": HandlerSpec(
        name="recall",
        summary="recalls",
        effect=Effect.BANK,
        irreversible="it is the undoing",
        inputs={"amount": FieldSpec(type=FieldType.MONEY, required=True)},
    ),
    "look": HandlerSpec(
        name="look",
        summary="looks",
        outputs={"items": FieldSpec(type=FieldType.LIST), "count": FieldSpec(type=FieldType.NUMBER)},
    ),
}
HURRY = HumanTask(kind="review", question="Now?", on_late="go_on")
CATALOGUE = with_people(HANDLERS, {**PEOPLE, "ask_quickly": HURRY})
HEAD = "name: Test\ntrigger: {category: accounts, action: freeze}\nsteps:\n"
RISK = "  - {name: Risk, handler: risk_assessor}\n"


def findings_of(steps: str, head: str = HEAD) -> list[Finding]:
    return parse_sop(head + steps, CATALOGUE, file="sop.yaml")[1]


def at(findings: list[Finding]) -> list[tuple[int, int, str]]:
    return [(each.line, each.column, each.code) for each in findings]


BLOCKS = {
    "parallel": (
        "  - name: Block\n    parallel:\n      one:\n        - {name: Wait, wait: {duration: 1s}}\n"
        "      two:\n"
    ),
    "foreach": "  - name: Block\n    foreach:\n      items: fields.all\n      limit: 2\n      steps:\n",
    "repeat": (
        "  - name: Block\n    repeat:\n      limit: 2\n      until: now > timestamp(fields.due)\n"
        "      steps:\n"
    ),
}
"""Three ways in which steps stand inside others; what is added is on lines 10 and after."""


@pytest.mark.parametrize("block", BLOCKS.values(), ids=BLOCKS)
@pytest.mark.parametrize(
    ("step", "column", "code"),
    [
        ("{name: A, handler: auth_validater}", 30, "OPS201"),
        ("{name: A, handler: look, fallback: manual_freze}", 46, "OPS202"),
        ("{name: A, handler: risk_assessor, branch: {low: [x], medium: [], high: []}}", 60, "OPS203"),
        ("{name: Risk, handler: look}", 18, "OPS204"),
        ("{name: A, handler: risk_assessor, branch: {low: [a], medium: [], high: []}}", 60, "OPS205"),
        ("{name: A, handler: risk_assessor, branch: {low: [], high: []}}", 45, "OPS206"),
        ("{name: A, handler: look, branch: {dne: [], done: []}}", 45, "OPS207"),
        ("{name: A, review: {question: Right}}", 21, "OPS210"),
        ("{name: A, handler: look, timeout: 25h}", 45, "OPS214"),
        ("{name: A, handler: manual_freeze, retry: 3}", 45, "OPS216"),
        ("{name: A, handler: look, compensate: recal}", 48, "OPS221"),
        ("{name: Finish, handler: look}", 18, "OPS222"),
        ("{name: A, handler: look, on_error: {any: [risk]}}", 53, "OPS223"),
        ("{name: A, handler: look, on_error: {ani: []}}", 47, "OPS225"),
        ("{name: A, handler: look, on_reject: []}", 36, "OPS226"),
        ("{name: A, handler: auth_validator, when: risk == 'low'}", 52, "OPS227"),
        ("{name: A, handler: pay, with: {amount: 5}}", 30, "OPS229"),
        ("{name: A, handler: look, with: {a: 1}}", 36, "OPS233"),
        ("{name: A, wait: {event: papers}}", 21, "OPS234"),
        ("{name: A, handler: look, when: 1 > 2}", 42, "OPS250"),
        ("{name: A, handler: look, when: risk = 'low'}", 47, "OPS260"),
        ("{name: A, handler: look, when: risc == 'low'}", 42, "OPS261"),
        ("{name: A, handler: look, when: task.title}", 42, "OPS262"),
        ("{name: A, handler: look, when: steps.b.outcome == 'done'}", 48, "OPS263"),
    ],
)  # fmt: skip
def test_a_finding_has_its_exact_place_at_every_depth(block: str, step: str, column: int, code: str) -> None:
    findings = findings_of(RISK + block + f"        - {step}\n")
    place = (10, column, code)
    assert [each for each in at(findings) if each[0] == 10] == [place], [str(each) for each in findings]
    assert [each for each in at(findings) if each[0] != 10] == []


@pytest.mark.parametrize(
    ("steps", "covered"),
    [
        (RISK, True),
        ("  - {name: Risk, handler: risk_assessor, when: fields.x == 'y'}\n", False),
        ("  - name: P\n    parallel:\n      a:\n        - {name: Risk, handler: risk_assessor}\n"
         "      b:\n        - {name: L, handler: look}\n", True),
        ("  - name: F\n    foreach:\n      items: fields.all\n      steps:\n"
         "        - {name: Risk, handler: risk_assessor}\n", False),
        ("  - name: F\n    repeat:\n      limit: 3\n      until: steps.risk.outcome == 'low'\n      steps:\n"
         "        - {name: Risk, handler: risk_assessor}\n", True),
        ("  - {name: Risk, handler: risk_assessor, on_error: {any: []}}\n", False),
        ("  - {name: Risk, handler: risk_assessor, on_error: {any: [reject]}}\n", True),
        ("  - {name: L, handler: look, branch: {done: [risk]}}\n  - {name: M, handler: look}\n" + RISK, True),
        ("  - {name: L, review: {question: Q, deadline: 1h}, branch: {a: [m], b: [risk]}}\n"
         + RISK + "  - {name: M, handler: look}\n", False),
        ("  - {name: L, review: {question: Q, deadline: 1h}, branch: {a: [risk, m], b: [finish]}}\n"
         + RISK + "  - {name: M, handler: look}\n", True),
        ("  - {name: S, call: elsewhere}\n", True),
    ],
)  # fmt: skip
def test_an_effect_comes_after_the_assessment_on_every_way(steps: str, covered: bool) -> None:
    findings = findings_of(steps + "  - {name: Send, handler: sms_notifier}\n")
    assert ("OPS211" not in {each.code for each in findings}) == covered


def test_an_assessment_beside_an_effect_does_not_cover_it() -> None:
    steps = (
        "  - name: P\n    parallel:\n      a:\n        - {name: Risk, handler: risk_assessor}\n"
        "      b:\n        - {name: Send, handler: sms_notifier}\n"
    )
    assert at(findings_of(steps)) == [(9, 33, "OPS211")]


def test_an_assessment_before_a_block_covers_all_steps_in_it() -> None:
    assert findings_of(RISK + BLOCKS["foreach"] + "        - {name: Send, handler: sms_notifier}\n") == []


def test_a_fallback_and_a_target_are_effects_as_well() -> None:
    steps = (
        "  - {name: A, handler: look, fallback: sms_notifier}\n"
        "  - {name: B, handler: look, on_error: {any: [sms_notifier]}}\n"
    )
    assert at(findings_of(steps)) == [(4, 40, "OPS211"), (5, 47, "OPS211")]


@pytest.mark.parametrize(
    ("steps", "unreached"),
    [
        ("  - {name: A, handler: look, branch: {done: [finish]}}\n  - {name: B, handler: look}\n", [5]),
        ("  - {name: A, handler: look, branch: {done: [reject]}, on_error: {any: [b]}}\n"
         "  - {name: B, handler: look}\n", []),
        ("  - {name: A, handler: look, when: risk == 'low', branch: {done: [finish]}}\n"
         "  - {name: B, handler: look}\n", []),
        ("  - name: P\n    parallel:\n      a:\n"
         "        - {name: A, handler: look, branch: {done: [finish]}}\n"
         "        - {name: B, handler: look}\n      b:\n        - {name: C, handler: look}\n"
         "  - {name: D, handler: look}\n", [8, 11]),
        ("  - name: F\n    foreach:\n      items: fields.all\n      steps:\n"
         "        - {name: A, handler: look, branch: {done: [reject]}}\n  - {name: D, handler: look}\n", []),
        ("  - {name: A, handler: look, branch: {done: [c, d]}}\n  - {name: B, handler: look}\n"
         "  - {name: C, handler: look, on_error: {any: [b2]}}\n  - {name: B2, handler: look}\n"
         "  - {name: D, handler: look}\n", [5]),
    ],
)  # fmt: skip
def test_a_step_that_no_way_leads_to_is_pointed_out(steps: str, unreached: list[int]) -> None:
    found = findings_of(steps)
    assert [each.line for each in found if each.code == "OPS212"] == unreached


def test_finishing_early_leaves_out_the_controls_behind_the_block_too() -> None:
    steps = (
        BLOCKS["foreach"]
        + "        - {name: A, review: {question: Q, deadline: 1h}, branch: {stop: [finish], go: []}}\n"
        + "  - {name: Check, handler: auth_validator}\n"
    )
    assert at(findings_of(steps)) == [(9, 67, "OPS213")]


@pytest.mark.parametrize(
    ("given", "place", "code", "said"),
    [
        ("{}", (5, 31), "OPS231", "'pay' needs amount"),
        ("{urgent: true}", (5, 31), "OPS231", "needs amount"),
        ("{amount: 12.5}", (5, 46), "OPS232", "an amount such as 1200.50"),
        ("{amount: five}", (5, 46), "OPS232", "an amount"),
        ("{amount: 5, currency: USD}", (5, 59), "OPS232", "one of CNY, EUR"),
        ("{amount: 5, urgent: yes}", (5, 57), "OPS232", "true or false"),
        ("{amount: 5, curency: EUR}", (5, 49), "OPS230", "did you mean 'currency'?"),
        ("{amount: 5, urgent: '${ risk }'}", (5, 61), "OPS262", "true or false"),
        ("{amount: 5, urgent: '${ risk == low }'}", (5, 69), "OPS261", "unknown name 'low'"),
    ],
)
def test_what_a_step_gives_is_what_its_handler_takes(
    given: str, place: tuple[int, int], code: str, said: str
) -> None:
    step = f"  - {{name: Pay, handler: pay, with: {given}, compensate: {{none: it left}}}}\n"
    findings = findings_of(RISK + step)
    assert [(each.line, each.column, each.code) for each in findings if has_errors([each])] == [
        (*place, code)
    ]
    assert said in str(findings[0])


def test_a_compensation_is_given_the_inputs_of_its_step() -> None:
    good = "  - {name: Pay, handler: pay, with: {amount: 5}, compensate: recall}\n"
    assert findings_of(RISK + good) == []
    bad = "  - {name: Pay, handler: pay, with: {amount: 5}, compensate: {handler: recall, with: {sum: 5}}}\n"
    assert [each.code for each in findings_of(RISK + bad)] == ["OPS231", "OPS230"]


def test_a_handler_in_a_route_has_no_inputs() -> None:
    steps = "  - {name: A, handler: look, on_error: {any: [pay]}}\n"
    assert "'pay' as a target needs amount" in str(findings_of(RISK + steps)[0])


@pytest.mark.parametrize(
    ("steps", "place", "code"),
    [
        ("  - {name: L, handler: look}\n  - {name: B, handler: look, when: steps.l.data.cont > 3}\n",
         (5, 49), "OPS261"),
        ("  - {name: L, handler: look}\n  - {name: B, handler: look, when: steps.l.outcome == 'dne'}\n",
         (5, 55), "OPS262"),
        ("  - {name: R, manual: {instructions: x, deadline: 1h, form: {sum: {type: number}}}}\n"
         "  - {name: B, handler: look, when: steps.r.data.sum == 'x'}\n", (5, 53), "OPS262"),
        ("  - name: F\n    foreach:\n      items: task.title\n      steps: [{name: B, handler: look}]\n",
         (6, 14), "OPS262"),
        ("  - name: F\n    foreach:\n      items: fields.all\n      as: each\n"
         "      steps: [{name: B, handler: look, when: item.open}]\n", (8, 46), "OPS261"),
        ("  - {name: B, wait: {until: size(task.title)}}\n", (4, 29), "OPS262"),
        ("  - name: B\n    handler: look\n    when: >-\n      risk ==\n      'hihg'\n", (6, 11), "OPS262"),
    ],
)  # fmt: skip
def test_expressions_are_typed(steps: str, place: tuple[int, int], code: str) -> None:
    assert at([each for each in findings_of(steps) if has_errors([each])]) == [(*place, code)]


@pytest.mark.parametrize(
    ("steps", "codes"),
    [
        ("  - {name: L, handler: look, async: true}\n"
         "  - {name: B, handler: look, when: steps.l.outcome == 'done'}\n", ["OPS264"]),
        ("  - {name: L, handler: look, when: risk == 'low'}\n"
         "  - {name: B, handler: look, when: steps.l.outcome == 'not_needed'}\n", []),
        ("  - {name: L, handler: look, on_error: {any: []}}\n"
         "  - {name: B, handler: look, when: steps.l.outcome == 'failed'}\n", []),
        ("  - {name: R, review: {question: Q, deadline: 1h}, on_reject: []}\n"
         "  - {name: B, handler: look, when: steps.r.outcome == 'rejected'}\n", []),
        ("  - {name: L, handler: look, on_error: {any: [manual_freeze]}}\n"
         "  - {name: B, handler: look,\n"
         "     when: has(steps.manual_freeze) && steps.manual_freeze.outcome == 'done'}\n", []),
        ("  - {name: L, handler: look, on_error: {any: [manual_freeze]}}\n"
         "  - {name: B, handler: look, when: steps.manual_freeze.outcome == 'done'}\n", ["OPS264"]),
        ("  - name: P\n    parallel:\n      a: [{name: L, handler: look}]\n"
         "      b: [{name: M, handler: look}]\n"
         "  - {name: B, handler: look, when: steps.l.outcome == steps.m.outcome}\n", []),
        ("  - name: P\n    parallel:\n      a: [{name: L, handler: look}]\n"
         "      b: [{name: M, handler: look, when: steps.l.outcome == 'done'}]\n", ["OPS264"]),
        ("  - name: F\n    foreach:\n      items: fields.all\n      steps: [{name: L, handler: look}]\n"
         "  - {name: B, handler: look, when: steps.l.outcome == 'done'}\n", ["OPS263"]),
        ("  - name: F\n    repeat:\n      until: steps.l.data.count > 3\n      limit: 4\n"
         "      steps: [{name: L, handler: look}]\n"
         "  - {name: B, handler: look, when: steps.l.outcome == 'done'}\n", []),
        ("  - {name: L, handler: look}\n  - name: F\n    foreach:\n      items: steps.l.data.items\n"
         "      steps: [{name: M, handler: look, when: steps.l.data.count > item.at}]\n", []),
    ],
)  # fmt: skip
def test_a_result_is_asked_for_only_where_it_is(steps: str, codes: list[str]) -> None:
    findings = findings_of(steps)
    assert [each.code for each in findings] == codes, [str(each) for each in findings]


@pytest.mark.parametrize(
    ("until", "codes"),
    [
        ("1 > 2", ["OPS240"]),
        ("1 < 2", ["OPS250"]),
        ("fields.x == 'y'", ["OPS241"]),
        ("risk == 'low'", ["OPS241"]),
        ("steps.before.data.count > 3", ["OPS241"]),
        ("steps.ask.data.count > 3", []),
        ("now > timestamp('2026-11-23T09:00:00Z')", []),
    ],
)
def test_a_loop_can_come_to_its_end(until: str, codes: list[str]) -> None:
    loop = (
        f"  - name: L\n    repeat:\n      until: {until}\n      limit: 3\n"
        "      steps: [{name: Ask, handler: look}]\n"
    )
    assert [each.code for each in findings_of("  - {name: Before, handler: look}\n" + loop)] == codes


@pytest.mark.parametrize(
    ("outer", "inner", "found"),
    [
        ("repeat: {until: now > timestamp(fields.due), limit: 100, ", 100, []),
        ("repeat: {until: now > timestamp(fields.due), limit: 100, ", 101, [(7, 24, "OPS242")]),
        ("foreach: {items: fields.all, limit: 50, ", 200, []),
        ("foreach: {items: fields.all, limit: 50, ", 201, [(7, 24, "OPS242")]),
        ("foreach: {items: fields.all, ", 1000, []),
    ],
)
def test_loops_in_loops_do_not_go_round_for_ever(
    outer: str, inner: int, found: list[tuple[int, int, str]]
) -> None:
    loops = (
        f"  - name: L\n    {outer}steps: [\n"
        "      {name: P, parallel: {a: [{name: W, wait: {duration: 1s}}], b: [{name: M,\n"
        f"       repeat: {{limit: {inner}, until: steps.ask.data.count > 1,\n"
        "       steps: [{name: Ask, handler: look}]}}]}}]}\n"
    )
    findings = findings_of(loops)
    assert at(findings) == found
    if found:
        times = 100 if inner == 101 else 50
        assert f"{inner} times, and the loops around it {times} times: 10," in findings[0].message


def test_of_many_loops_in_one_another_the_first_that_is_too_much_is_found() -> None:
    steps = "[{name: A, handler: look}]"
    for number in range(4):
        loop = f"{{limit: 1000, until: now > timestamp(fields.due), steps: {steps}}}"
        steps = f"[{{name: L{number}, repeat: {loop}}}]"
    assert [each.code for each in findings_of(f"  - {steps[1:-1]}\n")] == ["OPS242"]


@pytest.mark.parametrize(
    ("when", "at_when", "behind"),
    [
        ("has(steps.l)", 0, 0),
        ("has(steps.l) && steps.l.data.count > 3", 0, 0),
        ("has(steps.l) && risk == 'low'", 0, 0),
        ("!(!has(steps.l) || risk == 'low')", 0, 0),
        ("risk == 'low' ? has(steps.l) : has(steps.l) && fields.x", 0, 0),
        ("risk == 'low' ? has(steps.l) : false", 0, 1),
        ("fields.any.exists(x, has(steps.l))", 0, 1),
        ("has(steps.l) || risk == 'low'", 0, 1),
        ("!has(steps.l)", 0, 1),
        ("risk == 'low'", 0, 1),
        # Where the result is not there, asking for it fails, and what is behind is not asked.
        ("steps.l.outcome == 'done'", 1, 0),
        ("has(steps.l.data.count)", 1, 0),
    ],
)
def test_what_a_condition_relies_on_is_there_for_all_that_it_guards(
    when: str, at_when: int, behind: int
) -> None:
    late = RISK + "  - {name: L, handler: look, async: true}\n"
    begin = f"  - name: B\n    when: {when!r}\n"
    given = (
        "    handler: pay\n    compensate: recall\n"
        "    with: {amount: '1.00', urgent: '${ steps.l.data.count > 3 }'}\n"
    )
    inside = (
        "    foreach:\n      items: steps.l.data.items\n"
        "      steps: [{name: C, handler: look, when: steps.l.data.count > 3}]\n"
    )
    after = "  - {name: D, handler: look, when: steps.l.data.count > 3}\n"
    for steps, found in ((given, at_when + behind), (inside, at_when + 2 * behind)):
        assert [each.code for each in findings_of(late + begin + steps)] == ["OPS264"] * found
        assert [each.code for each in findings_of(late + begin + steps + after)] == ["OPS264"] * (found + 1)


def test_pauses_of_all_rounds_fit_the_sla() -> None:
    loop = (
        "  - name: L\n    repeat:\n      until: steps.ask.data.count > 1\n      limit: 100\n      every: 1h\n"
        "      steps: [{name: Ask, handler: look}]\n"
    )
    findings = findings_of(loop)
    assert at(findings) == [(7, 14, "OPS214")]
    assert "100 rounds pause for 4d3h together" in findings[0].message


@pytest.mark.parametrize(
    ("step", "codes"),
    [
        ("{name: A, handler: ask_quickly, branch: {approved: []}}", ["OPS206"]),
        ("{name: A, handler: ask_quickly, branch: {approved: [], late: [reject]}}", []),
        (
            "{name: A, review: {question: Q, deadline: 1h, on_late: go_on}, branch: {a: [], b: []}}",
            ["OPS206"],
        ),
        ("{name: A, review: {question: Q, deadline: 1h}, branch: {a: [], late: []}}", ["OPS207"]),
        ("{name: A, wait: {event: e, deadline: 1h, on_late: go_on}, branch: {received: []}}", ["OPS206"]),
        ("{name: A, wait: {duration: 1h}, branch: {elapsed: []}}", []),
        ("{name: A, call: elsewhere, branch: {done: [], other: []}}", ["OPS207"]),
        ("{name: A, handler: look, fallback: manual_freeze, on_reject: [finish]}", []),
    ],
)
def test_lateness_is_an_outcome_where_the_run_goes_on(step: str, codes: list[str]) -> None:
    assert [each.code for each in findings_of(f"  - {step}\n")] == codes


def test_items_of_nested_loops_have_names_of_their_own() -> None:
    loops = (
        "  - name: F\n    foreach:\n      items: fields.all\n      steps:\n        - name: G\n"
        "          foreach: {items: item.parts, steps: [{name: A, handler: look}]}\n"
    )
    findings = findings_of(loops)
    assert [each.code for each in findings] == ["OPS243"]
    assert findings[0].severity is Severity.ERROR


def test_a_sub_sop_leaves_the_assessment_to_its_callers() -> None:
    assert findings_of("  - {name: Send, handler: sms_notifier}\n", "name: Sub\nversion: '1'\nsteps:\n") == []
