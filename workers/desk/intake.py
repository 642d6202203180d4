"""Handing tickets in: exactly once, whatever fails on the way."""

import asyncio
from datetime import timedelta
from typing import Final

import structlog

from activities.ports import IntakeRegister
from domain.clock import BankClock
from domain.digest import digest_of
from domain.errors import Conflict, InvalidInput, OpsloopError, StoreUnavailable
from domain.model import Instant, Record
from domain.people import Principal, Role
from workers.desk.authority import Trail, require
from workers.ticket_request import TicketRequest
from workers.ticket_workflows import TicketWorkflows
from workflows.contract import TicketInput, workflow_id

_CLOCK_SKEW: Final = timedelta(seconds=5)

_log = structlog.get_logger(__name__)


class Receipt(Record):
    """What whoever hands a ticket in gets back."""

    task_id: str
    workflow_id: str
    received_at: Instant
    """Bank time from which the SLA runs."""
    repeated: bool = False
    """The same ticket had been handed in before; nothing new was started."""


class Intake:
    """Takes tickets and starts their workflows."""

    def __init__(
        self, workflows: TicketWorkflows, register: IntakeRegister, trail: Trail, clock: BankClock
    ) -> None:
        self._workflows = workflows
        self._register = register
        self._trail = trail
        self._clock = clock

    async def submit(self, request: TicketRequest, principal: Principal) -> Receipt:
        """Hands a ticket in, once: its place is reserved, its workflow is started, the start is noted.

        Where the start fails the place stays reserved, so that the repeat goes on from there. Raises
        `NotPermitted`, `InvalidInput` (a future `created_at`), `Conflict` (the same source and external
        id with other content), `EngineUnavailable` and `StoreUnavailable`.
        """
        task = request.task()
        now = self._trail.now()
        try:
            require(principal, Role.INTAKE, "hand in tickets")
            if task.created_at and task.created_at > now + _CLOCK_SKEW:
                raise InvalidInput(
                    f"created_at {task.created_at.isoformat()} is in the future "
                    f"(the bank's clock shows {now.isoformat(timespec='seconds')})",
                    field="created_at",
                )
        except OpsloopError as error:
            await self._trail.refused("intake.refused", principal, str(error))
            raise
        try:
            received_at = await asyncio.to_thread(
                self._register.reserve,
                task=task,
                maker=principal.id,
                # With the principal in it, no repeat can change the maker that four eyes rely on.
                body_digest=digest_of([principal.id, request.digest]),
                received_at=min(task.created_at or now, now),
            )
        except Conflict as error:
            message = (
                f"this source and external_id were handed in before with other content, or by somebody else, "
                f"as {task.task_id}; "
                "nothing was changed"
            )
            await self._trail.refused("intake.conflict", principal, message, task_id=task.task_id)
            raise Conflict(message) from error
        repeated = await asyncio.to_thread(self._register.acknowledged, task.task_id)
        if not repeated:
            ticket = TicketInput(task=task, maker=principal.id, received_at=received_at, clock=self._clock)
            repeated = await self._workflows.start(ticket)
            await self._note_start(task.task_id)
        return Receipt(
            task_id=task.task_id,
            workflow_id=workflow_id(task.task_id),
            received_at=received_at,
            repeated=repeated,
        )

    async def _note_start(self, task_id: str) -> None:
        """Notes that the workflow is durable. It is so even when the note fails; a repeat mends the note."""
        try:
            await asyncio.to_thread(self._register.acknowledge, task_id)
        except StoreUnavailable as error:
            _log.warning("intake.acknowledge_failed", task_id=task_id, error=str(error))
