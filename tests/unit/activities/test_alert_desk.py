"""How a ticket's alert reaches its desk, and what is added on the way."""

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.adapters.alert_desks import WorkflowAlertDesks
from activities.alert_desk import AlertActivities, AlertRecords
from activities.alert_messages import (
    ClosedTicket,
    DeskInput,
    DeskRecord,
    RaisedAlert,
    desk_workflow_id,
)
from domain.alert_events import Notify
from domain.alerts import Addressee, Alert, AlertLevel, AlertPolicy, AlertReceipt, AlertRule
from domain.clock import BankClock
from domain.desk_rules import DeskRules
from domain.errors import ChannelFailed
from domain.notices import Channel
from tests.fakes.alert_book import FakeAlertBook
from tests.fakes.alert_desk import DeskRun, an_alert
from tests.fakes.rulebook import FakeRulebook

RULES = AlertPolicy(levels={AlertLevel.RED: AlertRule(to="lead", channels=(Channel.SMS,))})


class Desks:
    """`AlertDesks` that take notes."""

    def __init__(self) -> None:
        self.raised: list[RaisedAlert] = []
        self.zones: list[str] = []
        self.closed: list[tuple[str, str]] = []

    async def hand_over(self, raised: RaisedAlert, *, timezone: str) -> None:
        self.raised.append(raised)
        self.zones.append(timezone)

    async def ticket_closed(self, task_id: str, group: str) -> None:
        self.closed.append((task_id, group))


class Bench:
    def __init__(self, *, desks: bool = True) -> None:
        self.desks, self.book = Desks(), FakeAlertBook()
        self.sent: list[Alert] = []
        self.activities = AlertActivities(
            self.desks if desks else None,
            book=self.book,
            rulebook=FakeRulebook(alerts=RULES),
            send=self._send,
        )

    def _send(self, alert: Alert) -> AlertReceipt:
        self.sent.append(alert)
        return AlertReceipt(alert_id=alert.alert_id, sent=("sms → lead",))

    async def raise_alert(self, alert: Alert) -> AlertReceipt:
        return await ActivityEnvironment().run(self.activities.raise_alert, alert)


async def test_an_alert_is_handed_to_the_desk_of_its_group_and_nothing_is_sent() -> None:
    bench = Bench()
    receipt = await bench.raise_alert(an_alert())
    assert receipt == AlertReceipt(alert_id="T1/red", handed_to="Accounts")
    assert bench.desks.raised == [RaisedAlert(alert=an_alert(), rules=DeskRules())]
    assert bench.desks.zones == ["Asia/Shanghai"]
    assert bench.sent == []


async def test_without_desks_it_is_sent_at_once() -> None:
    bench = Bench(desks=False)
    receipt = await bench.raise_alert(an_alert())
    assert (receipt.sent, receipt.handed_to) == (("sms → lead",), "")
    assert bench.sent == [an_alert()]


async def test_a_level_that_has_the_dashboard_alone_is_handed_over_as_such() -> None:
    bench = Bench()
    await bench.raise_alert(an_alert(level=AlertLevel.PRE_ALERT))
    assert bench.desks.raised[0].dashboard_only


async def test_who_works_on_the_ticket_and_its_escalation_are_known_at_every_desk() -> None:
    bench, run = Bench(), DeskRun()
    run.raise_alert(0, level=AlertLevel.ESCALATION)
    run.acknowledge(60, run.sent[0][1].desk_alert_id)
    bench.book.keep([each for each in run.effects if not isinstance(each, Notify)])
    await bench.raise_alert(an_alert(group="Cards"))
    [raised] = bench.desks.raised
    assert (raised.alert.worked_by, raised.alert.worked_since) == ("li.wei", run.at(60))
    assert raised.alert.escalated_at == run.at(0)


async def test_a_store_that_is_away_holds_no_alert_back() -> None:
    bench = Bench()
    bench.book.down = True
    await bench.raise_alert(an_alert())
    assert bench.desks.raised == [RaisedAlert(alert=an_alert(), rules=DeskRules())]


async def test_what_goes_wrong_keeps_its_code() -> None:
    bench = Bench()

    async def fail(raised: RaisedAlert, *, timezone: str) -> None:
        raise ChannelFailed("nobody there")

    bench.desks.hand_over = fail  # type: ignore[method-assign]
    with pytest.raises(ApplicationError) as failed:
        await bench.raise_alert(an_alert())
    assert (failed.value.type, failed.value.non_retryable) == ("channel_failed", False)


async def test_the_end_of_a_ticket_is_told_to_each_desk_that_has_alerts_of_it() -> None:
    bench = Bench()
    closed = ClosedTicket(task_id="T1", groups=("Accounts", "Cards"))
    await ActivityEnvironment().run(bench.activities.close_alerts, closed)
    assert bench.desks.closed == [("T1", "Accounts"), ("T1", "Cards")]


def test_a_desk_record_is_kept_in_its_order() -> None:
    run, book = DeskRun(), FakeAlertBook()
    run.raise_alert(0)
    changes = tuple(each for each in run.effects if not isinstance(each, Notify))
    record = DeskRecord.model_validate_json(DeskRecord(changes=changes).model_dump_json())
    ActivityEnvironment().run(AlertRecords(book).record_alerts, record)
    [logged] = book.alerts_of("T1")
    assert logged.told == ("sms → lead",)


@pytest.mark.parametrize(
    ("group", "shown"),
    [
        ("Account Operations", "alerts-account-operations-"),
        ("账户运营", "alerts-"),
        ("Team of 13800138000", "alerts-team-of-"),
        ("B2B / Cards", "alerts-b2b-cards-"),
    ],
)
def test_a_desks_id_shows_the_group_and_nobodys_number(group: str, shown: str) -> None:
    assert desk_workflow_id(group).removeprefix(shown).isalnum()
    assert desk_workflow_id(group)[-6:].isalnum()


def test_groups_whose_names_look_alike_have_desks_of_their_own() -> None:
    names = ("Cards", "cards", "CARDS ", "卡", "账户")
    assert len({desk_workflow_id(each) for each in names}) == len(names)


async def test_the_adapter_signals_with_a_start_that_pins_clock_and_zone() -> None:
    calls: list[tuple[str, DeskInput, dict[str, object]]] = []

    class Client:
        async def start_workflow(self, name: str, given: DeskInput, **options: object) -> None:
            calls.append((name, given, options))

    clock = BankClock(factor=60)
    desks = WorkflowAlertDesks(clock, client=Client())  # type: ignore[arg-type]
    await desks.hand_over(RaisedAlert(alert=an_alert(), rules=DeskRules()), timezone="Asia/Shanghai")
    [(name, given, options)] = calls
    assert name == "AlertDeskWorkflow"
    assert (given.group, given.clock, given.timezone) == ("Accounts", clock, "Asia/Shanghai")
    assert options["id"] == desk_workflow_id("Accounts")
    assert options["start_signal"] == "raise_alert"


async def test_an_alert_without_a_group_goes_to_whoever_takes_unknown_tickets_of_high_risk() -> None:
    """A ticket that could not even be opened has none, and its failure must not be lost."""
    bench = Bench()
    receipt = await bench.raise_alert(an_alert(level=AlertLevel.FAILURE, group=""))
    assert receipt.handed_to == "Operations Supervisor"
    assert bench.desks.raised[0].alert.group == "Operations Supervisor"


async def test_what_on_call_is_to_answer_is_paged() -> None:
    bench = Bench()
    await bench.raise_alert(an_alert())
    await bench.raise_alert(an_alert(also=Addressee(to="on_call")))
    assert [each.pages for each in bench.desks.raised] == [False, True]
