"""What the alert desk tells, what it keeps to itself, and why."""

from datetime import timedelta

import pytest

from domain.alert_desk import advance, wake_at
from domain.alert_events import (
    AlertRaised,
    Cover,
    Fate,
    Light,
    Notify,
    Over,
    Taken,
    Told,
    Untold,
    Withdraw,
)
from domain.alerts import Addressee, AlertLevel
from domain.task import Priority
from tests.fakes.alert_desk import NOON, DeskRun, an_alert

ORANGE, RED, CRITICAL = AlertLevel.ORANGE, AlertLevel.RED, AlertLevel.CRITICAL
FAILURE, ESCALATION, REVIEW = AlertLevel.FAILURE, AlertLevel.ESCALATION, AlertLevel.REVIEW


class TestSending:
    @pytest.mark.parametrize("level", [RED, CRITICAL, FAILURE, ESCALATION, REVIEW])
    def test_the_first_of_an_urgent_level_goes_out_at_once(self, level: AlertLevel) -> None:
        run = DeskRun()
        entry = run.raise_alert(0, level=level)
        assert (entry.fate, entry.reason, run.times) == (Fate.NOTIFIED, "told at once", [0])
        [(_, notify)] = run.sent
        assert notify.alert.subject == f"{level}: ticket T1"
        assert notify.alert.action.endswith(f"; opsloop alert ack {notify.desk_alert_id}")

    def test_the_following_ones_update_it_at_once_and_are_sent_with_the_count_after_a_minute(self) -> None:
        run = DeskRun()
        first = run.raise_alert(0, "T1")
        second = run.raise_alert(20, "T2", priority=Priority.P1)
        desk_alert = first.desk_alert_id
        assert second.fate is Fate.MERGED
        assert second.reason == f"merged into {desk_alert} (2 tickets); sent 20 s ago, the next at 12:01:00"
        assert run.of(Light)[-1].line.tickets == 2
        run.raise_alert(40, "T3")
        run.pass_to(60)
        assert run.times == [0, 60]
        notify = run.sent[-1][1]
        assert notify.alert.subject == "red: 3 tickets of Accounts, most urgent T2"
        assert "Also T1, T3." in notify.alert.body
        assert notify.notification_id == f"{desk_alert}/2"
        assert run.of(Cover)[-1] == Cover(
            desk_alert_id=desk_alert, notification_id=f"{desk_alert}/2", through=3
        )

    def test_nothing_is_sent_again_while_nothing_is_new(self) -> None:
        run = DeskRun()
        run.raise_alert(0)
        run.pass_to(3600)
        assert run.times == [0]
        assert wake_at(run.desk) is None

    def test_a_type_that_was_quiet_for_five_minutes_begins_anew(self) -> None:
        run = DeskRun()
        first = run.raise_alert(0)
        again = run.raise_alert(301, "T2")
        assert (again.fate, run.times) == (Fate.NOTIFIED, [0, 301])
        assert again.desk_alert_id != first.desk_alert_id

    def test_two_hundred_tickets_in_five_minutes_are_at_most_three_notifications(self) -> None:
        run = DeskRun()
        for number in range(200):
            run.raise_alert(number * 1.5, f"T{number}")
        run.pass_to(3600)
        assert run.times == [0, 60, 360]
        assert "200 tickets" in run.sent[-1][1].alert.subject
        assert "and 195 more" in run.sent[-1][1].alert.body

    def test_orange_is_collected_for_five_minutes(self) -> None:
        run = DeskRun()
        first = run.raise_alert(0, "T1", ORANGE)
        run.raise_alert(100, "T2", ORANGE)
        assert first.reason.endswith("collected for 5min, goes out at 12:05:00")
        assert run.sent == []
        run.pass_to(900)
        assert run.times == [300]
        assert run.sent[0][1].tickets == 2

    def test_what_has_the_dashboard_alone_tells_nobody(self) -> None:
        run = DeskRun()
        entry = run.raise_alert(0, level=AlertLevel.PRE_ALERT)
        run.pass_to(3600)
        assert (entry.fate, entry.reason) == (Fate.DASHBOARD, "dashboard only: pre_alert tells nobody")
        assert run.sent == []
        assert [each.line.level for each in run.of(Light)] == [AlertLevel.PRE_ALERT]

    def test_alerts_that_name_somebody_are_not_merged_with_those_that_do_not(self) -> None:
        run = DeskRun()
        run.raise_alert(0, "T1", REVIEW)
        entry = run.raise_alert(1, "T2", REVIEW, instead=Addressee(to="on_call"))
        assert entry.fate is Fate.NOTIFIED
        assert run.sent[-1][1].alert.instead == Addressee(to="on_call")

    def test_the_same_alert_raised_again_changes_nothing(self) -> None:
        run = DeskRun()
        run.raise_alert(0)
        before = run.desk
        assert run.take(AlertRaised(at=before.at, alert=an_alert())) == []
        assert run.desk == before


