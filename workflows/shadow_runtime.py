"""The interpreter's runtime of a shadow run: it reads, and changes nothing.

Handlers without effect run for real; a worker has no others for `call_without_effect`. What has an effect is
written down. People are not asked: what they decided in the real run holds, else a yes is assumed. Waits pass
at once, on a clock of the run's own that begins when the ticket was opened.
"""
# ruff: noqa: ARG002 - a port's method has the arguments of its port

import asyncio
from collections import defaultdict, deque
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from temporalio import workflow
from temporalio.common import Priority
from temporalio.exceptions import ActivityError, ApplicationError

from activities.gate import GateActivities
from activities.messages import GateQuestion
from activities.shadow import ShadowHandlers
from definitions.schema import Step
from definitions.shadow import BY_HAND, handler_of
from domain.duty import GateVerdict
from domain.fields import form_problems
from domain.handlers import Effect
from domain.lifecycle import TicketState
from domain.review import DecidedReview, ReviewKind, ReviewRequest, Verb
from domain.shadow import Asked, Suppressed, Trouble
from domain.steps import StepInput, StepOutput, effect_digest
from domain.task import RiskLevel
from domain.ticket import EventKind
from workflows.interpreter import EffectsAhead, PlannedCall, Question, StepFailure, TicketEnded
from workflows.options import DEFAULT_STEP_TIMEOUT, LOCAL, step_retry
from workflows.shadow_contract import READS, ShadowAnswer, ShadowInput

_ASSUMED: Final = "assumed"
_DEADLINE: Final = "deadline"
_LAST: Final = Priority(priority_key=5)
_LONGEST_QUEUED: Final = timedelta(hours=1)


