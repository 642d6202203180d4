"""A test of a channel: sent once by the workers who send, whatever becomes of it."""

import uuid
from concurrent.futures import ThreadPoolExecutor

from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.catalogue import activities_of
from activities.channel_tests import ChannelTestActivities
from domain.handlers import Queue
from domain.notices import Channel, ChannelTest, ChannelTestResult
from tests.fakes.channels import FakeAddressBook, FakeNoticeLog, FakeSender
from workflows.channel_test import ChannelTestWorkflow
from workflows.contract import TASK_QUEUE
from workflows.sandbox import workflow_runner


class Stage:
    """Workers for one channel with one sender."""

    def __init__(self, env: WorkflowEnvironment, sender: FakeSender | None, **addresses: list[str]) -> None:
        self.env, self.sender, self.log = env, sender, FakeNoticeLog()
        book = FakeAddressBook(
            {(to.replace("_", "."), Channel.SMS): found for to, found in addresses.items()}
        )
        senders = {} if sender is None else {Channel.SMS: sender}
        self.activities = ChannelTestActivities(senders, self.log, book)

    async def run(self, to: str = "li.wei", provider: str = "") -> ChannelTestResult:
        test = ChannelTest(
            test_id=uuid.uuid4().hex, channel=Channel.SMS, to=to, provider=provider, by="op.chen"
        )
        client = self.env.client
        with ThreadPoolExecutor(2) as threads:
            async with (
                Worker(
                    client,
                    task_queue=TASK_QUEUE,
                    workflows=[ChannelTestWorkflow],
                    workflow_runner=workflow_runner(),
                ),
                Worker(
                    client,
                    task_queue=Queue.CHANNELS,
                    activities=activities_of(self.activities),
                    activity_executor=threads,
                ),
            ):
                return await client.execute_workflow(
                    ChannelTestWorkflow.run, test, id=f"channel-test-{test.test_id}", task_queue=TASK_QUEUE
                )


async def test_the_message_goes_to_every_address_and_says_that_it_is_a_test(env: WorkflowEnvironment) -> None:
    sender = FakeSender()
    result = await Stage(env, sender, Night=["+861", "+862"]).run("Night")
    assert result.taken
    assert sender.addresses == ["+861", "+862"]
    notices = [notice for notice, _ in sender.sent]
    assert len({each.notice_id for each in notices}) == 2
    assert all("TEST" in each.subject and "nothing is to be done" in each.body for each in notices)


async def test_a_channel_that_fails_is_an_answer_and_is_not_asked_again(env: WorkflowEnvironment) -> None:
    sender = FakeSender(refuse=1)
    stage = Stage(env, sender, li_wei=["+861"])
    result = await stage.run()
    assert (result.taken, result.detail) == (False, "sms: refused")
    assert sender.sent == []
    [(_, delivery)] = stage.log.records
    assert (delivery.accepted, delivery.detail) == (False, "sms: refused")


async def test_what_cannot_be_sent_says_why(env: WorkflowEnvironment) -> None:
    assert (await Stage(env, None, li_wei=["+861"]).run()).detail == (
        "sms: not configured; set OPSLOOP_SMS_URL"
    )
    assert "no address for li.wei" in (await Stage(env, FakeSender()).run()).detail
    named = await Stage(env, FakeSender(), li_wei=["+861"]).run(provider="second")
    assert (named.taken, named.detail) == (False, "sms: its providers have no names")


async def test_a_log_that_is_down_does_not_hide_the_result(env: WorkflowEnvironment) -> None:
    stage = Stage(env, FakeSender(), li_wei=["+861"])
    stage.log.down = True
    assert (await stage.run()).taken
