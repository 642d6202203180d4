"""When a ticket has to speak up next."""

from datetime import UTC, datetime, timedelta

from domain.legal import LegalDeadline
from domain.next_deadline import next_deadline
from domain.sla import Rung, SlaTerms, Stopwatch

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
ORANGE, RED = Rung(after=3 * HOUR, level="orange"), Rung(after=3.6 * HOUR, level="red")


def terms(*, legal: bool = False) -> SlaTerms:
    law = LegalDeadline(law="a law", article="3", since=NOON, due_at=NOON + 48 * HOUR)
    return SlaTerms(
        target=4 * HOUR,
        source="SOP",
        rungs=(ORANGE, RED),
        legal=(law,) if legal else (),
    )


def test_it_is_the_first_threshold_that_has_not_fired() -> None:
    watch = Stopwatch(started_at=NOON)
    assert next_deadline(terms(), watch, frozenset()) == NOON + 3 * HOUR
    assert next_deadline(terms(), watch, frozenset({ORANGE.key})) == NOON + 3.6 * HOUR
    assert next_deadline(terms(), watch, frozenset({ORANGE.key, RED.key})) is None


def test_a_hold_stops_the_service_clock_and_no_legal_one() -> None:
    held = Stopwatch(started_at=NOON).hold(NOON + HOUR, "papers", "op.chen")
    assert next_deadline(terms(), held, frozenset()) is None
    legal = next_deadline(terms(legal=True), held, frozenset())
    assert legal is not None
    assert NOON < legal <= NOON + 48 * HOUR


def test_the_earlier_of_both_clocks_counts() -> None:
    watch = Stopwatch(started_at=NOON)
    assert next_deadline(terms(legal=True), watch, frozenset()) == NOON + 3 * HOUR
