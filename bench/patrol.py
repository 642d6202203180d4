"""A round's pass over the store: 100,000 open tickets, and as many closed ones.

    python -m bench.patrol --json [--tickets 100000] [--url postgresql+psycopg://…]

Measured: the query for overdue deadlines, the count by group, the walk over all open tickets page by page, as
the patrol makes them. Without `--url` an SQLite file in a temporary folder.
"""

import argparse
import json
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import insert, text

from activities.adapters.store import Store, migrations, open_store
from activities.adapters.store.patrol import overdue_query
from activities.adapters.store.tables import tickets

_AT_ONCE: Final = 5_000
_PAGE: Final = 1_000
_REPEATS: Final = 5
_GROUPS: Final = (
    "Account Operations",
    "International Settlement",
    "Compliance Review",
    "Customer Experience",
)


def rows(store: Store, count: int) -> None:
    """Fills the store: as many closed tickets as open ones; one open ticket in a thousand is overdue."""
    now = store.database.now()
    words = ("action", "risk", "priority", "sop", "waiting_for", "sla_level", "title", "category")
    for start in range(0, 2 * count, _AT_ONCE):
        batch = []
        for number in range(start, min(start + _AT_ONCE, 2 * count)):
            is_open = number % 2 == 0
            due = now + timedelta(minutes=(-60 if number % 2_000 == 0 else number % 1_440 + 1))
            batch.append(
                {
                    **dict.fromkeys(words, "x"),
                    "task_id": f"T{number:08d}",
                    "state": "processing" if is_open else "completed",
                    "is_open": is_open,
                    "held": False,
                    "assigned_group": _GROUPS[number % len(_GROUPS)],
                    "spot_check": False,
                    "next_deadline_at": due if is_open else None,
                    "due_at": due if is_open else None,
                    "opened_at": now,
                    "last_seq": 1,
                    "view": {"filler": "x" * 2_000},
                    "updated_at": now,
                }
            )
        with store.database.writing() as connection:
            connection.execute(insert(tickets), batch)


def walk(store: Store) -> tuple[int, int]:
    """What a round asks of the store: how many are overdue, how many are open."""
    late = store.patrols.overdue(store.database.now() - timedelta(minutes=2), most=200)
    store.patrols.open_by_group()
    after, count = "", 0
    while page := store.patrols.open_tickets(after, most=_PAGE):
        after, count = page[-1].task_id, count + len(page)
    return len(late), count


def plan_of(store: Store) -> str:
    """How the database answers the query for overdue deadlines."""
    dialect = store.database.dialect
    with store.database.reading() as connection:
        compiled = overdue_query(store.database.now(), 200).compile(
            connection.engine, compile_kwargs={"literal_binds": True}
        )
        word = "EXPLAIN QUERY PLAN" if dialect == "sqlite" else "EXPLAIN"
        return " / ".join(str(row[-1]).strip() for row in connection.execute(text(f"{word} {compiled}")))


def measure(url: str, count: int) -> dict[str, Any]:
    """One flat object of figures."""
    migrations.upgrade(url)
    store = open_store(url)
    try:
        rows(store, count)
        if store.database.dialect == "postgresql":
            with store.database.writing() as connection:
                connection.execute(text("ANALYZE tickets"))
        seconds, late_ms = [], []
        late = opened = 0
        for _ in range(_REPEATS):
            began = time.perf_counter()
            late, opened = walk(store)
            seconds.append(time.perf_counter() - began)
            began = time.perf_counter()
            store.patrols.overdue(store.database.now() - timedelta(minutes=2), most=200)
            late_ms.append(1_000 * (time.perf_counter() - began))
        plan = plan_of(store)
    finally:
        store.close()
    return {
        "database": url.partition(":")[0],
        "open": opened,
        "overdue": late,
        "seconds_best": round(min(seconds), 3),
        "seconds_worst": round(max(seconds), 3),
        "overdue_ms_worst": round(max(late_ms), 2),
        "plan": plan,
        "uses_index": "ix_tickets_next_deadline" in plan,
    }


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.patrol", description=__doc__)
    parser.add_argument("--tickets", type=int, default=100_000, help="open tickets; as many closed ones")
    parser.add_argument("--url", default="", help="a database that is empty; default: a file of SQLite")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(given.url or f"sqlite:///{Path(folder) / 'patrol.db'}", given.tickets)
    if given.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:18} {value}")


if __name__ == "__main__":
    main()
