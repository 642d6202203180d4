"""Laws of expiries: never released before the end, warned once a rung, renewed only forward and in bounds."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.expiry import (
    CallPerson,
    Closed,
    Due,
    ExpiryPhase,
    ExpiryState,
    Measure,
    Release,
    Released,
    ReleaseFailed,
    Renewed,
    Warn,
    decide,
    objection_to_renewal,
    opened,
)
from domain.expiry_terms import Term, end_of, past, term_of

START = datetime(2026, 11, 24, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)


def measure(on_end: str = "release", hours: float = 48, renewals: int | None = 1) -> Measure:
    return Measure.model_validate(
        {
            "measure_id": "T1-execute_freeze",
            "task_id": "T1",
            "step": "execute_freeze",
            "kind": "stop",
            "authority": "police",
            "term": Term(law="a law", on_end=on_end, longest="48h", renewals=renewals),  # type: ignore[arg-type]
            "reference": "****1234",
            "account_digest": "d",
            "began_at": START,
            "ends_at": START + hours * HOUR,
        }
    )


Moves = st.lists(st.tuples(st.sampled_from(["due", "renew"]), st.integers(0, 40)), max_size=30)


@given(Moves, st.floats(1, 200), st.sampled_from(["release", "page"]))
def test_it_is_never_released_before_its_end_and_warned_once_a_rung(
    moves: list[tuple[str, int]], hours: float, on_end: str
) -> None:
    kept, now = measure(on_end, hours), START
    state = opened(kept, now)
    warned: list[tuple[int, str]] = []
    for kind, later in moves:
        now += later * HOUR
        before = state
        event = Due() if kind == "due" else Renewed(ends_at=now + 30 * HOUR, document_no="N", by="a")
        step = decide(kept, state, event, now)
        state = step.state
        assert state.ends_at >= before.ends_at, "an end only moves forward"
        assert state.renewals <= 1, "no oftener than the law allows"
        if state.renewals > before.renewals:
            assert now < before.ends_at, "no renewal after the end"
            assert state.ends_at - before.ends_at <= 48 * HOUR
        for effect in step.effects:
            if isinstance(effect, Warn):
                warned.append((state.renewals, effect.rung))
            else:
                assert now >= state.ends_at
                assert isinstance(effect, Release) == (on_end == "release")
    assert len(warned) == len(set(warned))


def test_a_stop_is_warned_of_at_24_and_2_hours_and_released_at_48() -> None:
    kept = measure()
    state, told = opened(kept, START), []
    while state.due_at is not None:
        at = state.due_at
        step = decide(kept, state, Due(), at)
        state = step.state
        told += [((at - START) / HOUR, effect) for effect in step.effects]
    assert told == [(24, Warn(rung="24h")), (46, Warn(rung="2h")), (48, Release(occurrence=1))]


def releasing() -> ExpiryState:
    return decide(measure(), opened(measure(), START), Due(), START + 48 * HOUR).state


def test_a_bank_that_is_away_is_tried_again_under_a_new_key_and_people_are_told_once() -> None:
    kept, now = measure(), START + 48 * HOUR
    failed = decide(kept, releasing(), ReleaseFailed(code="bank_unavailable", message="no"), now)
    assert [type(each) for each in failed.effects] == [CallPerson]
    again = decide(kept, failed.state, Due(), now + timedelta(minutes=15))
    assert again.effects == (Release(occurrence=2),)
    twice = decide(kept, again.state, ReleaseFailed(code="bank_unavailable", message="no"), now + HOUR)
    assert twice.effects == ()
    assert decide(kept, twice.state, Released(), now + HOUR).state.outcome == "released"


def test_a_refusal_waits_for_a_person_who_closes_it() -> None:
    step = decide(
        measure(), releasing(), ReleaseFailed(code="order_refused", message="no"), START + 48 * HOUR
    )
    assert step.state.phase is ExpiryPhase.WAITING
    assert step.state.due_at is None
    over = decide(measure(), step.state, Closed(outcome="closed", by="a", why="by hand"), START + 50 * HOUR)
    assert (over.state.phase, over.state.outcome) == (ExpiryPhase.OVER, "closed")


@pytest.mark.parametrize(
    ("hours", "at", "renewals", "code"),
    [
        (60, 48, 1, "late"),
        (48, 1, 1, "input_invalid"),
        (97, 1, 1, "input_invalid"),
        (60, 1, 0, "not_permitted"),
    ],
)
def test_a_renewal_that_the_law_does_not_know_is_refused(
    hours: int, at: int, renewals: int, code: str
) -> None:
    kept = measure(renewals=renewals)
    problem = objection_to_renewal(kept, opened(kept, START), START + hours * HOUR, START + at * HOUR)
    assert problem is not None
    assert problem[0] == code


@pytest.mark.parametrize(
    ("fields", "ends"),
    [
        ({"authority": "police", "measure": "stop"}, START + 48 * HOUR),
        ({"authority": "police", "period": "6 months"}, START.replace(year=2027, month=5)),
        ({"authority": "court", "period": "1 year"}, START.replace(year=2027)),
        ({"authority": "tax", "period": "30天"}, START + timedelta(days=30)),
        ({"authority": "pbc_aml", "period": "90d"}, START + 48 * HOUR),
        ({"authority": "bank_own"}, None),
    ],
)
def test_an_end_follows_from_the_order_within_the_law(fields: dict[str, str], ends: datetime | None) -> None:
    term = term_of(fields["authority"], fields)
    assert term is not None
    assert end_of(term, fields, START) == ends


def test_a_list_entry_has_no_end_and_months_end_where_the_calendar_does() -> None:
    assert term_of("sanctions_list", {}) is None
    assert past(datetime(2027, 8, 31, tzinfo=UTC), "6 months") == datetime(2028, 2, 29, tzinfo=UTC)
