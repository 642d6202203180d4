"""How few notifications a week of real arrivals comes to, and whether any worsening was hidden.

    python -m bench.alerts [--json] [--history SUMMARY.csv] [--sla 1,4,8,24]

Replays the busiest week of a service desk's history in virtual time: SLA thresholds of each ticket by its
priority, through the alert desk of the group that has it then (`domain/alert_desk.py`, as the workflow
drives it). Compared with (a) a notification for each crossing and (b) the article's patrol, which alerts
again every five minutes. Without a history it makes one of its own, the same in every run.
"""

import argparse
import heapq
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random

from bench.incident_history import NEVER, SLA_HOURS, Ticket, own_history, read_history
from domain.alert_desk import advance, wake_at
from domain.alert_desk_state import Desk
from domain.alert_events import (
    AlertRaised,
    Cover,
    Delivered,
    DeskEvent,
    Fate,
    Log,
    LogEntry,
    Notify,
    Tick,
    TicketClosed,
    Withdraw,
)
from domain.alerts import Alert, AlertLevel
from domain.errors import InvalidInput
from domain.task import Priority

WEEK = timedelta(days=7)
PATROL = timedelta(minutes=5)
LONGEST_WAIT = timedelta(minutes=10)
"""Five minutes that orange is collected or reds are held together, and as much again."""
SURGE_TICKETS = 200


@dataclass
class Ledger:
    """What a desk decided, kept apart from its own memory."""

    entries: dict[str, LogEntry] = field(default_factory=dict)
    told_at: dict[str, datetime] = field(default_factory=dict)
    """When the first notification that speaks of an alert went out."""
    sent: list[tuple[datetime, Notify]] = field(default_factory=list)
    withdrawn: set[str] = field(default_factory=set)


class Replay:
    """One group's desk over virtual time; every channel takes everything at once."""

    def __init__(self, group: str, ledger: Ledger) -> None:
        self._desk = Desk(group=group)
        self._ledger = ledger
        self._waiting: dict[str, list[LogEntry]] = defaultdict(list)

    def take(self, event: DeskEvent) -> None:
        """An event, after all that the desk had to do until then."""
        self.pass_to(event.at)
        self._advance(event)

    def pass_to(self, at: datetime) -> None:
        """Wakes the desk whenever it wants to be woken until then."""
        while (wake := wake_at(self._desk)) is not None and wake <= at:
            self._advance(Tick(at=wake))

    def _advance(self, event: DeskEvent) -> None:
        self._desk, effects = advance(self._desk, event)
        ledger = self._ledger
        for effect in effects:
            match effect:
                case Log(entry=entry):
                    ledger.entries[entry.alert_id] = entry
                    if entry.fate is Fate.NOTIFIED:
                        ledger.told_at[entry.alert_id] = event.at
                    elif entry.fate is Fate.MERGED:
                        self._waiting[entry.desk_alert_id].append(entry)
                case Cover():
                    for entry in self._settled(effect.desk_alert_id, effect.through):
                        ledger.told_at[entry.alert_id] = event.at
                case Withdraw():
                    for entry in self._settled(effect.desk_alert_id, effect.through, effect.task_id):
                        ledger.withdrawn.add(entry.alert_id)
                case Notify():
                    ledger.sent.append((event.at, effect))
        for effect in effects:
            if isinstance(effect, Notify):
                self._advance(Delivered(at=event.at, notification_id=effect.notification_id))

    def _settled(self, desk_alert_id: str, through: int, task_id: str = "") -> list[LogEntry]:
        """Takes the alerts that a notification or a withdrawal settles off the list of those that wait."""
        waiting = self._waiting[desk_alert_id]
        settled = [each for each in waiting if each.seq <= through and task_id in ("", each.task_id)]
        self._waiting[desk_alert_id] = [each for each in waiting if each not in settled]
        return settled


@dataclass(frozen=True)
class Crossing:
    """A ticket reaches a level."""

    at: datetime
    ticket: Ticket
    level: AlertLevel

    @property
    def alert_id(self) -> str:
        """Of the alert that it raises."""
        return f"{self.ticket.number}/sla-{self.level}"


