"""What is made of a simulated run: differences, coverage, the timeline."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from definitions.schema import Sop
from domain.lifecycle import TicketState
from domain.ticket import EventKind
from tests.fakes.simulated_run import RECEIVED, simulated
from workers.simulation.coverage import coverage_of
from workers.simulation.expectations import differences
from workers.simulation.facts import Facts
from workers.simulation.timeline import as_json, as_text

SOP = Sop.model_validate(
    {
        "name": "Sample",
        "trigger": {"category": "accounts"},
        "steps": [
            {"name": "Look", "handler": "risk_assessor", "branch": {"high": ["reject"], "low": ["act"]}},
            {
                "name": "Act",
                "handler": "core_system_freeze",
                "fallback": "manual_freeze",
                "compensate": "core_system_unfreeze",
            },
            {"name": "Agree", "review": {"question": "Right?"}, "on_reject": ["finish"]},
            {
                "name": "Call",
                "handler": "http",
                "on_error": {"service_unavailable": ["finish"], "any": ["reject"]},
            },
        ],
    }
)
STARTED, DONE, FAILED = EventKind.STEP_STARTED, EventKind.STEP_DONE, EventKind.STEP_FAILED
RUN = (
    (0, STARTED, "look", {}),
    (0, DONE, "look", {"outcome": "low"}),
    (1, STARTED, "act", {}),
    (2, FAILED, "act", {"code": "bank_unavailable"}),
)


def attempt(**more: Any) -> dict[str, Any]:
    return {"at": RECEIVED, "step": "act", "handler": "core_system_freeze", "number": 1, **more}


def alert(level: str, second: int) -> dict[str, Any]:
    return {"at": RECEIVED.replace(second=second), "level": level, "subject": "s"}


@pytest.mark.parametrize(
    ("expect", "difference"),
    [
        ({"state": "completed", "steps": ["look", "act"], "not": ["agree"], "within": "1h"}, None),
        ({"state": "rejected"}, "state: expected rejected, was completed (done)"),
        ({"result": "frozen"}, "result: expected frozen, was done"),
        ({"risk": "high"}, "risk: expected high, was medium ()"),
        ({"spot_check": True}, "spot_check: expected True, was False"),
        ({"steps": ["act", "look"]}, "steps: expected [act, look], was [look, act]"),
        ({"not": ["act"]}, "not: act ran"),
        ({"not": ["core_system_freeze"]}, "not: core_system_freeze ran"),
        ({"outcomes": {"look": "high", "act": "failed"}}, "outcomes.look: expected high, was low"),
        ({"outcomes": {"agree": "approved"}}, "outcomes.agree: expected approved, was not run"),
        ({"effects": ["core_system_freeze"]}, "effects: expected [core_system_freeze], was []"),
        ({"undone": ["act"]}, "undone: expected [act], was []"),
        ({"alerts": ["red"]}, "alerts: expected [red], was []"),
        ({"asked": [{"step": "agree"}]}, "asked: expected [agree], was []"),
        ({"waiting_for": "Accounts"}, "waiting_for: expected Accounts, was nobody"),
    ],
)
def test_a_difference_says_what_was_expected_and_what_was(
    expect: dict[str, Any], difference: str | None
) -> None:
    found = differences(simulated(SOP, *RUN, expect=expect))
    assert found == ([] if difference is None else [difference])


def test_a_run_without_an_end_is_not_within_any_time() -> None:
    played = simulated(SOP, expect={"within": "1h"}, state=TicketState.REVIEWING, closed_at=None)
    assert differences(played) == ["within: expected 1h, was no end"]


def test_trouble_of_the_simulation_hides_everything_else() -> None:
    assert differences(simulated(SOP, expect={"state": "rejected"}, trouble="it hangs")) == ["it hangs"]


@pytest.mark.parametrize("order", [("red", "review"), ("review", "red")])
def test_alerts_of_the_same_moment_may_come_in_any_order(order: tuple[str, str]) -> None:
    alerts = [alert("orange", 0), *(alert(level, 30) for level in order)]
    good = simulated(SOP, expect={"alerts": ["orange", "red", "review"]}, record={"alerts": alerts})
    assert differences(good) == []
    bad = simulated(SOP, expect={"alerts": ["red", "orange", "review"]}, record={"alerts": alerts})
    assert len(differences(bad)) == 1


def test_questions_are_compared_as_far_as_the_case_cares() -> None:
    review = {"review_id": "R1", "kind": "gate", "step_id": "act", "role": "reviewer", "group": "Accounts"}
    opened = (0, EventKind.REVIEW_OPENED, "act", {"review": review})
    again = (5, EventKind.REVIEW_OPENED, "act", {"review": {**review, "group": "Night Desk"}})
    assert differences(simulated(SOP, opened, again, expect={"asked": [{"kind": "gate"}]})) == []
    wrong = simulated(SOP, opened, expect={"asked": [{"kind": "gate", "role": "oncall"}]})
    assert differences(wrong) == [
        "asked: expected [gate oncall], was [gate act of Accounts as reviewer]",
    ]


def test_scripts_that_were_not_played_are_told() -> None:
    played = simulated(
        SOP, scripts=("handlers.act[1]", "people.agree[1]"), record={"used": {"handlers.act[1]": 2}}
    )
    assert differences(played) == ["people.agree[1] was never used"]


def test_the_effect_of_an_unknown_outcome_counts_once_it_is_confirmed() -> None:
    record = {
        "attempts": [
            attempt(error="outcome_unknown"),
            attempt(handler="resolve_order", outcome="done", effect="core_system_freeze"),
        ]
    }
    assert Facts(simulated(SOP, *RUN, record=record)).effects == ("core_system_freeze",)


def test_coverage_names_what_no_case_went_through() -> None:
    coverage = coverage_of(SOP, [simulated(SOP, *RUN)])
    assert coverage.missed == (
        "look: high",
        "act: fallback manual_freeze",
        "act: compensate",
        "agree",
        "agree: on_reject",
        "call",
        "call: on_error service_unavailable",
        "call: on_error any",
    )
    assert coverage.percent == 27  # 3 of 11


def test_coverage_adds_up_over_the_cases() -> None:
    reject = {"verb": "reject"}
    second = simulated(
        SOP,
        (0, DONE, "look", {"outcome": "high"}),
        (1, STARTED, "agree", {}),
        (2, EventKind.REVIEW_DECIDED, "agree", reject),
        (3, STARTED, "call", {}),
        (3, FAILED, "call", {"code": "outcome_unknown"}),
        (4, EventKind.COMPENSATED, "act", {}),
    )
    missed = coverage_of(SOP, [simulated(SOP, *RUN), second]).missed
    assert missed == ("act: fallback manual_freeze", "call: on_error service_unavailable")


def test_steps_in_loops_count_for_the_step_of_the_sop() -> None:
    loop = {"items": "fields.all", "steps": [{"name": "Tell", "handler": "sms_notifier"}]}
    sop = Sop.model_validate({"name": "Each", "steps": [{"name": "All", "foreach": loop}]})
    played = simulated(sop, (0, STARTED, "each.all", {}), (0, STARTED, "each.all.2.tell", {}))
    assert coverage_of(sop, [played]).missed == ()
    assert Facts(played).steps == ("all", "all.2.tell")  # without the call that the simulation adds


def test_the_timeline_has_the_hour_of_the_bank_and_a_heading_for_each_day() -> None:
    played = simulated(
        SOP,
        *RUN,
        (180, EventKind.CLOSED, "", {}),
        closed_at=RECEIVED.replace(hour=17),
        record={"attempts": [attempt(error="bank_unavailable", message="down")]},
    )
    lines = as_text(played, ZoneInfo("Asia/Shanghai")).splitlines()
    assert lines[0] == "Tuesday 2026-11-24 (Asia/Shanghai)"
    assert "  22:00:00  attempt     [act] attempt 1 of core_system_freeze: bank_unavailable: down" in lines
    assert lines[6:8] == ["Wednesday 2026-11-25 (Asia/Shanghai)", "  01:00:00  closed      closed "]
    assert lines[-2:] == ["ends          completed after 3h: done", "changes       nothing outside"]


def test_a_run_that_waits_says_for_whom() -> None:
    played = simulated(SOP, state=TicketState.REVIEWING, closed_at=None, result="")
    document = as_json(played, ZoneInfo("Asia/Shanghai"))
    assert (document["ended"], document["took_s"]) == (False, None)
    assert "does not end  reviewing; followed for 30d" in as_text(played, ZoneInfo("Asia/Shanghai"))
