"""Layer 2: words in one pass, each once, and sums that do not depend on chance."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.dispatch.keywords import CompiledKeywords
from domain.dispatch.normalise import folded
from domain.dispatch.tables import KeywordGroup, KeywordTable
from domain.errors import DefinitionError


def totals(text: str, match: str = "word", **groups: dict[str, float]) -> dict[str, float]:
    table = KeywordTable.model_validate(
        {"match": match, "groups": [{"group": name, "words": words} for name, words in groups.items()]}
    )
    return {score.label: score.total for score in CompiledKeywords(table).scores(folded(text))}


def test_a_word_counts_once_however_often_it_occurs() -> None:
    assert totals("Account, account, ACCOUNT", A={"account": 3}) == {"A": 3}


def test_words_that_overlap_and_words_inside_words_all_count() -> None:
    assert totals("cross-border remittance", A={"cross": 1, "cross-border": 2, "border remit": 4}) == {"A": 7}
    assert totals("对账单", A={"对账": 1, "账单": 2}) == {"A": 3}


def test_in_word_mode_a_word_is_found_only_where_a_word_begins() -> None:
    words: dict[str, float] = {"close": 2, "settle": 1}

    assert totals("disclosed and unsettled", A=words) == {}
    assert totals("closed; settlement", A=words) == {"A": 3}
    assert totals("disclosed, then (closed)", A=words) == {"A": 2}


def test_in_substring_mode_a_word_is_found_inside_words() -> None:
    assert totals("disclosed", match="substring", A={"close": 2}) == {"A": 2}


def test_chinese_has_no_spaces_so_its_words_are_found_anywhere() -> None:
    assert totals("请开户后汇款", A={"开户": 2, "汇款": 2}) == {"A": 4}
    assert totals("客户account已冻结", A={"account": 2, "冻结": 1}) == {"A": 3}


def test_case_and_width_do_not_matter() -> None:
    assert totals("ＳＷＩＦＴ 報文", A={"Swift": 3, "ｆｏｒｅｘ": 2}) == {"A": 3}
    assert totals("FOREX", A={"ｆｏｒｅｘ": 2}) == {"A": 2}


def test_ties_go_to_the_group_that_stands_first() -> None:
    assert list(totals("beta alpha", B={"beta": 2}, A={"alpha": 2})) == ["B", "A"]
    assert list(totals("beta alpha", A={"alpha": 2}, B={"beta": 2})) == ["A", "B"]


def test_a_negative_weight_counts_against_and_a_group_without_a_positive_sum_is_left_out() -> None:
    assert totals("account statement", A={"account": 3, "statement": -1}, B={"statement": -2}) == {"A": 2}


def test_a_group_that_stands_twice_is_told_apart_by_category_and_action() -> None:
    table = KeywordTable(
        groups=(
            KeywordGroup(group="A", category="accounts", action="handle", words={"open": 2}),
            KeywordGroup(group="A", category="accounts", action="freeze", words={"seizure": 3}),
        )
    )

    labels = [score.label for score in CompiledKeywords(table).scores("open seizure")]

    assert labels == ["A (accounts/freeze)", "A (accounts/handle)"]


def test_an_empty_table_scores_nothing() -> None:
    assert CompiledKeywords(KeywordTable()).scores("anything") == []


@pytest.mark.parametrize(
    ("words", "why"),
    [({" ": 1.0}, "blank"), ({"AML": 1.0, "aml": 2.0}, "'AML' and 'aml' are the same word")],
)
def test_a_word_that_is_blank_or_stands_twice_is_refused(words: dict[str, float], why: str) -> None:
    with pytest.raises(DefinitionError, match=why):
        CompiledKeywords(KeywordTable(groups=(KeywordGroup(group="A", words=words),)))


@given(
    words=st.dictionaries(
        st.text("abc账户", min_size=1, max_size=3), st.sampled_from([0.1, 0.2, 0.7, 1.5, 3]), min_size=1
    ),
    pieces=st.lists(st.text("abc 账户", max_size=6), max_size=10),
)
def test_substring_scores_are_those_of_looking_for_every_word(
    words: dict[str, float], pieces: list[str]
) -> None:
    text = "".join(pieces)
    expected = sum(weight for word, weight in words.items() if word in text)

    assert totals(text, match="substring", A=words).get("A", 0) == pytest.approx(expected)


@given(pieces=st.lists(st.sampled_from(["fee", "tax", "iban", "swift"]), min_size=1), seed=st.randoms())
def test_the_order_of_words_in_a_ticket_never_changes_a_sum(pieces: list[str], seed: object) -> None:
    words = {"fee": 0.1, "tax": 0.2, "iban": 0.3, "swift": 1e9}
    shuffled = sorted(pieces, key=lambda _: seed.random())  # type: ignore[attr-defined]

    assert totals(" ".join(pieces), A=words) == totals(" ".join(shuffled), A=words)
