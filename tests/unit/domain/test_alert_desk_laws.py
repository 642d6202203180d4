"""What holds of an alert desk whatever happens to it."""

from dataclasses import dataclass
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.alert_desk import advance
from domain.alert_desk_state import Desk, type_of
from domain.alert_events import AlertRaised, DeskEvent, Fate, Log, LoggedAlert, Notify
from domain.alerts import Addressee, Alert, AlertLevel
from domain.task import Priority
from tests.fakes.alert_book import FakeAlertBook
from tests.fakes.alert_desk import DeskRun, an_alert

QUIET = 100_000
"""Seconds after which nothing is left to do."""


@dataclass
class Act:
    """Something that happens so many seconds after what happened before."""

    what: str
    after: int
    task: int
    level: AlertLevel
    named: bool
    reachable: bool
    unknown: bool
    priority: Priority


ACTS = st.lists(
    st.builds(
        Act,
        what=st.sampled_from(["raise"] * 6 + ["acknowledge", "close"]),
        after=st.sampled_from([0, 1, 10, 30, 61, 200, 301, 700]),
        task=st.integers(1, 4),
        level=st.sampled_from(AlertLevel),
        named=st.booleans(),
        reachable=st.sampled_from([True, True, True, False]),
        unknown=st.booleans(),
        priority=st.sampled_from(Priority),
    ),
    max_size=25,
)


class Recorded(DeskRun):
    """A run whose events can be played again."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[DeskEvent] = []

    def take(self, event: DeskEvent) -> list[object]:
        self.events.append(event)
        return list(super().take(event))


def played(acts: list[Act]) -> tuple[Recorded, list[tuple[float, Alert]], list[int]]:
    """The run, the alerts raised with their seconds, and the tickets that were ended or acknowledged."""
    run, raised, touched, now = Recorded(), [], [], 0.0
    for number, act in enumerate(acts):
        now += act.after
        run.reachable, run.unknown = act.reachable, act.unknown
        task_id = f"T{act.task}"
        match act.what:
            case "raise":
                named = {"instead": Addressee(to="on_call")} if act.named else {}
                alert = an_alert(
                    task_id, act.level, alert_id=f"{task_id}/{number}", priority=act.priority, **named
                )
                run.raise_alert(now, task_id, act.level, **named, alert_id=alert.alert_id)
                raised.append((now, alert))
            case "close":
                run.close(now, task_id)
                touched.append(act.task)
            case _ if run.sent:
                run.acknowledge(now, run.sent[-1][1].desk_alert_id)
                touched.extend((1, 2, 3, 4))
    run.reachable = True
    run.pass_to(now + QUIET)
    return run, raised, touched


def book_of(run: DeskRun) -> dict[str, LoggedAlert]:
    book = FakeAlertBook()
    book.keep([each for each in run.effects if not isinstance(each, Notify)])
    return book.log


@given(ACTS)
@settings(max_examples=300)
def test_every_alert_has_one_fate_with_a_reason_and_none_is_left_waiting(acts: list[Act]) -> None:
    run, raised, _ = played(acts)
    assert sorted(each.entry.alert_id for each in run.of(Log)) == sorted(each.alert_id for _, each in raised)
    for entry in book_of(run).values():
        assert entry.reason
        told = entry.fate in (Fate.NOTIFIED, Fate.MERGED)
        assert told == bool(entry.notification_id)
        assert not told or entry.sent_at or entry.undelivered


@given(ACTS)
@settings(max_examples=300)
def test_a_desk_alert_is_never_sent_twice_within_a_minute(acts: list[Act]) -> None:
    run, _, _ = played(acts)
    by_alert: dict[str, list[float]] = {}
    for at, notify in run.sent:
        by_alert.setdefault(notify.desk_alert_id, []).append(at)
    gaps = [later - earlier for times in by_alert.values() for earlier, later in pairwise(times)]
    assert all(gap >= 60 for gap in gaps)


@given(ACTS)
@settings(max_examples=300)
def test_orange_is_never_sent_twice_in_a_window(acts: list[Act]) -> None:
    run, _, _ = played(acts)
    by_type: dict[str, list[float]] = {}
    for at, notify in run.sent:
        if notify.alert.level is AlertLevel.ORANGE:
            by_type.setdefault(type_of(notify.alert), []).append(at)
    gaps = [later - earlier for times in by_type.values() for earlier, later in pairwise(times)]
    assert all(gap >= 300 for gap in gaps)


@given(ACTS)
@settings(max_examples=300)
def test_worsening_is_never_hidden(acts: list[Act]) -> None:
    """Every level above all that a ticket raised before is told of, unless there is nobody left to tell."""
    run, raised, touched = played(acts)
    log = book_of(run)
    highest: dict[str, int] = {}
    for at, alert in raised:
        rank = alert.level.rank
        if rank is None or alert.level is AlertLevel.PRE_ALERT:
            continue
        worse = rank > highest.get(alert.task_id, 0)
        highest[alert.task_id] = max(rank, highest.get(alert.task_id, 0))
        entry = log[alert.alert_id]
        if worse:
            assert entry.fate is not Fate.SUPPRESSED
            if int(alert.task_id[1:]) not in touched:
                assert entry.notification_id, f"raised at {at}: {entry}"


@given(ACTS, st.integers(1, 4), st.sampled_from([each for each in AlertLevel if each.is_urgent]))
@settings(max_examples=300)
def test_the_first_urgent_alert_of_a_type_goes_out_at_once(
    acts: list[Act], task: int, level: AlertLevel
) -> None:
    run, _, _ = played(acts)
    assert run.desk.windows == {}
    effects = run.take(AlertRaised(at=run.desk.at, alert=an_alert(f"T{task}", level, alert_id="last")))
    fate = next(each.entry.fate for each in effects if isinstance(each, Log))
    assert fate in (Fate.NOTIFIED, Fate.SUPPRESSED)
    assert any(isinstance(each, Notify) for each in effects) == (fate is Fate.NOTIFIED)


@given(ACTS)
@settings(max_examples=100)
def test_the_same_history_comes_to_the_same_desk_also_over_continuations(acts: list[Act]) -> None:
    run, _, _ = played(acts)
    desk, effects = Desk(group="Accounts"), []
    for event in run.events:
        desk = Desk.model_validate_json(desk.model_dump_json())
        desk, more = advance(desk, event)
        effects.extend(more)
    assert desk == run.desk
    assert [each for each in effects if isinstance(each, Log)] == run.of(Log)


@given(ACTS)
@settings(max_examples=100)
def test_an_alert_that_is_handed_over_twice_counts_once(acts: list[Act]) -> None:
    run, raised, _ = played(acts)
    before = run.desk
    for _, alert in raised:
        again = run.take(AlertRaised(at=before.at, alert=alert))
        assert again == []
    assert run.desk == before
