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

from activities.adapters.channels import Providers, channel_senders, message_id
from activities.channel_tests import ChannelTestActivities
from activities.notices import NoticeActivities
from domain.alerts import AlertPolicy
from domain.errors import ChannelFailed
from domain.notices import Channel, ChannelTest, Notice, next_channel
from domain.steps import StepInput, StepOutput
from domain.task import OpsTask, RiskLevel
from tests.fakes.channels import FakeAddressBook, FakeNoticeLog
from tests.fakes.core_bank import FakeCoreBank
from tests.fakes.rulebook import FakeRulebook
from tests.support.sinks import Sinks, running_sinks

WAYS = {
    "email": (Channel.EMAIL, "li@bank.example"),
    "sms": (Channel.SMS, "+8619900001234"),
    "robot": (Channel.WECOM, "robot-key-1"),
    "application": (Channel.WECOM, "li.wei"),
    "webhook": (Channel.WEBHOOK, "Account Operations"),
}
EVERY = pytest.mark.parametrize("way", WAYS)
MORE_THAN_PROVIDERS = 9


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sinks]:
    with running_sinks(tmp_path_factory.mktemp("sinks")) as sinks:
        yield sinks


@pytest.fixture
def sinks(server: Sinks) -> Iterator[Sinks]:
    yield server
    server.heal()


def senders_to(sinks: Sinks, timeout_s: float = 5.0) -> dict[Channel, Providers]:
    settings = {name.removeprefix("OPSLOOP_").lower(): value for name, value in sinks.settings.items()}
    secret = {name: SecretStr(value) for name, value in settings.items()}
    sender = "opsloop <opsloop@bank.example>"
    return channel_senders(email_from=sender, timeout_s=timeout_s, **secret)  # type: ignore[arg-type]


def notice(channel: Channel, notice_id: str) -> Notice:
    return Notice(
        notice_id=notice_id,
        channel=channel,
        to="C1",
        subject="账户通知 / notice",
        body="您的账户 ****1234 已被限制。\nSecond line.",
        task_id="T1",
    )


def send(sinks: Sinks, way: str, notice_id: str, timeout_s: float = 5.0) -> str:
    channel, address = WAYS[way]
    return senders_to(sinks, timeout_s)[channel].send(notice(channel, notice_id), address)


def received(sinks: Sinks, way: str) -> list[dict[str, str]]:
    channel, address = WAYS[way]
    return sinks.messages(channel=channel.value, to=address, limit=10_000)


@EVERY
def test_a_message_arrives_whole_under_its_stable_id(sinks: Sinks, way: str) -> None:
    send(sinks, way, f"arrives/{way}")

    message = received(sinks, way)[-1]
    assert message["subject"] == "账户通知 / notice"
    assert message["body"].splitlines() == ["您的账户 ****1234 已被限制。", "Second line."]
    assert message_id(f"arrives/{way}") in message["message_id"]
    assert datetime.fromisoformat(message["received_at"]).tzinfo is not None


@EVERY
def test_a_repeat_carries_the_same_id(sinks: Sinks, way: str) -> None:
    for notice_id in (f"repeat/{way}", f"repeat/{way}", f"other/{way}"):
        send(sinks, way, notice_id)

    first, repeat, other = [each["message_id"] for each in received(sinks, way)[-3:]]
    assert first == repeat != other


@EVERY
@pytest.mark.parametrize("kind", ["refuse", "error", "limit"])
def test_a_refusal_is_a_failure_with_the_servers_reason(sinks: Sinks, way: str, kind: str) -> None:
    sinks.fail(WAYS[way][0].value, kind, MORE_THAN_PROVIDERS)
    before = len(received(sinks, way))

    with pytest.raises(ChannelFailed, match=r"45\d |554 |421 |answered 50[03]|\(429\)") as caught:
        send(sinks, way, f"refused/{way}/{kind}")
    assert WAYS[way][1] not in str(caught.value)
    assert len(received(sinks, way)) == before

    sinks.heal()
    send(sinks, way, f"refused/{way}/{kind}")
    assert len(received(sinks, way)) == before + 1


@pytest.mark.parametrize("way", ["sms", "robot", "application"])
def test_a_200_that_delivers_nothing_is_a_failure(sinks: Sinks, way: str) -> None:
    sinks.fail(WAYS[way][0].value, "drop", MORE_THAN_PROVIDERS)
    before = len(received(sinks, way))
    with pytest.raises(ChannelFailed, match=r"took nothing: code is 15|errcode 93000|errcode 60020"):
        send(sinks, way, f"dropped/{way}")
    assert len(received(sinks, way)) == before


@pytest.mark.parametrize("kind", ["refuse", "error", "limit", "drop"])
def test_the_second_sms_gateway_takes_what_the_first_does_not(sinks: Sinks, kind: str) -> None:
    sinks.fail("sms", kind, provider="first")
    assert send(sinks, "sms", f"second/{kind}") == "second: taken by the gateway"
    message = received(sinks, "sms")[-1]
    assert (message["provider"], message["message_id"]) == ("second", message_id(f"second/{kind}"))


@EVERY
def test_a_server_that_answers_too_late_is_a_failure(sinks: Sinks, way: str) -> None:
    sinks.fail(WAYS[way][0].value, "slow", MORE_THAN_PROVIDERS, delay_s=2)
    with pytest.raises(ChannelFailed, match="in time"):
        send(sinks, way, f"late/{way}", timeout_s=0.3)


