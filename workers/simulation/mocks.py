"""Scripted handlers: they answer in place of the real ones, inside the run, so that time is virtual.

An attempt that takes a minute, the pause before a retry, a time-out: each is a timer of the ticket's own
workflow, which the virtual clock skips. Nothing of this reaches a queue.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, cast

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, RetryState, TimeoutError, TimeoutType
from temporalio.worker import (
    StartActivityInput,
    StartLocalActivityInput,
    WorkflowOutboundInterceptor,
)

from activities.core_bank import NOT_EXECUTED
from domain.alerts import Alert
from domain.clock import BankClock
from domain.errors import BankUnavailable, OpsloopError, OutcomeUnknown
from domain.handlers import HandlerSpec
from domain.steps import StepInput, StepOutput
from workers.simulation.cases import Case, Mock
from workers.simulation.record import Attempt, Raised, RunRecord, first_named, names_of, script_name

_MOST_ATTEMPTS: Final = 200
"""Of one call that is retried for ever: then it stays unanswered."""

_Call = StartActivityInput | StartLocalActivityInput


def error_codes() -> dict[str, type[OpsloopError]]:
    """Every error that a handler can fail with, by its code; those of a bank's own handlers among them."""
    found: dict[str, type[OpsloopError]] = {}
    open_classes: list[type[OpsloopError]] = [OpsloopError]
    while open_classes:
        current = open_classes.pop()
        found.setdefault(current.code, current)
        open_classes += current.__subclasses__()
    return found


class Notebook:
    """Collects what happens in a run; deterministic, so a replay collects the same."""

    def __init__(self, case: Case, clock: BankClock) -> None:
        self.case = case
        self._clock = clock
        self.attempts: list[Attempt] = []
        self.alerts: list[Raised] = []
        self.used: dict[str, int] = {}

    @property
    def now(self) -> datetime:
        """Bank time."""
        return self._clock.to_bank(workflow.now())

    def use(self, script: str) -> None:
        """Counts that this script was played."""
        self.used[script] = self.used.get(script, 0) + 1

    def record(self) -> RunRecord:
        """All of it."""
        return RunRecord(attempts=tuple(self.attempts), alerts=tuple(self.alerts), used=self.used)


