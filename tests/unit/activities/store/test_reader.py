"""Lists of tickets: order, filters, pages."""

from datetime import timedelta
from typing import Any

import pytest

from activities.adapters.store import Store
from activities.messages import Progress
from domain.errors import InvalidInput
from domain.lifecycle import TicketState
from tests.support.tickets import NIGHT, sample_view


def put(store: Store, task_id: str, **changes: Any) -> None:
    store.tickets.record(Progress(events=(), view=sample_view(task_id, **changes)))


def closed(minute: int) -> dict[str, Any]:
    return {"state": TicketState.COMPLETED, "closed_at": NIGHT + timedelta(minutes=minute)}


def ids(store: Store, **filters: Any) -> list[str]:
    return [summary.task_id for summary in store.reader.tickets(**filters)]


def test_the_most_urgent_open_ticket_comes_first_and_the_latest_closed_after_them(store: Store) -> None:
    put(store, "closed-early", **closed(1))
    put(store, "no-deadline", held=True, deadline_at=None)
    put(store, "later", deadline_at=NIGHT + timedelta(hours=2))
    put(store, "closed-late", **closed(5))
    put(store, "sooner", deadline_at=NIGHT + timedelta(hours=1))
    order = ["sooner", "later", "no-deadline", "closed-late", "closed-early"]
    assert ids(store) == order
    assert ids(store, open_only=True) == order[:3]
    assert [ids(store, limit=2, offset=offset) for offset in (0, 2, 4, 6)] == [
        order[:2],
        order[2:4],
        order[4:],
        [],
    ]


def test_tickets_are_found_by_state_group_and_category(store: Store) -> None:
    put(store, "T1", task={"assigned_group": "Compliance", "category": "compliance"})
    put(store, "T2", task={"assigned_group": "Compliance"}, **closed(1))
    put(store, "T3", task={"assigned_group": "客服组", "category": None})
    assert ids(store, group="Compliance") == ["T1", "T2"]
    assert ids(store, group="Compliance", open_only=True) == ["T1"]
    assert ids(store, group="客服组") == ["T3"]
    assert ids(store, state="completed") == ["T2"]
    assert ids(store, category="compliance") == ["T1"]
    assert ids(store, category="accounts", group="Compliance") == ["T2"]
    assert ids(store, state="no such state") == []


def test_a_line_of_the_list_says_what_the_ticket_says(store: Store) -> None:
    put(store, "T1", waiting_for="Compliance", sla_level="orange", spot_check=True, held=True)
    [line] = store.reader.tickets()
    view = store.reader.view("T1")
    assert view is not None
    assert line.model_dump() == {
        "task_id": "T1",
        "title": view.task.title,
        "state": view.state,
        "held": True,
        "category": "accounts",
        "action": "freeze",
        "group": "Account Operations",
        "risk": "medium",
        "priority": "P1",
        "sop": "account_freeze",
        "waiting_for": "Compliance",
        "sla_level": "orange",
        "deadline_at": view.deadline_at,
        "opened_at": view.opened_at,
        "closed_at": None,
        "spot_check": True,
    }


@pytest.mark.parametrize(("field", "value"), [("limit", 0), ("limit", -1), ("offset", -1)])
def test_a_page_that_cannot_be_is_refused_by_name(store: Store, field: str, value: int) -> None:
    page: dict[str, Any] = {field: value}
    with pytest.raises(InvalidInput, match=f"{field} is {value}") as refused:
        store.reader.tickets(**page)
    assert refused.value.field == field


def test_a_ticket_that_is_not_there_has_no_view_and_no_timeline(store: Store) -> None:
    assert store.reader.view("T404") is None
    assert store.reader.timeline("T404") == []
