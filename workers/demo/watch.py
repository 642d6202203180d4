"""Watches the night: reads the read model, and says what happened in sentences."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from activities.ports import TicketReader
from domain.lifecycle import ENDS, TicketState
from domain.people import Directory
from domain.ticket import EventKind, TicketEvent, TicketSummary
from workers.demo.chronicle import Chronicle
from workers.demo.script import Part

_GLANCE_S: Final = 0.4
_CONFIRMED: Final = "(confirmed by inquiry)"
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
        return not self.ended and self.summary.state in (TicketState.REVIEWING, TicketState.FAILED)

    @property
    def by_itself(self) -> bool:
        """Whether it was completed without anybody's decision."""
        return self.summary.state is TicketState.COMPLETED and not self.happened(EventKind.REVIEW_DECIDED)

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
            await self.look()
            await asyncio.sleep(_GLANCE_S)

    async def look(self) -> None:
        """Takes in what has changed since the last look."""
        fresh = await asyncio.to_thread(self._changes)
        fresh.sort(key=lambda each: each[1].at)
        for task_id, event in fresh:
            self._tell(task_id, event)

    def person_for(self, ticket: Watched) -> str:
        """Who is waited for, by name: the group and its lead, or the operator of the ticket's group."""
        part = self._parts.get(ticket.summary.task_id)
        if part is not None and part.visitor:
            return "you"
        waiting = ticket.summary.waiting_for
        group = self._directory.group(waiting.partition(", ")[0]) or self._directory.group(ticket.summary.group)
        if group is None:
            return waiting
        return f"{self._people.get(group.lead, 'its lead')}, {group.name}"

    def _changes(self) -> list[tuple[str, TicketEvent]]:
        fresh: list[tuple[str, TicketEvent]] = []
        for summary in self._reader.tickets(limit=1000):
            known = self.tickets.get(summary.task_id)
            if known is not None and known.summary == summary:
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
        sentence = self._sentence(event)
        if sentence:
            self._chronicle.tell(event.at, sentence, part.label if part else task_id)
        for cue in cues(event) if part else ():
            if part and cue in part.headlines and (task_id, cue) not in self._shown:
                self._shown.add((task_id, cue))
                self._chronicle.headline(event.at, part.headlines[cue])

    def _sentence(self, event: TicketEvent) -> str:
        """What happened, for people; empty for what only an auditor wants to read."""
        match event.kind:
            case EventKind.DISPATCHED:
                return f"→ {event.summary.removeprefix('to ')}"
            case EventKind.STEP_DONE if event.step_id in _BANK_STEPS:
                return event.summary
            case EventKind.STEP_FAILED | EventKind.OUTCOME_UNKNOWN | EventKind.SLA_LEVEL | EventKind.REVIEW_LATE:
                return event.summary
            case EventKind.SPOT_CHECK_DRAWN:
                return "medium risk at night: goes on by itself, drawn for the spot check"
            case EventKind.REVIEW_OPENED:
                return event.summary
            case EventKind.REVIEW_DECIDED:
                return self._decision(event)
            case EventKind.ESCALATED:
                return self._told(event)
            case EventKind.CLOSED:
                return f"■ {event.summary}"
        return ""

    def _decision(self, event: TicketEvent) -> str:
        name = self._people.get(event.actor, event.actor)
        return f"{name}: {event.summary.replace(f' by {event.actor}', '', 1)}"

    def _told(self, event: TicketEvent) -> str:
        sms = [each for each in event.data.get("sent", ()) if str(each).startswith("sms")]
        names = [self._people.get(str(each).rpartition(" → ")[2], str(each)) for each in sms]
        return f"SMS to {', '.join(names)}" if names else ""


def cues(event: TicketEvent) -> tuple[str, ...]:
    """The names under which a script's headlines wait for this event."""
    if event.kind is EventKind.SLA_LEVEL and event.data.get("level"):
        return (event.kind.value, f"sla_{event.data['level']}")
    if event.kind is EventKind.STEP_DONE and event.step_id in _BANK_STEPS:
        return ("executed", "confirmed_by_inquiry") if _CONFIRMED in event.summary else ("executed",)
    if event.kind is EventKind.STEP_STARTED and event.step_id in _BANK_STEPS:
        return ("executing",)
    return (event.kind.value,)


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