def replay(crossings: Sequence[Crossing], hours: Sequence[float]) -> Ledger:
    """All desks over these crossings, and over the ends of their tickets."""
    ledger = Ledger()
    desks: dict[str, Replay] = {}
    known: dict[str, set[str]] = defaultdict(set)
    order = count()
    agenda: list[tuple[datetime, int, Crossing | Ticket]] = [
        (each.at, next(order), each) for each in crossings
    ]
    ended = {each.ticket.number: each.ticket for each in crossings if each.ticket.ended_at < NEVER}
    agenda += [(each.ended_at, next(order), each) for each in ended.values()]
    heapq.heapify(agenda)
    while agenda:
        at, _, what = heapq.heappop(agenda)
        if isinstance(what, Ticket):
            for group in known.pop(what.number, ()):
                desks[group].take(TicketClosed(at=at, task_id=what.number))
            continue
        group = what.ticket.group_at(at)
        known[what.ticket.number].add(group)
        desk = desks.setdefault(group, Replay(group, ledger))
        desk.take(
            AlertRaised(
                at=at,
                alert=_alert(what, group, hours),
                dashboard_only=what.level is AlertLevel.PRE_ALERT,
            )
        )
    last = max((each.at for each in crossings), default=datetime.min.replace(tzinfo=UTC))
    for desk in desks.values():
        desk.pass_to(last + timedelta(days=1))
    return ledger


def _alert(crossing: Crossing, group: str, hours: Sequence[float]) -> Alert:
    ticket = crossing.ticket
    return Alert(
        alert_id=crossing.alert_id,
        task_id=ticket.number,
        level=crossing.level,
        group=group,
        subject=f"{crossing.level}: ticket {ticket.number}",
        body="",
        priority=ticket.priority,
        deadline_at=ticket.opened_at + timedelta(hours=hours[ticket.priority.rank - 1]),
    )


def hidden_worsenings(crossings: Iterable[Crossing], ledger: Ledger) -> list[str]:
    """Alerts of a level above all before of their ticket that nobody was told of in time though it ran on.

    Looks at what was sent, and never asks the desk what it thinks.
    """
    highest: dict[str, int] = {}
    hidden = []
    for each in sorted(crossings, key=lambda each: each.at):
        rank = each.level.rank or 0
        if rank == 0 or rank <= highest.get(each.ticket.number, 0):
            continue
        highest[each.ticket.number] = rank
        told_at = ledger.told_at.get(each.alert_id, NEVER)
        if told_at - each.at > LONGEST_WAIT and each.ticket.ended_at - each.at > LONGEST_WAIT:
            hidden.append(each.alert_id)
    return hidden


