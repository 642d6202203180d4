"""Real messages over real SMTP and HTTP to the sinks in a process of their own."""

import json
import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.adapters.channels import channel_senders, message_id
from activities.notices import NoticeActivities
from activities.ports import ChannelSender
from domain.alerts import Alert, AlertLevel
from domain.errors import ChannelFailed
from domain.notices import Channel, Notice
from domain.steps import StepInput, StepOutput
from domain.task import OpsTask, RiskLevel
from tests.fakes.channels import FakeAddressBook, FakeNoticeLog
from tests.fakes.core_bank import FakeCoreBank
from tests.fakes.rulebook import FakeRulebook
from tests.support.sinks import Sinks, running_sinks

ADDRESSES = {
    Channel.EMAIL: "li@bank.example",
    Channel.SMS: "+8619900001234",
    Channel.WECOM: "robot-key-1",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sinks]:
    with running_sinks(tmp_path_factory.mktemp("sinks")) as sinks:
        yield sinks


@pytest.fixture
def sinks(server: Sinks) -> Iterator[Sinks]:
    yield server
    server.heal()


def senders_to(sinks: Sinks, timeout_s: float = 5.0) -> dict[Channel, ChannelSender]:
    return channel_senders(
        email_url=SecretStr(sinks.email_url),
        email_from="opsloop <opsloop@bank.example>",
        sms_url=SecretStr(sinks.sms_url),
        wecom_url=SecretStr(sinks.wecom_url),
        timeout_s=timeout_s,
    )


def notice(channel: Channel, notice_id: str) -> Notice:
    return Notice(
        notice_id=notice_id,
        channel=channel,
        to="C1",
        subject="账户通知 / notice",
        body="您的账户 ****1234 已被限制。\nSecond line.",
        task_id="T1",
    )


@pytest.mark.parametrize("channel", list(ADDRESSES))
def test_a_message_arrives_whole_under_its_stable_id(sinks: Sinks, channel: Channel) -> None:
    senders_to(sinks)[channel].send(notice(channel, f"arrives/{channel}"), ADDRESSES[channel])

    received = sinks.messages(channel=channel.value)[-1]
    assert received["to"] == ADDRESSES[channel]
    assert received["subject"] == "账户通知 / notice"
    assert received["body"].splitlines() == ["您的账户 ****1234 已被限制。", "Second line."]
    assert message_id(f"arrives/{channel}") in received["message_id"]
    assert datetime.fromisoformat(received["received_at"]).tzinfo is not None


@pytest.mark.parametrize("channel", list(ADDRESSES))
def test_a_repeat_carries_the_same_id(sinks: Sinks, channel: Channel) -> None:
    sender = senders_to(sinks)[channel]
    for notice_id in (f"repeat/{channel}", f"repeat/{channel}", f"other/{channel}"):
        sender.send(notice(channel, notice_id), ADDRESSES[channel])

    first, repeat, other = [each["message_id"] for each in sinks.messages(channel=channel.value)[-3:]]
    assert first == repeat != other


@pytest.mark.parametrize("channel", list(ADDRESSES))
def test_a_refusal_is_a_failure_with_the_servers_reason(sinks: Sinks, channel: Channel) -> None:
    sender = senders_to(sinks)[channel]
    sinks.fail(channel.value, "refuse")
    before = len(sinks.messages(channel=channel.value, limit=10_000))

    with pytest.raises(ChannelFailed, match=r"451 4\.3\.0|error=503") as caught:
        sender.send(notice(channel, f"refused/{channel}"), ADDRESSES[channel])
    assert ADDRESSES[channel] not in str(caught.value)
    assert len(sinks.messages(channel=channel.value, limit=10_000)) == before

    sender.send(notice(channel, f"refused/{channel}"), ADDRESSES[channel])
    assert len(sinks.messages(channel=channel.value, limit=10_000)) == before + 1


@pytest.mark.parametrize("channel", list(ADDRESSES))
def test_a_server_that_answers_too_late_is_a_failure(sinks: Sinks, channel: Channel) -> None:
    sinks.fail(channel.value, "slow", delay_s=2)
    with pytest.raises(ChannelFailed):
        senders_to(sinks, timeout_s=0.3)[channel].send(notice(channel, f"late/{channel}"), ADDRESSES[channel])


@pytest.mark.parametrize("channel", list(ADDRESSES))
def test_a_dead_server_is_a_failure(tmp_path: Path, channel: Channel) -> None:
    with running_sinks(tmp_path) as gone:
        senders = senders_to(gone)
    with pytest.raises(ChannelFailed) as caught:
        senders[channel].send(notice(channel, "dead"), ADDRESSES[channel])
    assert ADDRESSES[channel] not in str(caught.value)


