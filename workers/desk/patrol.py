"""The patrol at the desk: its reports, and a round on demand."""

import asyncio
import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from temporalio.client import Client, WorkflowFailureError
from temporalio.service import RPCError

from activities.patrol_messages import PATROL_QUEUE, PATROL_TYPE, PatrolInput
from activities.ports.patrol import PatrolStore
from domain.clock import BankClock
from domain.patrol import PatrolReport
from domain.people import Principal, Role
from workers.desk.authority import require
from workers.ticket_workflows import EngineUnavailable

_PATIENCE: Final = timedelta(minutes=2)


class PatrolDesk:
    """What people can do with the patrol."""

    def __init__(self, client: Client, store: PatrolStore, clock: BankClock) -> None:
        self._client = client
        self._store = store
        self._clock = clock

    async def reports(self, *, limit: int) -> Sequence[PatrolReport]:
        """The last reports, the latest first. Raises `StoreUnavailable`."""
        return await asyncio.to_thread(self._store.reports, limit=limit)

    async def run(self, principal: Principal) -> PatrolReport:
        """A round now, as real as any other. Raises `NotPermitted` and `EngineUnavailable`."""
        require(principal, Role.OPERATOR, "send the patrol", Role.ONCALL)
        try:
            async with asyncio.timeout(_PATIENCE.total_seconds()):
                report: PatrolReport = await self._client.execute_workflow(
                    PATROL_TYPE,
                    PatrolInput(clock=self._clock),
                    id=f"patrol-now-{uuid.uuid4().hex[:12]}",
                    task_queue=PATROL_QUEUE,
                    result_type=PatrolReport,
                    execution_timeout=_PATIENCE,
                    static_summary=f"a round for {principal.id}",
                )
                return report
        except (TimeoutError, RPCError, RuntimeError, WorkflowFailureError) as error:
            raise EngineUnavailable("Temporal, or its workers, did not make the round in time") from error