def patrol_alerts(
    tickets: Iterable[Ticket], hours: Sequence[float], since: datetime, until: datetime, *, to_breach: bool
) -> int:
    """What the article's patrol sends for tickets from orange on, every five minutes.

    It goes on until a ticket ends; `to_breach` counts only until its SLA is broken.
    """
    rounds = 0
    for ticket in tickets:
        target = timedelta(hours=hours[ticket.priority.rank - 1])
        orange = max(ticket.opened_at + target * 0.75, since)
        end = min(ticket.ended_at, until, ticket.opened_at + target if to_breach else until)
        first, last = -((orange - since) // -PATROL), -((end - since) // -PATROL)
        rounds += max(last - first, 0)
    return rounds


def busiest_week(tickets: Iterable[Ticket]) -> datetime:
    """The Monday of the week in which the most tickets were opened."""
    mondays = Counter(
        (each.opened_at - timedelta(days=each.opened_at.weekday())).replace(hour=0, minute=0, second=0)
        for each in tickets
    )
    return max(mondays, key=lambda monday: (mondays[monday], monday))


def week_figures(tickets: Sequence[Ticket], hours: Sequence[float]) -> dict[str, object]:
    """Everything about the busiest week."""
    since = busiest_week(tickets)
    until = since + WEEK
    crossings = [
        Crossing(at, ticket, level)
        for ticket in tickets
        for at, level in ticket.crossings(hours)
        if since <= at < until
    ]
    ledger = replay(crossings, hours)
    fates = Counter(entry.fate for entry in ledger.entries.values())
    told = [each for each in crossings if each.level is not AlertLevel.PRE_ALERT]
    alerting = {each.ticket.number: each.ticket for each in told}.values()
    patrol = patrol_alerts(alerting, hours, since, until, to_breach=False)
    to_breach = patrol_alerts(alerting, hours, since, until, to_breach=True)
    waits = {
        level: max(
            (
                (ledger.told_at[each.alert_id] - each.at).total_seconds()
                for each in told
                if each.level is level and each.alert_id in ledger.told_at
            ),
            default=0.0,
        )
        for level in (AlertLevel.ORANGE, AlertLevel.RED, AlertLevel.CRITICAL)
    }
    sent = len(ledger.sent)
    return {
        "week": since.date().isoformat(),
        "tickets_opened": sum(since <= each.opened_at < until for each in tickets),
        "tickets_alerting": len(alerting),
        "groups": len({each.ticket.group_at(each.at) for each in told}),
        "raised": len(ledger.entries),
        "dashboard": fates[Fate.DASHBOARD],
        "notified_at_once": fates[Fate.NOTIFIED],
        "merged": fates[Fate.MERGED] - len(ledger.withdrawn),
        "suppressed": fates[Fate.SUPPRESSED],
        "withdrawn": len(ledger.withdrawn),
        "sent": sent,
        "each_crossing_once": len(told),
        "patrol": patrol,
        "patrol_to_breach": to_breach,
        "share_of_crossings": _share(sent, len(told)),
        "share_of_patrol": _share(sent, patrol),
        "share_of_patrol_to_breach": _share(sent, to_breach),
        "hidden_worsenings": len(hidden_worsenings(crossings, ledger)),
        **{f"longest_wait_{level}_s": round(seconds) for level, seconds in waits.items()},
    }


def surge_figures() -> dict[str, object]:
    """200 tickets of one group within five minutes: those that turn red, and a whole life without anybody."""
    random = Random(4)  # noqa: S311 - reproducible, nothing secret
    opened = datetime(2026, 11, 23, 9, tzinfo=UTC)
    tickets = [
        Ticket(
            number=f"S{number}",
            opened_at=opened + timedelta(seconds=random.uniform(0, 300)),
            ended_at=NEVER,
            priority=Priority.P2,
            held_by=((opened, "surge"),),
        )
        for number in range(SURGE_TICKETS)
    ]
    crossings = [Crossing(at, each, level) for each in tickets for at, level in each.crossings(SLA_HOURS)]
    ledger = replay(crossings, SLA_HOURS)
    by_level = Counter(notify.alert.level for _, notify in ledger.sent)
    return {
        "surge_tickets": SURGE_TICKETS,
        "surge_sent": max(by_level.values()),
        **{f"surge_sent_{level}": number for level, number in sorted(by_level.items())},
        "surge_hidden_worsenings": len(hidden_worsenings(crossings, ledger)),
    }


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0


def _hours(text: str) -> tuple[float, ...]:
    hours = tuple(float(each) for each in text.split(","))
    if len(hours) != len(SLA_HOURS) or min(hours) <= 0:
        raise argparse.ArgumentTypeError(f"{text!r}: expected four numbers of hours, for P1 to P4")
    return hours


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description="Notifications of the busiest week of a history.")
    parser.add_argument("--json", action="store_true", help="print one flat object")
    parser.add_argument("--history", type=Path, help="CSV of tickets; default: a history of its own")
    parser.add_argument("--sla", type=_hours, default=SLA_HOURS, help="hours for P1,P2,P3,P4")
    given = parser.parse_args(arguments)
    try:
        tickets = read_history(given.history) if given.history else own_history()
    except InvalidInput as error:
        sys.exit(str(error))
    figures = {**week_figures(tickets, given.sla), **surge_figures()}
    if given.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:28} {value}")


if __name__ == "__main__":
    main()