def test_the_customer_is_told_once_however_often_the_activity_runs(sinks: Sinks) -> None:
    log = FakeNoticeLog()
    activities = NoticeActivities(
        senders_to(sinks),
        log,
        FakeAddressBook({}),
        FakeCoreBank(contacts={("C1", Channel.SMS): "+8619900009876"}),
        FakeRulebook(),
    )
    task = OpsTask(
        task_id="T9",
        title="解冻账户",
        source="test",
        external_id="9",
        category="accounts",
        action="unfreeze",
        customer_ref="C1",
        account_ref="6222020200001234",
        fields={"authority": "customer"},
    )
    step = StepInput(
        task=task,
        step_id="notify",
        step_name="Notify",
        handler="sms_notifier",
        risk=RiskLevel.LOW,
        now=datetime(2026, 11, 23, 13, 5, tzinfo=UTC),
        results={"unfreeze": StepOutput(data={"order_id": "UF1", "status": "executed"})},
    )
    sinks.fail("sms", "refuse")
    with pytest.raises(ApplicationError):
        ActivityEnvironment().run(activities.sms_notifier, step)
    for _ in range(3):
        assert ActivityEnvironment().run(activities.sms_notifier, step).outcome == "sent"

    [received] = sinks.messages(channel="sms", to="+8619900009876")
    assert received["body"] == "您的账户 ****1234 的限制已于 2026-11-23 21:05 解除，编号 T9。"


def test_an_alert_whose_first_channel_refuses_arrives_by_the_next(sinks: Sinks) -> None:
    activities = NoticeActivities(
        senders_to(sinks),
        FakeNoticeLog(),
        FakeAddressBook(
            {
                ("Account Operations", Channel.WECOM): ["robot-key-2"],
                ("Account Operations", Channel.EMAIL): ["accounts@bank.example"],
            }
        ),
        FakeCoreBank(),
        FakeRulebook(),
    )
    alert = Alert(
        alert_id="T9/sla-orange",
        task_id="T9",
        level=AlertLevel.ORANGE,
        group="Account Operations",
        subject="75 % of the SLA gone",
        body="15 minutes left.",
    )
    sinks.fail("wecom", "refuse")
    receipt = ActivityEnvironment().run(activities.raise_alert, alert)

    assert receipt.sent == ("email → Account Operations",)
    assert sinks.messages(channel="wecom", to="robot-key-2") == []
    [received] = sinks.messages(channel="email", to="accounts@bank.example")
    assert (received["subject"], received["body"]) == (alert.subject, alert.body)


class TestTheSinks:
    def test_the_outbox_is_lines_of_json_and_outlives_a_kill(self, tmp_path: Path) -> None:
        with running_sinks(tmp_path) as first:
            senders_to(first)[Channel.SMS].send(notice(Channel.SMS, "kept"), ADDRESSES[Channel.SMS])
            os.kill(first.pid, signal.SIGKILL)
        with first.outbox.open("a", encoding="utf-8") as file:
            file.write('{"received_at": "2026-')
        with running_sinks(tmp_path) as second:
            senders_to(second)[Channel.SMS].send(notice(Channel.SMS, "later"), ADDRESSES[Channel.SMS])
            assert len(second.messages()) == 2
        lines = [json.loads(line) for line in second.outbox.read_text("utf-8").splitlines()]
        assert [each["message_id"] for each in lines] == [message_id("kept"), message_id("later")]
        assert set(lines[0]) == {"received_at", "channel", "to", "subject", "body", "message_id"}

    def test_messages_are_listed_by_channel_receiver_and_number(self, sinks: Sinks) -> None:
        sender = senders_to(sinks)[Channel.SMS]
        for place, number in enumerate(("+8619900000011", "+8619900000012", "+8619900000011")):
            sender.send(notice(Channel.SMS, f"listed/{place}"), number)
        assert len(sinks.messages(to="+8619900000011")) == 2
        assert [each["to"] for each in sinks.messages(channel="sms", limit=2)] == [
            "+8619900000012",
            "+8619900000011",
        ]

    def test_a_fault_ends_with_its_count_or_when_told(self, sinks: Sinks) -> None:
        sinks.fail("sms", "refuse", count=2)
        sender = senders_to(sinks)[Channel.SMS]
        for _ in range(2):
            with pytest.raises(ChannelFailed):
                sender.send(notice(Channel.SMS, "fault"), ADDRESSES[Channel.SMS])
        sender.send(notice(Channel.SMS, "fault"), ADDRESSES[Channel.SMS])
        sinks.fail("sms", "refuse", count=9)
        sinks.heal()
        sender.send(notice(Channel.SMS, "fault"), ADDRESSES[Channel.SMS])

    @pytest.mark.parametrize(
        ("fault", "field"),
        [
            ({"channel": "fax", "kind": "refuse"}, "channel"),
            ({"channel": "sms", "kind": "explode"}, "kind"),
            ({"channel": "sms", "kind": "refuse", "count": -1}, "count"),
            ({"channel": "sms", "kind": "refuse", "hours": 1}, "hours"),
        ],
    )
    def test_a_wrong_fault_is_refused_by_field(
        self, sinks: Sinks, fault: dict[str, object], field: str
    ) -> None:
        answer = httpx.put(f"{sinks.http_url}/faults", json=fault, trust_env=False)
        assert answer.status_code == 422
        assert field in answer.text
