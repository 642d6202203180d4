"""The three layers together: who answers, with what evidence, and what never changes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.dispatch.answer import Layer
from domain.dispatch.engine import Dispatcher
from domain.dispatch.tables import DispatchTables, EscalationTable, KeywordGroup, KeywordTable
from domain.errors import DefinitionError
from domain.task import Priority, RiskLevel
from tests.support.dispatching import IN_USE, SEED, rule, tables, tables_in, ticket

KEYWORDS = KeywordTable(
    threshold=4,
    groups=(
        KeywordGroup(
            group="Account Operations",
            category="accounts",
            action="handle",
            least_risk=RiskLevel.MEDIUM,
            priority=Priority.P3,
            sla_hours=8,
            words={"balance": 2, "account": 3},
        ),
        KeywordGroup(group="Reconciliation", words={"statement": 2, "verify": 2}),
    ),
)
FREEZE = rule("Account Freeze", r"freeze.*account")


def test_a_rule_answers_before_keywords_and_brings_all_its_values() -> None:
    answer = Dispatcher(tables(FREEZE, keywords=KEYWORDS)).dispatch(
        ticket("Freeze the account, balance below", risk_level="high")
    )

    assert answer.layer is Layer.RULES
    assert (answer.group, answer.category, answer.action) == ("Account Freeze", "accounts", "freeze")
    assert (answer.priority, answer.risk, answer.sla_hours) == (Priority.P1, RiskLevel.MEDIUM, 1)
    assert answer.evidence.rule == "Account Freeze"
    assert answer.evidence.matched_text == "Freeze the account"
    assert answer.evidence.reason == 'rule "Account Freeze" matched "Freeze the account"'


def test_keywords_answer_with_the_sum_and_the_runner_up() -> None:
    answer = Dispatcher(tables(FREEZE, keywords=KEYWORDS)).dispatch(
        ticket("Account balance and statement", risk_level="low")
    )

    assert answer.layer is Layer.KEYWORDS
    assert (answer.group, answer.category, answer.action) == ("Account Operations", "accounts", "handle")
    assert (answer.priority, answer.risk, answer.sla_hours) == (Priority.P3, RiskLevel.MEDIUM, 8)
    assert answer.evidence.words == {"account": 3, "balance": 2}
    assert answer.evidence.scores == {"Account Operations": 5, "Reconciliation": 2}
    assert answer.evidence.runner_up == "Reconciliation"
    assert answer.evidence.reason == (
        "account 3 + balance 2 = 5 for Account Operations (threshold 4); runner-up Reconciliation with 2"
    )


def test_the_threshold_counts_as_reached() -> None:
    answer = Dispatcher(tables(keywords=KEYWORDS)).dispatch(ticket("verify the statement"))

    assert (answer.layer, answer.group) == (Layer.KEYWORDS, "Reconciliation")


def test_least_risk_raises_a_tickets_risk_and_never_lowers_it() -> None:
    dispatcher = Dispatcher(tables(keywords=KEYWORDS, least_risk="medium"))

    assert dispatcher.dispatch(ticket("account balance", risk_level="high")).risk is RiskLevel.HIGH
    assert dispatcher.dispatch(ticket("hello", risk_level="low")).risk is RiskLevel.MEDIUM
    assert dispatcher.dispatch(ticket("hello", risk_level="high")).risk is RiskLevel.HIGH


def test_an_unknown_ticket_goes_to_the_group_of_its_risk_and_says_why_nobody_was_sure() -> None:
    groups = {"high": "Supervisor", "medium": "Dispatch", "low": "Processing"}
    dispatcher = Dispatcher(tables(FREEZE, keywords=KEYWORDS, groups=groups, least_risk="medium"))

    blank = dispatcher.dispatch(ticket("hello", risk_level="low"))
    near = dispatcher.dispatch(ticket("my account", risk_level="high"))

    assert (blank.layer, blank.group, blank.priority) == (Layer.FALLBACK, "Dispatch", Priority.P3)
    assert (blank.category, blank.action, blank.sla_hours) == ("other", "handle", None)
    assert blank.evidence.reason == ("no rule matched and no keyword was found: medium risk goes to Dispatch")
    assert near.group == "Supervisor"
    assert near.evidence.reason == (
        "no rule matched and the best keyword score is account 3 = 3 for Account Operations, "
        "below the threshold 4: high risk goes to Supervisor"
    )


def test_what_the_source_said_of_an_unknown_ticket_is_kept() -> None:
    dispatcher = Dispatcher(tables(category="other", action="handle"))

    told = dispatcher.dispatch(ticket("hello", category="settlement", action="cross_border"))
    half = dispatcher.dispatch(ticket("hello", category="complaint"))

    assert (told.category, told.action) == ("settlement", "cross_border")
    assert "settlement/cross_border is kept" in told.evidence.reason
    assert (half.category, half.action) == ("complaint", "handle")


def test_the_text_decides_over_what_the_source_said() -> None:
    answer = Dispatcher(tables(FREEZE)).dispatch(
        ticket("freeze the account", category="complaint", action="handle")
    )

    assert (answer.category, answer.action) == ("accounts", "freeze")


@pytest.mark.parametrize("number", ["6222020200001234", "6222 0202 0000 1234", "6222-0202-0000-1234"])
def test_evidence_shows_no_account_number(number: str) -> None:
    answer = Dispatcher(tables(FREEZE)).dispatch(ticket(f"freeze {number} account"))

    assert answer.evidence.matched_text == "freeze ****1234 account"
    assert number not in answer.model_dump_json()


def test_a_long_match_is_quoted_with_its_middle_left_out() -> None:
    answer = Dispatcher(tables(FREEZE)).dispatch(ticket("x\nfreeze " + "very " * 2000 + "old account"))

    assert len(answer.evidence.matched_text) <= 301
    assert answer.evidence.reason.startswith('rule "Account Freeze" matched "freeze very')
    assert answer.evidence.reason.endswith('old account"')
    assert " … " in answer.evidence.reason


def test_a_risk_without_an_escalation_group_is_refused() -> None:
    groups = {RiskLevel.HIGH: "Supervisor", RiskLevel.MEDIUM: "Dispatch"}

    with pytest.raises(DefinitionError, match="unknown tickets of low risk"):
        Dispatcher(DispatchTables(escalation=EscalationTable(groups=groups)))
    Dispatcher(DispatchTables(escalation=EscalationTable(groups=groups, least_risk=RiskLevel.MEDIUM)))


def test_answers_name_the_tables_and_other_tables_have_another_name() -> None:
    one, same, other = (Dispatcher(tables(*rules)) for rules in ((FREEZE,), (FREEZE,), ()))

    assert one.dispatch(ticket("x")).tables_digest == one.tables_digest == same.tables_digest
    assert one.tables_digest != other.tables_digest


USED = tables_in(IN_USE)
SETS = {"in use": Dispatcher(USED), "seed": Dispatcher(tables_in(SEED))}
ENGLISH = ["freeze", "unfreeze", "account", "stop payment", "SWIFT", "MT103", "report", "complaint", "IBAN"]
CHINESE = ["冻结", "解冻", "账户", "投诉", "对账", "汇款", "可疑交易", "被"]
OTHERS = [
    "suspicious activity",
    "suspense item",
    "balance",
    "verify",
    "police",
    "court",
    "500",
    ".",
    ",",
    "\n",
]
PHRASES = st.sampled_from([*ENGLISH, *CHINESE, *OTHERS])
TEXTS = st.one_of(st.lists(PHRASES, min_size=1, max_size=15).map(" ".join), st.text(min_size=1, max_size=200))


@pytest.mark.parametrize("name", SETS)
@given(text=TEXTS, risk=st.sampled_from(RiskLevel))
def test_any_text_gets_one_whole_answer_and_the_same_again(name: str, text: str, risk: RiskLevel) -> None:
    task = ticket("t\n" + text, risk_level=risk)

    answer = SETS[name].dispatch(task)

    assert answer == SETS[name].dispatch(task)
    assert answer.group and answer.category and answer.action and answer.evidence.reason


def _widened(text: str) -> str:
    """ASCII letters, digits and signs in their full-width forms."""
    return "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in text)


@given(text=st.lists(PHRASES, min_size=1, max_size=15).map(" ".join))
def test_case_and_width_of_a_ticket_never_change_its_answer(text: str) -> None:
    for dispatcher in SETS.values():
        answers = [dispatcher.dispatch(ticket("t\n" + each)) for each in (text, text.upper(), _widened(text))]

        kinds = {(each.layer, each.group, each.category, each.action, each.evidence.rule) for each in answers}
        assert len(kinds) == 1


@given(
    text=st.lists(PHRASES, min_size=1, max_size=12).map(" ".join),
    added=st.sampled_from(["account", "report", ".", "冻结|解冻", r"\d+", "please.*account"]),
)
def test_a_rule_added_at_the_end_changes_no_ticket_that_a_rule_took_before(text: str, added: str) -> None:
    after = USED.model_copy(update={"rules": (*USED.rules, rule("Added", added))})
    task = ticket("t\n" + text)
    old, new = SETS["in use"].dispatch(task), Dispatcher(after).dispatch(task)

    if old.layer is Layer.RULES:
        assert new.model_copy(update={"tables_digest": old.tables_digest}) == old
    else:
        assert new.evidence.rule in ("", "Added")
