"""The SOP interpreter: walks a pinned SOP's steps in the order its language defines.

It knows the language and nothing of Temporal: what a step needs of the world it asks of its `Runtime`.
Semantics: DESIGN, "SOPs", and docs/sop-language.md.
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal, Protocol

from definitions.book import PinnedSop
from definitions.person_steps import PersonStep
from definitions.schema import Step
from domain.handlers import HandlerSpec, HumanTask
from domain.lifecycle import TicketState
from domain.review import DecidedReview, ReviewKind, Verb
from domain.steps import StepOutput
from domain.task import RiskLevel
from domain.ticket import EventKind

SKIPPED: Final = "skipped"
"""The outcome of a step that an operator left out."""


class StepFailure(Exception):
    """All attempts of a step failed. `code` is that of the error tree."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class TicketEnded(Exception):
    """The run is over: rejected or cancelled."""

    def __init__(self, state: TicketState, reason: str) -> None:
        super().__init__(reason)
        self.state = state
        self.reason = reason


@dataclass(frozen=True)
class Question:
    """What the interpreter wants to ask a person."""

    kind: ReviewKind
    step_id: str
    text: str
    role: str
    group: str = ""
    deadline: timedelta | None = None
    on_late: Literal["wait", "escalate", "go_on", "reject"] = "wait"
    choices: tuple[str, ...] = ()
    because: str = ""
    """What went wrong before, where this is a fallback."""
    ahead: tuple[tuple[str, HandlerSpec], ...] = ()
    """Effects that may follow, as (step id, handler): an approval covers them."""


class Runtime(Protocol):
    """What the interpreter needs of the ticket around it."""

    async def checkpoint(self) -> None:
        """Called before each step. Waits while the ticket is held; raises `TicketEnded` when cancelled."""

    async def admit(self, step: Step, spec: HandlerSpec, ahead: tuple[tuple[str, HandlerSpec], ...]) -> None:
        """The duty gate before an effect. Raises `TicketEnded` when a person says no."""

    async def call(
        self, step: Step, spec: HandlerSpec, occurrence: int, results: dict[str, StepOutput]
    ) -> StepOutput:
        """Runs the handler with the step's time-out and retries. Raises `StepFailure`."""

    async def ask(self, question: Question) -> DecidedReview:
        """Asks a person and waits. Raises `TicketEnded` when the answer is no."""

    async def failed(self, step: Step, failure: StepFailure) -> Literal["retry", "skip"]:
        """The step failed for good: waits for an operator. Raises `TicketEnded` when cancelled."""

    async def warn(self, step: Step, failure: StepFailure) -> None:
        """A step that does not hold the run failed: tells people, and the run goes on."""

    def assessed(self, level: RiskLevel, reasons: tuple[str, ...]) -> None:
        """The ticket's risk is settled."""

    def demand_caution(self, reason: str) -> None:
        """Something happened that makes the ticket high risk, whatever an assessor says later."""

    def note(self, kind: EventKind, summary: str, *, step_id: str = "", **data: object) -> None:
        """Adds to the timeline."""


