"""The fake runtime with a timeline, as the workflow keeps one: for what is read from timelines."""

from datetime import timedelta
from typing import Any

from domain.review import DecidedReview
from domain.ticket import EventKind, TicketEvent
from tests.fakes.runtime import FakeRuntime
from workflows.interpreter import Question, StepFailure


class RecordingRuntime(FakeRuntime):
    """Notes everything as ticket events, reviews among them. One minute passes with each."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.events: list[TicketEvent] = []

    def note(self, kind: EventKind, summary: str, *, step_id: str = "", **data: object) -> None:
        super().note(kind, summary, step_id=step_id, **data)
        self.clock += timedelta(minutes=1)
        self.events.append(
            TicketEvent(
                seq=len(self.events) + 1,
                at=self.clock,
                kind=kind,
                summary=summary,
                step_id=step_id,
                data=data,
            )
        )

    async def ask(self, question: Question) -> DecidedReview:
        review = {"review_id": question.key, "kind": question.kind.value, "step_id": question.step_id}
        self.note(EventKind.REVIEW_OPENED, question.text, step_id=question.step_id, review=review)
        decided = await super().ask(question)
        self.note(
            EventKind.REVIEW_DECIDED,
            decided.verb,
            step_id=question.step_id,
            review_id=question.key,
            verb=decided.verb.value,
            choice=decided.choice,
            by=decided.by,
        )
        return decided

    async def failed(self, key: str, step: Any, failure: StepFailure) -> str:
        choice = await super().failed(key, step, failure)
        kind = EventKind.COMMAND if choice == "retry" else EventKind.STEP_SKIPPED
        self.note(kind, f"{choice} {key}", step_id=key, verb=choice)
        return choice
