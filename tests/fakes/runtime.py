"""A runtime for the interpreter without Temporal: handlers are scripted, people answer at once."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from definitions.schema import Step
from domain.lifecycle import TicketState
from domain.review import DecidedReview, ReviewRequest, Verb
from domain.steps import StepOutput
from domain.task import RiskLevel
from domain.ticket import EventKind
from workflows.interpreter import EffectsAhead, PlannedCall, Question, StepFailure, TicketEnded


class FakeRuntime:
    """Scripted outcomes: a string is an outcome, an exception is raised. The last one repeats.

    Answers: approve, reject, late, or one of the choices. Waiting moves the clock. Events are there or not.
    """

    def __init__(
        self,
        outcomes: Mapping[str, list[str | StepOutput | Exception]] | None = None,
        answers: Mapping[str, list[str]] | None = None,
        *,
        operator: Iterable[str] = (),
        fields: Mapping[str, Any] | None = None,
        events: Mapping[str, dict[str, Any]] | None = None,
        forms: Mapping[str, dict[str, Any]] | None = None,
    ) -> None:
        self._outcomes = {name: list(script) for name, script in (outcomes or {}).items()}
        self._answers = {name: list(script) for name, script in (answers or {}).items()}
        self._operator = list(operator)
        self._task = {"task_id": "T1", "title": "A ticket", "fields": dict(fields or {})}
        self._events = dict(events or {})
        self._forms = dict(forms or {})
        self._ended: TicketEnded | None = None
        self.clock = datetime(2026, 11, 23, 12, tzinfo=UTC)
        self.calls: list[tuple[str, str, int]] = []
        self.inputs: dict[str, dict[str, Any]] = {}
        self.at_once = 0
        self.most_at_once = 0
        self.asked: list[Question] = []
        self.admitted: list[str] = []
        self.warned: list[str] = []
        self.cautions: list[str] = []
        self.level: RiskLevel | None = None
        self.on_fast_track = False
        self.notes: dict[EventKind, list[str]] = defaultdict(list)

    @property
    def ran(self) -> list[str]:
        """Keys of steps in the order in which their handlers were called."""
        return [key for key, _, _ in self.calls]

    @property
    def now(self) -> datetime:
        return self.clock

    @property
    def risk(self) -> RiskLevel:
        return self.level or RiskLevel.MEDIUM

    def task_facts(self) -> dict[str, Any]:
        return self._task

    async def checkpoint(self) -> None:
        await self._step_aside()

    async def admit(self, call: PlannedCall, ahead: EffectsAhead) -> None:
        if call.spec.effect.gated:
            self.admitted.append(call.key)

    async def call(self, call: PlannedCall) -> StepOutput:
        spec = call.spec
        self.calls.append((call.key, spec.name, call.occurrence))
        self.inputs[call.key] = dict(call.inputs)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        script = self._outcomes.get(spec.name, [])
        outcome = script.pop(0) if len(script) > 1 else script[0] if script else spec.outcomes[0]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome if isinstance(outcome, StepOutput) else StepOutput(outcome=outcome)

    async def ask(self, question: Question) -> DecidedReview:
        self.asked.append(question)
        await self._step_aside()
        script = self._answers.get(question.step_id, ["approve"])
        answer = script.pop(0) if len(script) > 1 else script[0]
        choice = answer if answer in question.choices else None
        if choice is None and question.choices and answer == "approve":
            choice = question.choices[0]
        return DecidedReview(
            request=ReviewRequest(
                review_id="R1",
                task_id="T1",
                kind=question.kind,
                step_id=question.step_id,
                question=question.text,
                role=question.role,
                group=question.group,
                opened_at=self.clock,
            ),
            verb=Verb.REJECT if answer == "reject" else Verb.APPROVE,
            choice=choice,
            by="li.wei",
            reason="in the test",
            at=self.clock,
            form=self._forms.get(question.step_id, {}),
            late=answer == "late",
        )

    async def wait_until(self, key: str, due: datetime, *, in_full: bool = True) -> None:
        await self._step_aside()
        if in_full or not self.on_fast_track:
            self.clock = max(self.clock, due)

    async def wait_for_event(
        self, key: str, name: str, since: datetime, deadline: timedelta | None
    ) -> dict[str, Any] | None:
        await self._step_aside()
        return self._events.get(name)

    async def failed(self, key: str, step: Step, failure: StepFailure) -> str:
        await self._step_aside()
        choice = self._operator.pop(0)
        if choice == "cancel":
            raise TicketEnded(TicketState.CANCELLED, "cancelled in the test")
        return choice

    async def warn(self, key: str, step: Step, failure: StepFailure) -> None:
        self.warned.append(key)

    def abandon(self, end: TicketEnded) -> None:
        self._ended = self._ended or end

    def assessed(self, level: RiskLevel, reasons: tuple[str, ...]) -> None:
        self.level = level

    def demand_caution(self, reason: str) -> None:
        self.cautions.append(reason)

    def note(self, kind: EventKind, summary: str, *, step_id: str = "", **data: object) -> None:
        self.notes[kind].append(step_id)

    async def _step_aside(self) -> None:
        """Lets others run, as waiting does; raises when the ticket has ended meanwhile."""
        await asyncio.sleep(0)
        if self._ended is not None:
            raise self._ended
