"""The graph of an SOP says what can run after what."""

from typing import Any

import pytest
from hypothesis import given

from definitions.graph import graph_of
from definitions.graph_model import COMPLETED, REJECTED, START, EdgeKind, Graph, NodeKind
from definitions.schema import Sop
from tests.fakes.catalogue import CATALOGUE
from tests.fakes.sops import everything, sops


def graph(*steps: dict[str, Any], **called: Sop) -> Graph:
    return graph_of(Sop.model_validate({"name": "Test", "steps": steps}), CATALOGUE, called)


def edges(drawn: Graph) -> set[tuple[str, str, str, tuple[str, ...]]]:
    return {(edge.source, edge.target, str(edge.kind), edge.labels) for edge in drawn.edges}


def step(name: str, handler: str = "auth_validator", **more: Any) -> dict[str, Any]:
    return {"name": name, "handler": handler, **more}


def test_steps_follow_one_another_to_the_end():
    assert edges(graph(step("a"), step("b"))) == {
        (START, "a", "next", ()),
        ("a", "b", "next", ()),
        ("b", COMPLETED, "next", ()),
    }


def test_outcomes_that_lead_to_the_same_step_share_an_edge():
    drawn = graph(
        step("a", "risk_assessor", branch={"high": ["c"], "low": ["b"], "medium": ["b"]}),
        step("b"),
        step("c"),
    )
    assert ("a", "b", "route", ("low", "medium")) in edges(drawn)
    assert ("a", "c", "route", ("high",)) in edges(drawn)


def test_targets_run_in_their_order_and_the_run_goes_on_behind_the_last():
    drawn = graph(
        step("a", "sanctions_screener", branch={"clear": ["d"], "hit": ["b", "d"]}),
        step("b"),
        step("c"),
        step("d"),
    )
    leaving_b = {edge.target for _, edge in drawn.leaving("b")}
    assert leaving_b == {"d"}, "b is reached only by the route that goes on with d"


def test_a_step_that_ran_before_its_turn_does_not_run_again():
    drawn = graph(
        step("a", "sanctions_screener", branch={"clear": ["c", "b"], "hit": ["d"]}),
        step("b"),
        step("c"),
        step("d"),
    )
    assert {edge.target for _, edge in drawn.leaving("c")} == {"b"}
    assert {edge.target for _, edge in drawn.leaving("b")} == {"d"}


def test_after_a_handler_as_the_last_target_the_run_goes_on_behind_the_branching_step():
    drawn = graph(
        step("a", "sanctions_screener", branch={"clear": [], "hit": ["escalate_to_compliance"]}), step("b")
    )
    assert ("a/escalate_to_compliance", "b", "next", ()) in edges(drawn)
    assert ("a/escalate_to_compliance", REJECTED, "no", ("no",)) in edges(drawn)
    assert ("a", "b", "route", ("clear",)) in edges(drawn)


def test_an_outcome_without_a_route_goes_to_a_person_who_picks_one():
    drawn = graph(step("a", "risk_assessor", branch={"high": ["reject"], "low": ["b"]}), step("b"))
    assert ("a", "a/route", "route", ("medium",)) in edges(drawn)
    assert ("a/route", "b", "pick", ("low",)) in edges(drawn)
    assert ("a/route", REJECTED, "pick", ("high",)) in edges(drawn)
    assert drawn.node["a/route"].kind is NodeKind.PICK


def test_a_fallback_goes_on_where_its_step_would():
    drawn = graph(step("a", "core_system_freeze", fallback="manual_freeze"), step("b"))
    assert ("a", "a/fallback", "error", ("failed",)) in edges(drawn)
    assert ("a/fallback", "b", "next", ()) in edges(drawn)
    assert ("a/fallback", REJECTED, "no", ("not possible",)) in edges(drawn)


def test_errors_and_a_no_have_routes_of_their_own():
    drawn = graph(
        step("a", on_error={"not_found": ["c"], "any": ["reject"]}),
        {"name": "b", "review": {"question": "May we?"}, "on_reject": ["finish"]},
        step("c"),
    )
    assert ("a", "c", "error", ("not_found",)) in edges(drawn)
    assert ("a", REJECTED, "error", ("any",)) in edges(drawn)
    assert ("b", COMPLETED, "no", ("no",)) in edges(drawn)


