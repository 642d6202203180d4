from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.errors import Conflict
from domain.notices import Channel
from domain.sla import (
    DEFAULT_SLA,
    Escalation,
    SlaLevel,
    SlaPolicy,
    SlaTerms,
    Stopwatch,
    agree_terms,
    crossed,
    next_rung,
)

START = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
SPANS = st.timedeltas(timedelta(milliseconds=1), timedelta(days=30))
HOUR = timedelta(hours=1)
SUPERVISOR = Escalation(at=timedelta(minutes=45), to="Operations Supervisor", channel=Channel.SMS)


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


@st.composite
def stopwatches(draw: st.DrawFn) -> tuple[Stopwatch, datetime]:
    """A stopwatch with random holds, perhaps an open one, and the instant after the last of it."""
    watch, now = Stopwatch(started_at=START), START
    for _ in range(draw(st.integers(0, 5))):
        now += draw(SPANS)
        watch = watch.hold(now, "waiting for papers", "op.chen")
        now += draw(SPANS)
        watch = watch.resume(now)
    if draw(st.booleans()):
        now += draw(SPANS)
        watch = watch.hold(now, "waiting for papers", "op.chen")
    return watch, now


@given(stopwatches(), SPANS)
def test_running_and_held_time_add_up_to_real_time(
    given_watch: tuple[Stopwatch, datetime], more: timedelta
) -> None:
    watch, now = given_watch
    now += more
    held = sum(((hold.until or now) - hold.since for hold in watch.holds), timedelta(0))
    assert watch.elapsed(now) + held == now - watch.started_at


@given(stopwatches(), SPANS)
def test_the_deadline_is_the_instant_at_which_the_time_is_gone(
    given_watch: tuple[Stopwatch, datetime], after: timedelta
) -> None:
    watch, _ = given_watch
    deadline = watch.deadline(after)
    if deadline is None:
        assert watch.held
        assert watch.elapsed(watch.holds[-1].since) < after
    else:
        assert watch.elapsed(deadline) == after
        assert watch.elapsed(deadline - timedelta(microseconds=1)) < after


@given(stopwatches(), SPANS)
def test_while_it_runs_now_is_the_deadline_of_what_is_gone(
    given_watch: tuple[Stopwatch, datetime], more: timedelta
) -> None:
    watch, now = given_watch
    if watch.held:
        watch, now = watch.resume(now + more), now + more
    now += more
    assert watch.deadline(watch.elapsed(now)) == now


@given(stopwatches(), st.lists(SPANS, min_size=2, max_size=2))
def test_elapsed_time_never_runs_backwards(
    given_watch: tuple[Stopwatch, datetime], steps: list[timedelta]
) -> None:
    watch, _ = given_watch
    sooner, later = START + steps[0], START + steps[0] + steps[1]
    assert timedelta(0) <= watch.elapsed(sooner) <= watch.elapsed(later)


@given(stopwatches(), SPANS)
def test_a_hold_moves_the_deadline_by_its_own_length(
    given_watch: tuple[Stopwatch, datetime], length: timedelta
) -> None:
    watch, now = given_watch
    if watch.held:
        watch = watch.resume(now)
    after = watch.elapsed(now) + HOUR
    held = watch.hold(now, "bank holiday", "op.chen")
    assert held.deadline(after) is None
    before = watch.deadline(after)
    assert before is not None
    assert held.resume(now + length).deadline(after) == before + length


@given(stopwatches())
def test_the_ledger_of_holds_is_append_only(given_watch: tuple[Stopwatch, datetime]) -> None:
    watch, now = given_watch
    after = watch.resume(now + HOUR) if watch.held else watch.hold(now + HOUR, "query", "op.chen")
    assert after.holds[: len(watch.holds) - 1] == watch.holds[: len(watch.holds) - 1]
    assert after.held != watch.held
    assert Stopwatch.model_validate_json(watch.model_dump_json()) == watch


def test_a_clock_that_was_set_back_never_makes_holds_overlap() -> None:
    watch = Stopwatch(started_at=START).hold(at(10), "query", "op.chen").resume(at(20))
    watch = watch.hold(at(15), "query", "op.chen").resume(at(30))
    assert [hold.since for hold in watch.holds] == [at(10), at(20)]
    assert watch.elapsed(at(40)) == timedelta(minutes=20)


def test_holding_twice_or_resuming_a_running_clock_is_a_conflict() -> None:
    watch = Stopwatch(started_at=START)
    with pytest.raises(Conflict, match="not on hold"):
        watch.resume(at(1))
    with pytest.raises(Conflict, match="already on hold since 2026-11-23 20:05"):
        watch.hold(at(5), "query", "op.chen").hold(at(6), "query", "op.chen")


def test_before_its_start_nothing_is_gone() -> None:
    assert Stopwatch(started_at=START).elapsed(at(-5)) == timedelta(0)


OFFERS = st.none() | st.floats(0.01, 1000)


