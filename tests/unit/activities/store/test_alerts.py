"""The alert log: every raised alert has one row, which later learns what became of it."""

from datetime import UTC, datetime, timedelta

import pytest

from activities.adapters.store import Store
from domain.alert_events import (
    Acknowledged,
    AlertRaised,
    Cover,
    DeskEffect,
    Fate,
    Log,
    LogEntry,
    Notify,
    StoreChange,
    Told,
    Untold,
)
from domain.alerts import AlertLevel
from domain.errors import InvalidInput
from tests.fakes.alert_book import FakeAlertBook
from tests.fakes.alert_desk import DeskRun, an_alert

AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def changes(effects: list[DeskEffect]) -> list[StoreChange]:
    return [each for each in effects if not isinstance(each, Notify)]


def a_busy_hour() -> DeskRun:
    """Reds that merge, an orange whose ticket ends, an acknowledgement, an escalation, failures."""
    run = DeskRun()
    first = run.raise_alert(0, "T1")
    run.raise_alert(20, "T2")
    run.raise_alert(30, "T3", AlertLevel.ORANGE)
    run.raise_alert(40, "T1", AlertLevel.PRE_ALERT)
    run.close(50, "T3")
    run.acknowledge(100, first.desk_alert_id)
    run.raise_alert(500, "T1", alert_id="T1/red-again")
    run.raise_alert(510, "T1", AlertLevel.ESCALATION)
    run.reachable = False
    run.raise_alert(600, "T4", AlertLevel.FAILURE)
    return run


def test_it_keeps_what_the_ports_fake_keeps(store: Store) -> None:
    run, fake = a_busy_hour(), FakeAlertBook()
    store.alerts.keep(changes(run.effects))
    fake.keep(changes(run.effects))
    for task_id in ("T1", "T2", "T3", "T4", "T5"):
        assert list(store.alerts.alerts_of(task_id)) == list(fake.alerts_of(task_id))
        assert store.alerts.worked_on(task_id) == fake.worked_on(task_id)
        assert store.alerts.escalated_at(task_id) == fake.escalated_at(task_id)
    assert list(store.alerts.desk_alerts()) == list(fake.desk_alerts())
    for each in fake.desk_alerts():
        assert store.alerts.desk_alert(each.desk_alert_id) == each
    assert store.alerts.desk_alert("A000000000") is None


def test_what_is_kept_again_changes_nothing(store: Store) -> None:
    all_changes = changes(a_busy_hour().effects)
    store.alerts.keep(all_changes)
    before = [store.alerts.alerts_of(each) for each in ("T1", "T2", "T3", "T4")], store.alerts.desk_alerts()
    store.alerts.keep(all_changes)
    after = [store.alerts.alerts_of(each) for each in ("T1", "T2", "T3", "T4")], store.alerts.desk_alerts()
    assert after == before


def entry(seq: int) -> LogEntry:
    return LogEntry(
        alert_id=f"T{seq}/red",
        task_id=f"T{seq}",
        level=AlertLevel.RED,
        group="Accounts",
        at=AT + timedelta(seconds=seq),
        seq=seq,
        fate=Fate.MERGED,
        reason="merged",
        desk_alert_id="A1",
    )


def test_a_repeated_write_does_not_cover_what_came_after_it(store: Store) -> None:
    cover = Cover(desk_alert_id="A1", notification_id="A1/1", through=1)
    store.alerts.keep([Log(entry=entry(1)), cover, Log(entry=entry(2))])
    store.alerts.keep([Log(entry=entry(1)), cover, Log(entry=entry(2))])
    assert [store.alerts.alerts_of(each)[0].notification_id for each in ("T1", "T2")] == ["A1/1", ""]


def test_a_notification_that_reached_somebody_at_last_is_not_undelivered(store: Store) -> None:
    cover = Cover(desk_alert_id="A1", notification_id="A1/1", through=1)
    untold = Untold(notification_id="A1/1", reason="nobody could be told")
    store.alerts.keep([Log(entry=entry(1)), cover, untold])
    assert store.alerts.alerts_of("T1")[0].undelivered == "nobody could be told"
    store.alerts.keep([Told(notification_id="A1/1", at=AT, told=("sms → li.wei",))])
    [logged] = store.alerts.alerts_of("T1")
    assert (logged.undelivered, logged.sent_at, logged.told) == ("", AT, ("sms → li.wei",))


def test_whoever_acknowledged_before_a_ticket_joined_does_not_work_on_it(store: Store) -> None:
    run = DeskRun()
    first = run.raise_alert(0, "T1")
    run.acknowledge(10, first.desk_alert_id)
    run.raise_alert(20, "T2")
    store.alerts.keep(changes(run.effects))
    worked = store.alerts.worked_on("T1")
    assert worked is not None and (worked.by, worked.since) == ("li.wei", run.at(10))
    assert store.alerts.worked_on("T2") is None


def test_lists_are_by_group_and_level_and_what_nobody_has(store: Store) -> None:
    run = DeskRun()
    red = run.raise_alert(0, "T1")
    run.raise_alert(10, "T2", AlertLevel.CRITICAL)
    store.alerts.keep(changes(run.effects))
    run.effects.clear()
    run.take(Acknowledged(at=run.at(20), desk_alert_id=red.desk_alert_id, by="li.wei"))
    store.alerts.keep(changes(run.effects))
    levels = [each.level for each in store.alerts.desk_alerts(group="Accounts")]
    assert levels == [AlertLevel.CRITICAL, AlertLevel.RED]
    assert [each.level for each in store.alerts.desk_alerts(open_only=True)] == [AlertLevel.CRITICAL]
    assert [each.acknowledged_by for each in store.alerts.desk_alerts(level=AlertLevel.RED)] == ["li.wei"]
    assert store.alerts.desk_alerts(group="Cards") == []
    assert len(store.alerts.desk_alerts(limit=1)) == 1
    with pytest.raises(InvalidInput, match="limit is 0"):
        store.alerts.desk_alerts(limit=0)


def test_an_alert_of_no_desk_is_known_by_nobody(store: Store) -> None:
    run = DeskRun()
    run.take(AlertRaised(at=AT, alert=an_alert()))
    assert store.alerts.alerts_of("T1") == []
    assert store.alerts.escalated_at("T1") is None
