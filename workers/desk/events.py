"""Events from outside that a ticket may wait for: delivered once, however often they are sent."""

import uuid
from typing import Final

from domain.digest import canonical_json, digest_of
from domain.errors import Conflict, InvalidInput, NotPermitted
from domain.model import Record
from domain.people import Principal, Role
from domain.ticket import EventKind
from workers.desk.authority import CodeIssuer, Trail, require
from workers.desk.reading import Reading
from workers.ticket_workflows import LATE, MessageRefused, TicketWorkflows
from workflows.contract import EVENT_UPDATE, CommandOutcome, OutsideEvent, event_content

MOST_DATA_BYTES: Final = 16_384
_PURPOSE: Final = "event"
_REPEATED: Final = "repeated"
_SEPARATORS: Final = str.maketrans(".:_", "---")
_LONGEST_NUMBER: Final = 10
"""Digits in a row that an id may consist of: phone, card and identity numbers have more."""


class EventOutcome(Record):
    """What became of an event."""

    task_id: str
    name: str
    event_id: str
    accepted: bool
    code: str
    message: str
    repeated: bool = False
    """It had been delivered before; nothing happened again."""


class Events:
    """Delivers events to tickets on behalf of intake services and operators."""

    def __init__(self, workflows: TicketWorkflows, reading: Reading, codes: CodeIssuer, trail: Trail) -> None:
        self._workflows = workflows
        self._reading = reading
        self._codes = codes
        self._trail = trail

    async def deliver(self, task_id: str, event: OutsideEvent, *, principal: Principal) -> EventOutcome:
        """Delivers an event once for each `event_id`; the desk adds the code.

        An event that comes before the step that waits for it is kept. The workflow's own refusal is an
        outcome with `accepted` false. Raises `NotPermitted`, `InvalidInput` (too much data, an id that
        looks like somebody's number), `NotFound`, `Conflict` (the ticket has ended without this event),
        `EngineUnavailable` and `StoreUnavailable`.
        """
        try:
            require(principal, Role.OPERATOR, "deliver events", Role.INTAKE)
            _check(event)
        except (NotPermitted, InvalidInput) as error:
            await self._refused(principal, task_id, event, str(error))
            raise
        code = self._codes.issue(principal.id, _PURPOSE, task_id, digest_of(event_content(task_id, event)))
        signed = event.model_copy(update={"code": code})
        try:
            answer = await self._workflows.update(task_id, EVENT_UPDATE, signed, CommandOutcome)
        except MessageRefused as error:
            if error.refusal == LATE and await self._delivered(task_id, event):
                return _outcome(task_id, event, True, _REPEATED, f"{event.name} is known already")
            late = error.refusal == LATE
            message = await self._reading.how_it_ended(task_id, str(error)) if late else str(error)
            await self._refused(principal, task_id, event, message)
            raise Conflict(message) from error
        return _outcome(task_id, event, answer.accepted, answer.code, answer.message)

    async def _delivered(self, task_id: str, event: OutsideEvent) -> bool:
        """Whether a ticket that runs no more had taken this event."""
        return any(
            each.kind is EventKind.EVENT and each.data.get("event_id") == event.event_id
            for each in await self._reading.recorded_events(task_id)
        )

    async def _refused(self, principal: Principal, task_id: str, event: OutsideEvent, why: str) -> None:
        await self._trail.refused("event.refused", principal, why, task_id=task_id, name=event.name)


def _outcome(task_id: str, event: OutsideEvent, accepted: bool, code: str, message: str) -> EventOutcome:
    return EventOutcome(
        task_id=task_id,
        name=event.name,
        event_id=event.event_id,
        accepted=accepted,
        code=code,
        message=message,
        repeated=code == _REPEATED,
    )


def _check(event: OutsideEvent) -> None:
    size = len(canonical_json(event.data).encode())
    if size > MOST_DATA_BYTES:
        raise InvalidInput(
            f"data: {size:,} bytes; expected at most {MOST_DATA_BYTES:,}: documents travel by reference",
            field="data",
        )
    if _may_name_somebody(event.event_id):
        raise InvalidInput(
            f"event_id: holds a number of more than {_LONGEST_NUMBER} digits, which could be an account, a "
            "phone or a person; expected the event's own number at its source, or a UUID",
            field="event_id",
        )


def _may_name_somebody(event_id: str) -> bool:
    """Ids appear in timelines, logs and audit rows, so numbers of people and accounts stay out of them."""
    try:
        uuid.UUID(event_id)
    except ValueError:
        parts = event_id.translate(_SEPARATORS).split("-")
        # The last place of an identity number may be an X.
        return any(len(part) > _LONGEST_NUMBER and part[:-1].isdecimal() for part in parts)
    return False