@given(OFFERS, OFFERS, OFFERS)
def test_the_strictest_offer_holds(rule: float | None, sop: float | None, category: float | None) -> None:
    terms = agree_terms(
        rule_hours=rule,
        sop_sla=None if sop is None else timedelta(hours=sop),
        policy=None if category is None else SlaPolicy(category="accounts", sla_hours=category),
        escalation=None,
    )
    offers = {"dispatch rule": rule, "SOP": sop, "policy for accounts": category}
    made = {source: hours for source, hours in offers.items() if hours is not None}
    if made:
        assert terms.target <= min(timedelta(hours=hours) for hours in made.values()) + timedelta(
            milliseconds=1
        )
        assert made[terms.source] == min(made.values())
    else:
        assert (terms.target, terms.source) == (DEFAULT_SLA, "default")
    assert [rung.level for rung in terms.rungs] == list(SlaLevel)
    assert SlaTerms.model_validate_json(terms.model_dump_json()) == terms


def test_the_articles_thresholds_of_one_hour() -> None:
    terms = agree_terms(rule_hours=1.0, sop_sla=None, policy=None, escalation=None)
    minutes = [rung.after / timedelta(minutes=1) for rung in terms.rungs]
    assert minutes == [30, 45, 54, 57]


def test_compliance_is_warned_earlier() -> None:
    policy = SlaPolicy(
        category="compliance", sla_hours=8, pre_alert_ratio=0.4, orange_alert_ratio=0.7, red_alert_ratio=0.85
    )
    terms = agree_terms(rule_hours=None, sop_sla=None, policy=policy, escalation=None)
    assert [rung.after / terms.target for rung in terms.rungs] == pytest.approx([0.4, 0.7, 0.85, 0.95])


def test_the_categorys_ratios_hold_for_a_stricter_target() -> None:
    policy = SlaPolicy(category="compliance", sla_hours=8, pre_alert_ratio=0.4)
    terms = agree_terms(rule_hours=1, sop_sla=None, policy=policy, escalation=None)
    assert terms.target == HOUR
    assert terms.rungs[0].after == timedelta(minutes=24)


@pytest.mark.parametrize("change", [{"pre_alert_ratio": 0.8}, {"red_alert_ratio": 0.75}, {"sla_hours": 0}])
def test_ratios_must_rise_and_time_must_be_some(change: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        SlaPolicy.model_validate({"category": "accounts", "sla_hours": 1, **change})


def test_an_escalation_that_meets_a_level_shares_its_rung() -> None:
    terms = agree_terms(rule_hours=1.0, sop_sla=None, policy=None, escalation=SUPERVISOR)
    assert len(terms.rungs) == 4
    orange = terms.rungs[1]
    assert (orange.key, orange.level, orange.escalation) == ("orange", SlaLevel.ORANGE, SUPERVISOR)


def test_an_escalation_elsewhere_is_a_rung_of_its_own() -> None:
    terms = agree_terms(rule_hours=2.0, sop_sla=None, policy=None, escalation=SUPERVISOR)
    assert [rung.key for rung in terms.rungs] == [
        "escalation-45min",
        "pre_alert",
        "orange",
        "red",
        "critical",
    ]


LADDERS = st.builds(
    lambda hours, minutes: agree_terms(
        rule_hours=hours,
        sop_sla=None,
        policy=None,
        escalation=None
        if minutes is None
        else Escalation(at=timedelta(minutes=minutes), to="Operations Supervisor"),
    ),
    st.floats(0.5, 48),
    st.none() | st.integers(1, 60),
)


@given(LADDERS, st.lists(st.timedeltas(timedelta(0), timedelta(hours=60)), max_size=8))
def test_each_threshold_fires_or_is_skipped_once_however_the_clock_jumps(
    terms: SlaTerms, looks: list[timedelta]
) -> None:
    fired: frozenset[str] = frozenset()
    handled: list[str] = []
    for elapsed in sorted(looks):
        crossing = crossed(terms, elapsed, fired)
        due = [rung for rung in terms.rungs if rung.after <= elapsed and rung.key not in fired]
        assert (crossing is None) == (not due)
        if crossing is not None:
            assert crossing.key == due[-1].key
            levels = [rung.level for rung in due if rung.level]
            assert crossing.level == (levels[-1] if levels else None)
            assert crossing.escalation == next((rung.escalation for rung in due if rung.escalation), None)
            handled += [*crossing.skipped, crossing.key]
            fired |= {*crossing.skipped, crossing.key}
        assert crossed(terms, elapsed, fired) is None
    assert handled == [rung.key for rung in terms.rungs][: len(handled)]


def test_after_a_jump_only_the_highest_fires_and_the_escalation_is_not_lost() -> None:
    terms = agree_terms(rule_hours=1.0, sop_sla=None, policy=None, escalation=SUPERVISOR)
    crossing = crossed(terms, timedelta(minutes=55), frozenset())
    assert crossing is not None
    assert (crossing.level, crossing.skipped) == (SlaLevel.RED, ("pre_alert", "orange"))
    assert crossing.escalation == SUPERVISOR


@given(LADDERS)
def test_the_next_rung_climbs_the_ladder(terms: SlaTerms) -> None:
    fired: frozenset[str] = frozenset()
    seen = []
    while (rung := next_rung(terms, fired)) is not None:
        seen.append(rung)
        fired |= {rung.key}
    assert tuple(seen) == terms.rungs
    assert [rung.after for rung in seen] == sorted({rung.after for rung in seen})


def test_levels_are_ranked_in_rising_order() -> None:
    assert [level.rank for level in SlaLevel] == [0, 1, 2, 3]
