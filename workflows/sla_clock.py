"""The SLA clock of one ticket: durable timers for its thresholds and its SOP's escalation."""

from collections.abc import Iterable
from datetime import timedelta

from temporalio import workflow

from domain.alerts import Addressee, AlertLevel
from domain.duration import format_duration
from domain.sla import Crossing, SlaTerms, crossed, next_rung
from domain.ticket import EventKind
from workflows.alerting import Alerting
from workflows.run_state import TicketRun

_TICK = timedelta(milliseconds=1)
"""Rounding of the accelerated clock: a timer never counts as early by less than this."""


class SlaClock:
    """Fires each threshold once; after a jump only the highest."""

    def __init__(self, run: TicketRun, alerting: Alerting, fired: Iterable[str] = ()) -> None:
        self._run = run
        self._alerting = alerting
        self.fired: frozenset[str] = frozenset(fired)
        """Thresholds that have fired or were skipped."""

    async def tick(self, terms: SlaTerms) -> None:
        """Runs until every threshold has fired. Holds and resumes move the deadlines."""
        run = self._run
        reached = timedelta(0)
        while rung := next_rung(terms, self.fired):
            elapsed = max(reached, run.stopwatch.elapsed(run.now) + _TICK)
            crossing = crossed(terms, elapsed, self.fired)
            if crossing and not run.held:
                with run.working():
                    await self._fire(terms, crossing)
                continue
            deadline = run.stopwatch.deadline(rung.after)
            stopwatch = run.stopwatch
            try:
                await workflow.wait_condition(
                    lambda seen=stopwatch: run.stopwatch != seen,  # type: ignore[misc]
                    timeout=run.real_time_until(deadline) if deadline else None,
                    timeout_summary=f"SLA {rung.key} at {rung.after / terms.target:.0%}",
                )
            except TimeoutError:
                # The timer's word counts: a replay may read the clock at another moment.
                reached = rung.after

    async def _fire(self, terms: SlaTerms, crossing: Crossing) -> None:
        run = self._run
        self.fired |= {crossing.key, *crossing.skipped}
        for key in crossing.skipped:
            run.note(EventKind.SLA_SKIPPED, f"{key} was passed while the clock was not watched")
        if crossing.level:
            run.sla_level = crossing.level
        share = f"{crossing.after / terms.target:.0%} of the SLA ({format_duration(terms.target)}) is gone"
        run.note(
            EventKind.SLA_LEVEL,
            f"{crossing.level or 'escalation'}: {share}",
            level=crossing.level,
            key=crossing.key,
        )
        level = AlertLevel(crossing.level) if crossing.level else AlertLevel.ESCALATION
        subject = f"{level}: ticket {run.task.task_id}, {share}"
        body = f"{subject}. Group {run.task.assigned_group}, step {run.current_step or '-'}."
        escalation = crossing.escalation
        named = Addressee(to=escalation.to, channel=escalation.channel) if escalation else None
        self._alerting.raise_alert(
            level,
            key=f"sla-{crossing.key}",
            subject=subject,
            body=body,
            action=f"opsloop ticket show {run.task.task_id}",
            instead=None if crossing.level else named,
            also=named if crossing.level else None,
        )
        run.show()
        await run.record()
