"""Watches the night: reads the read model, and says what happened in sentences."""

import asyncio
import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from activities.ports import TicketReader
from domain.errors import StoreUnavailable
from domain.lifecycle import ENDS, TicketState
from domain.people import Directory
from domain.ticket import EventKind, TicketEvent, TicketSummary
from workers.demo.chronicle import Chronicle
from workers.demo.script import Part

_GLANCE_S: Final = 0.4
_SHORT: Final = 120
"""Characters of a question that is told whole."""
_CONFIRMED: Final = "(confirmed by inquiry)"
_ORDER: Final = ", order "
_BANK_STEPS: Final = ("execute_freeze", "execute_unfreeze", "release_payment")


@dataclass
class Watched:
    """One ticket as the read model shows it."""

    summary: TicketSummary
    events: list[TicketEvent] = field(default_factory=list)

    @property
    def ended(self) -> bool:
        """Whether it reached an end."""
        return self.summary.state in ENDS

    @property
    def waits(self) -> bool:
        """Whether a person has to do something before it goes on."""
        if self.ended:
            return False
        return self.summary.state is TicketState.FAILED or bool(self.open_reviews)

    @property
    def open_reviews(self) -> list[str]:
        """The ids of its reviews that nobody has decided yet, in the order in which they were asked."""
        asked = [e.data["review"]["review_id"] for e in self.events if e.kind is EventKind.REVIEW_OPENED]
        decided = {e.data["review_id"] for e in self.events if e.kind is EventKind.REVIEW_DECIDED}
        return [each for each in dict.fromkeys(asked) if each not in decided]

    @property
    def by_itself(self) -> bool:
        """Whether it was completed without anybody's decision."""
        return self.summary.state is TicketState.COMPLETED and not self.happened(EventKind.REVIEW_DECIDED)

    @property
    def pinned_at(self) -> datetime | None:
        """Bank time at which it was dispatched and pinned its SOP; None before."""
        return next((event.at for event in self.events if event.kind is EventKind.DISPATCHED), None)

    def happened(self, kind: EventKind) -> bool:
        """Whether its timeline has such an event."""
        return any(event.kind is kind for event in self.events)


class Watch:
    """Keeps the night's tickets up to date and tells the chronicle of every event worth a sentence."""

    def __init__(
        self, reader: TicketReader, parts: Iterable[Part], directory: Directory, chronicle: Chronicle
    ) -> None:
        self._reader = reader
        self._parts = {part.task_id: part for part in parts}
        self._people = {each.id: each.name for each in directory.principals}
        self._directory = directory
        self._chronicle = chronicle
        self._shown: set[tuple[str, str]] = set()
        self.tickets: dict[str, Watched] = {}

    @property
    def parts(self) -> Mapping[str, Part]:
        """The script's tickets by id."""
        return self._parts

    async def run(self) -> None:
        """Watches until cancelled."""
        while True:
            # The store may be busy; the next look sees the same and more.
            with contextlib.suppress(StoreUnavailable):
                await self.look()
            await asyncio.sleep(_GLANCE_S)

    async def look(self) -> None:
        """Takes in what has changed since the last look."""
        fresh = await asyncio.to_thread(self._changes)
        fresh.sort(key=lambda each: each[1].at)
        for task_id, event in fresh:
            self._tell(task_id, event)

    def has_ended(self, task_id: str) -> bool:
        """Whether the ticket is known to have reached an end."""
        ticket = self.tickets.get(task_id)
        return ticket is not None and ticket.ended

    def pinned_at(self, task_id: str) -> datetime | None:
        """Bank time at which the ticket pinned its SOP; None before."""
        ticket = self.tickets.get(task_id)
        return None if ticket is None else ticket.pinned_at

    def person_for(self, ticket: Watched) -> str:
        """Who is waited for, by name: the group and its lead, or the operator of the ticket's group."""
        part = self._parts.get(ticket.summary.task_id)
        if part is not None and part.visitor:
            return "you"
        waiting = ticket.summary.waiting_for
        group = self._directory.group(waiting.partition(", ")[0]) or self._directory.group(
            ticket.summary.group
        )
        if group is None:
            return waiting
        return f"{self._people.get(group.lead, 'its lead')}, {group.name}"

    def _changes(self) -> list[tuple[str, TicketEvent]]:
        fresh: list[tuple[str, TicketEvent]] = []
        for summary in self._reader.tickets(limit=1000):
            known = self.tickets.get(summary.task_id)
            # A running ticket can have new events under the same summary.
            if known is not None and known.ended and known.summary == summary:
                continue
            ticket = known or Watched(summary)
            ticket.summary = summary
            seen = len(ticket.events)
            ticket.events = list(self._reader.timeline(summary.task_id))
            self.tickets[summary.task_id] = ticket
            fresh += [(summary.task_id, event) for event in ticket.events[seen:]]
        return fresh

    def _tell(self, task_id: str, event: TicketEvent) -> None:
        part = self._parts.get(task_id)
        sentence = self._sentence(self.tickets[task_id], event)
        if sentence:
            self._chronicle.tell(event.at, sentence, part.label if part else task_id)
        for cue in cues(event) if part else ():
            if part and cue in part.headlines and (task_id, cue) not in self._shown:
                self._shown.add((task_id, cue))
                self._chronicle.headline(event.at, part.headlines[cue])

    def _sentence(self, ticket: Watched, event: TicketEvent) -> str:
        """What happened, for people; empty for what only an auditor wants to read."""
        match event.kind:
            case EventKind.DISPATCHED:
                return f"→ {event.data.get('group', '')}: {event.summary.partition(': ')[2]}"
            case EventKind.STEP_DONE if event.step_id in _BANK_STEPS:
                return event.summary.partition(": ")[2]
            case EventKind.STEP_FAILED | EventKind.OUTCOME_UNKNOWN | EventKind.SLA_LEVEL:
                return event.summary
            case EventKind.EVENT | EventKind.COMPENSATED | EventKind.COMPENSATION_FAILED | EventKind.MIGRATED:
                return event.summary
            case EventKind.REVIEW_APPROVED:
                return self._one_of_several(event)
            case EventKind.REVIEW_LATE:
                return "nobody decided in time; told again"
            case EventKind.SPOT_CHECK_DRAWN:
                return "medium risk by night: drawn for the spot check"
            case EventKind.REVIEW_OPENED:
                return _first_sentence(event.summary)
            case EventKind.REVIEW_DECIDED:
                return self._decision(event)
            case EventKind.CLOSED:
                return "■ closed" if ticket.summary.state is not TicketState.COMPLETED else _completed(ticket)
        return ""

    def _one_of_several(self, event: TicketEvent) -> str:
        count, _, _ = event.summary.partition(":")
        return f"{self._people.get(event.actor, event.actor)} approved: {count}"

    def _decision(self, event: TicketEvent) -> str:
        verb, _, reason = event.summary.partition(": ")
        if event.actor not in self._people:
            return reason or event.summary
        done = "rejected" if verb.startswith("reject") else "approved"
        return f"{self._people[event.actor]} {done}" + (f": {reason}" if reason else "")


