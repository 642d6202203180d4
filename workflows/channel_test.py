"""ChannelTestWorkflow: asks a worker to send one test message, as people test a channel from the desk.

The API has no provider's secrets; the workers do, and they are what is to be tested.
"""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

from activities.channel_tests import ChannelTestActivities
from domain.handlers import Queue
from domain.notices import ChannelTest, ChannelTestResult

CHANNEL_TEST_TYPE = "ChannelTestWorkflow"
PATIENCE = timedelta(seconds=15)
"""Real time. Somebody sits there and waits."""


@workflow.defn(name=CHANNEL_TEST_TYPE)
class ChannelTestWorkflow:
    """One test of one channel."""

    @workflow.run
    async def run(self, test: ChannelTest) -> ChannelTestResult:
        """Sends it once. Nobody who sends in time is an answer as well."""
        try:
            return await workflow.execute_activity_method(
                ChannelTestActivities.send_channel_test,
                test,
                task_queue=Queue.CHANNELS,
                schedule_to_close_timeout=PATIENCE,
                retry_policy=RetryPolicy(maximum_attempts=1),
                summary=f"test of {test.channel} to {test.to}",
            )
        except ActivityError:
            return ChannelTestResult(
                test_id=test.test_id,
                channel=test.channel,
                to=test.to,
                taken=False,
                detail=f"no worker finished it in {PATIENCE.total_seconds():.0f} s; it may still arrive",
            )
