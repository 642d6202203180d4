"""A runtime for the interpreter on virtual time, in which everything takes its time and goes by a script.

It keeps the promises of the real one (`workflows.step_runtime`): whatever waits raises when the ticket
ends, a call under way is never torn off, an approval covers the effects that it was shown.
"""

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, NamedTuple

from definitions.schema import Step
from domain.lifecycle import TicketState
from domain.review import DecidedReview, ReviewKind, ReviewRequest, Verb
from domain.steps import StepOutput
from domain.task import RiskLevel
from domain.ticket import EventKind
from tests.support.scripts import Script
from tests.support.virtual_loop import VirtualLoop
from workflows.interpreter import EffectsAhead, PlannedCall, Question, StepFailure, TicketEnded

BEGIN: Final = datetime(2026, 11, 23, 2, tzinfo=UTC)
"""10:00 in Shanghai."""
UNDOING: Final = ".compensation"
_EVENTS: Final = 3
"""How many events of one name come by themselves."""
_LONG: Final = 3 * 86_400.0
"""When somebody sees to an event that would never come."""


class Call(NamedTuple):
    """One call of a handler."""

    at: datetime
    key: str
    handler: str
    occurrence: int
    inputs: str


class Note(NamedTuple):
    """One line of the timeline."""

    at: datetime
    kind: EventKind
    key: str
    summary: str


@dataclass
class Carried:
    """What a run hands to the next one besides its journal."""

    at: float = 0.0
    risk: RiskLevel = RiskLevel.MEDIUM
    cautious: bool = False
    approved: set[str] = field(default_factory=set)
    admitted: set[tuple[str, int]] = field(default_factory=set)
    asked: dict[str, float] = field(default_factory=dict)
    """When each open question was asked."""
    times_asked: Counter[str] = field(default_factory=Counter)
    times_failed: Counter[str] = field(default_factory=Counter)
    failing: dict[str, float] = field(default_factory=dict)
    """Since when each failed step waits for an operator."""
    used: Counter[str] = field(default_factory=Counter)
    """How many events of each name were used."""


