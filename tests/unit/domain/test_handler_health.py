"""When a handler is degraded, and what makes it healthy again."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidInput
from domain.handler_health import (
    Admission,
    HandlerHealth,
    HandlerPolicy,
    HandlerRule,
    HealthState,
    admit,
    degrade,
    failed,
    restore,
    subject_of,
    succeeded,
    told,
    verdict_of,
)

NOW = datetime(2026, 11, 23, 19, 7, tzinfo=UTC)
POLICY = HandlerPolicy()
FRESH = HandlerHealth(handler="core_system_freeze")
MINUTE = timedelta(minutes=1)


def after_failures(count: int, health: HandlerHealth = FRESH, at: datetime = NOW) -> HandlerHealth:
    for number in range(count):
        health = failed(health, POLICY, f"T{number}/freeze/1", "outcome_unknown", at, final=True)
    return health


def test_three_failures_in_a_row_degrade_and_two_do_not() -> None:
    assert not after_failures(2).is_degraded
    health = after_failures(3)
    assert (health.state, health.since, health.to_tell, health.episode) == ("degraded", NOW, "degraded", 1)
    assert admit(health, POLICY, "T9/freeze/1", NOW)[1] is Admission.FALLBACK


def test_a_success_ends_the_row() -> None:
    health = succeeded(after_failures(2), NOW)
    assert not after_failures(2, health).is_degraded


def test_retries_of_one_call_are_one_failure() -> None:
    health = FRESH
    for _ in range(10):
        health = failed(health, POLICY, "T1/freeze/1", "bank_unavailable", NOW, final=True)
    assert (health.state, health.failed_calls) == ("healthy", ("T1/freeze/1",))


def test_an_attempt_that_is_tried_again_does_not_count() -> None:
    assert failed(FRESH, POLICY, "T1/freeze/1", "bank_unavailable", NOW, final=False) == FRESH


def test_one_call_in_each_minute_is_the_probe() -> None:
    health = after_failures(3)
    due = NOW + MINUTE
    probing, admission = admit(health, POLICY, "T8/freeze/1", due)
    assert (probing.state, admission) == (HealthState.PROBING, Admission.PROBE)
    assert admit(probing, POLICY, "T9/freeze/1", due)[1] is Admission.FALLBACK
    assert admit(probing, POLICY, "T8/freeze/1", due)[1] is Admission.PROBE
    assert admit(probing, POLICY, "T9/freeze/1", due + MINUTE)[1] is Admission.PROBE  # the probe is lost


def test_a_probe_that_succeeds_restores_and_one_that_fails_waits_again() -> None:
    probing, _ = admit(after_failures(3), POLICY, "T8/freeze/1", NOW + MINUTE)
    again = failed(probing, POLICY, "T8/freeze/1", "outcome_unknown", NOW + MINUTE, final=False)
    assert again.state is HealthState.DEGRADED
    assert admit(again, POLICY, "T9/freeze/1", NOW + MINUTE)[1] is Admission.FALLBACK
    told_of = told(probing, "degraded", 1)
    healthy = succeeded(told_of, NOW + MINUTE)
    assert (healthy.state, healthy.failed_calls, healthy.to_tell) == ("healthy", (), "restored")


def test_who_never_heard_that_it_was_degraded_need_not_hear_that_it_is_over() -> None:
    assert succeeded(after_failures(3), NOW).to_tell == ""


def test_what_was_told_late_is_not_taken_for_what_happened_since() -> None:
    health = after_failures(3)
    assert told(health, "degraded", 1).to_tell == ""
    assert told(health, "restored", 1) == health
    assert told(health, "degraded", 7) == health


def test_a_person_keeps_it_degraded_until_the_end_whatever_succeeds() -> None:
    held = degrade(FRESH, by="duty.liu", why="the bank maintains it", until=NOW + MINUTE, now=NOW)
    assert succeeded(held, NOW) == held
    assert admit(held, POLICY, "T1/freeze/1", NOW + MINUTE / 2)[1] is Admission.FALLBACK
    over, admission = admit(held, POLICY, "T1/freeze/1", NOW + MINUTE)
    assert (over.state, over.by, admission) == ("healthy", "", Admission.TRY)
    assert restore(held).state is HealthState.HEALTHY


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"why": " "}, "reason"), ({"until": NOW}, "until"), ({"until": NOW + timedelta(days=8)}, "until")],
)
def test_a_hold_needs_a_reason_and_an_end(changes: dict[str, Any], field: str) -> None:
    given_: dict[str, Any] = {"by": "duty.liu", "why": "x", "until": NOW + MINUTE, "now": NOW}
    with pytest.raises(InvalidInput) as refused:
        degrade(FRESH, **(given_ | changes))
    assert refused.value.field == field


def test_only_what_says_that_the_system_is_unwell_counts() -> None:
    unwell = {"outcome_unknown", "bank_unavailable", "channel_failed", "service_unavailable"}
    nothing = {"input_invalid", "authorisation_refused", "handler_broken", "store_unavailable", "", "made_up"}
    assert {verdict_of(each) for each in unwell} == {"unwell"}
    assert {verdict_of(each) for each in nothing} == {"nothing"}
    assert verdict_of("order_refused") == "well", "a bank that refuses is there"


def test_services_fail_one_by_one() -> None:
    assert subject_of("http", {"service": "payments", "method": "GET"}) == "http/payments"
    assert subject_of("core_system_freeze", {"service": "x"}) == "core_system_freeze"
    policy = HandlerPolicy(handlers={"http": HandlerRule(failures=1)})
    assert (policy.failures_of("http/payments"), policy.failures_of("sms_notifier")) == (1, 3)
    assert policy.probe_every_of("http/payments") == MINUTE


_CALLS = st.sampled_from([f"T{number}/freeze/1" for number in range(5)])
_STEPS = st.lists(
    st.tuples(st.sampled_from(["fail", "retry", "succeed", "admit"]), _CALLS, st.integers(0, 90)), max_size=60
)


def _played(steps: list[tuple[str, str, int]], policy: HandlerPolicy) -> list[tuple[HandlerHealth, datetime]]:
    health, now = FRESH, NOW
    shown = [(health, now)]
    for what, call, seconds in steps:
        now += timedelta(seconds=seconds)
        if what == "admit":
            health, _ = admit(health, policy, call, now)
        elif what == "succeed":
            health = succeeded(health, now)
        else:
            health = failed(health, policy, call, "outcome_unknown", now, final=what == "fail")
        shown.append((health, now))
    return shown


@given(_STEPS, st.integers(1, 5))
def test_it_degrades_exactly_with_the_bound_and_never_keeps_more_calls(
    steps: list[tuple[str, str, int]], bound: int
) -> None:
    policy = HandlerPolicy(failures=bound)
    row: set[str] = set()
    for (what, call, _), (before, _), (after, _) in zip(
        steps, shown := _played(steps, policy), shown[1:], strict=False
    ):
        if what == "succeed":
            row = set()
        elif what == "fail" and not before.is_degraded:
            row.add(call)
        assert after.is_degraded == (len(row) >= bound)
        assert len(after.failed_calls) <= bound


@given(_STEPS)
def test_between_two_probes_lies_the_time_of_the_policy(steps: list[tuple[str, str, int]]) -> None:
    health, now, last = FRESH, NOW, None
    for what, call, seconds in steps:
        now += timedelta(seconds=seconds)
        if what == "admit":
            before = health.probe_call
            health, admission = admit(health, POLICY, call, now)
            if admission is Admission.PROBE and call != before:
                assert last is None or now - last >= MINUTE
                last = now
            assert (admission is Admission.TRY) == (not health.is_degraded)
        elif what == "succeed":
            health, last = succeeded(health, now), None
        else:
            health = failed(health, POLICY, call, "outcome_unknown", now, final=what == "fail")


@given(_STEPS)
def test_a_state_is_the_same_after_the_store(steps: list[tuple[str, str, int]]) -> None:
    for health, _ in _played(steps, POLICY):
        assert HandlerHealth.model_validate_json(health.model_dump_json()) == health
