"""Events from outside: kept when they come early, used once, each recorded."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow

from activities.codes import CodeActivities
from activities.messages import CodeCheck
from domain.digest import digest_of
from domain.lifecycle import ENDS
from domain.people import Principal, Role
from domain.ticket import EventKind
from workflows.contract import CommandOutcome, OutsideEvent, event_content
from workflows.options import LOCAL
from workflows.run_state import TicketRun
from workflows.snapshot import CameEvent, EventsSnapshot


class Inbox:
    """The events of a ticket that no step has used yet."""

    def __init__(self, run: TicketRun, kept: EventsSnapshot | None = None) -> None:
        kept = kept or EventsSnapshot()
        self._run = run
        self._waiting = list(kept.inbox)
        self._seen = dict(kept.seen)
        """Digest of the content, by event id."""
        self._taking = asyncio.Lock()

    def snapshot(self) -> EventsSnapshot:
        """All that the next run needs."""
        return EventsSnapshot(inbox=tuple(self._waiting), seen=self._seen)

    async def take(self, event: OutsideEvent) -> CommandOutcome:
        """Keeps the event, or says why it does not count. Both are recorded; a repeat changes nothing."""
        async with self._taking:
            outcome = await self._judge(event)
        await self._run.record()
        return outcome

    async def wait(self, name: str, since: datetime, deadline: timedelta | None) -> dict[str, Any] | None:
        """The data of the first event of this name; None when there is none by the deadline (SLA time).

        None as well when the ticket ends meanwhile.
        """
        run = self._run
        while run.ending is None:
            came = next((each for each in self._waiting if each.name == name), None)
            if came is not None:
                self._waiting.remove(came)
                return came.data
            stopwatch = run.stopwatch
            due = stopwatch.elapsed(since) + deadline if deadline is not None else None
            if due is not None and not run.held and stopwatch.elapsed(run.now) >= due:
                return None
            until = stopwatch.deadline(due) if due is not None else None
            try:
                await workflow.wait_condition(
                    lambda seen=stopwatch: (  # type: ignore[misc]
                        run.ending is not None
                        or run.stopwatch != seen
                        or any(each.name == name for each in self._waiting)
                    ),
                    timeout=run.real_time_until(until) if until else None,
                    timeout_summary=f"event {name} is due",
                )
            except TimeoutError:
                # The timer's word counts: a replay may read the clock at another moment.
                return None
        return None

    async def _judge(self, event: OutsideEvent) -> CommandOutcome:
        run, task_id = self._run, self._run.task.task_id
        verdict = await workflow.execute_local_activity_method(
            CodeActivities.verify_code,
            CodeCheck(
                code=event.code,
                purpose="event",
                subject=task_id,
                digest=digest_of(event_content(task_id, event)),
            ),
            summary=f"who says that {event.name} happened?",
            **LOCAL,
        )
        who = verdict.principal
        if who is None:
            return self._refuse(event, "decision_code_invalid", verdict.problem, "unknown")
        if not self._may(who):
            return self._refuse(event, "not_permitted", f"{who.id} may not send events here", who.id)
        digest = digest_of(event_content(task_id, event))
        known = self._seen.get(event.event_id)
        if known is not None and known != digest:
            return self._refuse(event, "conflict", "this event id was used for another event", who.id)
        if known is not None:
            return CommandOutcome(
                accepted=True, code="repeated", message=f"{event.name} is known already", state=run.state
            )
        if run.state in ENDS:
            return self._refuse(event, "conflict", f"the ticket has ended: {run.state}", who.id)
        self._seen[event.event_id] = digest
        self._waiting.append(CameEvent(name=event.name, event_id=event.event_id, data=event.data))
        run.note(
            EventKind.EVENT, f"{event.name} came", actor=who.id, event=event.name, event_id=event.event_id
        )
        return CommandOutcome(
            accepted=True, code="accepted", message=f"{event.name} recorded", state=run.state
        )

    def _may(self, who: Principal) -> bool:
        in_group = self._run.task.assigned_group in who.groups
        return who.may(Role.INTAKE) or who.may(Role.ADMIN) or (who.may(Role.OPERATOR) and in_group)

    def _refuse(self, event: OutsideEvent, code: str, message: str, actor: str) -> CommandOutcome:
        self._run.note(
            EventKind.COMMAND_REFUSED,
            f"event {event.name} refused: {message}",
            actor=actor,
            verb="event",
            code=code,
        )
        return CommandOutcome(accepted=False, code=code, message=message, state=self._run.state)
