"""A runtime for the interpreter without Temporal: handlers are scripted, people answer at once."""

from collections import defaultdict
from collections.abc import Iterable

from definitions.schema import Step
from domain.handlers import HandlerSpec
from domain.lifecycle import TicketState
from domain.model import Instant
from domain.review import DecidedReview, ReviewRequest, Verb
from domain.steps import StepOutput
from domain.task import RiskLevel
from domain.ticket import EventKind
from workflows.interpreter import Question, StepFailure, TicketEnded

_NOW: Instant = "2026-11-23T12:00:00+00:00"  # type: ignore[assignment]


class FakeRuntime:
    """Scripted outcomes: a string is an outcome, an exception is raised. The last one repeats."""

    def __init__(
        self,
        outcomes: dict[str, list[str | Exception]] | None = None,
        answers: dict[str, list[str]] | None = None,
        operator: Iterable[str] = (),
    ) -> None:
        self._outcomes = {name: list(script) for name, script in (outcomes or {}).items()}
        self._answers = {name: list(script) for name, script in (answers or {}).items()}
        self._operator = list(operator)
        self.calls: list[tuple[str, str, int]] = []
        self.asked: list[Question] = []
        self.admitted: list[str] = []
        self.warned: list[str] = []
        self.cautions: list[str] = []
        self.risk: RiskLevel | None = None
        self.notes: dict[EventKind, list[str]] = defaultdict(list)

    @property
    def ran(self) -> list[str]:
        """Step ids in the order in which their handlers were called."""
        return [step_id for step_id, _, _ in self.calls]

    async def checkpoint(self) -> None:
        return

    async def admit(self, step: Step, spec: HandlerSpec, ahead: tuple[tuple[str, HandlerSpec], ...]) -> None:
        if spec.effect.gated:
            self.admitted.append(step.id)

    async def call(
        self, step: Step, spec: HandlerSpec, occurrence: int, results: dict[str, StepOutput]
    ) -> StepOutput:
        self.calls.append((step.id, spec.name, occurrence))
        script = self._outcomes.get(spec.name, [])
        outcome = script.pop(0) if len(script) > 1 else script[0] if script else spec.outcomes[0]
        if isinstance(outcome, Exception):
            raise outcome
        return StepOutput(outcome=outcome)

    async def ask(self, question: Question) -> DecidedReview:
        self.asked.append(question)
        script = self._answers.get(question.step_id, ["approve"])
        answer = script.pop(0) if len(script) > 1 else script[0]
        if answer == "reject":
            raise TicketEnded(TicketState.REJECTED, "rejected in the test")
        return DecidedReview(
            request=ReviewRequest(
                review_id="R1",
                task_id="T1",
                kind=question.kind,
                step_id=question.step_id,
                question=question.text,
                role=question.role,
                group=question.group,
                opened_at=_NOW,
            ),
            verb=Verb.APPROVE,
            choice=answer if answer in question.choices else None,
            by="li.wei",
            reason="",
            at=_NOW,
        )

    async def failed(self, step: Step, failure: StepFailure) -> str:
        choice = self._operator.pop(0)
        if choice == "cancel":
            raise TicketEnded(TicketState.CANCELLED, "cancelled in the test")
        return choice

    async def warn(self, step: Step, failure: StepFailure) -> None:
        self.warned.append(step.id)

    def assessed(self, level: RiskLevel, reasons: tuple[str, ...]) -> None:
        self.risk = level

    def demand_caution(self, reason: str) -> None:
        self.cautions.append(reason)

    def note(self, kind: EventKind, summary: str, *, step_id: str = "", **data: object) -> None:
        self.notes[kind].append(step_id)
