"""Sequences: steps one after the other, and the routes that lead forward through them."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from definitions.book import PinnedSop
from definitions.expressions import render
from definitions.schema import FINISH, LATE, NOT_NEEDED, REJECT, Step
from domain.errors import ExpressionFailed
from domain.handlers import HandlerSpec
from domain.lifecycle import TicketState
from domain.review import ReviewKind, Verb
from domain.steps import StepOutput
from workflows.interpreter.journal import Journal
from workflows.interpreter.runtime import PlannedCall, Question, Runtime, TicketEnded
from workflows.interpreter.scope import Facts, Scope


class SopFinished(Exception):
    """A route led to `finish`: what is left of the SOP is not run."""


class NotReached(Exception):
    """A step of a block that is over had not begun when it ended."""


@dataclass(frozen=True)
class Performed:
    """What a step came to, and the route it takes where its branch does not say so."""

    output: StepOutput
    route: tuple[str, ...] | None = None


@dataclass
class Run:
    """One interpretation of a pinned SOP: what all its sequences share."""

    pinned: PinnedSop
    runtime: Runtime
    journal: Journal
    perform: "Callable[[Run, Step, Sequence], Awaitable[Performed]]"
    background: list[asyncio.Task[None]] = field(default_factory=list)
    to_replace: "list[tuple[Step, Sequence]]" = field(default_factory=list)
    """Background steps that failed and have a fallback."""
    to_undo: "dict[str, tuple[Step, Sequence]]" = field(default_factory=dict)
    """Finished steps with a compensation, by key."""
    _running: dict[str, asyncio.Lock] = field(default_factory=dict)

    def in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """Lets it run beside the steps that follow."""
        self.background.append(asyncio.create_task(work))

    async def settle(self) -> None:
        """Waits until nothing is left in the background."""
        while self.background:
            await self.background.pop(0)

    def alone(self, key: str) -> asyncio.Lock:
        """Held while the step with this key runs, where several sequences can come to it."""
        return self._running.setdefault(key, asyncio.Lock())

    def spec(self, handler: str) -> HandlerSpec:
        """The catalogue entry that the ticket pinned."""
        return self.pinned.handlers[handler]


class Sequence:
    """Steps that run in their order, or where their routes lead; a step runs once."""

    def __init__(self, run: Run, steps: Iterable[Step], scope: Scope) -> None:
        self.scope = scope
        self.facts = Facts(scope, run.runtime)
        self._run = run
        self._steps = tuple(steps)
        self._position = {step.id: index for index, step in enumerate(self._steps)}
        self._visited: set[str] = set()

    def recalled(self, occurrence: int) -> "Sequence":
        """The same place, where a try that is over only shows again what its steps came to."""
        scope = replace(self.scope, recalling=True, recalled_try=occurrence)
        return Sequence(self._run, self._steps, scope)

    def resumed(self) -> "Sequence":
        """The same place, for a step of a block that is over which still has to run: a late fallback.

        The blocks around it are over, so none of them takes its failure any more.
        """
        late = replace(self.scope, recalling=False, recalled_try=0, caught=frozenset())
        return Sequence(self._run, self._steps, late)

    async def walk(self) -> None:
        """Runs the steps. Raises `TicketEnded` and `SopFinished`."""
        position = 0
        while position < len(self._steps):
            position = await self._visit(self._steps[position])

    async def _visit(self, step: Step) -> int:
        """Performs a step and what it leads to; returns the position at which the walk goes on."""
        following = self._position.get(step.id, -1) + 1
        if step.id in self._visited:
            return following
        self._visited.add(step.id)
        performed = await self._run.perform(self._run, step, self)
        targets = performed.route
        if targets is None:
            targets = await self._branch(step, performed.output)
        after = following
        for target in targets:
            if target == REJECT:
                raise TicketEnded(TicketState.REJECTED, f"{step.name}: {performed.output.summary}")
            if target == FINISH:
                raise SopFinished
            if target in self._position:
                after = await self._visit(self._steps[self._position[target]])
            else:
                # Sequences side by side may both lead to it: it runs once, and both wait for it.
                async with self._run.alone(self.scope.key(target)):
                    await self._visit(step_for_handler(target))
                after = following
        return after

    async def _branch(self, step: Step, output: StepOutput) -> tuple[str, ...]:
        """The targets of an outcome. An outcome without a route goes to a person: nothing falls through."""
        if step.branch is None or output.outcome == NOT_NEEDED:
            return ()
        if output.outcome in step.branch:
            return step.branch[output.outcome]
        key = self.scope.key(step.id)
        journal = self._run.journal
        if key not in journal.routes:
            if self.scope.recalling:
                raise NotReached
            decided = await self._run.runtime.ask(
                Question(
                    key=f"{key}/route",
                    kind=ReviewKind.ROUTE,
                    step_id=key,
                    text=f"{step.name} came out as “{output.outcome}”, for which the SOP has no route. "
                    "Which way should the ticket go?",
                    role="reviewer",
                    choices=tuple(each for each in step.branch if each != LATE),
                    ahead=self.effects_ahead(step),
                )
            )
            if decided.verb is Verb.REJECT:
                raise TicketEnded(TicketState.REJECTED, decided.refusal)
            # Where `late` is the only route there is nothing to choose: a yes goes on.
            journal.routes[key] = step.branch[decided.choice] if decided.choice else ()
        return journal.routes[key]

    def effects_ahead(self, step: Step) -> tuple[PlannedCall, ...]:
        """Gated effects of this sequence from the step on that have not run, the step's own first.

        They end before the next control or block of steps: nobody approves what has still to be judged.
        """
        later = self._steps[self._position.get(step.id, -1) + 1 :]
        ahead: list[PlannedCall] = []
        for each in [step, *(each for each in later if each.id not in self._visited)]:
            if each is not step and (each.kind in ("parallel", "foreach", "repeat", "call")):
                break
            spec = self._run.spec(each.handler) if each.handler else None
            if spec is None:
                continue
            if spec.control and each is not step:
                break
            if spec.effect.gated:
                # One whose inputs are still open is asked about when they are known.
                with contextlib.suppress(ExpressionFailed):
                    ahead.append(self.plan(each))
        return tuple(call for call in ahead if call.spec.effect.gated)

    def plan(self, step: Step, given: Mapping[str, Any] | None = None) -> PlannedCall:
        """The call of the step's handler with what it was given, or else with its inputs evaluated now.

        Raises `ExpressionFailed`.
        """
        key = self.scope.key(step.id)
        spec = self._run.spec(step.handler or "")
        if given is None:
            given = render(step.inputs, self.facts)
        return PlannedCall(
            key=key,
            step=step,
            spec=spec.called_with(given),
            # A fallback stands in with the inputs of the step; it is given those that it knows.
            inputs={name: value for name, value in given.items() if name in spec.inputs},
            occurrence=self._run.journal.occurrence(key),
            results=self.scope.results if spec.reads_results else {},
        )


def step_for_handler(handler: str) -> Step:
    """A route may name a handler that no step of the SOP has: it runs as a step of its own."""
    return Step(name=handler.replace("_", " ").capitalize(), id=handler, handler=handler)
