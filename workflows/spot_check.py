"""Spot checks: the draw each working morning, and the check of one ticket until somebody has answered."""

import asyncio
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import ActivityError, ApplicationError, WorkflowAlreadyStartedError
from temporalio.workflow import ParentClosePolicy

from activities.alert_desk import AlertActivities
from activities.codes import CodeActivities
from activities.messages import CodeCheck
from activities.spot_checks import DrawRequest, SpotCheckActivities, correction_task_id
from domain.alerts import Addressee, Alert, AlertLevel
from domain.errors import InvalidInput
from domain.handlers import Queue
from domain.spot_check import CheckAnswer, CheckOutcome, CheckReply, CheckVerb, SpotCheck, refusal
from domain.standing import Withdrawal
from workflows.contract import WORKFLOW_TYPE, TicketInput, workflow_id
from workflows.options import ALERT_RETRY, ALERT_TIMEOUT, LOCAL
from workflows.spot_check_contract import (
    DRAW_TYPE,
    PURPOSE,
    SPOT_CHECK_TYPE,
    DrawInput,
    DrawResult,
    SpotCheckInput,
    spot_check_id,
)

_LEAST_PERIOD = timedelta(minutes=1)
"""Of reminders, in bank time: a policy that was meant otherwise must not fill a history."""


@workflow.defn(name=DRAW_TYPE)
class SpotCheckDrawWorkflow:
    """Turns last night's marked tickets into spot checks."""

    @workflow.run
    async def run(self, given: DrawInput) -> DrawResult:
        """Draws once, page by page; a repeating one waits for each morning of the bank's clock."""
        at = given.at
        if at is None and given.repeating:
            at = await self._morning(given)
        at = at or given.clock.to_bank(workflow.now())
        drawn = known = left_out = 0
        after = given.after
        while True:
            draw = await workflow.execute_local_activity_method(
                SpotCheckActivities.draw_spot_checks,
                DrawRequest(now=at, after=after),
                summary=f"draw after {after or 'the first'}",
                **LOCAL,
            )
            left_out += draw.left_out
            for check in draw.checks:
                if await _start(check, given):
                    drawn += 1
                else:
                    known += 1
            after = draw.last
            if not after:
                break
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(given.model_copy(update={"at": at, "after": after}))
        if given.repeating:
            workflow.continue_as_new(given.model_copy(update={"at": None, "after": ""}))
        return DrawResult(at=at, drawn=drawn, known=known, left_out=left_out)

    async def _morning(self, given: DrawInput) -> datetime:
        now = given.clock.to_bank(workflow.now())
        due = await workflow.execute_local_activity_method(
            SpotCheckActivities.next_spot_check_draw, now, summary="when is the next morning?", **LOCAL
        )
        wait = max(given.clock.to_real(due) - workflow.now(), timedelta(0))
        await workflow.sleep(wait, summary=f"draw at {due:%Y-%m-%d %H:%M} UTC")
        # Rounding of the accelerated clock must not leave the draw a moment before its morning.
        return max(due, given.clock.to_bank(workflow.now()))


