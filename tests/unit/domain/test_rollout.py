"""Whom a candidate serves: by chance, for good, and never fewer at a larger share."""

from hypothesis import given
from hypothesis import strategies as st

from domain.rollout import Arm, Placement, Stage, is_chosen

IDS = st.text(min_size=1, max_size=40)
SHARES = st.integers(0, 100)


@given(IDS, IDS, SHARES)
def test_the_same_ticket_is_always_drawn_alike(task_id: str, digest: str, percent: int) -> None:
    assert is_chosen(task_id, digest, percent) == is_chosen(task_id, digest, percent)


@given(IDS, IDS, SHARES, SHARES)
def test_who_is_in_at_a_share_is_in_at_every_larger_one(task_id: str, digest: str, a: int, b: int) -> None:
    assert is_chosen(task_id, digest, min(a, b)) <= is_chosen(task_id, digest, max(a, b))


@given(IDS, IDS)
def test_nobody_is_in_at_none_and_everybody_at_all(task_id: str, digest: str) -> None:
    assert not is_chosen(task_id, digest, 0)
    assert is_chosen(task_id, digest, 100)


@given(st.integers(1, 99), st.integers(0, 2**32))
def test_the_share_is_what_was_asked_for(percent: int, seed: int) -> None:
    """5,000 tickets: four standard deviations are at most 2.9 per cent."""
    chosen = sum(is_chosen(f"T{seed}-{number}", "digest", percent) for number in range(5_000))
    assert abs(chosen / 50 - percent) < 4


def test_another_candidate_draws_other_tickets() -> None:
    tickets = [f"T{number}" for number in range(200)]
    first, second = ({each for each in tickets if is_chosen(each, digest, 20)} for digest in ("a", "b"))
    assert first - second
    assert second - first


def test_a_place_says_in_words_who_serves_the_ticket() -> None:
    place = Placement(rollout=3, arm=Arm.CANDIDATE, stage=Stage.PERCENTAGE, percent=10, version=7)
    assert place.words == "candidate 10 %: version 7 in rollout 3"
    other = place.model_copy(update={"arm": Arm.IN_FORCE})
    assert other.words == "version in force, with version 7 in shadow in rollout 3"


def test_a_rollout_is_open_until_it_is_full_or_withdrawn() -> None:
    assert [stage for stage in Stage if stage.is_open] == [Stage.SHADOW, Stage.PERCENTAGE]
