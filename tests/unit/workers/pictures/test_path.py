"""The way of a ticket through its SOP, read from what the interpreter noted."""

import asyncio
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from definitions.book import pin
from definitions.graph import graph_of
from definitions.graph_model import COMPLETED, REJECTED, START, Graph, NodeKind
from definitions.schema import Sop
from domain.lifecycle import ENDS, TicketState
from tests.fakes.catalogue import CATALOGUE
from tests.fakes.recording_runtime import RecordingRuntime
from tests.fakes.sops import sops
from tests.fakes.store import a_view
from workers.pictures.path import Path, State, path_of
from workers.pictures.record import located
from workflows.interpreter import Interpreter, StepFailure, TicketEnded

ZONE = ZoneInfo("Asia/Shanghai")
FAILURE = StepFailure("bank_unavailable", "no answer")


def travelled(
    sop: Sop, runtime: RecordingRuntime, called: dict[str, Sop] | None = None, **seen: Any
) -> tuple[Graph, Path]:
    """Runs the SOP and lays its timeline over its graph."""
    pinned = pin(sop, CATALOGUE, list((called or {}).values()))
    interpreter = Interpreter(pinned, runtime)

    async def run() -> TicketState:
        try:
            await interpreter.run()
        except TicketEnded as end:
            await interpreter.undo()
            return end.state
        return TicketState.COMPLETED

    state = asyncio.run(run())
    graph = graph_of(pinned.sop, pinned.handlers, pinned.called)
    closed_at = runtime.clock if state in ENDS else None
    view = a_view(opened_at=runtime.clock, state=state, closed_at=closed_at, **seen)
    return graph, path_of(graph, view, runtime.events, ZONE)


def sop_of(*steps: dict[str, Any]) -> Sop:
    return Sop.model_validate({"name": "Test", "steps": steps})


def ways(graph: Graph, path: Path) -> list[tuple[str, str]]:
    return sorted((graph.edges[each].source, graph.edges[each].target) for each in path.taken)


RISK = {
    "name": "Risk",
    "handler": "risk_assessor",
    "branch": {"high": ["escalate_to_compliance", "freeze"], "low": ["last"]},
}
FREEZE = {"name": "Freeze", "handler": "core_system_freeze", "fallback": "manual_freeze"}
LAST = {"name": "Last", "handler": "auth_validator"}


def test_the_route_of_an_outcome_is_taken_and_the_rest_is_pale():
    graph, path = travelled(sop_of(RISK, FREEZE, LAST), RecordingRuntime({"risk_assessor": ["low"]}))
    assert ways(graph, path) == [("last", COMPLETED), ("risk", "last"), (START, "risk")]
    assert path.visits["risk"].order == 1
    assert path.visits["last"].order == 2
    assert path.visits["freeze"].state is State.PASSED
    assert path.visits[COMPLETED].state is State.DONE


def test_times_are_the_banks():
    runtime = RecordingRuntime()
    _, path = travelled(sop_of(LAST), runtime)
    assert path.visits["last"].lines == ("20:02 · done",)
    assert path.about.endswith("times in Asia/Shanghai")


@pytest.mark.parametrize("others", [(), ({**FREEZE, "name": "Another", "when": "risk == 'high'"},)])
def test_a_fallback_takes_over_and_says_who(others: tuple[dict[str, Any], ...]):
    sop = sop_of(FREEZE, LAST, *others)
    graph, path = travelled(sop, RecordingRuntime({"core_system_freeze": [FAILURE]}))
    assert ("freeze", "freeze/fallback") in ways(graph, path)
    assert ("freeze/fallback", "last") in ways(graph, path)
    assert ("freeze", "last") not in ways(graph, path)
    assert path.visits["freeze"].state is State.FAILED
    assert "error: bank_unavailable" in path.visits["freeze"].lines
    assert "by li.wei" in path.visits["freeze/fallback"].lines


def test_a_person_picks_the_route_of_an_outcome_without_one():
    graph, path = travelled(
        sop_of(RISK, FREEZE, LAST), RecordingRuntime({"risk_assessor": ["medium"]}, {"risk": ["low"]})
    )
    assert ways(graph, path) == [
        ("last", COMPLETED),
        ("risk", "risk/route"),
        ("risk/route", "last"),
        (START, "risk"),
    ]
    assert path.visits["risk/route"].lines[-1] == "by li.wei"


