"""TrendWorkflow: one look at trends; started by a schedule, or waiting for its turns itself."""

from datetime import timedelta
from typing import Final

from temporalio import workflow
from temporalio.exceptions import ActivityError

from activities.alert_desk import AlertActivities
from activities.alert_messages import ClosedTicket
from activities.trend_messages import TREND_TYPE, EndedSurge, TrendInput, TrendLook, TrendOrder
from activities.trends import TrendActivities
from domain.alerts import Alert
from domain.handlers import Queue
from workflows.options import ALERT_RETRY, ALERT_TIMEOUT, LOCAL

_TURN: Final = timedelta(seconds=5)
"""Real time between two looks, at least: where the bank's clock runs fast."""


@workflow.defn(name=TREND_TYPE)
class TrendWorkflow:
    """Tells the desk of a group, once, that similar tickets come much more often than usual."""

    @workflow.run
    async def run(self, given: TrendInput) -> TrendLook:
        """Looks once and answers with what it saw; a repeating one waits for its turn and begins anew."""
        look = await workflow.execute_local_activity_method(
            TrendActivities.look_at_trends,
            TrendOrder(at=given.clock.to_bank(workflow.now())),
            summary="what comes more often than usual?",
            **LOCAL,
        )
        for alert in look.raised:
            await _raise(alert)
        for surge in look.ended:
            await _end(surge)
        if given.repeating:
            wait = max(given.clock.real_duration(look.every), _TURN)
            await workflow.sleep(wait, summary="until the next look")
            workflow.continue_as_new(given)
        return look


async def _raise(alert: Alert) -> None:
    try:
        await workflow.execute_activity_method(
            AlertActivities.raise_alert,
            alert,
            task_queue=Queue.CHANNELS,
            start_to_close_timeout=ALERT_TIMEOUT,
            retry_policy=ALERT_RETRY,
            summary=f"{alert.level}: {alert.subject}",
        )
    except ActivityError:
        # It stays to be told: the next look raises it again, under the same id.
        workflow.logger.exception("nobody could be told of %s", alert.alert_id)
        return
    await _note(alert.task_id, "raised")


async def _end(surge: EndedSurge) -> None:
    try:
        await workflow.execute_activity_method(
            AlertActivities.close_alerts,
            ClosedTicket(task_id=surge.surge_id, groups=(surge.desk,)),
            task_queue=Queue.CHANNELS,
            start_to_close_timeout=ALERT_TIMEOUT,
            retry_policy=ALERT_RETRY,
            summary=f"{surge.surge_id} is over",
        )
    except ActivityError:
        workflow.logger.exception("the desk does not know that %s is over", surge.surge_id)
        return
    await _note(surge.surge_id, "ended")


async def _note(surge_id: str, what: str) -> None:
    await workflow.execute_local_activity_method(
        TrendActivities.trend_told, args=(surge_id, what), summary=f"{surge_id}: {what}", **LOCAL
    )