class TestSuppressing:
    def test_a_ticket_that_is_worked_on_does_not_alert_again(self) -> None:
        run = DeskRun()
        first = run.raise_alert(0, level=FAILURE)
        run.acknowledge(30, first.desk_alert_id)
        entry = run.raise_alert(600, level=FAILURE, alert_id="T1/again")
        assert (entry.fate, entry.reason) == (
            Fate.SUPPRESSED,
            "being worked on by li.wei since 12:00:30",
        )
        assert run.times == [0]

    @pytest.mark.parametrize("level", [RED, CRITICAL])
    def test_worsening_passes_although_the_ticket_is_worked_on(self, level: AlertLevel) -> None:
        run = DeskRun()
        first = run.raise_alert(0, level=ORANGE)
        run.acknowledge(400, first.desk_alert_id)
        assert run.raise_alert(600, level=level).fate is Fate.NOTIFIED

    def test_a_lower_level_than_was_told_of_is_a_repeat(self) -> None:
        run = DeskRun()
        run.raise_alert(0, level=CRITICAL)
        entry = run.raise_alert(9, level=RED, worked_by="wang.fang", worked_since=NOON)
        assert entry.reason == "being worked on by wang.fang since 12:00:00"

    def test_what_was_never_told_of_passes_although_the_ticket_is_worked_on(self) -> None:
        run = DeskRun()
        assert run.raise_alert(0, level=RED, worked_by="wang.fang").fate is Fate.NOTIFIED

    def test_an_escalated_ticket_does_not_escalate_again_but_its_levels_still_alert(self) -> None:
        run = DeskRun()
        run.raise_alert(0, level=ESCALATION)
        entry = run.raise_alert(600, level=ESCALATION, alert_id="T1/second")
        assert (entry.fate, entry.reason) == (Fate.SUPPRESSED, "already escalated at 12:00:00")
        assert run.raise_alert(700, level=CRITICAL).fate is Fate.NOTIFIED

    def test_an_escalation_that_another_desk_told_of_counts(self) -> None:
        entry = DeskRun().raise_alert(0, level=ESCALATION, escalated_at=NOON - timedelta(days=1))
        assert entry.reason == "already escalated at 2026-11-22 12:00:00"

    def test_an_acknowledgement_leaves_nobody_to_tell(self) -> None:
        run = DeskRun()
        first = run.raise_alert(0, "T1")
        run.raise_alert(10, "T2")
        run.acknowledge(20, first.desk_alert_id)
        run.pass_to(3600)
        assert run.times == [0]
        assert run.of(Taken)[-1].by == "li.wei"
        assert run.of(Withdraw)[-1].reason == "acknowledged by li.wei at 12:00:20"

    def test_a_ticket_that_joins_after_the_acknowledgement_is_told(self) -> None:
        run = DeskRun()
        first = run.raise_alert(0, "T1")
        run.acknowledge(20, first.desk_alert_id)
        run.raise_alert(30, "T2")
        run.pass_to(60)
        assert run.times == [0, 60]

    def test_an_alert_can_be_acknowledged_long_after_it_took_its_last_ticket(self) -> None:
        run = DeskRun()
        first = run.raise_alert(0, level=FAILURE)
        run.acknowledge(7200, first.desk_alert_id)
        assert run.raise_alert(7300, level=FAILURE, alert_id="T1/2").fate is Fate.SUPPRESSED

    def test_times_in_reasons_are_the_banks(self) -> None:
        run = DeskRun()
        run.desk = run.desk.model_copy(update={"timezone": "Asia/Shanghai"})
        run.raise_alert(0, "T1")
        assert run.raise_alert(20, "T2").reason.endswith("the next at 20:01:00")