def test_a_no_leads_to_the_end_and_undoes_what_was_done():
    undone = {**FREEZE, "compensate": "core_system_freeze"}
    ask = {"name": "Ask", "review": {"question": "May we?"}}
    graph, path = travelled(sop_of(undone, ask, LAST), RecordingRuntime(answers={"ask": ["reject"]}))
    assert ("ask", REJECTED) in ways(graph, path)
    assert ("freeze/undo", "freeze") in ways(graph, path)
    assert path.visits["ask"].state is State.REFUSED
    assert "no by li.wei" in path.visits["ask"].lines
    assert path.visits["freeze/undo"].order == 3
    assert path.visits[REJECTED].state is State.DONE


def test_a_condition_that_is_false_leads_past_its_step():
    sop = sop_of({**LAST, "name": "Maybe", "when": "risk == 'high'"}, LAST)
    graph, path = travelled(sop, RecordingRuntime())
    assert ways(graph, path) == [("last", COMPLETED), ("maybe/when", "last"), (START, "maybe/when")]
    assert path.visits["maybe"].state is State.NOT_NEEDED


def test_a_skipped_step_is_marked_so():
    graph, path = travelled(sop_of(LAST), RecordingRuntime({"auth_validator": [FAILURE]}, operator=["skip"]))
    assert path.visits["last"].state is State.SKIPPED
    assert ("last", COMPLETED) in ways(graph, path)


def test_an_effect_that_may_have_taken_place_is_not_replaced_by_code():
    sop = sop_of({**FREEZE, "fallback": "acknowledge_receipt"}, LAST)
    script = {"core_system_freeze": [StepFailure("outcome_unknown", "no answer"), "done"]}
    graph, path = travelled(sop, RecordingRuntime(script, operator=["retry"]))
    assert ways(graph, path) == [("freeze", "last"), ("last", COMPLETED), (START, "freeze")]
    assert path.visits["freeze"].state is State.DONE
    assert "error: outcome_unknown" in path.visits["freeze"].lines


def test_a_failure_inside_a_block_is_caught_by_the_route_of_the_block():
    block = {
        "name": "Tries",
        "foreach": {"items": "fields.items", "steps": [{**LAST, "name": "Inner"}]},
        "on_error": {"any": ["mend"]},
    }
    mend = {"name": "Mend", "manual": {"instructions": "Mend it."}}
    graph, path = travelled(
        sop_of(block, LAST, mend),
        RecordingRuntime({"auth_validator": [FAILURE, "done"]}, fields={"items": [1]}),
    )
    assert ("tries", "mend") in ways(graph, path)
    assert ("tries/end", "last") not in ways(graph, path)
    assert path.visits["inner"].state is State.FAILED
    assert path.visits["tries"].state is State.FAILED


def test_rounds_and_items_are_counted():
    tell = {"name": "Tell", "handler": "sanctions_screener", "branch": {"clear": [], "hit": ["hold"]}}
    hold = {"name": "Hold", "handler": "auth_validator"}
    sop = sop_of({"name": "All", "foreach": {"items": "fields.items", "steps": [tell, hold, LAST]}})
    graph, path = travelled(
        sop, RecordingRuntime({"sanctions_screener": ["clear", "hit", "clear"]}, fields={"items": [1, 2, 3]})
    )
    assert "3 items" in path.visits["all"].lines
    assert path.visits["tell"].lines[0] == "3 times: clear ×2, hit ×1"
    assert ("all/end", "all") in ways(graph, path)


def test_steps_of_a_called_sop_are_told_apart_from_the_callers():
    called = Sop.model_validate({"name": "Sub", "steps": [LAST]})
    _, path = travelled(sop_of({"name": "Check", "call": "sub"}, FREEZE), RecordingRuntime(), {"sub": called})
    assert path.visits["check.last"].state is State.DONE
    assert path.visits["freeze"].order == 3


