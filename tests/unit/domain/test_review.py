from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.handlers import HumanTask
from domain.people import Principal, Role
from domain.review import Decision, PlannedEffect, ReviewKind, ReviewRequest, Verb, objection

NOW = datetime(2026, 11, 24, 3, 7, tzinfo=UTC)
GROUP = "Compliance Review"


def review(**changes: Any) -> ReviewRequest:
    given_fields: dict[str, Any] = {
        "review_id": "T1/execute_freeze/1",
        "task_id": "T1",
        "kind": ReviewKind.GATE,
        "step_id": "execute_freeze",
        "question": "High risk. Freeze?",
        "role": "reviewer",
        "group": GROUP,
        "opened_at": NOW,
    }
    return ReviewRequest(**{**given_fields, **changes})


def reviewer(name: str = "zhao.min", role: Role = Role.REVIEWER, group: str = GROUP) -> Principal:
    return Principal(id=name, name=name, roles=frozenset({role}), groups=frozenset({group}))


def answer(verb: Verb = Verb.APPROVE, **changes: Any) -> Decision:
    return Decision(review_id="T1/execute_freeze/1", verb=verb, **changes)


def code_of(found: tuple[str, str] | None) -> str | None:
    return found[0] if found else None


def test_a_reviewer_of_the_group_may_approve() -> None:
    assert objection(review(), answer(), reviewer(), hands=["intake"]) is None


def test_the_maker_may_not_approve() -> None:
    found = objection(review(), answer(), reviewer(), hands=["zhao.min"])
    assert found is not None
    assert found[0] == "four_eyes"
    assert "zhao.min" in found[1]


def test_where_four_eyes_do_not_apply_the_maker_may_answer() -> None:
    assert objection(review(four_eyes=False), answer(), reviewer(), hands=["zhao.min"]) is None


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.REVIEWER])
def test_every_other_role_is_refused(role: Role) -> None:
    assert code_of(objection(review(), answer(), reviewer(role=role), [])) == "not_permitted"


def test_another_group_is_refused_and_no_group_is_open_to_all() -> None:
    stranger = reviewer(group="Reconciliation")
    assert code_of(objection(review(), answer(), stranger, [])) == "not_permitted"
    assert objection(review(group=""), answer(), stranger, []) is None


def test_an_admin_passes_the_group_but_not_the_role() -> None:
    both = Principal(id="boss", name="boss", roles=frozenset({Role.ADMIN, Role.REVIEWER}))
    assert objection(review(), answer(), both, []) is None
    assert code_of(objection(review(), answer(), reviewer(role=Role.ADMIN), [])) == "not_permitted"


def test_a_role_that_does_not_exist_is_nobodys() -> None:
    assert code_of(objection(review(role="supervisor"), answer(), reviewer(), [])) == "not_permitted"
    with pytest.raises(ValidationError, match="role"):
        HumanTask.model_validate({"kind": "review", "question": "?", "role": "supervisor"})


@pytest.mark.parametrize(
    ("choice", "code"),
    [
        ("low", None),
        ("high", None),
        (None, "choice_missing"),
        ("medium", "choice_missing"),
        ("", "choice_missing"),
    ],
)
def test_a_route_is_approved_with_one_of_its_choices(choice: str | None, code: str | None) -> None:
    route = review(kind=ReviewKind.ROUTE, choices=("low", "high"))
    assert code_of(objection(route, answer(choice=choice), reviewer(), [])) == code


def test_a_choice_where_there_is_none_is_refused() -> None:
    assert code_of(objection(review(), answer(choice="low"), reviewer(), [])) == "choice_unexpected"


@pytest.mark.parametrize(
    ("reason", "code"), [("", "reason_missing"), ("  \n", "reason_missing"), ("forged", None)]
)
def test_a_rejection_needs_a_reason_but_no_choice(reason: str, code: str | None) -> None:
    route = review(kind=ReviewKind.ROUTE, choices=("low", "high"))
    assert code_of(objection(route, answer(Verb.REJECT, reason=reason), reviewer(), [])) == code


@given(
    st.builds(reviewer, role=st.sampled_from(list(Role)), group=st.sampled_from([GROUP, "Reconciliation"])),
    st.booleans(),
    st.builds(
        answer,
        st.sampled_from(list(Verb)),
        choice=st.sampled_from([None, "low", "nonsense"]),
        reason=st.sampled_from(["", "because"]),
    ),
)
def test_an_answer_that_counts_meets_every_condition(
    person: Principal, made_it: bool, decision: Decision
) -> None:
    route = review(choices=("low", "high"))
    counts = objection(route, decision, person, [person.id] if made_it else []) is None
    well_formed = decision.choice == "low" if decision.verb is Verb.APPROVE else bool(decision.reason)
    allowed = person.may(Role.REVIEWER) and GROUP in person.groups and not made_it
    assert counts == (allowed and well_formed)


EFFECT = PlannedEffect(step_id="execute_freeze", handler="core_system_freeze", digest="a" * 64)


@pytest.mark.parametrize(
    "change",
    [
        {"question": "Low risk. Freeze?"},
        {"evidence": ("CNY 500,000 or more",)},
        {"effects": (EFFECT,)},
        {"choices": ("low",)},
        {"group": "Reconciliation"},
        {"deadline_at": NOW},
        {"on_late": "reject"},
    ],
)
def test_the_digest_changes_with_anything_that_is_shown(change: dict[str, Any]) -> None:
    assert review(**change).digest != review().digest


def test_the_digest_survives_a_journey_through_json() -> None:
    shown = review(effects=(EFFECT,), deadline_at=NOW)
    assert ReviewRequest.model_validate_json(shown.model_dump_json()).digest == shown.digest


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "the ticket waits"),
        ({"deadline_at": NOW}, "told again"),
        ({"deadline_at": NOW, "on_late": "escalate"}, "on call is asked"),
        ({"deadline_at": NOW, "on_late": "go_on"}, "with nothing approved"),
        ({"deadline_at": NOW, "on_late": "reject"}, "counts as a no"),
    ],
)
def test_a_question_says_what_silence_leads_to(change: dict[str, Any], words: str) -> None:
    assert words in review(**change).silence