@dataclass
class Record:
    """What happened, over all runs of a ticket."""

    calls: list[Call] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    answered: dict[tuple[str, int], StepOutput | str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    ended_at: datetime | None = None
    """When it was settled that the ticket ends badly."""
    wrong: list[str] = field(default_factory=list)
    """Laws that were broken on the way."""


class ScriptedRuntime:
    """Implements `workflows.interpreter.Runtime`."""

    def __init__(
        self,
        script: Script,
        fields: Mapping[str, Any],
        loop: VirtualLoop,
        record: Record,
        carried: Carried | None = None,
    ) -> None:
        self.script = script
        self.loop = loop
        self.record = record
        self.carried = carried or Carried()
        self.busy = 0
        """How many things are under way that a run must not be cut in the middle of."""
        self.moving = False
        """Nothing new begins: the run is about to go on elsewhere."""
        self.ended: TicketEnded | None = None
        self._fields = dict(fields)
        self._sleepers: set[asyncio.Future[None]] = set()
        self._open: set[str] = set()
        self._waiting: defaultdict[str, set[tuple[datetime, str]]] = defaultdict(set)
        loop.start_at(self.carried.at)
        cancelled = script.seconds(60, 86_400, "cancelled")
        if script.roll("is cancelled") < script.cancelled and cancelled > self.carried.at:
            end = TicketEnded(TicketState.CANCELLED, "an operator cancelled it")
            loop.call_at(cancelled, self.abandon, end)

    @property
    def now(self) -> datetime:
        return BEGIN + timedelta(seconds=self.loop.time())

    @property
    def risk(self) -> RiskLevel:
        return self.carried.risk

    @property
    def on_fast_track(self) -> bool:
        return False

    def task_facts(self) -> dict[str, Any]:
        return {
            "task_id": "T1",
            "title": "A ticket",
            "category": "accounts",
            "action": "random",
            "risk_level": self.risk.value,
            "fields": self._fields,
        }

    async def checkpoint(self) -> None:
        if self.moving:
            await self._sleep(None)
        self._give_up()

    async def admit(self, call: PlannedCall, ahead: EffectsAhead) -> None:
        spec = call.spec
        if not spec.effect.gated:
            return
        key = f"{call.key}/gate/{call.occurrence}"
        asks = _digest(call) not in self.carried.approved and self.risk is not RiskLevel.LOW
        if asks or key in self.carried.asked:
            question = Question(
                key=key,
                kind=ReviewKind.GATE,
                step_id=call.key,
                text="may it run?",
                role="reviewer",
                ahead=ahead(),
            )
            decided = await self.ask(question)
            if decided.verb is Verb.REJECT:
                raise TicketEnded(TicketState.REJECTED, decided.refusal)
        await self.checkpoint()
        self.carried.admitted.add((call.key, call.occurrence))

    async def call(self, call: PlannedCall) -> StepOutput:
        key, occurrence, record = call.key, call.occurrence, self.record
        undoing = key.endswith(UNDOING)
        if call.spec.effect.gated and not undoing and (key, occurrence) not in self.carried.admitted:
            record.wrong.append(f"{key} ran without having been admitted")
        if self.ended is not None and call.spec.effect.gated and not undoing and not call.step.is_async:
            record.wrong.append(f"{key} ran after the end")
        if any((each.key, each.occurrence) == (key, occurrence) for each in record.calls):
            record.wrong.append(f"{key} ran twice as occurrence {occurrence}")
        inputs = json.dumps(dict(call.inputs), sort_keys=True)
        record.calls.append(Call(self.now, key, call.spec.name, occurrence, inputs))
        self.busy += 1
        await asyncio.sleep(self.script.seconds(0.1, 400, "call", key, occurrence))
        self.busy -= 1
        answer = self.script.answer(call.spec, key, occurrence)
        record.answered[key, occurrence] = answer
        if isinstance(answer, str):
            raise StepFailure(answer, f"{answer} by the script")
        return answer

    async def ask(self, question: Question) -> DecidedReview:
        key, script, carried = question.key, self.script, self.carried
        if key in carried.asked and key in self._open:
            raise AssertionError(f"{key} is asked twice at the same time")
        self._open.add(key)
        if key not in carried.asked:
            self.record.asked.append(key)
            carried.times_asked[key] += 1
        since = carried.asked.setdefault(key, self.loop.time())
        which = f"{key}/{carried.times_asked[key]}"
        deadline = question.deadline.total_seconds() if question.deadline else None
        said = script.person(which, may_be_late=deadline is not None)
        takes = script.seconds(30, 7_200, which)
        if said == "late":
            takes = (deadline or 0) + (takes if question.on_late in ("wait", "escalate") else takes / 1e6)
        elif deadline is not None:
            takes = min(takes, deadline * 0.9)
        await self._sleep(since + takes)
        self._give_up()
        del carried.asked[key]
        self._open.discard(key)
        late = said == "late" and question.on_late == "go_on"
        no = said == "no" or (said == "late" and question.on_late == "reject")
        if not no and not late:
            carried.approved |= {_digest(call) for call in question.ahead}
        return DecidedReview(
            request=ReviewRequest(
                review_id="R1",
                task_id="T1",
                kind=question.kind,
                step_id=question.step_id,
                question=question.text,
                role=question.role,
                group="group",
                opened_at=BEGIN + timedelta(seconds=since),
            ),
            verb=Verb.REJECT if no else Verb.APPROVE,
            choice=script.pick(question.choices, which) if question.choices and not no and not late else None,
            by="li.wei",
            reason="by the script",
            at=self.now,
            form=script.form(question.form, key) if not no and not late else {},
            late=late,
        )

    async def wait_until(self, key: str, due: datetime, *, in_full: bool = True) -> None:
        await self._sleep((due - BEGIN).total_seconds())
        self._give_up()

    async def wait_for_event(
        self, key: str, name: str, since: datetime, deadline: timedelta | None
    ) -> dict[str, Any] | None:
        due = (since - BEGIN + deadline).total_seconds() if deadline is not None else None
        waiting, place = self._waiting[name], (since, key)
        waiting.add(place)
        try:
            while True:
                self._give_up()
                used = self.carried.used[name]
                comes = self._comes(name, used)
                if self.loop.time() >= comes and place == min(waiting):
                    self.carried.used[name] += 1
                    return {"n": used}
                if due is not None and self.loop.time() >= due:
                    return None
                if self.loop.time() >= comes:
                    # Another one waits longer, and takes it at this very moment.
                    await asyncio.sleep(0)
                await self._sleep(comes if due is None else min(comes, due))
        finally:
            waiting.discard(place)

    def _comes(self, name: str, number: int) -> float:
        """When the next event of this name comes; the last ones only because somebody is waiting."""
        if number < _EVENTS and self.script.roll("comes", name, number) >= self.script.late:
            return self.script.seconds(0, 40_000, "event", name, number)
        return _LONG + self.script.seconds(0, 60, "event", name, number)

    async def failed(self, key: str, step: Step, failure: StepFailure) -> Literal["retry", "skip"]:
        carried = self.carried
        if key not in carried.failing:
            carried.times_failed[key] += 1
        since = carried.failing.setdefault(key, self.loop.time())
        time = carried.times_failed[key]
        await self._sleep(since + self.script.seconds(60, 3_600, "operator", key, time))
        self._give_up()
        choice = self.script.operator(key, time)
        del carried.failing[key]
        if choice == "cancel":
            self.abandon(TicketEnded(TicketState.CANCELLED, "an operator gave up"))
            self._give_up()
        return "retry" if choice == "retry" else "skip"

    async def warn(self, key: str, step: Step, failure: StepFailure) -> None:
        self.note(EventKind.ESCALATED, f"{step.name}: {failure.message}", step_id=key)

    def abandon(self, end: TicketEnded) -> None:
        if self.ended is None:
            self.ended = end
            self.record.ended_at = self.now
        for sleeper in self._sleepers:
            if not sleeper.done():
                sleeper.set_result(None)

    def assessed(self, level: RiskLevel, reasons: tuple[str, ...]) -> None:
        self.carried.risk = RiskLevel.HIGH if self.carried.cautious else level

    def demand_caution(self, reason: str) -> None:
        self.carried.cautious = True
        self.carried.risk = RiskLevel.HIGH

    def note(self, kind: EventKind, summary: str, *, step_id: str = "", **data: object) -> None:
        self.record.notes.append(Note(self.now, kind, step_id, summary))

    async def _sleep(self, until: float | None) -> None:
        """Until this second, or for ever; the end of the ticket wakes it."""
        if self.ended is not None or (until is not None and until <= self.loop.time()):
            return
        sleeper = self.loop.create_future()
        self._sleepers.add(sleeper)
        if until is not None:
            self.loop.call_at(until, lambda: sleeper.done() or sleeper.set_result(None))
        await sleeper
        self._sleepers.discard(sleeper)

    def _give_up(self) -> None:
        if self.ended is not None:
            raise self.ended


def _digest(call: PlannedCall) -> str:
    return f"{call.spec.name} {json.dumps(dict(call.inputs), sort_keys=True)}"