@EVERY
def test_a_dead_server_is_a_failure(tmp_path: Path, way: str) -> None:
    with running_sinks(tmp_path) as gone:
        channel, address = WAYS[way]
        sender = senders_to(gone)[channel]
    with pytest.raises(ChannelFailed, match="no connection") as caught:
        sender.send(notice(channel, "dead"), address)
    assert address not in str(caught.value)


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
    sinks.fail("sms", "refuse", MORE_THAN_PROVIDERS)
    with pytest.raises(ApplicationError):
        ActivityEnvironment().run(activities.sms_notifier, step)
    sinks.heal()
    for _ in range(3):
        assert ActivityEnvironment().run(activities.sms_notifier, step).outcome == "sent"

    [message] = sinks.messages(channel="sms", to="+8619900009876")
    assert message["body"] == "您的账户 ****1234 的限制已于 2026-11-23 21:05 解除，编号 T9。"


def test_what_a_channel_does_not_take_arrives_by_its_backup(sinks: Sinks) -> None:
    addresses = {Channel.SMS: "+8619900001234", Channel.WECOM: "li.wei", Channel.EMAIL: "backup@bank.example"}
    policy = AlertPolicy(levels={})
    senders, tried = senders_to(sinks), [Channel.SMS]
    sinks.fail("sms", "drop", MORE_THAN_PROVIDERS)
    sinks.fail("wecom", "error", MORE_THAN_PROVIDERS)
    while True:
        try:
            senders[tried[-1]].send(notice(tried[-1], "backup"), addresses[tried[-1]])
        except ChannelFailed:
            following = next_channel(policy, tried)
            assert following is not None
            tried.append(following)
        else:
            break
    assert tried == [Channel.SMS, Channel.WECOM, Channel.EMAIL]
    [message] = sinks.messages(to="backup@bank.example")
    assert message_id("backup") in message["message_id"]


def test_a_test_of_a_channel_is_a_real_message_that_says_so(sinks: Sinks) -> None:
    book = FakeAddressBook({("li.wei", Channel.SMS): ["+8619900007777"]})
    activities = ChannelTestActivities(senders_to(sinks), FakeNoticeLog(), book)
    test = ChannelTest(test_id="t1", channel=Channel.SMS, to="li.wei", provider="second", by="op.chen")
    result = ActivityEnvironment().run(activities.send_channel_test, test)
    assert (result.taken, result.detail) == (True, "second: taken by the gateway")
    [message] = sinks.messages(channel="sms", to="+8619900007777")
    assert message["provider"] == "second"
    assert "TEST" in message["subject"]


class TestTheSinks:
    def test_the_outbox_is_lines_of_json_and_outlives_a_kill(self, tmp_path: Path) -> None:
        with running_sinks(tmp_path) as first:
            send(first, "sms", "kept")
            os.kill(first.pid, signal.SIGKILL)
        with first.outbox.open("a", encoding="utf-8") as file:
            file.write('{"received_at": "2026-')
        with running_sinks(tmp_path) as second:
            send(second, "sms", "later")
            assert len(second.messages()) == 2
        lines = [json.loads(line) for line in second.outbox.read_text("utf-8").splitlines()]
        assert [each["message_id"] for each in lines] == [message_id("kept"), message_id("later")]
        fields = {"received_at", "channel", "provider", "to", "subject", "body", "message_id"}
        assert set(lines[0]) == fields

    def test_messages_are_listed_by_channel_receiver_and_number(self, sinks: Sinks) -> None:
        sender = senders_to(sinks)[Channel.SMS]
        for place, number in enumerate(("+8619900000011", "+8619900000012", "+8619900000011")):
            sender.send(notice(Channel.SMS, f"listed/{place}"), number)
        assert len(sinks.messages(to="+8619900000011")) == 2
        assert [each["to"] for each in sinks.messages(channel="sms", limit=2)] == [
            "+8619900000012",
            "+8619900000011",
        ]

    def test_a_person_reads_them_on_a_page_that_runs_nothing_of_them(self, sinks: Sinks) -> None:
        hostile = notice(Channel.SMS, "page").model_copy(update={"subject": "<script>alert(1)</script>"})
        senders_to(sinks)[Channel.SMS].send(hostile, "+8619900000013")
        page = httpx.get(f"{sinks.http_url}/", trust_env=False)
        assert page.headers["content-type"].startswith("text/html")
        assert "+8619900000013" in page.text
        assert "&lt;script&gt;alert(1)" in page.text
        assert "<script" not in page.text

    def test_a_fault_ends_with_its_count_or_when_told(self, sinks: Sinks) -> None:
        sinks.fail("webhook", "refuse", count=2)
        for _ in range(2):
            with pytest.raises(ChannelFailed):
                send(sinks, "webhook", "fault")
        send(sinks, "webhook", "fault")
        sinks.fail("webhook", "refuse", count=9)
        sinks.heal()
        send(sinks, "webhook", "fault")

    @pytest.mark.parametrize("way", ["email", "sms", "webhook"])
    def test_a_lost_message_looks_taken(self, sinks: Sinks, way: str) -> None:
        before = len(received(sinks, way))
        sinks.fail(WAYS[way][0].value, "lose")
        send(sinks, way, f"lost/{way}")
        assert len(received(sinks, way)) == before

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