class ShadowRuntime:
    """Implements `workflows.interpreter.Runtime`."""

    def __init__(self, given: ShadowInput) -> None:
        self._given = given
        self._now = given.opened_at
        self._risk = given.task.risk_level
        self._task = given.task
        self._demanded = False
        self._assessed = False
        self._ending: TicketEnded | None = None
        self._events = defaultdict(deque, {name: deque(data) for name, data in given.events.items()})
        self.approved: set[str] = set()
        self.effects_done: dict[str, str] = {}
        """As in the real run: digests of suppressed effects, and of work by hand, by key."""
        self.suppressed: list[Suppressed] = []
        self.asked: list[Asked] = []
        self.troubles: list[Trouble] = []
        self.touches = 0

    @property
    def now(self) -> datetime:
        """Bank time of the shadow run."""
        return self._now

    @property
    def risk(self) -> RiskLevel:
        """The risk as the candidate finds it."""
        return self._risk

    @property
    def on_fast_track(self) -> bool:
        """Never: a candidate is held against what every ticket does."""
        return False

    def task_facts(self) -> dict[str, Any]:
        """The ticket as JSON."""
        return self._task.model_dump(mode="json")

    async def checkpoint(self) -> None:
        """Nobody holds a shadow run."""
        await self._step_aside()

    async def admit(self, call: PlannedCall, ahead: EffectsAhead) -> None:
        """The duty gate, at the hour of the real run."""
        if not call.spec.effect.gated or self._digest(call) in self.approved:
            return
        if not self._assessed:
            self.demand_caution("an effect was reached before the risk was assessed")
        verdict = await self.gate()
        if verdict.verdict == "ask":
            decided = await self.ask(
                Question(
                    key=f"{call.key}/gate/{call.occurrence}",
                    kind=ReviewKind.GATE,
                    step_id=call.key,
                    text=verdict.reason,
                    role="reviewer",
                    ahead=ahead(),
                )
            )
            if decided.verb is Verb.REJECT:
                raise TicketEnded(TicketState.REJECTED, decided.refusal)

    async def gate(self) -> GateVerdict:
        """What duty × risk says; it reads the duty policy and nothing else."""
        return await workflow.execute_local_activity_method(
            GateActivities.decide_gate,
            GateQuestion(
                risk=self._risk,
                now=self._now,
                category=self._task.category or "",
                action=self._task.action or "",
            ),
            summary=f"would {self._risk} risk run?",
            **LOCAL,
        )

    async def call(self, call: PlannedCall) -> StepOutput:
        """Runs what has no effect, and writes down what has one, or would ask the core bank or a channel."""
        if call.spec.effect is Effect.NONE and (call.spec.local or call.spec.queue in READS):
            return await self._read(call)
        await asyncio.sleep(0)
        digest = self._digest(call)
        self.suppressed.append(Suppressed(key=call.key, handler=call.spec.name, digest=digest))
        if call.spec.effect.gated:
            self.effects_done[call.key] = digest
        # Later steps may build on what it answered.
        return self._given.results.get(digest) or StepOutput(
            outcome=call.spec.outcomes[0], summary="suppressed in shadow"
        )

    async def _read(self, call: PlannedCall) -> StepOutput:
        request = StepInput(
            task=self._task,
            step_id=call.key,
            step_name=call.step.name,
            handler=call.spec.name,
            occurrence=call.occurrence,
            risk=self._risk,
            now=self._now,
            sop=self._given.candidate.sop.name,
            inputs=dict(call.inputs),
            results=dict(call.results),
        )
        timeout = call.step.timeout or DEFAULT_STEP_TIMEOUT
        try:
            if call.spec.local:
                return await workflow.execute_local_activity_method(
                    ShadowHandlers.call_without_effect,
                    request,
                    start_to_close_timeout=timeout,
                    retry_policy=step_retry(call.step.retry),
                    summary=call.step.name,
                )
            return await workflow.execute_activity_method(
                ShadowHandlers.call_without_effect,
                request,
                task_queue=call.spec.queue,
                start_to_close_timeout=timeout,
                schedule_to_close_timeout=_LONGEST_QUEUED,
                retry_policy=step_retry(call.step.retry),
                summary=call.step.name,
                priority=_LAST,
            )
        except (ActivityError, ApplicationError) as error:
            cause = error.cause if isinstance(error, ActivityError) else error
            if isinstance(cause, ApplicationError):
                raise StepFailure(cause.type or "step_failed", cause.message) from error
            raise StepFailure("outcome_unknown", "no answer in time") from error

    async def ask(self, question: Question) -> DecidedReview:
        """What somebody decided on this in the real run; where nobody did, the first choice or a yes."""
        await self._step_aside()
        given = self._answer_to(question)
        group = question.group or self._task.assigned_group
        self.asked.append(
            Asked(
                key=question.key,
                kind=question.kind,
                of=f"{group}/{question.role}",
                answered=given is not None,
            )
        )
        decided = self._decided(question, group, given)
        if decided.by != _DEADLINE:
            self.touches += question.quorum
        self._now = max(self._now, decided.at)
        if decided.verb is Verb.APPROVE and not decided.late:
            self.approved.update(self._digest(each) for each in question.ahead)
            if question.kind is ReviewKind.MANUAL:
                self.effects_done[question.step_id] = f"{BY_HAND}{question.step_id}"
        return decided

    async def wait_until(self, key: str, due: datetime, *, in_full: bool = True) -> None:
        """Passes at once."""
        await self._step_aside()
        self._now = max(self._now, due)

    async def wait_for_event(
        self, key: str, name: str, since: datetime, deadline: timedelta | None
    ) -> dict[str, Any] | None:
        """The event that came in the real run; else its deadline passes."""
        await self._step_aside()
        if self._events[name]:
            return self._events[name].popleft()
        self._now = max(self._now, since + (deadline or timedelta()))
        return None

    async def failed(self, key: str, step: Step, failure: StepFailure) -> Literal["retry", "skip"]:
        """An operator would be needed; that the step is left out is assumed."""
        await self._step_aside()
        self.touches += 1
        self.troubles.append(Trouble(key=key, code=failure.code))
        return "skip"

    async def warn(self, key: str, step: Step, failure: StepFailure) -> None:
        """Tells nobody."""
        self.troubles.append(Trouble(key=key, code=failure.code, stops=False))

    def abandon(self, end: TicketEnded) -> None:
        """Whatever still waits gives up."""
        self._ending = self._ending or end

    def assessed(self, level: RiskLevel, reasons: tuple[str, ...]) -> None:
        """The risk is settled, never below what a skipped control demands."""
        self._assessed = True
        self._risk = level.at_least(RiskLevel.HIGH if self._demanded else RiskLevel.LOW)
        self._task = self._task.model_copy(update={"risk_level": self._risk})

    def demand_caution(self, reason: str) -> None:
        """High risk from now on."""
        self._demanded = True
        self.assessed(RiskLevel.HIGH, ())

    def note(self, kind: EventKind, summary: str, *, step_id: str = "", **data: object) -> None:
        """Sets the clock to when the real run began the step. There is no timeline; the report tells it."""
        if kind is EventKind.STEP_STARTED and step_id in self._given.started:
            self._now = max(self._now, self._given.started[step_id])

    def _answer_to(self, question: Question) -> ShadowAnswer | None:
        """By the same step, or by a step with the same handler, and only where it fits the question."""
        alike = [each for each in self._given.answers if each.kind is question.kind]
        handler = handler_of(self._given.candidate, question.step_id)
        same_step = [each for each in alike if each.step_id == question.step_id]
        same_handler = [each for each in alike if each.handler and each.handler == handler]
        return next((each for each in (*same_step, *same_handler) if _fits(each, question)), None)

    def _decided(self, question: Question, group: str, given: ShadowAnswer | None) -> DecidedReview:
        first = question.choices[0] if question.choices else None
        request = ReviewRequest(
            review_id=f"shadow-{question.key}",
            task_id=self._task.task_id,
            kind=question.kind,
            step_id=question.step_id,
            question=question.text,
            role=question.role,
            group=group,
            opened_at=self._now,
        )
        if given is None:
            return DecidedReview(
                request=request,
                verb=Verb.APPROVE,
                choice=first,
                by=_ASSUMED,
                reason="in shadow",
                at=self._now,
            )
        return DecidedReview(
            request=request,
            verb=given.verb,
            choice=given.choice,
            by=given.by,
            reason="in the real run",
            at=given.at,
            form=given.form,
            late=given.late,
        )

    def _digest(self, call: PlannedCall) -> str:
        return effect_digest(call.spec.name, self._task, call.inputs)

    async def _step_aside(self) -> None:
        """Lets the sequences beside go on, as waiting does. Raises `TicketEnded` when the run is over."""
        await asyncio.sleep(0)
        if self._ending is not None:
            raise self._ending


def _fits(answer: ShadowAnswer, question: Question) -> bool:
    """Whether an answer could have been given to this question."""
    if answer.late:
        return question.on_late == "go_on"
    if answer.verb is Verb.REJECT:
        return answer.by != _DEADLINE or question.on_late == "reject"
    if question.choices:
        return answer.choice in question.choices and not form_problems(question.form, answer.form)
    return answer.choice is None and not form_problems(question.form, answer.form)
