"""The stopwatch on business calendars: holds, edited calendars, changed policies."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings

from domain.calendar import ALWAYS, Interval, WorkCalendar
from domain.sla import (
    SlaPolicy,
    SlaTerms,
    Stopwatch,
    agree_terms,
    crossed,
)
from domain.sla_changes import changes_of_terms, words_of_move
from tests.support.random_calendars import EVERY_ZONE, SPANS, stopwatches

HOUR = timedelta(hours=1)
NOW = datetime(2026, 11, 23, tzinfo=UTC)


def office(**changes: object) -> WorkCalendar:
    """Eight hours from 00:00 UTC, Monday to Friday."""
    return WorkCalendar.model_validate(
        {"name": "office", "week": ((Interval(0, 480),),) * 5 + ((),) * 2, **changes}
    )


def utc(day: int, hour: float) -> datetime:
    """November 2026; the 23rd is a Monday."""
    return datetime(2026, 11, day, tzinfo=UTC) + timedelta(hours=hour)


def holds(watch: Stopwatch, now: datetime, after: timedelta) -> None:
    """The laws of a stopwatch."""
    deadline = watch.deadline(after)
    if deadline is None:
        assert watch.held
        assert watch.elapsed(watch.holds[-1].since) < after
    else:
        assert watch.elapsed(deadline) == after
        assert watch.elapsed(deadline - timedelta(microseconds=1)) < after
    assert timedelta(0) <= watch.elapsed(now) <= watch.elapsed(now + after) <= watch.elapsed(now) + after
    assert Stopwatch.model_validate_json(watch.model_dump_json()) == watch


@settings(max_examples=150, deadline=None)
@given(stopwatches(), SPANS)
def test_the_deadline_is_the_instant_at_which_the_time_is_gone(
    given_watch: tuple[Stopwatch, datetime], after: timedelta
) -> None:
    holds(*given_watch, after)


@pytest.mark.full
@pytest.mark.timeout(3600)
@settings(
    max_examples=100_000,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(stopwatches(EVERY_ZONE), SPANS)
def test_the_deadline_is_that_instant_in_every_zone(
    given_watch: tuple[Stopwatch, datetime], after: timedelta
) -> None:
    holds(*given_watch, after)


@settings(max_examples=150, deadline=None)
@given(stopwatches(), SPANS)
def test_another_calendar_leaves_what_is_gone(
    given_watch: tuple[Stopwatch, datetime], more: timedelta
) -> None:
    watch, now = given_watch
    moved = watch.on(office(), now)
    assert moved.elapsed(now) == watch.elapsed(now)
    assert moved.elapsed(now - more) == watch.elapsed(now - more)


class TestHolds:
    WATCH = Stopwatch(started_at=utc(23, 2), calendar=office())

    def test_a_hold_takes_business_time_and_is_added_to_the_end(self) -> None:
        assert self.WATCH.deadline(8 * HOUR) == utc(24, 2)
        held = self.WATCH.hold(utc(23, 4), "papers", "op.chen")
        assert held.deadline(8 * HOUR) is None
        overnight = held.resume(utc(24, 1))  # four hours of Monday and one of Tuesday
        assert overnight.deadline(8 * HOUR) == utc(24, 7)
        assert overnight.started_at == self.WATCH.started_at

    def test_a_hold_at_night_takes_nothing(self) -> None:
        held = self.WATCH.hold(utc(23, 9), "papers", "op.chen").resume(utc(23, 23))
        assert held.deadline(8 * HOUR) == utc(24, 2)

    def test_a_hold_that_is_still_open_is_closed_before_the_clock_is_read(self) -> None:
        held = self.WATCH.hold(utc(23, 3), "papers", "op.chen")
        assert held.elapsed(utc(23, 3)) == held.elapsed(utc(30, 23)) == HOUR

    def test_it_counts_on_whatever_calendar_holds_when_it_ends(self) -> None:
        held = self.WATCH.hold(utc(23, 7), "papers", "op.chen").on(None, utc(23, 8)).resume(utc(23, 10))
        # An hour of office time, then two hours around the clock.
        assert held.deadline(6 * HOUR) == utc(23, 11)


class TestEditedCalendars:
    def test_a_day_off_moves_the_deadline_and_not_what_is_gone(self) -> None:
        watch = Stopwatch(started_at=utc(23, 0), calendar=office())
        closed = watch.on(office(days_off=(date(2026, 11, 24),)), utc(23, 4))
        assert closed.elapsed(utc(23, 4)) == 4 * HOUR
        assert watch.deadline(12 * HOUR) == utc(24, 4)
        assert closed.deadline(12 * HOUR) == utc(25, 4)

    def test_a_day_off_in_the_past_gives_no_time_back(self) -> None:
        watch = Stopwatch(started_at=utc(23, 0), calendar=office())
        late = watch.on(office(days_off=(date(2026, 11, 23),)), utc(24, 0))
        assert late.elapsed(utc(24, 0)) == 8 * HOUR

    def test_the_same_calendar_changes_nothing(self) -> None:
        watch = Stopwatch(started_at=utc(23, 0), calendar=office())
        assert watch.on(office(), utc(24, 0)) is watch
        assert Stopwatch(started_at=utc(23, 0)).on(None, utc(24, 0)).former == ()


def terms(hours: float = 8, **more: object) -> SlaTerms:
    policy = SlaPolicy(category="accounts", sla_hours=hours)
    return agree_terms(rule_hours=None, sop_sla=None, policy=policy, escalation=None, **more)  # type: ignore[arg-type]


def told(before: SlaTerms, after: SlaTerms) -> tuple[str, ...]:
    return changes_of_terms(before, after, NOW)


class TestTerms:
    def test_around_the_clock_costs_nothing(self) -> None:
        assert terms(calendar=ALWAYS).calendar is None
        assert SlaTerms.model_validate({"target": "1h", "source": "SOP", "rungs": ()}).calendar is None

    def test_a_changed_policy_is_named_with_both_durations(self) -> None:
        assert told(terms(1), terms(0.5)) == ("policy for accounts changed from 1h to 30min",)

    def test_another_source_is_named(self) -> None:
        by_sop = agree_terms(rule_hours=None, sop_sla=HOUR, policy=None, escalation=None)
        assert told(terms(8), by_sop) == ("SOP (1h) holds instead of policy for accounts (8h)",)

    def test_another_calendar_and_an_edited_one_are_named(self) -> None:
        on_office = terms(calendar=office())
        assert told(terms(), on_office) == ("calendar office holds instead of always",)
        edited = terms(calendar=office(days_off=(date(2026, 12, 1),)))
        assert told(on_office, edited) == ("calendar office: 2026-12-01 is now a day off",)
        assert told(on_office, on_office) == ()

    def test_other_shares_are_named(self) -> None:
        policy = SlaPolicy(category="accounts", sla_hours=8, red_alert_ratio=0.8)
        other = agree_terms(rule_hours=None, sop_sla=None, policy=policy, escalation=None)
        assert told(terms(), other) == ("the shares of the SLA at which people are told changed",)

    def test_a_goal_that_shrinks_during_a_pause_still_fires(self) -> None:
        held = Stopwatch(started_at=utc(23, 0)).hold(utc(23, 4), "papers", "op.chen")
        crossing = crossed(terms(4), held.resume(utc(23, 9)).elapsed(utc(23, 9)), frozenset({"pre_alert"}))
        assert crossing is not None
        assert (crossing.key, crossing.skipped) == ("critical", ("orange", "red"))

    def test_the_words_say_what_moved_in_the_banks_time_and_why(self) -> None:
        one, other = utc(23, 2), utc(24, 2)
        assert words_of_move(one, other, ("a", "b"), "Asia/Shanghai") == (
            "deadline moved from 2026-11-23 10:00 to 2026-11-24 10:00 because a / b"
        )
        assert words_of_move(one, one, (), "UTC").startswith(
            "deadline stays at 2026-11-23 02:00 because more of"
        )
        assert "open on hold" in words_of_move(None, one, ("a",), "UTC")
