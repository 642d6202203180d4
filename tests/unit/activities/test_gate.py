from datetime import UTC, date, datetime, timedelta

import pytest
from temporalio.testing import ActivityEnvironment

from activities.gate import GateActivities
from activities.messages import GateQuestion
from domain.duty import GateVerdict
from domain.errors import StoreUnavailable
from domain.standing import DutyOverride, Standing, Withdrawal
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


class Book:
    """`StandingSource`: what it knows, unless it is silent."""

    def __init__(self, known: Standing | None = None) -> None:
        self.known = known or Standing()
        self.silent = False

    def standing(self, at: datetime) -> Standing:
        if self.silent:
            raise StoreUnavailable("the database does not answer")
        return self.known


def held(mode: str) -> DutyOverride:
    since = NOON_IN_SHANGHAI - timedelta(hours=1)
    return DutyOverride(
        number=1, mode=mode, since=since, until=since + timedelta(hours=8), reason="a storm", by="duty.liu"
    )


WITHDRAWN = Withdrawal(number=1, kind="accounts/freeze", group="Ops", since=NOON_IN_SHANGHAI, reason="errors")


class Gate:
    """The gate of one worker over a book."""

    def __init__(self, book: Book) -> None:
        self._activities = GateActivities(FakeRulebook(), book)

    def verdict(self, risk: RiskLevel, action: str = "freeze", now: datetime = NOON_IN_SHANGHAI) -> str:
        question = GateQuestion(risk=risk, now=now, category="accounts", action=action)
        return ActivityEnvironment().run(self._activities.decide_gate, question).verdict


def test_an_override_holds_for_the_next_question_and_a_cleared_one_does_not() -> None:
    book = Book()
    gate = Gate(book)
    assert gate.verdict(RiskLevel.MEDIUM) == "ask"
    book.known = Standing(override=held("nighttime"))
    assert gate.verdict(RiskLevel.MEDIUM) == "spot_check"
    book.known = Standing()
    assert gate.verdict(RiskLevel.MEDIUM) == "ask"


def test_a_kind_without_authority_asks_and_others_do_not() -> None:
    gate = Gate(Book(Standing(withdrawals=(WITHDRAWN,))))
    assert gate.verdict(RiskLevel.LOW) == "ask"
    assert gate.verdict(RiskLevel.LOW, "unfreeze") == "automatic"


def test_a_question_of_an_earlier_version_has_no_kind_and_is_decided_as_then() -> None:
    assert ask(FakeRulebook(), RiskLevel.LOW).verdict == "automatic"


def test_a_silent_store_loosens_nothing() -> None:
    book = Book(Standing(override=held("nighttime"), withdrawals=(WITHDRAWN,)))
    gate = Gate(book)
    assert gate.verdict(RiskLevel.MEDIUM, "unfreeze") == "spot_check"
    book.silent = True
    # The override may have been cleared since: the clock's stricter mode holds.
    assert gate.verdict(RiskLevel.MEDIUM, "unfreeze") == "ask"
    assert gate.verdict(RiskLevel.LOW, "unfreeze") == "automatic"
    assert gate.verdict(RiskLevel.LOW) == "ask"


def test_a_silent_store_keeps_a_stricter_override() -> None:
    night = NOON_IN_SHANGHAI + timedelta(hours=12)
    stricter = held("daytime").model_copy(update={"until": night + timedelta(hours=1)})
    book = Book(Standing(override=stricter))
    gate = Gate(book)
    assert gate.verdict(RiskLevel.MEDIUM, now=night) == "ask"
    book.silent = True
    assert gate.verdict(RiskLevel.MEDIUM, now=night) == "ask"


def test_a_worker_that_never_read_the_store_asks() -> None:
    book = Book()
    book.silent = True
    assert Gate(book).verdict(RiskLevel.LOW) == "ask"


def test_what_was_read_for_an_hour_that_is_over_is_not_taken_for_the_present() -> None:
    book = Book(Standing(withdrawals=(WITHDRAWN,)))
    gate = Gate(book)
    assert gate.verdict(RiskLevel.LOW) == "ask"
    book.known = Standing()
    assert gate.verdict(RiskLevel.LOW, now=NOON_IN_SHANGHAI - timedelta(days=1)) == "automatic"
    book.silent = True
    assert gate.verdict(RiskLevel.LOW) == "ask"


def test_what_was_read_long_ago_is_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    book = Book()
    gate = Gate(book)
    assert gate.verdict(RiskLevel.LOW) == "automatic"
    book.silent = True
    assert gate.verdict(RiskLevel.LOW) == "automatic"
    monkeypatch.setattr("activities.gate.TRUSTED_S", -1.0)
    assert gate.verdict(RiskLevel.LOW) == "ask"
