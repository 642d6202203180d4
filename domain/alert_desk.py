"""The alert desk of one group: few, sharp alerts. A pure state machine over bank time.

    desk, event → desk, effects            when it has to be woken: `wake_at`

Alerts of one type (level, and whom the alert itself names) become one desk alert. Urgent ones go out at once
and again, with the count, after growing intervals; orange ones are collected first. What is worked on or was
escalated is not told again, but worsening always is. Each alert has one fate with a reason.
"""

from datetime import datetime
from typing import assert_never
from zoneinfo import ZoneInfo

from domain.alert_desk_state import Desk, TicketMemory, Window, type_of
from domain.alert_events import (
    Acknowledged,
    AlertRaised,
    Cover,
    Delivered,
    DeskEffect,
    DeskEvent,
    Fate,
    Light,
    Log,
    LogEntry,
    Notify,
    Over,
    Taken,
    Tick,
    TicketClosed,
    Told,
    Undelivered,
    Untold,
    Withdraw,
)
from domain.alert_texts import ago, clock_time, notification_alert
from domain.alerts import Alert, AlertLevel
from domain.duration import format_duration

_ENDED = "the ticket had ended before the next notification"


def advance(desk: Desk, event: DeskEvent) -> tuple[Desk, tuple[DeskEffect, ...]]:
    """The desk after an event, and what it wants done, in order. Raises nothing."""
    turn = _Turn(desk, event.at)
    turn.elapse()
    match event:
        case AlertRaised():
            turn.raised(event)
        case Acknowledged():
            turn.acknowledged(event)
        case TicketClosed():
            turn.closed(event.task_id)
        case Delivered():
            turn.delivered(event)
        case Undelivered():
            turn.undelivered(event)
        case Tick():
            pass
        case _:
            assert_never(event)
    turn.elapse()
    return turn.desk(), tuple(turn.effects)


def wake_at(desk: Desk) -> datetime | None:
    """When the desk has something to do without an event; None: never."""
    times = (window.due_at(desk.rules) or window.done_at(desk.rules) for window in desk.windows.values())
    return min((each for each in times if each is not None), default=None)