class ScriptedCalls(WorkflowOutboundInterceptor):
    """Answers calls of handlers by the case's script; checks without a script run for real."""

    notebook: Notebook
    """Set when the run begins."""

    def __init__(self, following: WorkflowOutboundInterceptor, specs: Mapping[str, HandlerSpec]) -> None:
        super().__init__(following)
        self._specs = specs

    def start_activity(self, input: StartActivityInput) -> workflow.ActivityHandle[Any]:
        """An ordinary activity: a handler's never starts, an alert's is noted."""
        argument = input.args[0] if input.args else None
        if isinstance(argument, StepInput):
            return self._play(input, argument)
        handle = super().start_activity(input)
        if isinstance(argument, Alert):
            self._note_alert(argument, handle)
        return handle

    def start_local_activity(self, input: StartLocalActivityInput) -> workflow.ActivityHandle[Any]:
        """A local activity: real, unless it is a handler that the case has a script for."""
        argument = input.args[0] if input.args else None
        if isinstance(argument, StepInput) and self._script(input.activity, argument):
            return self._play(input, argument)
        return super().start_local_activity(input)

    def _play(self, call: _Call, step: StepInput) -> workflow.ActivityHandle[Any]:
        # Callers only await or cancel it, as they would any task.
        return cast(workflow.ActivityHandle[Any], asyncio.create_task(self._answer(call, step)))

    async def _answer(self, call: _Call, step: StepInput) -> StepOutput:
        """All attempts of one call, under its own time-out and retry policy."""
        policy = call.retry_policy or RetryPolicy()
        in_doubt = False
        number = 0
        while True:
            number += 1
            mock, error = await self._attempt(call, step, number)
            if error is None:
                return self._output(mock, step)
            if in_doubt and error.type == BankUnavailable.code:
                # As the real handler: an earlier attempt may have been carried out.
                error = ApplicationError(error.message, type=OutcomeUnknown.code)
            in_doubt = in_doubt or error.type == OutcomeUnknown.code
            if error.non_retryable or (policy.maximum_attempts and number >= policy.maximum_attempts):
                raise _as_raised(call, error)
            if number == _MOST_ATTEMPTS:
                await workflow.wait_condition(lambda: False)
            await workflow.sleep(_pause(policy, number))

    async def _attempt(
        self, call: _Call, step: StepInput, number: int
    ) -> tuple[Mock, ApplicationError | None]:
        notebook, at = self.notebook, self.notebook.now
        mock = self._next(call.activity, step)
        limit = call.start_to_close_timeout
        error: ApplicationError | None = None
        if mock.takes is not None:
            await workflow.sleep(min(mock.takes, limit) if limit else mock.takes)
        if mock.takes is not None and limit is not None and mock.takes > limit:
            error = ApplicationError(
                f"no answer in time ({limit.total_seconds():g} s)", type=OutcomeUnknown.code
            )
            error.__cause__ = TimeoutError(
                str(error), type=TimeoutType.START_TO_CLOSE, last_heartbeat_details=[]
            )
        elif mock.error is not None:
            known = error_codes().get(mock.error)
            message = mock.message or f"{mock.error}, as the case has it"
            error = ApplicationError(message, type=mock.error, non_retryable=not (known and known.retryable))
        answer = self._output(mock, step)
        notebook.attempts.append(
            Attempt(
                at=at,
                step=step.step_id,
                handler=call.activity,
                number=number,
                outcome="" if error else answer.outcome,
                error=(error.type or "") if error else "",
                message=error.message if error else "",
                effect="" if error else self._effect(call.activity, step, answer.outcome),
            )
        )
        return mock, error

    def _next(self, activity: str, step: StepInput) -> Mock:
        """The script of the next attempt; without one, the first outcome at once."""
        found = self._script(activity, step)
        if found is None:
            return Mock()
        name, mocks = found
        played = sum(
            count for script, count in self.notebook.used.items() if script.startswith(f"handlers.{name}[")
        )
        index = min(played, len(mocks) - 1)
        self.notebook.use(script_name("handlers", name, index))
        return mocks[index]

    def _script(self, activity: str, step: StepInput) -> tuple[str, Sequence[Mock]] | None:
        names = (activity,) if activity != step.handler else names_of(step.step_id, activity)
        return first_named(self.notebook.case.handlers, names)

    def _output(self, mock: Mock, step: StepInput) -> StepOutput:
        spec = self._specs.get(step.handler)
        outcome = mock.outcome or (spec.outcomes[0] if spec else "done")
        return StepOutput(outcome=outcome, summary=mock.summary or f"{outcome} (scripted)", data=mock.data)

    def _effect(self, activity: str, step: StepInput, outcome: str) -> str:
        """The handler whose effect an answer confirms, if any."""
        spec = self._specs.get(step.handler)
        if spec is None or not spec.called_with(step.inputs).effect.gated or outcome == NOT_EXECUTED:
            return ""
        return spec.name if activity in (spec.name, spec.resolver) else ""

    def _note_alert(self, alert: Alert, handle: workflow.ActivityHandle[Any]) -> None:
        alerts, place = self.notebook.alerts, len(self.notebook.alerts)
        alerts.append(Raised(at=self.notebook.now, level=alert.level, subject=alert.subject))

        def told(done: asyncio.Task[Any]) -> None:
            if not done.cancelled() and done.exception() is None:
                alerts[place] = alerts[place].model_copy(update={"told": tuple(done.result().sent)})

        handle.add_done_callback(told)


def _pause(policy: RetryPolicy, number: int) -> timedelta:
    """How long a retry waits, as the server reckons it."""
    pause = policy.initial_interval * policy.backoff_coefficient ** (number - 1)
    return min(pause, policy.maximum_interval or policy.initial_interval * 100)


def _as_raised(call: _Call, error: ApplicationError) -> BaseException:
    """As Temporal hands a failure to the workflow: a local activity's own, an ordinary one's wrapped."""
    timed_out = isinstance(error.__cause__, TimeoutError)
    if isinstance(call, StartLocalActivityInput) and not timed_out:
        return error
    failure = ActivityError(
        "Activity task failed",
        scheduled_event_id=0,
        started_event_id=0,
        identity="simulation",
        activity_type=call.activity,
        activity_id=call.activity_id or "",
        retry_state=RetryState.MAXIMUM_ATTEMPTS_REACHED,
    )
    failure.__cause__ = error.__cause__ if timed_out else error
    return failure
