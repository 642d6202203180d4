"""The set in use reads tickets as a clerk would."""

from pathlib import Path

import pytest
import yaml

from domain.dispatch.answer import Layer
from domain.dispatch.engine import Dispatcher
from domain.task import RiskLevel
from tests.support.dispatching import IN_USE, SEED, tables_in, ticket

TABLES = tables_in(IN_USE)
DISPATCHER = Dispatcher(TABLES)
SEED_DISPATCHER = Dispatcher(tables_in(SEED))
LABELLED: list[tuple[str, str, str]] = [
    tuple(each)
    for each in yaml.safe_load((Path(__file__).parent / "labelled_tickets.yaml").read_text("utf-8"))[
        "tickets"
    ]
]
SERVED = {
    "accounts/freeze",
    "accounts/unfreeze",
    "accounts/handle",
    "settlement/cross_border",
    "settlement/reconcile",
    "complaint/handle",
    "compliance/review",
    "finance/expense",
    "finance/invoice",
    "finance/tax",
    "finance/statements",
    "other/handle",
}


@pytest.mark.parametrize(("text", "group", "kind"), LABELLED)
def test_a_labelled_ticket_goes_where_it_belongs(text: str, group: str, kind: str) -> None:
    answer = DISPATCHER.dispatch(ticket(text))

    assert (answer.group, f"{answer.category}/{answer.action}") == (group, kind), answer.evidence.reason


def test_the_labelled_tickets_cover_every_kind_in_both_languages() -> None:
    chinese = {kind for text, _, kind in LABELLED if any("一" <= char <= "鿿" for char in text)}
    english = {kind for text, _, kind in LABELLED if text.isascii()}

    assert chinese == english == SERVED
    assert len({text for text, _, _ in LABELLED}) == len(LABELLED)


def test_the_seed_misreads_what_the_set_in_use_reads() -> None:
    unfreeze, report, frozen = map(
        ticket, ("please unfreeze account", "suspicious activity report", "account to be frozen")
    )

    assert SEED_DISPATCHER.dispatch(unfreeze).evidence.rule == "Account Freeze"
    assert DISPATCHER.dispatch(unfreeze).action == "unfreeze"
    assert SEED_DISPATCHER.dispatch(report).group == "Customer Experience"
    assert DISPATCHER.dispatch(report).group == "Compliance Review"
    assert SEED_DISPATCHER.dispatch(frozen).layer is Layer.FALLBACK
    assert DISPATCHER.dispatch(frozen).action == "freeze"


def test_a_freeze_is_medium_until_the_assessor_says_otherwise() -> None:
    assert {each.risk for each in TABLES.rules if each.action == "freeze"} == {RiskLevel.MEDIUM}


def test_every_answer_has_a_kind_that_an_sop_serves_and_is_not_low_by_default() -> None:
    assert {f"{each.category}/{each.action}" for each in TABLES.rules} <= SERVED
    assert {f"{each.category}/{each.action}" for each in TABLES.keywords.groups} <= SERVED
    assert all(each.least_risk and each.priority for each in TABLES.keywords.groups)
    assert DISPATCHER.dispatch(ticket("hello", risk_level="low")).risk is RiskLevel.MEDIUM


def test_each_unfreeze_rule_stands_above_each_freeze_rule() -> None:
    actions = [each.action for each in TABLES.rules]

    assert max(i for i, each in enumerate(actions) if each == "unfreeze") < actions.index("freeze")


def test_no_single_keyword_of_weight_below_the_threshold_decides() -> None:
    for group in TABLES.keywords.groups:
        for word, weight in group.words.items():
            if weight < TABLES.keywords.threshold and len(word) > 3 and " " not in word:
                answer = DISPATCHER.dispatch(ticket(word))
                assert answer.layer is not Layer.KEYWORDS, word
