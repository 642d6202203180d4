"""Candidates: whom they are for, when they may serve, and what a rollout keeps of itself."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from definitions.book import pin
from definitions.rollout import (
    Rollout,
    RolloutMove,
    candidate_digest,
    objection_to_serving,
    placement,
    with_candidate,
)
from definitions.schema import Sop
from domain.errors import Conflict
from domain.rollout import Arm, Stage
from domain.shadow import ShadowTally
from tests.fakes.rulebook import FakeRulebook
from tests.support.rollouts import START, a_candidate
from tests.support.tickets import sample_task

OLD = Sop.model_validate(
    {
        "name": "Freeze",
        "trigger": {"category": "accounts", "action": "freeze"},
        "steps": [{"name": "Pay", "handler": "pay"}],
    }
)
NEW = OLD.model_copy(update={"version": "2"})
OTHER = Sop.model_validate(
    {"name": "Rest", "trigger": {"category": "other"}, "steps": [{"name": "Pay", "handler": "pay"}]}
)


def a_rollout(**changes: object) -> Rollout:
    first = RolloutMove(number=1, by="author", at=START, was=None, stage=Stage.SHADOW)
    candidate = a_candidate(NEW, **changes)
    return Rollout(candidate=candidate, published_by="author", published_at=START, moves=(first,))


def a_move(stage: Stage, percent: int = 0) -> RolloutMove:
    at = START + timedelta(hours=1)
    return RolloutMove(number=2, by="releaser", at=at, was=Stage.SHADOW, stage=stage, percent=percent)


def test_a_candidate_takes_the_place_of_its_own_sop_alone() -> None:
    candidate = a_candidate(NEW)
    assert [each.version for each in with_candidate((OLD, OTHER), candidate) if each.id == "freeze"] == ["2"]
    assert OTHER in with_candidate((OLD, OTHER), candidate)
    assert len(with_candidate((OTHER,), candidate)) == 2


def test_its_digest_is_what_its_tickets_pin_and_outlives_being_stored() -> None:
    candidate = a_candidate(NEW)
    assert candidate.digest == pin(NEW, {}).digest
    again = type(candidate).model_validate_json(candidate.model_dump_json())
    assert again == candidate
    assert candidate_digest(again.sop) == candidate.digest


@pytest.mark.parametrize(
    ("limits", "is_for"),
    [
        ({}, True),
        ({"categories": ("accounts",)}, True),
        ({"categories": ("payments",)}, False),
        ({"categories": ("accounts",), "actions": ("freeze", "unfreeze")}, True),
        ({"actions": ("unfreeze",)}, False),
    ],
)
def test_a_rollout_may_be_limited_to_categories_and_actions(
    limits: dict[str, tuple[str, ...]], is_for: bool
) -> None:
    answer = FakeRulebook([OLD]).dispatch(sample_task())
    assert a_candidate(NEW, **limits).is_for(answer) is is_for


@given(st.text(min_size=1, max_size=30), st.integers(1, 100))
def test_in_shadow_it_serves_nobody_and_at_full_everybody(task_id: str, percent: int) -> None:
    assert placement(a_candidate(NEW), task_id).arm is Arm.IN_FORCE
    full = a_candidate(NEW, stage=Stage.FULL, percent=100)
    assert placement(full, task_id).arm is Arm.CANDIDATE
    some = a_candidate(NEW, stage=Stage.PERCENTAGE, percent=percent)
    assert placement(some, task_id).percent == percent


def test_a_rollout_keeps_every_move_and_ends_once() -> None:
    at_ten = a_rollout().moved(a_move(Stage.PERCENTAGE, 10))
    assert (at_ten.candidate.share, at_ten.candidate.by, len(at_ten.moves)) == (10, "releaser", 2)
    ended = at_ten.moved(a_move(Stage.WITHDRAWN))
    assert not ended.is_open
    with pytest.raises(Conflict, match="rollout 1 of Freeze has ended: withdrawn"):
        ended.moved(a_move(Stage.FULL, 100))


@pytest.mark.parametrize(
    ("tally", "objection"),
    [
        (ShadowTally(), "0 shadow runs so far; at least 20 are needed"),
        (ShadowTally(same=1), "1 shadow run so far; at least 20 are needed"),
        (ShadowTally(same=19), "19 shadow runs so far"),
        (ShadowTally(same=19, differs=1), ""),
        (
            ShadowTally(same=18, differs=1, failed=1),
            "18 of 20 shadow runs agree with what was done (90.0 %); at least 95 % are needed",
        ),
    ],
)
def test_a_candidate_serves_only_when_enough_shadow_runs_agree(tally: ShadowTally, objection: str) -> None:
    found = objection_to_serving(tally, least_runs=20, least_agreement=0.95)
    assert found.startswith(objection) if objection else not found