class TestEndedTickets:
    def test_what_waits_for_an_ended_ticket_is_withdrawn(self) -> None:
        run = DeskRun()
        entry = run.raise_alert(0, level=ORANGE)
        run.close(60)
        run.pass_to(3600)
        assert run.sent == []
        assert run.of(Withdraw)[0].task_id == "T1"
        assert run.of(Over)[0].desk_alert_id == entry.desk_alert_id

    def test_the_others_of_the_same_desk_alert_are_told(self) -> None:
        run = DeskRun()
        run.raise_alert(0, "T1", ORANGE)
        run.raise_alert(1, "T2", ORANGE)
        run.close(60, "T1")
        run.pass_to(300)
        assert run.sent[0][1].tickets == 1
        assert run.sent[0][1].alert.task_id == "T2"
        assert run.of(Over) == []

    def test_a_failure_outlives_its_ticket(self) -> None:
        run = DeskRun()
        run.raise_alert(0, "T1", FAILURE)
        run.raise_alert(1, "T2", FAILURE)
        run.close(2, "T2")
        run.close(3, "T1")
        run.pass_to(60)
        assert run.times == [0, 60]
        assert run.of(Over) == []


class TestDelivery:
    def test_red_that_reached_nobody_is_sent_again_under_the_same_id(self) -> None:
        run = DeskRun()
        run.reachable = False
        run.raise_alert(0)
        assert run.of(Untold)[-1].reason == "nobody could be told; again at 12:05:00: sms → lead: refused"
        run.reachable = True
        run.pass_to(3600)
        assert run.times == [0, 300]
        assert {notify.notification_id for _, notify in run.sent} == {f"{run.sent[0][1].desk_alert_id}/1"}
        assert len(run.of(Told)) == 1

    def test_orange_that_may_have_gone_out_is_not_sent_twice(self) -> None:
        run = DeskRun()
        run.reachable, run.unknown = False, True
        run.raise_alert(0, level=ORANGE)
        run.pass_to(3600)
        assert run.times == [300]
        assert "orange is sent once" in run.of(Untold)[-1].reason

    def test_orange_that_certainly_did_not_go_out_is_tried_again(self) -> None:
        run = DeskRun()
        run.reachable = False
        run.raise_alert(0, level=ORANGE)
        run.pass_to(400)
        run.reachable = True
        run.pass_to(3600)
        assert run.times == [300, 600]

    def test_trying_ends_and_says_so_and_the_next_alert_of_the_ticket_is_no_repeat(self) -> None:
        run = DeskRun()
        run.reachable = False
        run.raise_alert(0, level=ESCALATION)
        run.pass_to(86_400)
        assert len(run.times) == run.desk.rules.most_rounds
        assert run.of(Untold)[-1].reason.startswith("nobody could be told; given up")
        assert run.raise_alert(90_000, level=ESCALATION, alert_id="T1/2").fate is Fate.NOTIFIED

    def test_an_acknowledged_alert_is_not_tried_again(self) -> None:
        run = DeskRun()
        run.reachable = False
        entry = run.raise_alert(0)
        run.acknowledge(10, entry.desk_alert_id)
        run.pass_to(3600)
        assert run.times == [0]
        assert "not tried again: acknowledged by li.wei" in run.of(Untold)[-1].reason

    def test_an_alert_that_comes_while_one_is_being_sent_waits_for_the_next(self) -> None:
        run = DeskRun()
        slow = [each for each in self._raised_without_answer(run) if isinstance(each, Notify)]
        assert len(slow) == 1
        entry = run.raise_alert(70, "T2")
        assert entry.reason.endswith("one is being sent, the next at 12:01:00")
        run.take(run._answer(slow[0], run.at(80)))
        assert [notify.notification_id[-2:] for _, notify in run.sent] == ["/2"]

    def _raised_without_answer(self, run: DeskRun) -> list[object]:
        run.desk, effects = advance(run.desk, AlertRaised(at=run.at(0), alert=an_alert()))
        return list(effects)


def test_a_desk_stays_small() -> None:
    run = DeskRun()
    run.desk = run.desk.model_copy(
        update={"rules": run.desk.rules.model_copy(update={"most_tickets": 20, "most_seen": 30})}
    )
    for number in range(100):
        run.raise_alert(number, f"T{number}", CRITICAL)
    assert (len(run.desk.tickets), len(run.desk.seen)) == (20, 30)
    [window] = run.desk.windows.values()
    assert (len(window.tickets), window.all_tickets) == (20, 100)
