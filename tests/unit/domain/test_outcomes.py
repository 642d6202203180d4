"""Versions of an SOP side by side."""

from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from domain.lifecycle import TicketState
from domain.outcomes import TicketOutcome, counts_by_version
from domain.rollout import Arm
from tests.support.tickets import NIGHT

HOUR = timedelta(hours=1)
NOW = NIGHT + timedelta(days=1)


def ticket(version: str = "1", state: TicketState = TicketState.COMPLETED, **changes: Any) -> TicketOutcome:
    given_values = {
        "sop_id": "freeze",
        "sop_version": version,
        "sop_digest": version * 8,
        "state": state,
        "opened_at": NIGHT,
    }
    return TicketOutcome.model_validate(given_values | changes)


def test_each_end_and_each_stop_is_counted() -> None:
    states = [*TicketState, TicketState.COMPLETED]
    [counts] = counts_by_version([ticket(state=each) for each in states], NOW)
    assert (counts.completed, counts.rejected, counts.cancelled, counts.failed_now) == (2, 1, 1, 1)
    assert counts.running == 5
    assert counts.tickets == len(states)


def test_the_candidate_comes_last_and_is_marked() -> None:
    rolled = [
        ticket("2", rollout=4, arm=Arm.CANDIDATE, opened_at=NIGHT - HOUR),
        ticket("1", rollout=4, arm=Arm.IN_FORCE),
        ticket("0", opened_at=NIGHT - 2 * HOUR),
    ]
    counted = counts_by_version(rolled, NOW, rollout=4)
    assert [(each.version, each.is_candidate) for each in counted] == [
        ("0", False),
        ("1", False),
        ("2", True),
    ]
    assert not any(each.is_candidate for each in counts_by_version(rolled, NOW, rollout=5))


def test_durations_have_a_median_and_touches_an_average() -> None:
    spans = (1, 2, 30)
    ended = [ticket(closed_at=NIGHT + timedelta(minutes=each), touches=each % 2) for each in spans]
    [counts] = counts_by_version([*ended, ticket(state=TicketState.PROCESSING)], NOW)
    assert counts.median_seconds == 120
    assert (counts.touches, counts.touches_per_ticket) == (1, 0.25)


def test_an_open_ticket_behind_its_deadline_has_missed_its_sla() -> None:
    open_state = TicketState.PROCESSING
    [counts] = counts_by_version(
        [
            ticket(closed_at=NIGHT, deadline_at=NIGHT + HOUR),
            ticket(closed_at=NIGHT + 2 * HOUR, deadline_at=NIGHT + HOUR),
            ticket(state=open_state, deadline_at=NOW - HOUR),
            ticket(state=open_state, deadline_at=NOW + HOUR),
            ticket(state=open_state),
        ],
        NOW,
    )
    assert (counts.sla_met, counts.sla_missed) == (1, 2)
    assert counts.sla_share is not None
    assert round(counts.sla_share, 2) == 0.33
    assert counts_by_version([ticket()], NOW)[0].sla_share is None


@given(st.lists(st.tuples(st.sampled_from("123"), st.sampled_from(list(TicketState))), max_size=40))
def test_no_ticket_is_lost_or_counted_twice(given_tickets: list[tuple[str, TicketState]]) -> None:
    counted = counts_by_version([ticket(version, state) for version, state in given_tickets], NOW)
    assert sum(each.tickets for each in counted) == len(given_tickets)
    assert all(
        each.tickets == each.completed + each.rejected + each.cancelled + each.failed_now + each.running
        for each in counted
    )
