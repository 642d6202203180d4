"""The ticket's life cycle: its states and the legal moves (article, "State-Machine-Driven Workflow").

Beyond the article: REJECTED and CANCELLED are ends, and every state that is not an end can be cancelled.
A hold is a flag beside the state. FAILED waits for an operator or a retry and is not an end.
"""

from collections.abc import Mapping
from enum import StrEnum

from domain.errors import IllegalTransition


class TicketState(StrEnum):
    """Where a ticket stands."""

    CREATED = "created"
    ASSIGNED = "assigned"
    PROCESSING = "processing"
    REVIEWING = "reviewing"
    COMPLETED = "completed"
    FAILED = "failed"
    RETRY = "retry"
    REJECTED = "rejected"
    CANCELLED = "cancelled"


ENDS: frozenset[TicketState] = frozenset({TicketState.COMPLETED, TicketState.REJECTED, TicketState.CANCELLED})

TRANSITIONS: Mapping[TicketState, frozenset[TicketState]] = {
    TicketState.CREATED: frozenset({TicketState.ASSIGNED, TicketState.CANCELLED}),
    TicketState.ASSIGNED: frozenset({TicketState.PROCESSING, TicketState.CANCELLED}),
    TicketState.PROCESSING: frozenset({TicketState.REVIEWING, TicketState.FAILED, TicketState.CANCELLED}),
    TicketState.REVIEWING: frozenset(
        {
            TicketState.COMPLETED,
            TicketState.PROCESSING,
            TicketState.REJECTED,
            TicketState.CANCELLED,
        }
    ),
    TicketState.FAILED: frozenset({TicketState.RETRY, TicketState.CANCELLED}),
    TicketState.RETRY: frozenset({TicketState.PROCESSING, TicketState.CANCELLED}),
    TicketState.COMPLETED: frozenset(),
    TicketState.REJECTED: frozenset(),
    TicketState.CANCELLED: frozenset(),
}


def can_move(current: TicketState, target: TicketState) -> bool:
    """Whether the life cycle has this move."""
    return target in TRANSITIONS[current]


def way(current: TicketState, target: TicketState) -> tuple[TicketState, ...]:
    """The shortest legal way between two states, without the first; empty when they are the same.

    Raises `IllegalTransition` when there is none.
    """
    ways: list[tuple[TicketState, ...]] = [(current,)]
    seen = {current}
    while ways:
        so_far = ways.pop(0)
        if so_far[-1] is target:
            return so_far[1:]
        for following in TicketState:
            if following in TRANSITIONS[so_far[-1]] and following not in seen:
                seen.add(following)
                ways.append((*so_far, following))
    raise IllegalTransition(f"no legal way leads from {current} to {target}")


def move(current: TicketState, target: TicketState) -> TicketState:
    """The new state. Raises `IllegalTransition` naming both states and what would be legal."""
    if not can_move(current, target):
        legal = ", ".join(sorted(TRANSITIONS[current])) or "none, it is an end"
        raise IllegalTransition(f"{current} → {target} is not a legal move (legal: {legal})")
    return target
