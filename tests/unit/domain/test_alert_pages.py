"""Which alerts page whoever is on call, and what their page says."""

from datetime import UTC, datetime

import pytest

from domain.alert_events import Notify
from domain.alert_pages import Matter, covers, page_id_of, page_of, pages_on_call
from domain.alerts import Addressee, Alert, AlertLevel, AlertPolicy, AlertRule
from domain.notices import Channel
from tests.fakes.alert_desk import DeskRun, an_alert

AT = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
SMS = (Channel.SMS,)
POLICY = AlertPolicy(
    levels={
        AlertLevel.ORANGE: AlertRule(to="on_call", channels=SMS),
        AlertLevel.RED: AlertRule(to="lead", channels=SMS),
        AlertLevel.CRITICAL: AlertRule(to="on_call", channels=SMS),
        AlertLevel.REVIEW: AlertRule(to="group", channels=SMS),
    }
)
ON_CALL, LEAD = Addressee(to="on_call"), Addressee(to="lead")


@pytest.mark.parametrize(
    ("alert", "pages"),
    [
        (an_alert(level=AlertLevel.CRITICAL), True),
        (an_alert(level=AlertLevel.CRITICAL, instead=LEAD), False),
        (an_alert(level=AlertLevel.CRITICAL, instead=LEAD, also=ON_CALL), True),
        (an_alert(level=AlertLevel.RED), False),
        (an_alert(level=AlertLevel.RED, also=ON_CALL), True),
        (an_alert(level=AlertLevel.REVIEW), False),
        (an_alert(level=AlertLevel.REVIEW, instead=ON_CALL), True),
        (an_alert(level=AlertLevel.FAILURE, also=ON_CALL), True),
        (an_alert(level=AlertLevel.ORANGE), False),
        (an_alert(level=AlertLevel.PRE_ALERT, also=ON_CALL), False),
    ],
    ids=str,
)
def test_urgent_alerts_that_go_to_whoever_is_on_call_page_them(alert: Alert, pages: bool) -> None:
    assert pages_on_call(alert, POLICY) is pages


def test_a_page_says_the_subject_the_choices_the_deadline_and_what_silence_leads_to() -> None:
    alert = an_alert(
        alert_id="A7K2M9QXTB/1",
        subject="decision needed on T1",
        action="opsloop review show R1; opsloop alert ack A7K2M9QXTB",
        deadline_at=AT,
        silence="it is rejected",
    )
    page = page_of(alert, AT)
    assert (page.page_id, page.task_id, page.group) == ("A7K2M9QXTB-1", "T1", "Accounts")
    assert page.choices == ("opsloop review show R1", "opsloop alert ack A7K2M9QXTB")
    assert (page.deadline_at, page.silence) == (AT, "it is rejected")
    assert page_of(an_alert(), AT).silence, "never nothing"


def test_one_page_a_matter_is_enough() -> None:
    ticket, question = Matter(task_id="T1"), Matter(task_id="T1", review_id="R1")
    assert covers([question], [question])
    assert covers([ticket], [question])
    assert not covers([question], [ticket]), "it ends with the question"
    assert not covers([ticket], [ticket, Matter(task_id="T2")])
    assert not covers([ticket], []), "nobody knows what it is about"


def notified(run: DeskRun) -> list[Notify]:
    return [notify for _, notify in run.sent]


def test_a_notification_names_what_it_is_about_as_long_as_it_can() -> None:
    run = DeskRun()
    run.raise_alert(0, "T1", review_id="R1", pages=True)
    for number in range(2, 8):
        run.raise_alert(1, f"T{number}", pages=True)
    run.pass_to(100)
    first, second = notified(run)
    assert (first.pages, first.matters) == (True, (Matter(task_id="T1", review_id="R1"),))
    assert (second.pages, second.matters, second.tickets) == (True, (), 7)
    assert page_id_of(second.notification_id).endswith("-2")


def test_an_ended_ticket_is_no_part_of_it_any_more() -> None:
    run = DeskRun()
    run.raise_alert(0, "T1", pages=True)
    run.raise_alert(1, "T2", pages=True)
    run.close(2, "T1")
    run.pass_to(100)
    assert notified(run)[-1].matters == (Matter(task_id="T2"),)