def test_a_condition_leads_past_its_step_and_past_its_branch():
    drawn = graph(
        step("a", "sanctions_screener", when="risk == 'low'", branch={"clear": ["c"], "hit": ["c"]}),
        step("b"),
        step("c"),
    )
    assert ("a/when", "a", "when", ("risk == 'low'",)) in edges(drawn)
    assert ("a/when", "b", "otherwise", ()) in edges(drawn)
    assert ("a", "c", "route", ("clear", "hit")) in edges(drawn)


def test_a_background_step_does_not_hold_the_run():
    drawn = graph(step("a", "sms_notifier", **{"async": True}), step("b"))
    assert edges(drawn) >= {("a/fork", "a", "async", ()), ("a/fork", "b", "next", ())}
    assert not list(drawn.leaving("a"))


def test_undoing_leads_back_to_its_step():
    drawn = graph(step("a", "core_system_freeze", compensate="core_system_freeze"))
    assert ("a/undo", "a", "undo", ()) in edges(drawn)
    kept = graph(step("a", "core_system_freeze", compensate={"none": "money has left"}))
    assert "cannot be undone: money has left" in kept.node["a"].facts


def test_loops_lead_back_and_lanes_run_side_by_side():
    inner = [step("b")]
    drawn = graph(
        {"name": "a", "repeat": {"until": "true", "limit": 3, "steps": inner}},
        {"name": "p", "parallel": {"x": [step("c")], "y": [step("d")]}},
    )
    assert edges(drawn) >= {
        ("a", "b", "next", ()),
        ("b", "a/end", "next", ()),
        ("a/end", "a", "loop", ()),
        ("a/end", "p", "next", ()),
        ("p", "p/x", "next", ()),
        ("p", "p/y", "next", ()),
        ("p/x/end", "p/end", "next", ()),
        ("p/end", COMPLETED, "next", ()),
    }
    assert [(each.id, each.parent, each.is_lane) for each in drawn.clusters] == [
        ("a", "", False),
        ("p", "", False),
        ("p/x", "p", True),
        ("p/y", "p", True),
    ]


def test_a_called_sop_is_drawn_inside_and_finishes_there():
    kyc = Sop.model_validate(
        {
            "name": "KYC",
            "steps": [step("ask", "sanctions_screener", branch={"clear": ["finish"], "hit": ["reject"]})],
        }
    )
    drawn = graph({"name": "check", "call": "kyc"}, step("b"), kyc=kyc)
    assert ("check.ask", "check/end", "route", ("clear",)) in edges(drawn)
    assert ("check.ask", REJECTED, "route", ("hit",)) in edges(drawn)
    assert ("check/end", "b", "next", ()) in edges(drawn)
    assert ("check", "b", "next", ()) in edges(graph({"name": "check", "call": "kyc"}, step("b")))


@pytest.mark.parametrize(
    ("handler", "kind", "word"),
    [
        ("auth_validator", NodeKind.CHECK, "control"),
        ("core_system_freeze", NodeKind.EFFECT, "effect on the bank"),
        ("sms_notifier", NodeKind.EFFECT, "message"),
        ("escalate_to_compliance", NodeKind.PERSON, "decision"),
        ("manual_freeze", NodeKind.PERSON, "work by hand"),
        ("nobody_knows", NodeKind.CHECK, "handler"),
    ],
)
def test_what_a_handler_is_comes_from_the_catalogue(handler: str, kind: NodeKind, word: str):
    node = graph(step("a", handler)).node["a"]
    assert (node.kind, node.word) == (kind, word)


def test_every_kind_of_step_has_a_node():
    sop, called = everything()
    kinds = {node.kind for node in graph_of(sop, CATALOGUE, called).nodes}
    assert kinds == set(NodeKind)


@given(sops())
def test_every_step_is_drawn_and_every_way_ends(sop: Sop):
    drawn = graph_of(sop, CATALOGUE)
    ends = {COMPLETED, REJECTED}
    onward = {node.id: [] for node in drawn.nodes}
    for edge in drawn.edges:
        if edge.kind not in (EdgeKind.LOOP, EdgeKind.UNDO):
            onward[edge.source].append(edge.target)
    background = {edge.target for edge in drawn.edges if edge.kind is EdgeKind.ASYNC}
    for node in drawn.nodes:
        if node.kind is not NodeKind.UNDO and node.id not in ends | background:
            assert onward[node.id], f"nothing follows {node.id}"


def test_a_thousand_steps_are_no_trouble():
    drawn = graph(*(step(f"s{number}") for number in range(1000)))
    assert len(drawn.edges) == 1001
