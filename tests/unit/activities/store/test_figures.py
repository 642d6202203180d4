"""What the store counts for those who watch the whole."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import insert

from activities.adapters.store import Store
from activities.adapters.store.alert_tables import desk_alerts
from activities.adapters.store.page_tables import pages
from activities.adapters.store.tables import NO_DEADLINE, reviews, tickets

NOW = datetime.now(UTC)
LONG_AGO, SOON = NOW - timedelta(hours=2), NOW + timedelta(hours=2)


def a_ticket(
    task_id: str, *, is_open: bool = True, due_at: datetime | None = SOON, **changes: object
) -> dict:
    words = ("title", "category", "action", "risk", "priority", "sop", "waiting_for", "sla_level")
    return {
        **dict.fromkeys(words, ""),
        "task_id": task_id,
        "state": "processing",
        "is_open": is_open,
        "held": False,
        "assigned_group": "Compliance",
        "spot_check": False,
        "due_at": due_at if is_open else None,
        "opened_at": LONG_AGO,
        "last_seq": 1,
        "view": {},
        "updated_at": NOW,
        **changes,
    }


def fill(store: Store) -> None:
    with store.database.writing() as connection:
        connection.execute(
            insert(tickets),
            [
                a_ticket("T1"),
                a_ticket("T2", due_at=LONG_AGO, sla_level="red"),
                a_ticket("T3", held=True, due_at=NO_DEADLINE),
                a_ticket("T4", is_open=False, state="completed"),
            ],
        )
        connection.execute(
            insert(reviews),
            [
                {
                    "review_id": name,
                    "task_id": "T1",
                    "is_open": is_open,
                    "kind": "gate",
                    "role": "reviewer",
                    "review_group": "Compliance",
                    "four_eyes": False,
                    "maker": "intake",
                    "opened_at": LONG_AGO,
                    "request": {},
                }
                for name, is_open in (("R1", True), ("R2", False))
            ],
        )
        connection.execute(
            insert(desk_alerts),
            [
                {
                    "desk_alert_id": name,
                    "group": "Compliance",
                    "level": "red",
                    "opened_at": LONG_AGO,
                    "tickets": 1,
                    "alerts": 1,
                    "task_id": "T2",
                    "subject": "",
                    "notifications": 1,
                    "acknowledged_by": by,
                    "acknowledged_at": NOW if by else None,
                }
                for name, by in (("A1", ""), ("A2", "sun.lei"))
            ],
        )
        connection.execute(
            insert(pages),
            [
                {
                    "page_id": phase,
                    "task_id": "T2",
                    "page_group": "Compliance",
                    "phase": phase,
                    "is_open": phase != "over",
                    "drill": False,
                    "opened_at": LONG_AGO,
                    "acknowledged_by": "",
                    "outcome": "",
                    "number": 1,
                    "request": {},
                    "state": {},
                    "updated_at": NOW,
                }
                for phase in ("ringing", "acknowledged", "over")
            ],
        )


def test_what_is_open_is_counted_and_what_is_over_is_not(store: Store) -> None:
    fill(store)
    figures = store.figures.read()
    assert sorted(figures.tickets) == [
        (("processing", "Compliance", ""), 2),
        (("processing", "Compliance", "red"), 1),
    ]
    assert (figures.held, figures.overdue) == (1, 1)
    assert list(figures.reviews) == [(("gate",), 1)]
    assert list(figures.desk_alerts) == [(("red",), 1)]
    assert sorted(figures.pages) == [(("acknowledged",), 1), (("ringing",), 1)]
    for age in (figures.oldest_review, figures.oldest_ringing_page):
        assert timedelta(hours=2) <= age < timedelta(hours=3)


def test_an_empty_store_has_nothing_to_wait_for(store: Store) -> None:
    figures = store.figures.read()
    assert (figures.tickets, figures.held, figures.overdue) == ([], 0, 0)
    assert figures.oldest_review == figures.oldest_ringing_page == timedelta(0)