class _Turn:
    """One event at work on a copy of the desk."""

    def __init__(self, desk: Desk, at: datetime) -> None:
        self._desk = desk
        self._rules = desk.rules
        self._zone = ZoneInfo(desk.timezone)
        self._at = max(at, desk.at)
        self._seq = desk.seq
        self._seen = desk.seen
        self._windows = dict(desk.windows)
        self._tickets = dict(desk.tickets)
        self.effects: list[DeskEffect] = []

    def desk(self) -> Desk:
        """The desk afterwards."""
        changes = {
            "at": self._at,
            "seq": self._seq,
            "seen": self._seen,
            "windows": self._windows,
            "tickets": self._tickets,
        }
        return self._desk.model_copy(update=changes)

    def elapse(self) -> None:
        """Does what is due by now."""
        for kind, window in list(self._windows.items()):
            done = window.done_at(self._rules)
            if self._is_due(window):
                self._begin(kind)
            elif done is not None and done <= self._at:
                del self._windows[kind]

    def raised(self, event: AlertRaised) -> None:
        """An alert, once for its id."""
        alert = event.alert
        if alert.alert_id in self._seen:
            return
        self._see(alert.alert_id)
        self._seq += 1
        kind = type_of(alert, dashboard_only=event.dashboard_only)
        memory = self._tickets.get(alert.task_id, TicketMemory())
        suppressed = None if event.dashboard_only else self._why_suppressed(alert, kind, memory)
        if suppressed:
            self._log(alert, Fate.SUPPRESSED, suppressed)
            return
        window = self._windows.get(kind) or Window.opened(
            self._desk.group, kind, alert, self._at, silent=event.dashboard_only, pages=event.pages
        )
        self._windows[kind] = window = window.merged(alert, self._at, self._rules.most_tickets)
        memory = memory.joined(window)
        self._remember(alert.task_id, memory if window.silent else memory.told(kind, alert.level, self._at))
        if window.silent:
            self._log(alert, Fate.DASHBOARD, f"dashboard only: {alert.level} tells nobody", window)
        elif self._is_due(window):
            self._begin(kind)
            count = window.open_tickets
            told = "told at once" if count == 1 else f"told at once, {count} tickets in one notification"
            self._log(alert, Fate.NOTIFIED, told, self._windows[kind], notified=True)
        else:
            self._log(alert, Fate.MERGED, self._merged_because(window), window)
        self._light(kind)

    def acknowledged(self, event: Acknowledged) -> None:
        """A person has it: what waits has nobody left to tell."""
        work = {"worked_by": event.by, "worked_since": self._at}
        for task_id, memory in self._tickets.items():
            if event.desk_alert_id in memory.desk_alerts:
                self._tickets[task_id] = memory.model_copy(update=work)
        self.effects.append(Taken(desk_alert_id=event.desk_alert_id, by=event.by, at=self._at))
        for kind, window in list(self._windows.items()):
            if window.desk_alert_id == event.desk_alert_id:
                self._stand_down(kind, f"acknowledged by {event.by} at {self._clock(self._at)}")
                self._change(kind, taken_by=event.by)
                self._light(kind)

    def closed(self, task_id: str) -> None:
        """A ticket has ended. Its failures stay until acknowledged: it may have left harm behind."""
        memory = self._tickets.pop(task_id, TicketMemory())
        for kind, window in list(self._windows.items()):
            if window.level is not AlertLevel.FAILURE and window.tickets.get(task_id):
                self._leave(kind, task_id)
        about = {each for other in self._tickets.values() for each in other.desk_alerts}
        about |= {each.desk_alert_id for each in self._windows.values() if each.open_tickets}
        for desk_alert_id, level in memory.desk_alerts.items():
            if level is not AlertLevel.FAILURE and desk_alert_id not in about:
                self.effects.append(Over(desk_alert_id=desk_alert_id, at=self._at))

    def delivered(self, event: Delivered) -> None:
        """Somebody has it."""
        kind = self._kind_of(event.notification_id)
        if kind is None:
            return
        self._change(kind, under_way=False, rounds=0, last_sent_at=self._at)
        told = Told(notification_id=event.notification_id, at=self._at, told=event.told, failed=event.failed)
        self.effects.append(told)
        self._light(kind)

    def undelivered(self, event: Undelivered) -> None:
        """Red and worse try again under the same id; orange never where it may have gone out."""
        kind = self._kind_of(event.notification_id)
        if kind is None:
            return
        window = self._windows[kind]
        rounds, retry_at = window.rounds + 1, None
        if event.unknown and not window.level.is_urgent:
            reason = f"it is not known whether it went out, and {window.level} is sent once"
        elif window.taken_by:
            reason = f"nobody could be told; not tried again: acknowledged by {window.taken_by}"
        elif not window.open_tickets:
            reason = f"nobody could be told; not tried again: {_ENDED}"
        elif rounds >= self._rules.most_rounds:
            reason = "nobody could be told; given up"
            self._forget_told(kind)
        else:
            retry_at = self._at + self._rules.retry_after
            reason = f"nobody could be told; again at {self._clock(retry_at)}"
        self._change(kind, under_way=False, rounds=rounds if retry_at else 0, retry_at=retry_at)
        self.effects.append(Untold(notification_id=event.notification_id, reason=f"{reason}: {event.reason}"))
        self._light(kind)

    def _why_suppressed(self, alert: Alert, kind: str, memory: TicketMemory) -> str | None:
        """Why nobody is told of an alert, or None. A level above all that was told of never is suppressed."""
        escalated_at = memory.escalated_at or alert.escalated_at
        if alert.level is AlertLevel.ESCALATION and escalated_at:
            return f"already escalated at {self._clock(escalated_at)}"
        if not memory.was_told(alert, kind):
            return None
        if alert.worked_by:
            by, since = alert.worked_by, alert.worked_since
        else:
            by, since = memory.worked_by, memory.worked_since
        if not by:
            return None
        return f"being worked on by {by}" + (f" since {self._clock(since)}" if since else "")

    def _see(self, alert_id: str) -> None:
        self._seen = {**self._seen, alert_id: None}
        for oldest in list(self._seen)[: -self._rules.most_seen]:
            del self._seen[oldest]

    def _remember(self, task_id: str, memory: TicketMemory) -> None:
        self._tickets.pop(task_id, None)
        self._tickets[task_id] = memory
        for oldest in list(self._tickets)[: -self._rules.most_tickets]:
            del self._tickets[oldest]

    def _forget_told(self, kind: str) -> None:
        """Nobody was told of this type, so that the next alert of it is no repeat."""
        window = self._windows[kind]
        for task_id in window.tickets.keys() & self._tickets.keys():
            self._tickets[task_id] = self._tickets[task_id].not_told(kind, window.level)

    def _is_due(self, window: Window) -> bool:
        due = window.due_at(self._rules)
        return due is not None and due <= self._at

    def _begin(self, kind: str) -> None:
        """Sends the desk alert as it now stands."""
        self._windows[kind] = window = self._windows[kind].begin(self._at)
        tickets = max(window.open_tickets, 1)
        urgent = window.top or (window.latest,)
        alert = notification_alert(
            window.notification_id, window.desk_alert_id, self._desk.group, urgent, tickets=tickets
        )
        self.effects.append(
            Notify(
                desk_alert_id=window.desk_alert_id,
                alert=alert,
                tickets=tickets,
                pages=window.pages,
                matters=window.matters,
            )
        )
        self.effects.append(
            Cover(
                desk_alert_id=window.desk_alert_id,
                notification_id=window.notification_id,
                through=self._seq,
            )
        )
        self._light(kind)

    def _leave(self, kind: str, task_id: str) -> None:
        """An ended ticket is no part of a desk alert any more."""
        before = self._windows[kind]
        self._windows[kind] = before.without(task_id)
        if task_id in before.waiting:
            self._withdraw(before, _ENDED, task_id)
        if not self._windows[kind].open_tickets:
            self._stand_down(kind, _ENDED)
        self._light(kind)

    def _stand_down(self, kind: str, why: str) -> None:
        """Tells nobody of what has not been told yet."""
        window = self._windows[kind]
        if window.waiting:
            self._withdraw(window, why)
        if window.retry_at is not None:
            reason = f"nobody could be told; not tried again: {why}"
            self.effects.append(Untold(notification_id=window.notification_id, reason=reason))
        self._change(kind, waiting=(), retry_at=None, rounds=0)

    def _withdraw(self, window: Window, why: str, task_id: str = "") -> None:
        self.effects.append(
            Withdraw(desk_alert_id=window.desk_alert_id, through=self._seq, reason=why, task_id=task_id)
        )

    def _kind_of(self, notification_id: str) -> str | None:
        """The type whose notification is under way under this id."""
        for kind, window in self._windows.items():
            if window.under_way and window.notification_id == notification_id:
                return kind
        return None

    def _change(self, kind: str, **changes: object) -> None:
        self._windows[kind] = self._windows[kind].model_copy(update=changes)

    def _merged_because(self, window: Window) -> str:
        count = window.all_tickets
        merged = f"merged into {window.desk_alert_id} ({count} ticket{'s' if count > 1 else ''})"
        following = self._clock(window.retry_at or window.next_at(self._rules))
        if window.under_way:
            return f"{merged}; one is being sent, the next at {following}"
        if window.begun_at is None:
            collected = format_duration(self._rules.window)
            return f"{merged}; collected for {collected}, goes out at {following}"
        if window.last_sent_at is None:
            return f"{merged}; nobody could be told so far, again at {following}"
        return f"{merged}; sent {ago(self._at - window.last_sent_at)} ago, the next at {following}"

    def _clock(self, instant: datetime) -> str:
        return clock_time(instant, self._zone, now=self._at)

    def _log(
        self, alert: Alert, fate: Fate, reason: str, window: Window | None = None, *, notified: bool = False
    ) -> None:
        entry = LogEntry(
            alert_id=alert.alert_id,
            task_id=alert.task_id,
            level=alert.level,
            group=self._desk.group,
            at=self._at,
            seq=self._seq,
            fate=fate,
            reason=reason,
            desk_alert_id=window.desk_alert_id if window else "",
            notification_id=window.notification_id if window and notified else "",
        )
        self.effects.append(Log(entry=entry))

    def _light(self, kind: str) -> None:
        self.effects.append(Light(line=self._windows[kind].line(self._desk.group, self._rules)))
