"""Rollouts in the store: one open for each SOP, every move kept, tickets by version; on both databases."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert, text, update

from activities.adapters.store import Store, migrations, open_store
from activities.adapters.store.tables import rollout_moves, rollouts, shadow_reports
from activities.messages import Progress
from definitions.rollout import Rollout, RolloutMove
from domain.errors import Conflict, OpsloopError
from domain.lifecycle import TicketState
from domain.rollout import Arm, Placement, Stage
from domain.shadow import Agreement, RunAccount, ShadowReport
from domain.task import RiskLevel
from domain.ticket import EventKind
from tests.support.rollouts import START, begun, moved
from tests.support.tickets import NIGHT, sample_event, sample_view

FREEZE = {
    "name": "Freeze",
    "trigger": {"category": "accounts", "action": "freeze"},
    "steps": [
        {"name": "Check", "handler": "check", "when": "fields.x == 1"},
        {
            "name": "Each",
            "foreach": {"items": "fields.y", "as": "it", "steps": [{"name": "P", "handler": "p"}]},
        },
    ],
}
THAW = {**FREEZE, "name": "Thaw"}


def a_report(task_id: str = "T1", agreement: Agreement = Agreement.SAME, **changes: Any) -> ShadowReport:
    place = Placement(rollout=1, arm=Arm.IN_FORCE, stage=Stage.SHADOW, percent=0, version=1)
    run = RunAccount(sop="freeze", version="1", digest="d", state=TicketState.COMPLETED, risk=RiskLevel.LOW)
    given = {
        "placement": place,
        "task_id": task_id,
        "category": "accounts",
        "action": "freeze",
        "at": NIGHT,
        "agreement": agreement,
        "real": run.model_copy(update={"touches": 3}),
        "shadow": run,
    }
    return ShadowReport.model_validate(given | changes)


class TestRollouts:
    def test_a_rollout_is_read_as_it_was_started(self, store: Store) -> None:
        made = begun(store, FREEZE, categories=("accounts",))
        assert store.rollouts.rollouts() == [made]
        assert store.rollouts.candidates() == [made.candidate]
        assert made.candidate.sop.step("p") is not None
        assert (made.number, made.published_by, made.moves[0].why) == (1, "author", "to be tried")

    def test_one_rollout_of_an_sop_is_open_at_a_time(self, store: Store) -> None:
        first = begun(store, FREEZE)
        assert begun(store, THAW).number == 2
        with pytest.raises(Conflict, match="rollout 1 of Freeze is open"):
            begun(store, FREEZE)
        moved(store, first, Stage.WITHDRAWN)
        assert begun(store, FREEZE).number == 3
        assert [each.number for each in store.rollouts.rollouts("freeze")] == [1, 3]

    def test_the_database_itself_keeps_one_open(self, store: Store) -> None:
        begun(store, FREEZE)
        with pytest.raises(Conflict), store.database.writing() as connection:
            row = dict(connection.execute(rollouts.select()).mappings().one())
            connection.execute(insert(rollouts).values({**row, "number": 9}))

    def test_every_move_is_kept_and_the_candidate_stands_where_the_last_one_left_it(
        self, store: Store
    ) -> None:
        rollout = moved(store, begun(store, FREEZE), Stage.PERCENTAGE, 10)
        rollout = moved(store, rollout, Stage.PERCENTAGE, 20)
        [read] = store.rollouts.rollouts()
        assert read == rollout
        assert [(each.was, each.was_percent, each.stage, each.percent) for each in read.moves] == [
            (None, 0, Stage.SHADOW, 0),
            (Stage.SHADOW, 0, Stage.PERCENTAGE, 10),
            (Stage.PERCENTAGE, 10, Stage.PERCENTAGE, 20),
        ]
        assert store.rollouts.candidates()[0].share == 20

    def test_an_ended_rollout_keeps_its_report_and_places_no_ticket(self, store: Store) -> None:
        rollout = begun(store, FREEZE)
        assert store.rollouts.report(rollout.number) is None
        ended = moved(store, rollout, Stage.FULL, 100)
        assert store.rollouts.candidates() == []
        assert store.rollouts.report(rollout.number) == {"report": "of the test"}
        with pytest.raises(Conflict, match="has ended"):
            moved(store, ended, Stage.WITHDRAWN)

    def test_a_move_from_where_the_rollout_no_longer_stands_conflicts(self, store: Store) -> None:
        known = begun(store, FREEZE)
        moved(store, known, Stage.WITHDRAWN)
        with pytest.raises(Conflict, match="was moved meanwhile"):
            moved(store, known, Stage.PERCENTAGE, 10)

    def test_of_eight_moves_at_once_one_is_made(self, store: Store) -> None:
        known = begun(store, FREEZE)
        outcomes: list[str] = []
        ready = threading.Barrier(8)

        def run(percent: int) -> None:
            ready.wait()
            try:
                moved(store, known, Stage.PERCENTAGE, percent)
                outcomes.append("moved")
            except OpsloopError as error:
                outcomes.append(error.code)

        threads = [threading.Thread(target=run, args=(percent,)) for percent in range(1, 9)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == ["conflict"] * 7 + ["moved"]
        assert len(store.rollouts.rollouts()[0].moves) == 2

    def test_every_move_is_in_the_audit_log(self, store: Store) -> None:
        rollout = begun(store, FREEZE)
        was = rollout.candidate
        despite = RolloutMove(
            number=2,
            by="releaser",
            at=START,
            was=was.stage,
            stage=Stage.PERCENTAGE,
            percent=5,
            despite="account 6222020200001234 shows it",
        )
        rollout = store.rollouts.move(rollout, despite)
        moved(store, rollout, Stage.WITHDRAWN, by="op")
        told = [each for each in store.audit.entries() if each.action.startswith("rollout.")]
        assert [(each.action, each.actor) for each in told] == [
            ("rollout.started", "author"),
            ("rollout.moved", "releaser"),
            ("rollout.withdrawn", "op"),
        ]
        assert told[1].detail["despite_the_shadow_runs"] is True
        assert "6222020200001234" not in told[1].reason


class TestShadowRuns:
    def test_a_report_is_kept_once_and_as_it_is(self, store: Store) -> None:
        begun(store, FREEZE)
        report = a_report()
        store.rollouts.record_shadow(report)
        store.rollouts.record_shadow(a_report(agreement=Agreement.FAILED))
        assert store.rollouts.shadows(1) == [report]

    def test_they_are_tallied_and_those_that_differ_are_found(self, store: Store) -> None:
        begun(store, FREEZE)
        for number, agreement in enumerate([*[Agreement.SAME] * 3, Agreement.DIFFERS, Agreement.FAILED]):
            later = NIGHT + timedelta(minutes=number)
            store.rollouts.record_shadow(a_report(f"T{number}", agreement, at=later))
        tally = store.rollouts.shadow_tally(1)
        assert (tally.same, tally.differs, tally.failed, tally.saved_touches) == (3, 1, 1, 15)
        assert [each.task_id for each in store.rollouts.shadows(1, differing=True)] == ["T3", "T4"]
        assert [each.task_id for each in store.rollouts.shadows(1, limit=1)] == ["T0"]
        assert store.rollouts.shadow_tally(2).runs == 0


class TestOutcomes:
    def test_tickets_are_found_by_their_sop_and_by_the_rollout_that_placed_them(self, store: Store) -> None:
        place = Placement(rollout=1, arm=Arm.CANDIDATE, stage=Stage.PERCENTAGE, percent=10, version=2)
        other = place.model_copy(update={"arm": Arm.IN_FORCE})
        record(store, "T1", sop_id="freeze", rollout=place)
        record(store, "T2", sop_id="general", rollout=other)
        record(store, "T3", sop_id="freeze", state=TicketState.REJECTED, closed_at=NIGHT)
        record(store, "T4", sop_id="general")
        of_the_rollout = store.rollouts.outcomes("freeze", rollout=1)
        assert sorted((each.sop_id, str(each.arm)) for each in of_the_rollout) == [
            ("freeze", "None"),
            ("freeze", "candidate"),
            ("general", "in_force"),
        ]
        assert [each.state for each in store.rollouts.outcomes("freeze") if each.closed_at] == [
            TicketState.REJECTED
        ]

    def test_what_people_did_is_counted_and_what_opsloop_did_is_not(self, store: Store) -> None:
        kinds = [
            (EventKind.REVIEW_DECIDED, "li.wei"),
            (EventKind.REVIEW_DECIDED, "deadline"),
            (EventKind.REVIEW_APPROVED, "sun.lei"),
            (EventKind.STEP_DONE, "li.wei"),
            (EventKind.HELD, "op.chen"),
            (EventKind.COMMAND, "temporal"),
        ]
        events = [
            sample_event(number, kind, actor=actor, data={"review": None})
            for number, (kind, actor) in enumerate(kinds, start=1)
            if kind is not EventKind.REVIEW_APPROVED
        ]
        record(store, "T1", events=events, sop_id="freeze", last_seq=9)
        [outcome] = store.rollouts.outcomes("freeze")
        assert outcome.touches == 2

    def test_a_later_view_of_a_ticket_keeps_where_it_was_placed(self, store: Store) -> None:
        place = Placement(rollout=1, arm=Arm.CANDIDATE, stage=Stage.PERCENTAGE, percent=10, version=2)
        record(store, "T1", sop_id="freeze", rollout=place)
        record(store, "T1", sop_id="freeze", rollout=place, last_seq=5, state=TicketState.COMPLETED)
        [outcome] = store.rollouts.outcomes("freeze")
        assert (outcome.rollout, outcome.arm, outcome.state) == (1, Arm.CANDIDATE, TicketState.COMPLETED)


def record(store: Store, task_id: str, events: list[Any] | None = None, **changes: Any) -> None:
    given = events or [sample_event(changes.get("last_seq", 1), EventKind.OPENED)]
    store.tickets.record(Progress(events=tuple(given), view=sample_view(task_id, **changes)))


def test_the_record_of_a_rollout_is_only_ever_added_to(store: Store) -> None:
    moved(store, begun(store, FREEZE), Stage.PERCENTAGE, 10)
    store.rollouts.record_shadow(a_report())
    for statement in (
        update(rollout_moves).values(by="somebody else"),
        delete(rollout_moves),
        update(shadow_reports).values(agreement="same"),
        delete(shadow_reports),
    ):
        with pytest.raises(Conflict, match="only ever added"), store.database.writing() as connection:
            connection.execute(statement)


def test_tickets_from_before_are_counted_by_version_after_the_migration(store_url: str) -> None:
    migrations.upgrade(store_url)
    store = open_store(store_url)
    record(store, "T1", sop="Account Freeze", sop_version="7")
    migrations.downgrade(store_url, "0002")
    migrations.upgrade(store_url)
    [outcome] = store.rollouts.outcomes("account_freeze")
    assert (outcome.sop_version, outcome.sop_digest, outcome.rollout) == ("7", "d" * 64, None)
    with store.database.reading() as connection:
        assert connection.scalar(text("SELECT sop FROM tickets")) == "Account Freeze"
    store.close()


def test_a_rollout_is_of_a_version_that_the_library_has(store: Store) -> None:
    rollout: Rollout = begun(store, FREEZE)
    version = store.library.versions(rollout.candidate.path)[0]
    moved(store, rollout, Stage.WITHDRAWN)
    nowhere = rollout.candidate.model_copy(update={"version": 99})
    with pytest.raises(Conflict):
        store.rollouts.start(nowhere, version, "")