@workflow.defn(name=SPOT_CHECK_TYPE)
class SpotCheckWorkflow:
    """One ticket that ran by itself, looked at by a person who had no hand in it. It stays as it is."""

    @workflow.init
    def __init__(self, given: SpotCheckInput) -> None:
        self._check = given.check
        self._clock = given.clock
        self._outcome: CheckOutcome | None = None
        self._kept = False
        self._deciding = asyncio.Lock()

    @workflow.run
    async def run(self, given: SpotCheckInput) -> CheckOutcome:
        """Waits for the answer however long it takes, and reminds people once it is late."""
        if workflow.info().workflow_id != spot_check_id(given.check.task_id):
            raise ApplicationError(
                f"the workflow id must be {spot_check_id(given.check.task_id)}: one check a ticket",
                type=InvalidInput.code,
                non_retryable=True,
            )
        await workflow.execute_local_activity_method(
            SpotCheckActivities.open_spot_check, given.check, summary="into the queue", **LOCAL
        )
        outcome = await self._answered(given)
        closed = await workflow.execute_local_activity_method(
            SpotCheckActivities.close_spot_check, outcome, summary=f"keep: {outcome.verb}", **LOCAL
        )
        self._kept = True
        if outcome.verb is CheckVerb.OBJECT:
            await self._open_correction(outcome)
        if closed.withdrawal:
            await self._tell(_withdrawn(self._check, closed.withdrawal))
        await workflow.wait_condition(workflow.all_handlers_finished)
        return outcome

    @workflow.update
    async def decide_spot_check(self, answer: CheckAnswer) -> CheckReply:
        """A person's answer; the reply says whether it counted and why not."""
        async with self._deciding:
            reply = await self._judge(answer)
        if reply.accepted:
            await workflow.wait_condition(lambda: self._kept)
        return reply

    @decide_spot_check.validator
    def _answer_has_content(self, answer: CheckAnswer) -> None:
        if answer is None:
            raise ApplicationError(
                "the message is empty; expected one JSON object", type=InvalidInput.code, non_retryable=True
            )

    @workflow.query
    def check(self) -> SpotCheck:
        """What is to be checked."""
        return self._check

    @property
    def _now(self) -> datetime:
        return self._clock.to_bank(workflow.now())

    async def _answered(self, given: SpotCheckInput) -> CheckOutcome:
        """The outcome. Each further period without one tells the lead again."""
        period = max(self._check.due_at - self._check.drawn_at, _LEAST_PERIOD)
        told = given.reminders
        while True:
            due = self._check.due_at + told * period
            try:
                await workflow.wait_condition(
                    lambda: self._outcome is not None,
                    timeout=max(self._clock.to_real(due) - workflow.now(), timedelta(0)),
                    timeout_summary=f"spot check due at {due:%Y-%m-%d %H:%M} UTC",
                )
            except TimeoutError:
                told += 1
                await self._tell(_late(self._check, told))
                if workflow.info().is_continue_as_new_suggested():
                    await workflow.wait_condition(workflow.all_handlers_finished)
                    if self._outcome is None:
                        workflow.continue_as_new(given.model_copy(update={"reminders": told}))
            if self._outcome is not None:
                return self._outcome

    async def _judge(self, answer: CheckAnswer) -> CheckReply:
        check = self._check
        verdict = await workflow.execute_local_activity_method(
            CodeActivities.verify_code,
            CodeCheck(code=answer.code, purpose=PURPOSE, subject=check.task_id, digest=check.digest),
            summary="whose answer is this?",
            **LOCAL,
        )
        decided = self._outcome
        if decided is not None:
            said = f"already decided: {decided.verb} by {decided.by} at {decided.at:%Y-%m-%d %H:%M} UTC"
            return _refused(check, "late", said)
        if verdict.principal is None:
            return _refused(check, "decision_code_invalid", verdict.problem)
        problem = refusal(check, verdict.principal)
        if problem:
            return _refused(check, *problem)
        now = self._now
        corrective = correction_task_id(check.task_id) if answer.verb is CheckVerb.OBJECT else ""
        self._outcome = CheckOutcome(
            task_id=check.task_id,
            kind=check.kind,
            verb=answer.verb,
            by=verdict.principal.id,
            reason=answer.reason,
            at=now,
            late=now > check.due_at,
            corrective=corrective,
        )
        opened = f"; ticket {corrective} is opened to put it right" if corrective else ""
        return CheckReply(
            task_id=check.task_id,
            accepted=True,
            code="accepted",
            message=f"{answer.verb} recorded{opened}",
            corrective=corrective,
        )

    async def _open_correction(self, outcome: CheckOutcome) -> None:
        """Hands the corrective ticket in, once: its place is reserved, then it starts, then that is noted."""
        correction = await workflow.execute_local_activity_method(
            SpotCheckActivities.reserve_correction,
            args=(self._check, outcome),
            summary="reserve the corrective ticket",
            **LOCAL,
        )
        try:
            await workflow.start_child_workflow(
                WORKFLOW_TYPE,
                TicketInput(
                    task=correction.task,
                    maker=correction.maker,
                    received_at=correction.received_at,
                    clock=self._clock,
                ),
                id=workflow_id(correction.task.task_id),
                parent_close_policy=ParentClosePolicy.ABANDON,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                static_summary=f"Ticket {correction.task.task_id} from {correction.task.source}",
            )
        except WorkflowAlreadyStartedError:
            workflow.logger.info("the corrective ticket runs already")
        await workflow.execute_local_activity_method(
            SpotCheckActivities.acknowledge_correction,
            correction.task.task_id,
            summary="the corrective ticket is durable",
            **LOCAL,
        )

    async def _tell(self, alert: Alert) -> None:
        try:
            await workflow.execute_activity_method(
                AlertActivities.raise_alert,
                alert.model_copy(update={"raised_at": self._now, "risk": self._check.risk}),
                task_queue=Queue.CHANNELS,
                start_to_close_timeout=ALERT_TIMEOUT,
                retry_policy=ALERT_RETRY,
                summary=f"{alert.level}: {alert.subject}",
            )
        except ActivityError:
            # A late check is told again; withdrawn authority stands in the list, and tells at each question.
            workflow.logger.exception("nobody could be told of %s", alert.alert_id)


async def _start(check: SpotCheck, given: DrawInput) -> bool:
    """Whether the check was started now."""
    try:
        await workflow.start_child_workflow(
            SPOT_CHECK_TYPE,
            SpotCheckInput(check=check, clock=given.clock),
            id=spot_check_id(check.task_id),
            parent_close_policy=ParentClosePolicy.ABANDON,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            static_summary=f"Spot check of {check.task_id} ({check.kind})",
        )
    except WorkflowAlreadyStartedError:
        return False
    return True


def _refused(check: SpotCheck, code: str, message: str) -> CheckReply:
    return CheckReply(task_id=check.task_id, accepted=False, code=code, message=message)


def _late(check: SpotCheck, number: int) -> Alert:
    return Alert(
        alert_id=f"{check.task_id}/spot-check-late-{number}",
        task_id=check.task_id,
        level=AlertLevel.REVIEW,
        group=check.group,
        subject=f"spot check of {check.task_id} is overdue",
        body=(
            f"{check.kind} ran by itself at night, and nobody of {check.group} has looked at it yet. "
            "The ticket stays completed; this is told again until somebody answers."
        ),
        deadline_at=check.due_at,
        action=f"opsloop spot-check pass|object {check.task_id} --reason …",
        instead=Addressee(to="lead"),
    )


def _withdrawn(check: SpotCheck, withdrawal: Withdrawal) -> Alert:
    return Alert(
        alert_id=f"{check.task_id}/authority-withdrawn-{withdrawal.number}",
        task_id=check.task_id,
        level=AlertLevel.FAILURE,
        group=check.group,
        subject=f"{withdrawal.kind} runs by itself no more",
        body=(
            f"{withdrawal.reason}. From now on a person is asked before each effect, at any hour and risk, "
            "until a releaser gives the authority back."
        ),
        action=f"opsloop duty authority restore {withdrawal.kind} --reason …",
        instead=Addressee(to="lead"),
    )
