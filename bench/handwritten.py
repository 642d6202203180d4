"""The low-risk freeze, written by hand: what an engineer writes who has no interpreter.

The same activities, the same records in the store, the same search attributes, the same SLA timer; the
order of steps is Python instead of an SOP. It is what `bench.interpreter` compares with.
"""

import asyncio
from datetime import timedelta

from temporalio import workflow

from activities.checks import CheckActivities
from activities.core_bank import CoreBankActivities
from activities.gate import GateActivities
from activities.messages import GateQuestion, OpenTicket
from activities.notices import NoticeActivities
from activities.opening import OpeningActivities
from domain.handlers import Queue
from domain.lifecycle import TicketState
from domain.steps import StepInput, StepOutput
from domain.task import RiskLevel
from domain.ticket import EventKind
from workflows.contract import TicketInput, TicketResult
from workflows.options import LOCAL, queue_priority, step_retry
from workflows.run_state import TicketRun

_STEP_TIMEOUT = timedelta(seconds=30)


@workflow.defn
class HandwrittenFreezeWorkflow:
    """Authorise, assess, freeze, tell the customer."""

    @workflow.init
    def __init__(self, ticket: TicketInput) -> None:
        self._run = TicketRun(ticket)

    @workflow.run
    async def run(self, ticket: TicketInput) -> TicketResult:
        """Runs a freeze of low risk to its end."""
        run = self._run
        run.note(EventKind.OPENED, f"received from {run.task.source}", actor=run.maker)
        run.open(
            await workflow.execute_local_activity_method(
                OpeningActivities.open_ticket, OpenTicket(task=run.task, now=run.now), **LOCAL
            )
        )
        run.show()
        clock = asyncio.create_task(self._first_threshold())

        await self._check(CheckActivities.auth_validator, "authorization_check")
        risk = await self._check(CheckActivities.risk_assessor, "risk_assessment")
        run.assess(RiskLevel(risk.outcome), risk.data["reasons"])
        await self._effect(CoreBankActivities.core_system_freeze, "execute_freeze", Queue.CORE_BANK)
        await self._effect(NoticeActivities.sms_notifier, "notify_customer", Queue.CHANNELS)

        await self._gate()
        run.move_to(TicketState.REVIEWING)
        run.close(TicketState.COMPLETED, "frozen")
        clock.cancel()
        await run.record()
        run.show()
        return TicketResult(
            task_id=run.task.task_id,
            state=run.state,
            result=run.result,
            risk=run.risk,
            sop="handwritten",
            sop_digest="",
            closed_at=run.now,
        )

    async def _first_threshold(self) -> None:
        sla = self._run.pinned.sla
        due = self._run.stopwatch.deadline(sla.rungs[0].after)
        if due is not None:
            await workflow.sleep(self._run.real_time_until(due))
            self._run.sla_level = sla.rungs[0].key

    async def _check(self, method: object, step_id: str) -> StepOutput:
        self._run.note(EventKind.STEP_STARTED, step_id, step_id=step_id)
        output: StepOutput = await workflow.execute_local_activity_method(
            method,  # type: ignore[call-overload]  # any of the checks
            self._input(step_id),
            start_to_close_timeout=_STEP_TIMEOUT,
            retry_policy=step_retry(1),
        )
        self._run.note(EventKind.STEP_DONE, output.summary, step_id=step_id)
        return output

    async def _effect(self, method: object, step_id: str, queue: Queue) -> None:
        self._run.note(EventKind.STEP_STARTED, step_id, step_id=step_id)
        await self._gate()
        await self._run.record()
        output: StepOutput = await workflow.execute_activity_method(
            method,  # type: ignore[call-overload]  # any of the effects
            self._input(step_id),
            task_queue=queue,
            start_to_close_timeout=_STEP_TIMEOUT,
            retry_policy=step_retry(3),
            priority=queue_priority(self._run.task.priority),
        )
        self._run.note(EventKind.STEP_DONE, output.summary, step_id=step_id)

    async def _gate(self) -> None:
        verdict = await workflow.execute_local_activity_method(
            GateActivities.decide_gate, GateQuestion(risk=self._run.risk, now=self._run.now), **LOCAL
        )
        self._run.note(EventKind.GATE, verdict.reason)

    def _input(self, step_id: str) -> StepInput:
        return StepInput(
            task=self._run.task,
            step_id=step_id,
            step_name=step_id,
            handler=step_id,
            risk=self._run.risk,
            now=self._run.now,
        )
