"""The clocks of one ticket: durable timers for the thresholds of its SLA, and for the deadlines of laws."""

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

from activities.messages import AgreeAnew
from activities.opening import OpeningActivities
from domain.alerts import Addressee, AlertLevel
from domain.duration import format_duration
from domain.legal import (
    LegalCrossing,
    LegalDeadline,
    legal_crossed,
    legal_words,
    next_legal_rung,
)
from domain.lifecycle import ENDS
from domain.rescue import RescueWay
from domain.sla import Crossing, SlaLevel, SlaTerms, crossed, next_rung
from domain.sla_changes import changes_of_terms
from domain.ticket import EventKind
from workflows.alerting import Alerting
from workflows.contract import CommandOutcome
from workflows.metering import LATENESS, observe_seconds
from workflows.opening import failure_of
from workflows.options import LOCAL
from workflows.rescue import rescue
from workflows.reviews import ReviewBook
from workflows.run_state import TicketRun

_TICK = timedelta(milliseconds=1)
"""Rounding of the accelerated clock: a timer never counts as early by less than this."""

_TOLD_OF_RESCUE = {
    RescueWay.IDLE_GROUP: "group",
    RescueWay.FAST_TRACK: "lead",
    RescueWay.ON_CALL: "on_call",
}
"""The group is the one that took it over."""
_TOLD_ON_DUE = {"page": "on_call", "lead": "lead", "group": "group"}


