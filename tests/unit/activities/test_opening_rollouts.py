"""How a ticket opens while another version of its SOP is being rolled out."""

from typing import Any

import pytest

from activities.messages import Opening, OpenTicket, ReopenTicket
from activities.opening import OpeningActivities
from definitions.schema import Sop
from domain.rollout import Arm, Stage
from tests.fakes.catalogue import CODE
from tests.fakes.rulebook import FakeRulebook
from tests.support.rollouts import a_candidate
from tests.support.tickets import NIGHT, sample_task

OLD = {
    "name": "Freeze",
    "trigger": {"category": "accounts", "action": "freeze"},
    "steps": [{"name": "Check", "handler": "auth_validator"}],
}
NEW = {**OLD, "version": "2"}


def opened(*candidates: Any, sops: tuple[Any, ...] = (OLD,), **task: Any) -> Opening:
    rulebook = FakeRulebook(sops, candidates=candidates)
    request = OpenTicket(task=sample_task(**task), now=NIGHT)
    return OpeningActivities(rulebook, CODE).open_ticket(request)


def test_in_shadow_the_version_in_force_serves_and_the_candidate_is_pinned_beside_it() -> None:
    opening = opened(a_candidate(NEW))
    assert opening.rollout is not None
    assert (opening.rollout.arm, opening.rollout.stage) == (Arm.IN_FORCE, Stage.SHADOW)
    assert opening.sop.sop.version == ""
    assert opening.shadow is not None
    assert (opening.shadow.sop.version, set(opening.shadow.handlers)) == ("2", {"auth_validator"})
    assert Opening.model_validate_json(opening.model_dump_json()) == opening


def test_at_a_share_each_ticket_has_one_version_and_the_rest_goes_on_in_shadow() -> None:
    candidate = a_candidate(NEW, stage=Stage.PERCENTAGE, percent=30)
    openings = [opened(candidate, task_id=f"T{number}") for number in range(60)]
    served = [each for each in openings if each.rollout and each.rollout.arm is Arm.CANDIDATE]
    assert 0 < len(served) < 60
    assert {(each.sop.version, each.shadow) for each in served} == {("2", None)}
    rest = [each for each in openings if each not in served]
    assert all(each.shadow is not None and each.sop.version != "2" for each in rest)


@pytest.mark.parametrize(
    "task", [{"category": "payments", "action": "book"}, {"category": "accounts", "action": "unfreeze"}]
)
def test_tickets_that_the_candidate_would_not_serve_are_left_alone(task: dict[str, str]) -> None:
    opening = opened(a_candidate(NEW, stage=Stage.PERCENTAGE, percent=100), **task)
    assert (opening.rollout, opening.shadow) == (None, None)


def test_tickets_outside_of_its_categories_are_left_alone() -> None:
    everything = {**NEW, "trigger": {"category": "other"}}
    candidate = a_candidate(everything, categories=("payments",))
    assert opened(candidate, category="complaint", action="handle").rollout is None
    assert opened(candidate, category="payments", action="book").rollout is not None


def test_a_new_sop_runs_in_shadow_beside_the_one_that_serves_its_tickets_now() -> None:
    opening = opened(a_candidate(NEW), sops=())
    assert opening.sop.sop.name == "General Ticket"
    assert opening.shadow is not None
    assert opening.shadow.sop.name == "Freeze"


def test_a_candidate_that_is_in_force_by_now_is_not_a_rollout_any_more() -> None:
    opening = opened(a_candidate(NEW, stage=Stage.PERCENTAGE, percent=100), sops=(NEW,))
    assert (opening.rollout, opening.sop.version) == (None, "2")


def test_a_candidate_that_cannot_serve_never_stops_a_ticket() -> None:
    broken = {**NEW, "steps": [{"name": "Check", "handler": "nobody_has_this"}]}
    opening = opened(a_candidate(broken, stage=Stage.PERCENTAGE, percent=100))
    assert (opening.rollout, opening.shadow) == (None, None)
    assert opening.sop.sop == Sop.model_validate(OLD)


def test_a_candidate_calls_the_other_sops_as_they_are_in_force() -> None:
    part = {"name": "Part", "steps": [{"name": "Look", "handler": "auth_validator"}]}
    calling = {**NEW, "steps": [{"name": "Inside", "call": "part"}]}
    opening = opened(a_candidate(calling), sops=(OLD, {**part, "trigger": {"category": "x"}}))
    assert opening.shadow is not None
    assert set(opening.shadow.called) == {"part"}


def test_a_running_ticket_moves_to_the_version_in_force_and_leaves_the_rollout() -> None:
    served = opened(a_candidate(NEW, stage=Stage.PERCENTAGE, percent=100))
    assert served.sop.version == "2"
    activities = OpeningActivities(FakeRulebook([OLD], candidates=(a_candidate(NEW),)), CODE)
    in_force = opened().sop
    moved = activities.reopen_ticket(
        ReopenTicket(opening=served, digest=in_force.digest, task=sample_task(), received_at=NIGHT)
    )
    assert (moved.sop, moved.rollout, moved.shadow) == (in_force, None, None)
