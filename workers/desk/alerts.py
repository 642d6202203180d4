"""Alerts as people meet them: what was told to whom, what was not and why, and that somebody has it."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import structlog
from temporalio.client import (
    Client,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.service import RPCError

from activities.alert_messages import (
    ACK_PURPOSE,
    ACKNOWLEDGE_UPDATE,
    Acknowledgement,
    AlertAckOutcome,
    acknowledgement_content,
    desk_workflow_id,
)
from activities.ports import AuditLog
from activities.ports.alerts import AlertBook
from domain.alert_events import ListedDeskAlert, LoggedAlert
from domain.alerts import AlertLevel, why_not_acknowledge
from domain.clock import BankClock
from domain.digest import digest_of
from domain.errors import NotFound, NotPermitted
from domain.people import Principal
from workers.desk.authority import CodeIssuer, Trail
from workers.ticket_workflows import EngineUnavailable

_PATIENCE: Final = timedelta(seconds=10)
_log = structlog.get_logger(__name__)


class AlertOffice:
    """Reads the alert log, and takes acknowledgements to the desks."""

    def __init__(
        self,
        client: Client,
        book: AlertBook,
        *,
        audit: AuditLog,
        codes: CodeIssuer,
        clock: BankClock,
    ) -> None:
        self._client = client
        self._book = book
        self._codes = codes
        self._trail = Trail(audit, clock)

    async def desk_alerts(
        self, *, group: str | None, level: AlertLevel | None, open_only: bool, limit: int
    ) -> Sequence[ListedDeskAlert]:
        """Consolidated alerts, the latest first. Raises `StoreUnavailable`."""
        return await asyncio.to_thread(
            self._book.desk_alerts, group=group, level=level, open_only=open_only, limit=limit
        )

    async def alerts_of(self, task_id: str) -> Sequence[LoggedAlert]:
        """Every alert that a ticket raised, with its fate; none for a stranger. Raises `StoreUnavailable`."""
        return await asyncio.to_thread(self._book.alerts_of, task_id)

    async def acknowledge(self, desk_alert_id: str, principal: Principal) -> AlertAckOutcome:
        """Says that this principal has the tickets of a desk alert; the office adds the code.

        Every outcome is audited. Raises `NotPermitted`, `NotFound`, `EngineUnavailable` and
        `StoreUnavailable`.
        """
        shown = await asyncio.to_thread(self._book.desk_alert, desk_alert_id)
        if shown is None:
            raise NotFound(f"there is no alert {desk_alert_id}; `opsloop alert list` shows all")
        problem = why_not_acknowledge(principal, shown.group)
        if problem:
            await self._refused(principal, shown, problem)
            raise NotPermitted(problem)
        digest = digest_of(acknowledgement_content(desk_alert_id, shown.group))
        code = self._codes.issue(principal.id, ACK_PURPOSE, desk_alert_id, digest)
        outcome = await self._update(shown, Acknowledgement(desk_alert_id=desk_alert_id, code=code))
        if outcome.accepted:
            await self._trail.noted(
                "alert.acknowledged", principal, shown.task_id, alert=desk_alert_id, group=shown.group
            )
        else:
            await self._refused(principal, shown, outcome.message)
        return outcome

    async def _update(self, shown: ListedDeskAlert, given: Acknowledgement) -> AlertAckOutcome:
        handle = self._client.get_workflow_handle(desk_workflow_id(shown.group))
        try:
            async with asyncio.timeout(_PATIENCE.total_seconds()):
                outcome: AlertAckOutcome = await handle.execute_update(
                    ACKNOWLEDGE_UPDATE, given, result_type=AlertAckOutcome, rpc_timeout=_PATIENCE
                )
                return outcome
        except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError) as error:
            raise EngineUnavailable(
                f"the desk of {shown.group} did not confirm in time; acknowledging again is safe"
            ) from error
        except (RPCError, RuntimeError, WorkflowUpdateFailedError) as error:
            _log.warning("alert.acknowledge_failed", alert=shown.desk_alert_id, error=str(error))
            raise EngineUnavailable(
                f"the desk of {shown.group} does not answer; acknowledging again is safe"
            ) from error

    async def _refused(self, principal: Principal, shown: ListedDeskAlert, why: str) -> None:
        await self._trail.refused(
            "alert.acknowledgement.refused",
            principal,
            why,
            task_id=shown.task_id,
            alert=shown.desk_alert_id,
        )
