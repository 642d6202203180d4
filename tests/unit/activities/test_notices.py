"""What customers are told and when they must not be; whom an alert reaches, and how failures are borne."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.catalogue import handlers_of
from activities.notice_texts import alert_text
from activities.notices import NoticeActivities
from activities.on_call import OnCallLine
from domain.alerts import Addressee, Alert, AlertLevel, AlertPolicy, AlertReceipt, AlertRule
from domain.handlers import Effect, Queue
from domain.notices import Channel
from domain.people import Directory, Group, Principal, Role
from domain.steps import StepInput, StepOutput
from domain.task import OpsTask, RiskLevel
from tests.fakes.channels import FakeAddressBook, FakeNoticeLog, FakeSender
from tests.fakes.core_bank import FakeCoreBank
from tests.fakes.rulebook import FakeRulebook

ACCOUNT, PHONE, MAIL = "6222020200001234", "+8619900001234", "customer@mail.example"
EXECUTED = StepOutput(data={"order_id": "FZ1", "status": "executed", "effective_amount": "86000.00"})
NOT_EXECUTED = StepOutput(outcome="not_executed", data={"order_id": "RV1", "status": "revoked"})

DIRECTORY = Directory(
    principals=tuple(
        Principal(id=each, name=each, roles=frozenset({Role.ONCALL}))
        for each in ("lead", "duty.one", "duty.two", "boss")
    ),
    groups=(Group(name="Accounts", lead="lead"), Group(name="Supervisors"), Group(name="Orphans")),
    on_call=("duty.one", "duty.two"),
)
RULES = AlertPolicy(
    levels={
        AlertLevel.ORANGE: AlertRule(to="group", channels=(Channel.WECOM, Channel.EMAIL)),
        AlertLevel.RED: AlertRule(to="lead", channels=(Channel.SMS,)),
        AlertLevel.CRITICAL: AlertRule(to="on_call", channels=(Channel.DASHBOARD, Channel.SMS)),
    }
)
EVERYBODY = {
    ("Accounts", Channel.WECOM): ["robot"],
    ("Accounts", Channel.EMAIL): ["accounts@bank.example", "second@bank.example"],
    ("lead", Channel.SMS): ["+8619900000001"],
    ("duty.one", Channel.SMS): ["+8619900000002"],
    ("duty.two", Channel.SMS): ["+8619900000003"],
    ("Supervisors", Channel.SMS): ["+8619900000004"],
}


class Roster:
    """Has duty.two on call for everybody."""

    def of(self, group: str) -> tuple[str, ...]:
        assert group == "Accounts"
        return ("duty.two",)


class Bench:
    """The activities over fakes."""

    def __init__(
        self,
        *,
        addresses: dict[Any, Any] | None = None,
        contacts: Any = None,
        alerts: AlertPolicy = RULES,
    ) -> None:
        self.sms, self.email, self.wecom = FakeSender(), FakeSender(), FakeSender()
        self.senders = {Channel.SMS: self.sms, Channel.EMAIL: self.email, Channel.WECOM: self.wecom}
        self.log = FakeNoticeLog()
        self.bank = FakeCoreBank(
            contacts={("C1", Channel.SMS): PHONE, ("C1", Channel.EMAIL): MAIL}
            if contacts is None
            else contacts
        )
        self.activities = NoticeActivities(
            self.senders,
            self.log,
            FakeAddressBook(EVERYBODY if addresses is None else addresses),
            self.bank,
            FakeRulebook(directory=DIRECTORY, alerts=alerts),
        )

    def run(self, handler: Callable[..., StepOutput], step: StepInput) -> StepOutput:
        return ActivityEnvironment().run(handler, step)

    def alert(self, level: AlertLevel, **changes: Any) -> AlertReceipt:
        fields = {"group": "Accounts", "subject": "75 % gone", "body": "15 minutes left", **changes}
        alert = Alert(alert_id="T1/sla-red", task_id="T1", level=level, **fields)
        return ActivityEnvironment().run(self.activities.deliver_alert, alert)

    @property
    def details(self) -> list[tuple[str, bool, str]]:
        return [(each.notice_id, each.accepted, each.detail) for _, each in self.log.records]


def step(
    *,
    title: str = "Freeze account",
    action: str = "freeze",
    category: str = "accounts",
    results: dict[str, StepOutput] | None = None,
    customer: str = "C1",
    **fields: Any,
) -> StepInput:
    task = OpsTask(
        task_id="T1",
        title=title,
        source="test",
        external_id="1",
        category=category,
        action=action,
        customer_ref=customer,
        account_ref=ACCOUNT,
        fields=fields,
    )
    return StepInput(
        task=task,
        step_id="notify_customer",
        step_name="Notify Customer",
        handler="sms_notifier",
        risk=RiskLevel.LOW,
        now=datetime(2026, 11, 23, 13, 5, tzinfo=UTC),
        results={"execute_freeze": EXECUTED} if results is None else results,
    )


class TestCatalogue:
    def test_messages_are_gated_the_acknowledgement_is_not(self) -> None:
        specs = handlers_of((NoticeActivities,))
        assert {name: spec.effect for name, spec in specs.items()} == {
            "sms_notifier": Effect.MESSAGE,
            "email_notifier": Effect.MESSAGE,
            "wecom_notifier": Effect.MESSAGE,
            "acknowledge_receipt": Effect.NOTICE,
        }
        assert {spec.queue for spec in specs.values()} == {Queue.CHANNELS}
        assert all(spec.reads_results and spec.irreversible for spec in specs.values())


class TestTexts:
    def test_a_frozen_customer_reads_what_happened_to_a_masked_account(self) -> None:
        bench = Bench()
        output = bench.run(bench.activities.sms_notifier, step(authority="police", amount="90000"))

        assert output.outcome == "sent"
        [(notice, address)] = bench.sms.sent
        assert (address, notice.subject) == (PHONE, "")
        assert notice.body == (
            "Your account ****1234 has been restricted (CNY 86,000.00) at 2026-11-23 21:05, reference T1. "
            "Please ask your branch if you have questions."
        )

    @pytest.mark.parametrize(
        ("title", "language", "chinese"),
        [
            ("冻结账户", None, True),
            ("Freeze account", None, False),
            ("冻结账户", "en", False),
            ("Freeze account", "zh-CN", True),
            ("冻结账户", "fr", True),
        ],
    )
    def test_the_language_is_the_one_asked_for_else_that_of_the_title(
        self, title: str, language: str | None, chinese: bool
    ) -> None:
        bench = Bench()
        bench.run(bench.activities.email_notifier, step(title=title, language=language))
        [(notice, _)] = bench.email.sent
        assert ("您的账户" in notice.body) is chinese
        assert notice.subject == (
            "银行业务通知（编号 T1）" if chinese else "Notice from your bank (reference T1)"
        )

    @pytest.mark.parametrize(
        ("action", "category", "words"),
        [
            ("unfreeze", "accounts", "has been lifted (CNY 86,000.00)"),
            ("cross_border", "settlement", "payment from account ****1234 (CNY 86,000.00) was released"),
            ("handle", "complaint", "Your request has been processed"),
        ],
    )
    def test_each_kind_of_result_has_its_text(self, action: str, category: str, words: str) -> None:
        bench = Bench()
        bench.run(bench.activities.sms_notifier, step(action=action, category=category))
        assert words in bench.sms.sent[0][0].body

    @pytest.mark.parametrize(
        ("topic", "words"),
        [
            ("result", "has been restricted"),
            ("processed", "Your request has been processed"),
            ("received", "We have received your request"),
        ],
    )
    def test_an_sop_can_have_less_said_and_choose_the_language(self, topic: str, words: str) -> None:
        bench = Bench()
        given_step = step(title="冻结账户").model_copy(update={"inputs": {"topic": topic, "language": "en"}})
        bench.run(bench.activities.sms_notifier, given_step)
        assert words in bench.sms.sent[0][0].body

    def test_the_account_and_currency_are_those_of_the_bank_s_receipt(self) -> None:
        bench = Bench()
        receipt = EXECUTED.model_copy(
            update={"data": {**EXECUTED.data, "account": "****5678", "currency": "USD"}}
        )
        bench.run(bench.activities.sms_notifier, step(results={"execute_freeze": receipt}))
        assert "****5678 has been restricted (USD 86,000.00)" in bench.sms.sent[0][0].body

    def test_what_the_bank_did_not_execute_is_not_told_as_done(self) -> None:
        bench = Bench()
        bench.run(
            bench.activities.sms_notifier, step(action="unfreeze", results={"execute_unfreeze": NOT_EXECUTED})
        )
        assert "Your request has been processed" in bench.sms.sent[0][0].body

    @given(
        kind=st.sampled_from(["sms_notifier", "email_notifier", "acknowledge_receipt"]),
        action=st.sampled_from(["freeze", "unfreeze", "cross_border", "handle"]),
        done=st.booleans(),
        language=st.sampled_from(["zh", "en"]),
    )
    def test_no_text_has_the_account_the_title_or_who_ordered_it(
        self, kind: str, action: str, done: bool, language: str
    ) -> None:
        bench = Bench()
        given_step = step(
            title="Freeze Mr Zhang",
            action=action,
            results={"execute": EXECUTED} if done else {},
            authority="customer",
            language=language,
            document_no="D-77",
        )
        output = bench.run(getattr(bench.activities, kind), given_step)
        assert output.outcome == "sent"
        for notice, _ in bench.sms.sent + bench.email.sent:
            text = notice.subject + notice.body
            assert not [each for each in (ACCOUNT, "Zhang", "customer", "D-77", PHONE, MAIL) if each in text]
            assert notice.to == "C1"
        assert PHONE not in output.model_dump_json()


class TestNoTippingOff:
    @pytest.mark.parametrize("handler", ["sms_notifier", "email_notifier", "acknowledge_receipt"])
    @pytest.mark.parametrize("results", [{}, {"execute_freeze": NOT_EXECUTED}])
    @pytest.mark.parametrize("authority", ["police", "court", "tax", "pbc_aml", "a body nobody knows", None])
    def test_nobody_learns_of_a_freeze_before_the_bank_executed_it(
        self, handler: str, results: dict[str, StepOutput], authority: str | None
    ) -> None:
        bench = Bench()
        output = bench.run(getattr(bench.activities, handler), step(results=results, authority=authority))
        assert output.outcome == "withheld"
        assert bench.sms.sent == bench.email.sent == []
        [(notice_id, accepted, detail)] = bench.details
        assert (notice_id, accepted) == ("T1/notify_customer/1", False)
        assert detail.startswith("withheld: ")

    @pytest.mark.parametrize("secrecy", [True, "true", "yes", 1, "保密"])
    def test_a_secret_order_is_never_told(self, secrecy: object) -> None:
        bench = Bench()
        output = bench.run(bench.activities.sms_notifier, step(secrecy=secrecy, authority="court"))
        assert (output.outcome, bench.sms.sent) == ("withheld", [])
        assert "secrecy" in output.summary

    @pytest.mark.parametrize("secrecy", [False, None, "no", "false", ""])
    def test_an_open_order_is_told_once_executed(self, secrecy: object) -> None:
        bench = Bench()
        output = bench.run(bench.activities.sms_notifier, step(secrecy=secrecy, authority="court"))
        assert output.outcome == "sent"

    @pytest.mark.parametrize("topic", ["result", "processed", "received"])
    def test_no_topic_gets_around_it(self, topic: str) -> None:
        bench = Bench()
        for given_step in (step(results={}, authority="police"), step(secrecy=True)):
            asked = given_step.model_copy(update={"inputs": {"topic": topic}})
            assert bench.run(bench.activities.sms_notifier, asked).outcome == "withheld"

    @pytest.mark.parametrize("name", ["secrecy", "authority", "text"])
    def test_an_sop_cannot_overrule_the_ticket_s_order_or_write_its_own_text(self, name: str) -> None:
        bench = Bench()
        asked = step(secrecy=True).model_copy(update={"inputs": {name: "no"}})
        with pytest.raises(ApplicationError, match=f"inputs.{name}: sms_notifier takes no such input"):
            bench.run(bench.activities.sms_notifier, asked)

    def test_a_compliance_case_is_kept_from_its_subject(self) -> None:
        bench = Bench()
        output = bench.run(bench.activities.acknowledge_receipt, step(category="compliance", action="review"))
        assert output.outcome == "withheld"

    def test_what_an_operator_skipped_is_not_told_as_processed(self) -> None:
        bench = Bench()
        skipped = {"execute_freeze": StepOutput(outcome="skipped", summary="skipped by an operator")}
        output = bench.run(bench.activities.sms_notifier, step(results=skipped, authority="customer"))
        assert (output.outcome, bench.sms.sent) == ("withheld", [])
        assert "skipped" in output.summary

    def test_customers_may_hear_of_what_they_asked_for_themselves(self) -> None:
        bench = Bench()
        output = bench.run(bench.activities.acknowledge_receipt, step(results={}, authority="customer"))
        assert output.outcome == "sent"
        assert "We have received your request, reference T1" in bench.sms.sent[0][0].body


class TestCustomers:
    def test_a_repeated_notice_is_not_sent_twice(self) -> None:
        bench = Bench()
        first = bench.run(bench.activities.sms_notifier, step())
        again = bench.run(bench.activities.sms_notifier, step())
        assert (first.outcome, again.outcome) == ("sent", "sent")
        assert (first.data["repeated"], again.data["repeated"]) == (False, True)
        assert len(bench.sms.sent) == 1
        assert bench.log.records[-1][1].repeated

    @pytest.mark.parametrize("contacts", [{}, {("C2", Channel.SMS): PHONE}])
    def test_without_an_address_the_outcome_says_so(self, contacts: dict[Any, str]) -> None:
        bench = Bench(contacts=contacts)
        output = bench.run(bench.activities.sms_notifier, step())
        assert output.outcome == "no_address"
        assert bench.details == [("T1/notify_customer/1", False, "the customer has no address for sms")]

    def test_a_ticket_without_a_customer_has_no_address(self) -> None:
        bench = Bench()
        output = bench.run(bench.activities.sms_notifier, step(customer=""))
        assert (output.outcome, output.summary) == ("no_address", "not told: the ticket names no customer")

    def test_the_acknowledgement_goes_by_mail_where_sms_fails_or_is_unknown(self) -> None:
        failing, without_phone = Bench(), Bench(contacts={("C1", Channel.EMAIL): MAIL})
        failing.sms.refuse = 1
        for bench in (failing, without_phone):
            bench.run(bench.activities.acknowledge_receipt, step(results={}, action="unfreeze"))
            assert (bench.sms.sent, bench.email.addresses) == ([], [MAIL])

    def test_a_failed_channel_is_worth_a_retry_and_is_kept_in_the_log(self) -> None:
        bench = Bench()
        bench.sms.refuse = 1
        with pytest.raises(ApplicationError, match="sms: refused") as caught:
            bench.run(bench.activities.sms_notifier, step())
        assert (caught.value.type, caught.value.non_retryable) == ("channel_failed", False)
        assert bench.details == [("T1/notify_customer/1", False, "sms: refused")]

        assert bench.run(bench.activities.sms_notifier, step()).outcome == "sent"
        assert len(bench.sms.sent) == 1

    def test_a_channel_that_is_not_set_up_names_the_missing_setting(self) -> None:
        bench = Bench(contacts={("C1", Channel.WECOM): "someone"})
        del bench.senders[Channel.WECOM]
        with pytest.raises(ApplicationError, match="set OPSLOOP_WECOM_URL"):
            bench.run(bench.activities.wecom_notifier, step())

    def test_a_bank_that_does_not_answer_is_asked_again(self) -> None:
        bench = Bench()
        bench.bank.down = True
        with pytest.raises(ApplicationError) as caught:
            bench.run(bench.activities.sms_notifier, step())
        assert (caught.value.type, caught.value.non_retryable) == ("bank_unavailable", False)

    def test_a_customer_is_not_written_to_while_the_log_cannot_say_whether_it_was_done(self) -> None:
        bench = Bench()
        bench.log.down = True
        with pytest.raises(ApplicationError) as caught:
            bench.run(bench.activities.sms_notifier, step())
        assert (caught.value.type, bench.sms.sent) == ("store_unavailable", [])


class TestAlerts:
    def test_a_level_without_a_rule_lights_the_dashboard_only(self) -> None:
        bench = Bench()
        receipt = bench.alert(AlertLevel.PRE_ALERT)
        assert receipt.sent == ("dashboard → Accounts",)
        assert bench.details == [("T1/sla-red/dashboard/Accounts", True, "")]
        assert bench.sms.sent == bench.wecom.sent == bench.email.sent == []

    def test_the_first_channel_that_takes_it_is_enough(self) -> None:
        bench = Bench()
        receipt = bench.alert(AlertLevel.ORANGE)
        assert receipt.sent == ("wecom → Accounts",)
        assert (bench.wecom.addresses, bench.email.sent) == (["robot"], [])

    def test_a_failed_channel_gives_way_to_the_next_and_is_in_the_receipt(self) -> None:
        bench = Bench()
        bench.wecom.refuse = 1
        receipt = bench.alert(AlertLevel.ORANGE)
        assert receipt.sent == ("email → Accounts",)
        assert receipt.failed == ("wecom → Accounts: wecom: refused",)
        assert bench.email.addresses == ["accounts@bank.example", "second@bank.example"]
        assert [notice.notice_id for notice, _ in bench.email.sent] == [
            "T1/sla-red/email/Accounts",
            "T1/sla-red/email/Accounts/2",
        ]

    def test_a_lead_who_cannot_be_reached_is_backed_by_on_call(self) -> None:
        bench = Bench()
        bench.sms.refuse = 2
        receipt = bench.alert(AlertLevel.RED)
        assert receipt.sent == ("sms → duty.two",)
        refused = [each for each in receipt.failed if "no address" not in each]
        assert refused == ["sms → lead: sms: refused", "sms → duty.one: sms: refused"]

    def test_the_backup_of_the_only_channel_goes_before_the_next_in_line(self) -> None:
        bench = Bench(addresses=EVERYBODY | {("lead", Channel.EMAIL): ["lead@bank.example"]})
        bench.sms.refuse = 1
        receipt = bench.alert(AlertLevel.RED)
        assert receipt.sent == ("email → lead",)
        assert receipt.failed == ("sms → lead: sms: refused", "wecom → lead: no address")

    def test_a_channel_whose_backup_the_policy_takes_away_has_none(self) -> None:
        bench = Bench(
            addresses=EVERYBODY | {("lead", Channel.EMAIL): ["lead@bank.example"]},
            alerts=RULES.model_copy(update={"backups": {Channel.SMS: None}}),
        )
        bench.sms.refuse = 1
        assert bench.alert(AlertLevel.RED).sent == ("sms → duty.one",)
        assert bench.email.sent == []

    def test_a_group_without_a_lead_is_backed_by_on_call(self) -> None:
        assert Bench().alert(AlertLevel.RED, group="Orphans").sent == ("sms → duty.one",)

    def test_the_dashboard_does_not_count_as_somebody_reached(self) -> None:
        bench, broken = Bench(), Bench()
        assert bench.alert(AlertLevel.CRITICAL).sent == ("dashboard → Accounts", "sms → duty.one")
        broken.sms.refuse = 99
        with pytest.raises(ApplicationError, match="did not reach on_call"):
            broken.alert(AlertLevel.CRITICAL)

    def test_a_named_addressee_stands_in_for_the_rules_or_is_told_besides(self) -> None:
        named = Addressee(to="Supervisors", channel=Channel.SMS)
        instead, besides = Bench(), Bench()
        assert instead.alert(AlertLevel.RED, instead=named).sent == ("sms → Supervisors",)
        assert besides.alert(AlertLevel.RED, also=named).sent == ("sms → lead", "sms → Supervisors")

    def test_somebody_addressed_twice_by_one_alert_is_told_once(self) -> None:
        bench = Bench(addresses=EVERYBODY | {("Supervisors", Channel.SMS): ["+8619900000002"]})
        named = Addressee(to="Supervisors", channel=Channel.SMS)
        receipt = bench.alert(AlertLevel.CRITICAL, also=named)
        assert receipt.sent == ("dashboard → Accounts", "sms → duty.one", "sms → Supervisors")
        assert bench.sms.addresses == ["+8619900000002"]
        assert bench.details[-1] == ("T1/sla-red/sms/Supervisors", True, "the same address was told before")

    def test_a_named_person_is_told_even_where_the_level_lights_the_dashboard_only(self) -> None:
        receipt = Bench().alert(AlertLevel.REVIEW, instead=Addressee(to="on_call"))
        assert receipt.sent == ("sms → duty.one",)

    def test_whoever_is_paged_gets_no_message_besides(self) -> None:
        alone = Bench().alert(AlertLevel.REVIEW, instead=Addressee(to="on_call"), paged=True)
        assert (alone.sent, alone.failed) == ((), ())
        both = Bench().alert(AlertLevel.RED, also=Addressee(to="on_call"), paged=True)
        assert both.sent == ("sms → lead",)

    def test_on_call_is_whom_the_roster_has_now(self) -> None:
        bench = Bench()
        bench.activities = NoticeActivities(
            bench.senders,
            bench.log,
            FakeAddressBook(EVERYBODY),
            bench.bank,
            FakeRulebook(directory=DIRECTORY, alerts=RULES),
            on_call=cast(OnCallLine, Roster()),
        )
        receipt = bench.alert(AlertLevel.REVIEW, instead=Addressee(to="on_call"))
        assert receipt.sent == ("sms → duty.two",)

    def test_a_name_that_nobody_has_is_replaced_by_the_tickets_group(self) -> None:
        receipt = Bench().alert(AlertLevel.ORANGE, instead=Addressee(to="Night Owls"))
        assert receipt.sent == ("wecom → Accounts",)
        assert "wecom → Night Owls: no address" in receipt.failed

    def test_reaching_nobody_is_a_failure_worth_a_retry_that_says_why(self) -> None:
        bench = Bench(addresses={})
        with pytest.raises(ApplicationError, match="did not reach lead: sms → lead: no address") as caught:
            bench.alert(AlertLevel.RED)
        assert (caught.value.type, caught.value.non_retryable) == ("channel_failed", False)

    def test_a_repeated_alert_is_not_sent_twice(self) -> None:
        bench = Bench()
        bench.alert(AlertLevel.RED)
        again = bench.alert(AlertLevel.RED)
        assert again.sent == ("sms → lead",)
        assert len(bench.sms.sent) == 1
        assert bench.log.records[-1][1].repeated

    def test_an_alert_goes_out_while_the_store_is_down(self) -> None:
        bench = Bench()
        bench.log.down = True
        assert bench.alert(AlertLevel.RED).sent == ("sms → lead",)
        assert bench.sms.addresses == ["+8619900000001"]

    @given(st.lists(st.sampled_from(["sms", "email", "wecom"]), max_size=4), st.sampled_from(AlertLevel))
    def test_an_alert_either_reaches_somebody_or_fails(self, broken: list[str], level: AlertLevel) -> None:
        bench = Bench()
        for name in broken:
            getattr(bench, name).refuse = 99
        sent: tuple[str, ...] = ()
        with suppress(ApplicationError):
            sent = bench.alert(level).sent
        taken = bench.sms.sent + bench.email.sent + bench.wecom.sent
        assert bool(taken) == any(not each.startswith("dashboard") for each in sent)


def test_an_alert_says_what_until_when_in_the_banks_time_and_what_to_do() -> None:
    alert = Alert(
        alert_id="T1/R1",
        task_id="T1",
        level=AlertLevel.REVIEW,
        group="Compliance Review",
        subject="decision needed",
        body="Compliance Review is asked: may it go ahead?",
        deadline_at=datetime(2026, 11, 23, 19, 30, tzinfo=UTC),
        action="opsloop review show R1-T1",
    )
    assert alert_text(alert, ZoneInfo("Asia/Shanghai")) == (
        "Compliance Review is asked: may it go ahead? Until 11-24 03:30. opsloop review show R1-T1"
    )
