"""Layer 1: order decides, RE2 keeps it linear, and a bad pattern is named."""

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from domain.dispatch.normalise import half_width
from domain.dispatch.rules import CompiledRules
from domain.errors import DefinitionError
from tests.support.dispatching import rule


def test_of_several_matching_rules_the_first_in_order_answers() -> None:
    rules = CompiledRules([rule("Other", "cheque"), rule("Narrow", "unfreeze"), rule("Wide", "freeze")])

    first = rules.first("please unfreeze it")

    assert first is not None
    assert (first[0].name, first[1]) == ("Narrow", "unfreeze")


def test_the_matched_text_is_what_the_rules_own_pattern_found() -> None:
    rules = CompiledRules([rule("Freeze", r"(freeze|stop)\b.{0,20}\baccount")])

    first = rules.first("冻结！ FREEZE the Account now")

    assert first is not None
    assert first[1] == "FREEZE the Account"


def test_without_rules_nothing_matches() -> None:
    assert CompiledRules([]).first("freeze") is None


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("(freeze", "missing ): (freeze"),
        ("a**", "bad repetition operator: **"),
        ("(?=account)x", "invalid perl operator: (?="),
        ("a{2000}", "invalid repetition size: {2000}"),
        (r"(a)\1", r"invalid escape sequence: \1"),
    ],
)
def test_a_pattern_that_re2_refuses_is_named_with_re2s_own_words(pattern: str, why: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        CompiledRules([rule("Good", "good"), rule("Bad one", pattern)])

    assert 'rule "Bad one"' in str(caught.value)
    assert why in str(caught.value)


def test_a_pattern_in_full_width_is_refused_because_it_could_never_match() -> None:
    with pytest.raises(DefinitionError, match="half width"):
        CompiledRules([rule("宽", "冻结：账户")])


def test_a_pattern_that_hangs_a_backtracking_engine_ends_at_once() -> None:
    # Python's re needs 2^n steps for this; the test's own time-out would end it.
    rules = CompiledRules([rule("Evil", "(a+)+$"), rule("Evil twin", "(?:a|aa)+b")])

    assert rules.first("a" * 50_000 + "!") is None


WORDS = ["freeze", "account", "swift", "账户", "冻结", "straße", "σοφος", "перевод", "a", "é", "x", "1"]


@given(
    patterns=st.lists(
        st.one_of(
            st.sampled_from(WORDS),
            st.tuples(st.sampled_from(WORDS), st.sampled_from(WORDS)).map(lambda two: f"{two[0]}.*{two[1]}"),
            st.tuples(st.sampled_from(WORDS), st.sampled_from(WORDS)).map(
                lambda two: rf"\b(?:{two[0]}|{two[1]})\b"
            ),
            st.sampled_from([r"\d+", "[a-f]{2}", "(?:freeze)?", ".", r"^\s*$"]),
        ),
        max_size=8,
    ),
    text=st.lists(st.one_of(st.sampled_from(WORDS), st.text(max_size=6)), max_size=8).map(" ".join),
    upper=st.booleans(),
)
def test_the_filter_finds_what_trying_every_pattern_in_turn_finds(
    patterns: list[str], text: str, upper: bool
) -> None:
    options = re2.Options()
    options.case_sensitive = False
    text = half_width(text.upper() if upper else text)
    expected = next(
        (number for number, pattern in enumerate(patterns) if re2.search(pattern, text, options)), None
    )

    first = CompiledRules([rule(f"R{n}", pattern) for n, pattern in enumerate(patterns)]).first(text)

    assert (first[0].name if first else None) == (None if expected is None else f"R{expected}")