def test_where_a_ticket_is_now_and_what_can_still_come():
    runtime = RecordingRuntime({"risk_assessor": ["high"]})
    sop = sop_of(RISK, FREEZE, LAST)
    travelled(sop, runtime)
    events = [event for event in runtime.events if event.seq <= 4]
    graph = graph_of(sop, CATALOGUE)
    path = path_of(graph, a_view(state=TicketState.REVIEWING), events, ZONE)
    assert path.visits["risk/escalate_to_compliance"].state is State.CURRENT
    assert path.visits["freeze"].state is State.AHEAD
    assert path.visits["risk/route"].state is State.PASSED


def test_a_step_that_waits_for_an_operator_says_so():
    runtime = RecordingRuntime({"auth_validator": [FAILURE]}, operator=["cancel"])
    sop = sop_of(LAST)
    travelled(sop, runtime)
    view = a_view(state=TicketState.FAILED, steps_failed=("last",))
    visit = path_of(graph_of(sop, CATALOGUE), view, runtime.events, ZONE).visits["last"]
    assert visit.state is State.FAILED
    assert visit.lines[-1] == "waits for an operator"


def test_names_of_steps_within_rounds_and_calls():
    assert located("pay") == ("pay", "")
    assert located("book.3.pay") == ("pay", "book.3")
    assert located("book~2.3.pay") == ("pay", "book~2.3")
    assert located("check.screen") == ("check.screen", "check")
    assert located("book.3.check.poll.2.ask") == ("check.ask", "book.3.check.poll.2")


def test_of_two_copies_of_a_person_that_one_was_asked_after_which_the_run_went_on():
    """The route of `third` is drawn twice: from the error, which comes back to `second`, and in its turn."""
    sop = sop_of(
        {
            "name": "first",
            "handler": "risk_assessor",
            "branch": {"low": []},
            "on_error": {"any": ["third", "second"]},
        },
        {"name": "second", "handler": "risk_assessor", "branch": {"low": []}},
        {"name": "third", "handler": "risk_assessor", "branch": {"low": ["escalate_to_compliance"]}},
        LAST,
    )
    graph, path = travelled(sop, RecordingRuntime({"risk_assessor": ["low"] * 3}))
    asked = [node.id for node in graph.nodes if node.key == "escalate_to_compliance"]
    assert len(asked) == 2
    taken = [each for each in ways(graph, path) if "third" in each[0] or each[1] == "last"]
    assert taken == [("third", asked[1]), (asked[1], "last")]


@settings(max_examples=80, deadline=None)
@given(sops(), st.data())
def test_whatever_ran_was_reached_along_edges_that_are_marked(sop: Sop, data: st.DataObject):
    outcomes = {
        "risk_assessor": st.sampled_from(["low", "medium", "high", StepFailure("not_found", "no"), FAILURE]),
        "core_system_freeze": st.sampled_from(["done", FAILURE]),
        "sms_notifier": st.sampled_from(["sent", FAILURE]),
    }
    script = {name: data.draw(st.lists(each, min_size=1, max_size=4)) for name, each in outcomes.items()}
    script["risk_assessor"].append("low")
    steps = [node.key for node in graph_of(sop, CATALOGUE).nodes if node.kind is NodeKind.PERSON]
    answers = {key: [data.draw(st.sampled_from(["approve", "approve", "reject"]))] for key in steps}
    operator = data.draw(st.lists(st.sampled_from(["retry", "skip"]), max_size=5))
    runtime = RecordingRuntime(
        script, answers, operator=[*operator, *["skip"] * 500], fields={"items": [1, 2]}
    )
    try:
        graph, path = travelled(sop, runtime)
    except StepFailure:
        return  # A repeat around has used up its rounds.
    reached = {graph.edges[number].target for number in path.taken}
    left = {graph.edges[number].source for number in path.taken}
    for node in graph.nodes:
        visit = path.visits[node.id]
        if node.kind is NodeKind.UNDO:
            continue
        if visit.order is not None:
            assert node.id in reached, f"{node.id} ran, but nothing leads there"
        elif node.kind not in (NodeKind.START, NodeKind.COMPLETED, NodeKind.REJECTED):
            assert visit.state is not State.CURRENT
        if node.id in left and node.id != START:
            assert node.id in reached, f"{node.id} was left, but nothing leads there"
    for end, state in ((COMPLETED, "completed"), (REJECTED, "rejected")):
        if end in graph.node:
            assert (path.visits[end].state is State.DONE) == (f"· {state} ·" in path.about)
            assert (end in reached) == (path.visits[end].state is State.DONE)
