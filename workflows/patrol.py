"""PatrolWorkflow: one round of the patrol; started by a schedule, or waiting for its turns itself."""

from datetime import timedelta
from typing import Final

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

from activities.patrol import PatrolActivities
from activities.patrol_messages import PATROL_TYPE, PatrolInput, PatrolOrder
from domain.patrol import PatrolReport

_ROUND: Final = timedelta(minutes=15)
_SILENCE: Final = timedelta(seconds=60)
"""Without a heartbeat for so long the worker that makes the round counts as dead."""
_TRIES: Final = RetryPolicy(initial_interval=timedelta(seconds=2), maximum_attempts=3)
_TURN: Final = timedelta(seconds=10)
"""Real time between two rounds, at least: where the bank's clock runs fast."""


@workflow.defn(name=PATROL_TYPE)
class PatrolWorkflow:
    """Asks from outside whether tickets still do what they promise."""

    @workflow.run
    async def run(self, given: PatrolInput) -> PatrolReport | None:
        """Makes one round and answers with its report; a repeating one waits for its turn and begins anew."""
        if given.repeating:
            await workflow.sleep(_TURN, summary="until the next round")
        report = None
        try:
            report = await self._round(given)
        except ActivityError as error:
            if not given.repeating:
                raise
            workflow.logger.warning("a round failed, the next one tries again: %s", error.cause)
        if given.repeating:
            workflow.continue_as_new(given)
        return report

    async def _round(self, given: PatrolInput) -> PatrolReport:
        return await workflow.execute_activity_method(
            PatrolActivities.patrol,
            PatrolOrder(at=given.clock.to_bank(workflow.now())),
            start_to_close_timeout=_ROUND,
            heartbeat_timeout=_SILENCE,
            retry_policy=_TRIES,
            summary="deadlines, runs, queues, roster, backlog",
        )
