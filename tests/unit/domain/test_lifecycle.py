from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import IllegalTransition
from domain.lifecycle import ENDS, TRANSITIONS, TicketState, can_move, move

S = TicketState

LEGAL = {
    (S.CREATED, S.ASSIGNED),
    (S.ASSIGNED, S.PROCESSING),
    (S.PROCESSING, S.REVIEWING),
    (S.PROCESSING, S.FAILED),
    (S.FAILED, S.RETRY),
    (S.RETRY, S.PROCESSING),
    (S.REVIEWING, S.PROCESSING),
    (S.REVIEWING, S.COMPLETED),
    (S.REVIEWING, S.REJECTED),
    *((state, S.CANCELLED) for state in S if state not in (S.COMPLETED, S.REJECTED, S.CANCELLED)),
}


@pytest.mark.parametrize(("current", "target"), list(product(S, S)))
def test_every_pair_of_states_is_either_a_legal_move_or_an_error(current: S, target: S) -> None:
    assert can_move(current, target) == ((current, target) in LEGAL)
    if (current, target) in LEGAL:
        assert move(current, target) is target
    else:
        with pytest.raises(IllegalTransition, match=f"{current} → {target}"):
            move(current, target)


def test_the_articles_moves_are_all_there() -> None:
    article = {
        S.CREATED: {S.ASSIGNED},
        S.ASSIGNED: {S.PROCESSING},
        S.PROCESSING: {S.REVIEWING, S.FAILED},
        S.REVIEWING: {S.COMPLETED, S.PROCESSING},
        S.FAILED: {S.RETRY},
        S.RETRY: {S.PROCESSING},
    }
    assert all(targets <= TRANSITIONS[state] for state, targets in article.items())


def test_the_ends_are_the_states_without_a_way_out() -> None:
    assert {state for state in S if not TRANSITIONS[state]} == ENDS


def test_the_refusal_says_what_would_be_legal() -> None:
    with pytest.raises(IllegalTransition, match="legal: assigned, cancelled"):
        move(S.CREATED, S.COMPLETED)
    with pytest.raises(IllegalTransition, match="it is an end"):
        move(S.REJECTED, S.PROCESSING)


@given(st.lists(st.sampled_from(list(S)), max_size=30))
def test_no_walk_completes_without_a_review(targets: list[S]) -> None:
    state, walked = S.CREATED, [S.CREATED]
    for target in targets:
        if can_move(state, target):
            state = move(state, target)
            walked.append(state)
    if S.COMPLETED in walked:
        assert walked[walked.index(S.COMPLETED) - 1] is S.REVIEWING
    assert all(each not in ENDS for each in walked[:-1])
