from datetime import UTC, date, datetime

import pytest
from temporalio.testing import ActivityEnvironment

from activities.gate import GateActivities
from activities.messages import GateQuestion
from domain.duty import GateVerdict
from domain.task import RiskLevel
from tests.fakes.rulebook import FakeRulebook, duty_all_day

NOON_IN_SHANGHAI = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)


def ask(rulebook: FakeRulebook, risk: RiskLevel) -> GateVerdict:
    question = GateQuestion(risk=risk, now=NOON_IN_SHANGHAI)
    return ActivityEnvironment().run(GateActivities(rulebook).decide_gate, question)


@pytest.mark.parametrize(
    ("all_day", "risk", "verdict", "tell"),
    [
        ("daytime", "low", "automatic", "nobody"),
        ("daytime", "medium", "ask", "lead"),
        ("nighttime", "medium", "spot_check", "nobody"),
        ("nighttime", "high", "ask", "on_call"),
    ],
)
def test_the_gate_decides_by_duty_and_risk(all_day: str, risk: str, verdict: str, tell: str) -> None:
    found = ask(FakeRulebook(all_day=all_day), RiskLevel(risk))
    assert (found.mode, found.verdict, found.tell) == (all_day, verdict, tell)


def test_a_holiday_is_night_though_the_clock_says_noon() -> None:
    holiday = FakeRulebook(working_day=lambda day: day != date(2026, 11, 24))
    assert ask(holiday, RiskLevel.MEDIUM).verdict == "spot_check"
    assert ask(FakeRulebook(), RiskLevel.MEDIUM).verdict == "ask"


def test_an_edited_policy_holds_for_the_next_question() -> None:
    rulebook = FakeRulebook(all_day="daytime")
    assert ask(rulebook, RiskLevel.MEDIUM).verdict == "ask"
    rulebook.book = FakeRulebook(duty=duty_all_day("nighttime")).book
    assert ask(rulebook, RiskLevel.MEDIUM).verdict == "spot_check"