class SlaClock:
    """Fires each threshold once; after a jump only the highest."""

    def __init__(
        self, run: TicketRun, alerting: Alerting, reviews: ReviewBook, fired: Iterable[str] = ()
    ) -> None:
        self._run = run
        self._alerting = alerting
        self._reviews = reviews
        run.fired = frozenset(fired)
        self._reviewing = asyncio.Lock()

    @property
    def fired(self) -> frozenset[str]:
        """Thresholds that have fired or were skipped."""
        return self._run.fired

    async def tick(self) -> None:
        """The service clock, until it is cancelled. Holds, resumes and other terms move the deadlines."""
        run = self._run
        reached = timedelta(0)
        while True:
            terms, stopwatch = run.pinned.sla, run.stopwatch
            rung = next_rung(terms, self.fired)
            if rung is None:
                await workflow.wait_condition(lambda seen=terms: run.pinned.sla is not seen)  # type: ignore[misc]
                continue
            elapsed = max(reached, stopwatch.elapsed(run.now) + _TICK)
            crossing = crossed(terms, elapsed, self.fired)
            if crossing and not run.held:
                with run.working():
                    await self._fire(terms, crossing)
                continue
            # What is due already, by terms that came during a hold, fires when the clock runs on.
            deadline = None if run.held else stopwatch.deadline(rung.after)
            try:
                await workflow.wait_condition(
                    lambda seen=(terms, stopwatch): (  # type: ignore[misc]
                        run.pinned.sla is not seen[0] or run.stopwatch != seen[1]
                    ),
                    timeout=run.real_time_until(deadline) if deadline else None,
                    timeout_summary=f"SLA {rung.key} at {rung.after / terms.target:.0%}",
                )
            except TimeoutError:
                # The timer's word counts: a replay may read the clock at another moment.
                reached = rung.after

    async def tick_legal(self) -> None:
        """The legal clock: no hold stops it. Runs until it is cancelled."""
        run = self._run
        reached: datetime | None = None
        while True:
            terms = run.pinned.sla
            now = max(run.now + _TICK, reached or run.opened_at)
            for deadline in terms.legal:
                if crossing := legal_crossed(deadline, now, self.fired):
                    with run.working():
                        await self._fire_legal(deadline, crossing)
            ahead = [
                (deadline.at(rung), f"{deadline.named} {rung}")
                for deadline in terms.legal
                if (rung := next_legal_rung(deadline, self.fired))
            ]
            at, name = min(ahead, default=(None, ""))
            try:
                await workflow.wait_condition(
                    lambda seen=terms: run.pinned.sla is not seen,  # type: ignore[misc]
                    timeout=run.real_time_until(at) if at else None,
                    timeout_summary=name,
                )
            except TimeoutError:
                reached = at

    async def review_terms(self) -> CommandOutcome:
        """Takes the terms that hold by the policies and calendars in force, and says why deadlines move.

        What is gone stays gone, and what has fired does not fire again.
        """
        async with self._reviewing:
            outcome = await self._review_terms()
        await self._run.record()
        return outcome

    async def _review_terms(self) -> CommandOutcome:
        run = self._run
        if run.opening is None or self._is_over:
            return self._answer("conflict", "the ticket is not open")
        try:
            terms = await workflow.execute_local_activity_method(
                OpeningActivities.agree_terms_anew,
                AgreeAnew(opening=run.opening, task=run.task, received_at=run.opened_at),
                summary="the terms by the policies in force",
                **LOCAL,
            )
        except (ActivityError, ApplicationError) as error:
            return self._answer("conflict", failure_of(error))
        before, deadline = run.pinned.sla, run.deadline_at()
        if self._is_over or terms == before:
            return self._answer("unchanged", "the terms in force are those of the ticket")
        reasons = changes_of_terms(before, terms, run.now)
        run.agree(terms)
        if not reasons and run.deadline_at() == deadline:
            return self._answer("unchanged", "no deadline moves")
        run.note_moved(deadline, run.deadline_at(), reasons)
        run.show()
        return self._answer("accepted", run.events[-1].summary)

    @property
    def _is_over(self) -> bool:
        return self._run.closing or self._run.ending is not None or self._run.state in ENDS

    def _answer(self, code: str, message: str) -> CommandOutcome:
        return CommandOutcome(accepted=code != "conflict", code=code, message=message, state=self._run.state)

    async def _fire(self, terms: SlaTerms, crossing: Crossing) -> None:
        run = self._run
        self._skip(crossing.key, crossing.skipped)
        if crossing.level:
            run.sla_level = crossing.level
        if due := run.stopwatch.deadline(crossing.after):
            late = (run.now - due).total_seconds()
            observe_seconds(LATENESS, late, level=crossing.level or "escalation")
        share = f"{crossing.after / terms.target:.0%} of the SLA ({format_duration(terms.target)}) is gone"
        run.note(
            EventKind.SLA_LEVEL,
            f"{crossing.level or 'escalation'}: {share}",
            level=crossing.level,
            key=crossing.key,
        )
        level = AlertLevel(crossing.level) if crossing.level else AlertLevel.ESCALATION
        subject = f"{level}: ticket {run.task.task_id}, {share}"
        group, rescued = run.task.assigned_group, None
        if crossing.level is SlaLevel.CRITICAL:
            rescued = await rescue(run, self._reviews, crossing.key)
        body = f"{subject}. Group {run.task.assigned_group}, step {run.current_step or '-'}."
        if rescued is not None:
            body += f" {rescued.words(group)}."
        escalation = crossing.escalation
        named = Addressee(to=escalation.to, channel=escalation.channel) if escalation else None
        told = Addressee(to=_TOLD_OF_RESCUE[rescued.way]) if rescued is not None else None
        self._alerting.raise_alert(
            level,
            key=f"sla-{crossing.key}",
            subject=subject,
            body=body,
            action=f"opsloop ticket show {run.task.task_id}",
            instead=told if crossing.level else named,
            also=named if crossing.level else None,
            silence="the ticket goes on as it is, and may be late",
        )
        run.show()
        await run.record()

    async def _fire_legal(self, deadline: LegalDeadline, crossing: LegalCrossing) -> None:
        run = self._run
        self._skip(crossing.key, crossing.skipped)
        words = legal_words(deadline, crossing.rung, run.pinned.timezone)
        run.note(
            EventKind.LEGAL_DEADLINE,
            words,
            key=crossing.key,
            law=deadline.law,
            article=deadline.article,
            due_at=deadline.due_at.isoformat(),
        )
        subject = f"critical: ticket {run.task.task_id}, {words}"
        is_due = crossing.rung == "due"
        self._alerting.raise_alert(
            AlertLevel.CRITICAL,
            key=f"sla-{crossing.key}",
            subject=subject,
            body=f"{subject}. Group {run.task.assigned_group}, step {run.current_step or '-'}. "
            "A hold does not stop this clock.",
            action=f"opsloop ticket show {run.task.task_id}",
            deadline_at=deadline.due_at,
            also=Addressee(to=_TOLD_ON_DUE[deadline.on_due]) if is_due else None,
            silence="the ticket goes on as it is, and the legal deadline passes",
        )
        await run.record()

    def _skip(self, fired: str, skipped: tuple[str, ...]) -> None:
        self._run.fired = self.fired | {fired, *skipped}
        for key in skipped:
            self._run.note(EventKind.SLA_SKIPPED, f"{key} was passed while the clock was not watched")