class Interpreter:
    """Interprets one SOP for one ticket."""

    def __init__(self, pinned: PinnedSop, runtime: Runtime) -> None:
        self._steps = pinned.sop.steps
        self._handlers = pinned.handlers
        self._position = {step.id: index for index, step in enumerate(self._steps)}
        self._runtime = runtime
        self._background: list[asyncio.Task[None]] = []
        self._to_replace: list[tuple[Step, StepFailure]] = []
        self._visited: set[str] = set()
        self.results: dict[str, StepOutput] = {}

    async def run(self) -> None:
        """Runs all steps and waits for those in the background. Raises `TicketEnded`.

        Fallbacks of background steps come last: they may ask a person, and a ticket asks one thing at a time.
        """
        position = 0
        while position < len(self._steps):
            position = await self._visit(self._steps[position])
        await self.settle()
        for step, failure in self._to_replace:
            self._finish(step, await self._fall_back(step, failure))

    async def settle(self) -> None:
        """Waits until no step is left in the background."""
        while self._background:
            await self._background.pop(0)

    async def _visit(self, step: Step) -> int:
        """Performs a step and what it branches to; returns the position at which the run goes on."""
        following = self._position.get(step.id, -1) + 1
        if step.id in self._visited:
            return following
        await self._runtime.checkpoint()
        self._visited.add(step.id)
        output = await self._perform(step)
        if step.branch is None:
            return following
        targets = await self._route(step, step.branch, output)
        after = following
        for target in targets:
            if target in self._position:
                after = await self._visit(self._steps[self._position[target]])
            else:
                await self._visit(_step_for_handler(target))
                after = following
        return after

    async def _route(
        self, step: Step, branch: dict[str, tuple[str, ...]], output: StepOutput
    ) -> tuple[str, ...]:
        """The targets of an outcome. An outcome without a route goes to a person: nothing falls through."""
        if output.outcome in branch:
            return branch[output.outcome]
        decided = await self._runtime.ask(
            Question(
                kind=ReviewKind.ROUTE,
                step_id=step.id,
                text=f"{step.name} came out as “{output.outcome}”, for which the SOP has no route. "
                "Which way should the ticket go?",
                role="reviewer",
                choices=tuple(branch),
                ahead=self._effects_ahead(step),
            )
        )
        return branch[decided.choice or ""]

    async def _perform(self, step: Step) -> StepOutput:
        self._runtime.note(EventKind.STEP_STARTED, step.name, step_id=step.id)
        person = step.review or step.manual
        if person is not None:
            output = await self._ask_about(step, _task_of(step, person))
        elif step.is_async:
            spec = self._handlers[step.handler or ""]
            await self._runtime.admit(step, spec, self._effects_ahead(step))
            self._background.append(asyncio.create_task(self._in_background(step, spec)))
            return StepOutput(outcome="started", summary="runs on in the background")
        else:
            output = await self._do(step, step.handler or "")
        self._finish(step, output)
        return output

    def _finish(self, step: Step, output: StepOutput) -> None:
        self.results[step.id] = output
        if output.outcome == SKIPPED:
            return
        self._runtime.note(
            EventKind.STEP_DONE,
            f"{step.name}: {output.summary or output.outcome}",
            step_id=step.id,
            outcome=output.outcome,
        )

    async def _do(self, step: Step, handler: str, because: str = "") -> StepOutput:
        """One handler, or the person who is it, until it is done, replaced, skipped or given up."""
        spec = self._handlers[handler]
        if spec.human is not None:
            return await self._ask_about(step, spec.human, because)
        occurrence = 1
        while True:
            try:
                return await self._attempt(step, spec, occurrence)
            except StepFailure as failure:
                self._note_failure(step, failure)
                if step.fallback and handler != step.fallback:
                    return await self._fall_back(step, failure)
                if await self._runtime.failed(step, failure) == "skip":
                    if spec.control or spec.effect.gated:
                        what = "control" if spec.control else "effect"
                        self._runtime.demand_caution(f"the {what} {step.id} was skipped")
                    return StepOutput(outcome=SKIPPED, summary="skipped by an operator")
                occurrence += 1

    async def _attempt(self, step: Step, spec: HandlerSpec, occurrence: int) -> StepOutput:
        await self._runtime.admit(step, spec, self._effects_ahead(step))
        output = await self._runtime.call(step, spec, occurrence, self.results)
        if spec.assesses_risk:
            reasons = tuple(str(reason) for reason in output.data.get("reasons", ()))
            self._runtime.assessed(RiskLevel(output.outcome), reasons)
        return output

    async def _in_background(self, step: Step, spec: HandlerSpec) -> None:
        """A step that does not hold the run: its failure is told, and the ticket goes on."""
        try:
            output = await self._runtime.call(step, spec, 1, self.results)
        except StepFailure as failure:
            self._note_failure(step, failure)
            await self._runtime.warn(step, failure)
            if step.fallback is not None:
                self._to_replace.append((step, failure))
            return
        self._finish(step, output)

    async def _fall_back(self, step: Step, failure: StepFailure) -> StepOutput:
        fallback = step.fallback or ""
        return await self._do(_instead(step, fallback), fallback, f"{step.name}: {failure.message}")

    def _note_failure(self, step: Step, failure: StepFailure) -> None:
        self._runtime.note(
            EventKind.STEP_FAILED, f"{step.name}: {failure.message}", step_id=step.id, code=failure.code
        )

    async def _ask_about(self, step: Step, human: HumanTask, because: str = "") -> StepOutput:
        decided = await self._runtime.ask(
            Question(
                kind=ReviewKind.MANUAL if human.kind == "manual" else ReviewKind.STEP,
                step_id=step.id,
                text=human.question,
                role=human.role,
                group=human.group,
                deadline=human.deadline,
                on_late=human.on_late,
                choices=tuple(step.branch or ()) if step.handler is None else (),
                because=because,
                # Whoever works by hand confirms their own work, and approves nothing beyond it.
                ahead=() if human.kind == "manual" else self._effects_ahead(step),
            )
        )
        outcome = decided.choice or ("done" if human.kind == "manual" else "approved")
        verb = "done" if human.kind == "manual" and decided.verb is Verb.APPROVE else outcome
        return StepOutput(outcome=outcome, summary=f"{verb} by {decided.by}", data={"by": decided.by})

    def _effects_ahead(self, step: Step) -> tuple[tuple[str, HandlerSpec], ...]:
        """Gated effects from this step on that have not run, this step's own first.

        They end before the next control: nobody approves what a check has still to judge.
        """
        later = self._steps[self._position.get(step.id, -1) + 1 :]
        ahead: list[tuple[str, HandlerSpec]] = []
        for each in [step, *(each for each in later if each.id not in self._visited)]:
            spec = self._handlers[each.handler] if each.handler else None
            if spec is not None and spec.control and each is not step:
                break
            if spec is not None and spec.effect.gated:
                ahead.append((each.id, spec))
        return tuple(ahead)


def _step_for_handler(handler: str) -> Step:
    """A branch may name a handler that no step of the SOP has: it runs as a step of its own."""
    return Step(name=handler.replace("_", " ").capitalize(), id=handler, handler=handler)


def _instead(step: Step, fallback: str) -> Step:
    """The step with its fallback in place of its handler: another id, so another idempotency key."""
    return step.model_copy(update={"id": fallback, "handler": fallback})


def _task_of(step: Step, person: PersonStep) -> HumanTask:
    return HumanTask(
        kind="manual" if step.manual else "review",
        question=step.review.question if step.review else step.manual.instructions if step.manual else "",
        role=person.role,
        group=person.group,
        deadline=person.deadline,
        on_late=person.on_late,
    )
