"""The state of one ticket's run, and the two places where others see it: search attributes and the store."""

import asyncio
import contextlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import Priority as QueuePriority
from temporalio.common import SearchAttributeUpdate

from activities.messages import Opening, Progress
from activities.record import RecordActivities
from domain.details import details_of
from domain.lifecycle import ENDS, TicketState, move, way
from domain.review import ReviewRequest
from domain.sla import SlaTerms, Stopwatch
from domain.sla_changes import words_of_move
from domain.task import OpsTask, Priority, RiskLevel
from domain.ticket import EventKind, TicketEvent, TicketView
from workflows import search_attributes as attributes
from workflows.contract import TicketInput
from workflows.interpreter import TicketEnded
from workflows.metering import EVENTS, SLA_LEVELS, STEP_FAILURES, TICKETS_CLOSED, count
from workflows.options import LOCAL, queue_priority
from workflows.snapshot import Claim, RunSnapshot
from workflows.ticket_view import view_of

_SUMMARY_LIMIT = 500


class TicketRun:
    """All that a run knows. Only its own methods change it."""

    def __init__(self, ticket: TicketInput) -> None:
        self.clock = ticket.clock
        self.task: OpsTask = ticket.task
        self.maker = ticket.maker
        self.hands: set[str] = {ticket.maker}
        """Who made or worked on the ticket, and so cannot approve it."""
        self.state = TicketState.CREATED
        # The start event's time. `start_time` is that of the first task, which a replay may see otherwise.
        self.opened_at = ticket.received_at or self.clock.to_bank(workflow.info().workflow_start_time)
        self.closed_at: datetime | None = None
        self.opening: Opening | None = None
        self.stopwatch = Stopwatch(started_at=self.opened_at)
        self.risk = ticket.task.risk_level
        self.risk_assessed = False
        self._demands: list[str] = []
        self.risk_reasons: tuple[str, ...] = ()
        self.sla_level = ""
        self.spot_check = False
        self.fast_track = False
        self.groups: set[str] = set()
        """Groups that had the ticket before the one that has it."""
        self.alerted: set[str] = set()
        """Groups whose alert desks have alerts of the ticket."""
        self.current_step = ""
        self.steps_done: list[str] = []
        self.steps_skipped: list[str] = []
        self.evidence: list[str] = []
        """What finished steps said."""
        self.open_reviews: dict[str, ReviewRequest] = {}
        self.fired: frozenset[str] = frozenset()
        """Thresholds and legal rungs that have fired or were skipped; the SLA clock keeps it."""
        self.claimed = Claim()
        self.failed_steps: dict[str, str] = {}
        """Steps that wait for an operator, key → name."""
        self.waits: dict[str, str] = {}
        """What else is waited for, by whoever waits."""
        self.ending: TicketEnded | None = None
        """Set once the ticket is to end early: whatever waits gives up."""
        self.closing = False
        """The ticket is ending: from here on nothing is asked and nothing continued."""
        self.moving = False
        """The run is about to be continued as new: nothing new begins."""
        self.result = ""
        self.events: list[TicketEvent] = []
        self._earlier = 0
        """Events of runs before this one."""
        self._recorded = 0
        self._recording = asyncio.Lock()
        self._busy = 0
        self._shown: dict[str, object] = {}
        if ticket.carry is not None:
            self._take_up(ticket.carry.run)

    def _take_up(self, kept: RunSnapshot) -> None:
        self.task = kept.task
        self.hands = set(kept.hands)
        self.state = kept.state
        self.opened_at = kept.opened_at
        self.opening = kept.opening
        self.stopwatch = kept.stopwatch
        self.risk = kept.risk
        self.risk_assessed = kept.risk_assessed
        self.risk_reasons = kept.risk_reasons
        self._demands = list(kept.demands)
        self.sla_level = kept.sla_level
        self.spot_check = kept.spot_check
        self.fast_track = kept.fast_track
        self.groups = set(kept.groups)
        self.alerted = set(kept.alerted)
        self.claimed = kept.claimed
        self.current_step = kept.current_step
        self.steps_done = list(kept.steps_done)
        self.steps_skipped = list(kept.steps_skipped)
        self.failed_steps = dict(kept.failed_steps)
        self.evidence = list(kept.evidence)
        self._earlier = kept.seq

    def snapshot(self) -> RunSnapshot:
        """All that the next run needs."""
        return RunSnapshot(
            task=self.task,
            hands=tuple(sorted(self.hands)),
            state=self.state,
            opened_at=self.opened_at,
            opening=self.pinned,
            stopwatch=self.stopwatch,
            risk=self.risk,
            risk_assessed=self.risk_assessed,
            risk_reasons=self.risk_reasons,
            demands=tuple(self._demands),
            sla_level=self.sla_level,
            spot_check=self.spot_check,
            fast_track=self.fast_track,
            groups=tuple(sorted(self.groups)),
            alerted=tuple(sorted(self.alerted)),
            claimed=self.claimed,
            current_step=self.current_step,
            steps_done=tuple(self.steps_done),
            steps_skipped=tuple(self.steps_skipped),
            failed_steps=self.failed_steps,
            evidence=tuple(self.evidence),
            seq=self.last_seq,
        )

    @property
    def last_seq(self) -> int:
        """Number of the last event of the ticket."""
        return self._earlier + len(self.events)

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """While inside, something is under way that the run must not be continued in the middle of."""
        self._busy += 1
        try:
            yield
        finally:
            self._busy -= 1

    @property
    def at_rest(self) -> bool:
        """Whether nothing is under way."""
        return self._busy == 0 and not self._recording.locked()

    @property
    def all_recorded(self) -> bool:
        """Whether the store knows everything."""
        return self._recorded == len(self.events)

    @property
    def waiting_for(self) -> str:
        """Who or what the run waits for now, in words."""
        groups = {request.group for request in self.open_reviews.values()}
        return ", ".join(sorted(groups | set(self.waits.values())))

    @property
    def now(self) -> datetime:
        """Bank time."""
        return self.clock.to_bank(workflow.now())

    def deadline_at(self) -> datetime | None:
        """When the SLA ends; None before the ticket is open and while its clock stands."""
        return self.stopwatch.deadline(self.opening.sla.target) if self.opening else None

    def real_time_until(self, bank: datetime) -> timedelta:
        """How long until the bank's clock shows this; never negative."""
        return max(self.clock.to_real(bank) - workflow.now(), timedelta(0))

    @property
    def pinned(self) -> Opening:
        """What the ticket pinned at its start."""
        if self.opening is None:
            raise RuntimeError("the ticket has not been opened yet")
        return self.opening

    @property
    def on_fast_track(self) -> bool:
        """Whether waits and optional steps are left out. It ends where the risk rises."""
        return self.fast_track and self.risk is RiskLevel.LOW

    @property
    def queue_priority(self) -> QueuePriority:
        """Where the ticket's activities stand in their queue; on the fast track at the top."""
        return queue_priority(Priority.P1 if self.on_fast_track else self.task.priority)

    @property
    def held(self) -> bool:
        """Whether the ticket is on hold."""
        return self.stopwatch.held

    def open(self, opening: Opening) -> None:
        """Takes what dispatch answered and what the ticket pins."""
        self.opening = opening
        # From the first instant on: what passed before the opening counts by the same calendar.
        self.stopwatch = self.stopwatch.model_copy(update={"calendar": opening.sla.calendar})
        self.task = opening.answer.applied_to(self.task)
        self.risk = opening.answer.risk
        self.note(
            EventKind.DISPATCHED,
            f"to {opening.answer.group} by {opening.answer.layer}: {opening.answer.evidence.reason}",
            layer=opening.answer.layer,
            group=opening.answer.group,
            tables=opening.answer.tables_digest,
            sop=opening.sop.sop.name,
            sop_digest=opening.sop.digest,
            **({"rollout": opening.rollout.words} if opening.rollout else {}),
        )
        self.move_to(TicketState.ASSIGNED)
        self.move_to(TicketState.PROCESSING)

    def claim(self, principal: str) -> None:
        """A named person works on it from now on; empty: nobody does."""
        self.claimed = Claim(by=principal, since=self.now if principal else None)

    def agree(self, terms: SlaTerms) -> None:
        """Takes other terms from now on; what is gone stays gone."""
        self.opening = self.pinned.model_copy(update={"sla": terms})
        self.stopwatch = self.stopwatch.on(terms.calendar, self.now)

    def note_moved(self, before: datetime | None, after: datetime | None, reasons: Sequence[str]) -> None:
        """Tells that the deadline moved, and why."""
        self.note(
            EventKind.SLA_CHANGED,
            words_of_move(before, after, reasons, self.pinned.timezone),
            before=before.isoformat() if before else None,
            after=after.isoformat() if after else None,
        )

    def note(
        self, kind: EventKind, summary: str, *, actor: str = "opsloop", step_id: str = "", **data: object
    ) -> None:
        """Adds to the timeline. It reaches the store with the next `record`."""
        if kind is EventKind.STEP_STARTED:
            self.current_step = step_id
        elif kind is EventKind.STEP_DONE:
            self.steps_done.append(step_id)
            self.evidence.append(summary[:_SUMMARY_LIMIT])
        elif kind is EventKind.STEP_SKIPPED:
            self.steps_skipped.append(step_id)
        elif kind is EventKind.STEP_FAILED:
            count(STEP_FAILURES, code=str(data.get("code", "")))
        elif kind is EventKind.SLA_LEVEL:
            count(SLA_LEVELS, level=str(data.get("level", "")) or "escalation")
        count(EVENTS, kind=kind.value)
        self.events.append(
            TicketEvent(
                seq=self.last_seq + 1,
                at=self.now,
                kind=kind,
                summary=summary[:_SUMMARY_LIMIT],
                actor=actor,
                step_id=step_id,
                data=data,
            )
        )

    def move_to(self, target: TicketState) -> None:
        """Moves along the life cycle. An illegal move is an error, never a silent change."""
        before = self.state
        self.state = move(before, target)
        self.note(EventKind.STATE, f"{before} → {target}")
        if target in ENDS:
            count(TICKETS_CLOSED, state=target.value, risk=self.risk.value)

    def settle_state(self) -> None:
        """FAILED while a step waits for an operator, REVIEWING while a person is asked, else PROCESSING."""
        target = (
            TicketState.FAILED
            if self.failed_steps
            else TicketState.REVIEWING
            if self.open_reviews
            else TicketState.PROCESSING
        )
        for state in way(self.state, target):
            self.move_to(state)

    def assess(self, level: RiskLevel, reasons: Iterable[str]) -> None:
        """Settles the risk, never below what a skipped control demands."""
        least = RiskLevel.HIGH if self._demands else RiskLevel.LOW
        before, self.risk = self.risk, level.at_least(least)
        self.task = self.task.model_copy(update={"risk_level": self.risk})
        self.risk_assessed = True
        self.risk_reasons = (*self._demands, *reasons)
        self.note(
            EventKind.RISK,
            f"risk {self.risk}" + (f" (before: {before})" if before != self.risk else ""),
            reasons=list(self.risk_reasons),
        )

    def demand_caution(self, reason: str) -> None:
        """High risk from now on, whatever an assessor says later."""
        self._demands.append(reason)
        self.assess(RiskLevel.HIGH, ())

    def reassign(self, group: str) -> None:
        """Gives the ticket to another group."""
        self.groups.add(self.task.assigned_group)
        self.task = self.task.model_copy(update={"assigned_group": group})
        self.claim("")

    def completion(self) -> str:
        """What a completed ticket says of itself: never that something was done which was left out."""
        left_out = f", without {', '.join(self.steps_skipped)}" if self.steps_skipped else ""
        return f"{self.pinned.sop.sop.name} completed{left_out}"

    def close(self, state: TicketState, result: str) -> None:
        """Reaches an end."""
        self.result = result
        self.waits.clear()
        self.failed_steps.clear()
        for each in way(self.state, state):
            self.move_to(each)
        self.closed_at = self.now
        self.note(EventKind.CLOSED, result)

    def view(self) -> TicketView:
        """The state as people see it."""
        return view_of(self)

    async def record(self) -> None:
        """Brings the store up to date, in order and once for each event."""
        async with self._recording:
            if self._recorded == len(self.events):
                return
            until = len(self.events)
            await workflow.execute_local_activity_method(
                RecordActivities.record_progress,
                Progress(events=tuple(self.events[self._recorded : until]), view=self.view()),
                summary=f"record {until - self._recorded} events",
                **LOCAL,
            )
            self._recorded = until

    def show(self) -> None:
        """Brings the search attributes and the current details up to date."""
        view = self.view()
        changes: list[SearchAttributeUpdate[Any]] = []
        for key, value in (
            (attributes.CATEGORY, view.task.category),
            (attributes.ACTION, view.task.action),
            (attributes.GROUP, view.task.assigned_group),
            (attributes.RISK, view.risk),
            (attributes.PRIORITY, view.task.priority),
            (attributes.STATE, view.state),
            (attributes.SOP, view.sop),
            (attributes.WAITING_FOR, view.waiting_for or "nobody"),
            (attributes.SLA_LEVEL, view.sla_level or "none"),
            (attributes.DEADLINE, view.deadline_at),
            (attributes.HELD, view.held),
        ):
            if value not in (None, "") and self._shown.get(key.name) != value:
                self._shown[key.name] = value
                plain = str(value) if isinstance(value, str) else value
                changes.append(key.value_set(plain))  # type: ignore[arg-type]  # keys of three types
        if changes:
            workflow.upsert_search_attributes(changes)
        workflow.set_current_details(details_of(view, self.opening.timezone if self.opening else "UTC"))
