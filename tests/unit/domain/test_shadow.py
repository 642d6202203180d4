"""When a shadow run agrees with what was done, and what is said when it does not."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.lifecycle import TicketState
from domain.shadow import Agreement, EffectMade, RunAccount, ShadowTally, Trouble, compare
from domain.task import RiskLevel


def account(*effects: EffectMade, **changes: Any) -> RunAccount:
    given_values: dict[str, Any] = {
        "sop": "freeze",
        "version": "1",
        "digest": "d",
        "state": TicketState.COMPLETED,
        "risk": RiskLevel.LOW,
        "effects": effects,
    }
    return RunAccount(**(given_values | changes))


def effect(what: str, digest: str = "x", key: str = "", *, in_order: bool = True) -> EffectMade:
    return EffectMade(key=key or what, what=what, digest=digest, in_order=in_order)


EFFECTS = st.lists(
    st.builds(effect, st.sampled_from(["freeze", "pay", "tell"]), st.sampled_from(["x", "y", ""])), max_size=6
)


@given(EFFECTS)
def test_a_run_agrees_with_itself(effects: list[EffectMade]) -> None:
    assert compare(account(*effects), account(*effects)) == (Agreement.SAME, ())


@given(EFFECTS, EFFECTS)
def test_the_verdict_is_the_same_from_either_side(one: list[EffectMade], other: list[EffectMade]) -> None:
    there, back = compare(account(*one), account(*other)), compare(account(*other), account(*one))
    assert there[0] is back[0]


@given(EFFECTS)
def test_whoever_does_all_of_it_by_hand_does_the_same(effects: list[EffectMade]) -> None:
    by_hand = [effect(each.what, "") for each in effects]
    assert compare(account(*by_hand), account(*effects))[0] is Agreement.SAME


@given(EFFECTS, st.data())
def test_an_effect_more_is_always_seen(effects: list[EffectMade], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(effects)))
    more = [*effects[:place], effect("another"), *effects[place:]]
    agreement, reasons = compare(account(*effects), account(*more))
    assert agreement is Agreement.DIFFERS
    assert "another (another) was not done; the candidate would do it" in reasons


def test_the_key_of_a_step_does_not_matter() -> None:
    assert compare(account(effect("freeze", key="a")), account(effect("freeze", key="b")))[1] == ()


def test_other_facts_are_a_difference_of_their_own() -> None:
    _, reasons = compare(account(effect("pay", "x")), account(effect("pay", "y")))
    assert reasons == ("pay (pay) was given other facts than the candidate would give it",)


def test_work_by_hand_counts_as_what_it_stood_in_for() -> None:
    by_hand = effect("freeze", "", key="manual_freeze")
    assert compare(account(by_hand), account(effect("freeze")))[0] is Agreement.SAME


def test_the_order_of_orders_counts_and_that_of_messages_does_not() -> None:
    freeze, pay, tell = effect("freeze"), effect("pay"), effect("tell", in_order=False)
    assert compare(account(tell, freeze), account(freeze, tell))[0] is Agreement.SAME
    _, reasons = compare(account(freeze, tell, pay), account(pay, freeze, tell))
    assert reasons == ("the order was freeze, pay; with the candidate it would be pay, freeze",)


def test_another_end_and_another_risk_are_told() -> None:
    other = account(state=TicketState.REJECTED, risk=RiskLevel.HIGH)
    _, reasons = compare(account(), other)
    assert reasons == (
        "it ended completed; with the candidate it would end rejected",
        "its risk was low; the candidate finds high",
    )


@pytest.mark.parametrize(
    ("trouble", "agreement"),
    [
        (Trouble(key="check", code="x"), Agreement.FAILED),
        (Trouble(key="check", code="x", stops=False), Agreement.SAME),
        (Trouble(key="left_out", code="x"), Agreement.SAME),
    ],
)
def test_a_stop_that_the_real_run_had_as_well_is_none(trouble: Trouble, agreement: Agreement) -> None:
    assert compare(account(skipped=("left_out",)), account(), [trouble])[0] is agreement


def test_a_tally_has_a_share_from_the_first_run_on() -> None:
    assert ShadowTally().agreement is None
    assert ShadowTally(same=19, differs=1).agreement == 0.95
    assert ShadowTally(same=1, differs=1, failed=2).runs == 4
