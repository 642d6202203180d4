"""How handlers fare, as several workers count them, on SQLite and PostgreSQL."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from activities.adapters.store import Store, open_store
from domain.errors import Conflict, StoreUnavailable
from domain.handler_health import HandlerHealth, HandlerPolicy, admit, degrade, failed, restore, succeeded

NOW = datetime(2026, 11, 23, 19, 7, tzinfo=UTC)
FREEZE = "core_system_freeze"


def fails(store: Store, call: str, policy: HandlerPolicy | None = None) -> HandlerHealth:
    change = partial(
        failed, policy=policy or HandlerPolicy(), call=call, reason="no answer", now=NOW, final=True
    )
    return store.handler_health.change(FREEZE, change)


def test_a_handler_that_never_failed_is_healthy(store: Store) -> None:
    assert store.handler_health.of(FREEZE) == HandlerHealth(handler=FREEZE)
    assert store.handler_health.all() == []


def test_workers_count_together_and_each_call_once(store: Store) -> None:
    policy = HandlerPolicy(failures=20)
    calls = [f"T{number}/freeze/1" for number in range(12)] * 2
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda call: fails(store, call, policy), calls))
    assert set(store.handler_health.of(FREEZE).failed_calls) == set(calls)
    assert len(store.handler_health.of(FREEZE).failed_calls) == 12


def test_only_one_of_many_workers_gets_the_probe(store: Store) -> None:
    for number in range(3):
        fails(store, f"T{number}/freeze/1")
    given: list[str] = []

    def ask(call: str) -> None:
        def decide(health: HandlerHealth) -> HandlerHealth:
            changed, admission = admit(health, HandlerPolicy(), call, NOW + timedelta(minutes=2))
            given.append(admission.value)
            return changed

        store.handler_health.change(FREEZE, decide)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(ask, [f"P{number}/freeze/1" for number in range(6)]))
    assert sorted(given) == ["fallback"] * 5 + ["probe"]


def test_degrading_and_restoring_are_audited_and_nothing_else(store: Store) -> None:
    for number in range(4):
        fails(store, f"T{number}/freeze/1")
    store.handler_health.change(FREEZE, partial(succeeded, now=NOW))
    until = NOW + timedelta(hours=1)
    held = partial(degrade, by="duty.liu", why="maintenance", until=until, now=NOW)
    store.handler_health.change(FREEZE, held, by="duty.liu", reason="maintenance")
    store.handler_health.change(FREEZE, restore, by="admin", reason="done")
    rows = [(row.action, row.actor, row.detail["handler"]) for row in store.audit.entries()]
    assert rows == [
        ("handler.degraded", "opsloop", FREEZE),
        ("handler.restored", "opsloop", FREEZE),
        ("handler.degraded", "duty.liu", FREEZE),
        ("handler.restored", "admin", FREEZE),
    ]


def test_a_change_that_is_refused_changes_nothing(store: Store) -> None:
    def refuse(_: HandlerHealth) -> HandlerHealth:
        raise Conflict("no")

    fails(store, "T1/freeze/1")
    with pytest.raises(Conflict):
        store.handler_health.change(FREEZE, refuse)
    assert store.handler_health.of(FREEZE).failed_calls == ("T1/freeze/1",)


def test_a_store_without_tables_says_so(sqlite_url: str) -> None:
    with pytest.raises(StoreUnavailable):
        open_store(sqlite_url).handler_health.of(FREEZE)