def cues(event: TicketEvent) -> tuple[str, ...]:
    """The names under which a script's headlines wait for this event."""
    if event.kind is EventKind.SLA_LEVEL and event.data.get("level"):
        return (event.kind.value, f"sla_{event.data['level']}")
    # A bank step that somebody did by hand instead has no order.
    if event.kind is EventKind.STEP_DONE and event.step_id in _BANK_STEPS and _ORDER in event.summary:
        return ("executed", "confirmed_by_inquiry") if _CONFIRMED in event.summary else ("executed",)
    if event.kind is EventKind.STEP_STARTED and event.step_id in _BANK_STEPS:
        return ("executing",)
    return (event.kind.value,)


def _completed(ticket: Watched) -> str:
    return "■ closed by itself" if ticket.by_itself else "■ closed"


def _first_sentence(text: str) -> str:
    """As much of a question as fits a line; the review itself has it all."""
    if len(text) <= _SHORT:
        return text
    end = min((text.find(mark) + 1 for mark in (". ", "? ") if mark in text), default=len(text))
    return text[:end]


@dataclass(frozen=True)
class Counts:
    """How many tickets stand where."""

    handed_in: int = 0
    running: int = 0
    waiting: int = 0
    by_itself: int = 0
    with_people: int = 0
    rejected: int = 0
    cancelled: int = 0
    spot_checks: int = 0

    @classmethod
    def of(cls, tickets: Iterable[Watched]) -> "Counts":
        """Counts them."""
        every = list(tickets)
        completed = [each for each in every if each.summary.state is TicketState.COMPLETED]
        return cls(
            handed_in=len(every),
            running=sum(not each.ended and not each.waits for each in every),
            waiting=sum(each.waits for each in every),
            by_itself=sum(each.by_itself for each in completed),
            with_people=sum(not each.by_itself for each in completed),
            rejected=sum(each.summary.state is TicketState.REJECTED for each in every),
            cancelled=sum(each.summary.state is TicketState.CANCELLED for each in every),
            spot_checks=sum(each.summary.spot_check for each in every),
        )


@dataclass(frozen=True)
class Waiting:
    """A ticket that waits for a person."""

    label: str
    person: str
    since: datetime
    sla_level: str
    visitor: bool


def waiting(watch: Watch) -> list[Waiting]:
    """What waits for whom: the visitor's first, then the longest."""
    found = []
    for task_id, ticket in watch.tickets.items():
        if not ticket.waits:
            continue
        part = watch.parts.get(task_id)
        asked = [e.at for e in ticket.events if e.kind in (EventKind.REVIEW_OPENED, EventKind.STEP_FAILED)]
        found.append(
            Waiting(
                label=part.label if part else task_id,
                person=watch.person_for(ticket),
                since=asked[-1] if asked else ticket.summary.opened_at,
                sla_level=ticket.summary.sla_level,
                visitor=bool(part and part.visitor),
            )
        )
    return sorted(found, key=lambda each: (not each.visitor, each.since))
