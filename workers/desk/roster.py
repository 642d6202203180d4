"""The roster at the desk: who is on call, holes ahead, overrides on short notice, the hand-over sheet."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from activities.ports.pages import PageStore, RosterOverrides, ShiftFacts
from definitions.book import Rulebook
from definitions.findings import suggestion
from domain.errors import InvalidInput, NotPermitted, OpsloopError
from domain.model import Instant, Record
from domain.page_views import HandoverSheet
from domain.people import Principal, Role
from domain.roster import Duty, Gap, Handover, Override, duties, gaps, in_charge, next_handover, on_call
from workers.desk.authority import Trail, require

LONGEST_OVERRIDE: Final = timedelta(days=92)
_DAY: Final = timedelta(days=1)
_SHEET_LINES: Final = 200


class RotationNow(Record):
    """Who is on call for a rotation."""

    rotation: str
    groups: tuple[str, ...]
    """None: those of every group that no other rotation names."""
    timezone: str
    shift: Duty | None = None
    line: tuple[str, ...]
    """In the order in which they are paged."""
    next_handover: Handover | None = None


class RosterNow(Record):
    """Who is on call at an instant."""

    at: Instant
    fallback: tuple[str, ...]
    rotations: tuple[RotationNow, ...]
    overrides: tuple[Override, ...]
    """In force or to come: those of the file, then those that were given since."""


class RosterGaps(Record):
    """Holes ahead."""

    since: Instant
    until: Instant
    gaps: tuple[Gap, ...]


class RosterDesk:
    """Reads and overrides the roster. Any thread may use it."""

    def __init__(
        self,
        rulebook: Callable[[], Rulebook],
        overrides: RosterOverrides,
        shifts: ShiftFacts,
        pages: PageStore,
        trail: Trail,
    ) -> None:
        self._rulebook = rulebook
        self._overrides = overrides
        self._shifts = shifts
        self._pages = pages
        self._trail = trail

    def clock_now(self) -> datetime:
        """Bank time."""
        return self._trail.now()

    async def now(self, at: datetime | None = None) -> RosterNow:
        """Who is on call now, or at another instant. Raises `StoreUnavailable`."""
        at = at or self._trail.now()
        roster, given = self._rulebook().roster, await self._given(at)
        rotations = []
        for rotation in roster.rotations:
            group = rotation.groups[0] if rotation.groups else ""
            rotations.append(
                RotationNow(
                    rotation=rotation.name,
                    groups=rotation.groups,
                    timezone=str(roster.zone_of(rotation)),
                    shift=in_charge(roster, at, group=group),
                    line=on_call(roster, at, group=group, overrides=given),
                    next_handover=next_handover(roster, at, group=group, overrides=given),
                )
            )
        every = (*(each for each in roster.overrides if each.ends_at > at), *given)
        return RosterNow(at=at, fallback=roster.fallback, rotations=tuple(rotations), overrides=every)

    async def gaps(self, days: int) -> RosterGaps:
        """Hours ahead in which only the fallback would be paged. Raises `StoreUnavailable`."""
        since = self._trail.now()
        until = since + days * _DAY
        found = gaps(self._rulebook().roster, since, until, overrides=await self._given(since))
        return RosterGaps(since=since, until=until, gaps=found)

    async def override(
        self,
        *,
        people: Sequence[str],
        instead_of: Sequence[str],
        rotation: str,
        starts_at: datetime | None,
        ends_at: datetime,
        why: str,
        principal: Principal,
    ) -> Override:
        """Puts people on call for a while, before everybody else, or takes some off it.

        Raises `NotPermitted`, `InvalidInput` (unknown people or rotation, no role oncall, no end that makes
        sense) and `StoreUnavailable`.
        """
        now = self._trail.now()
        try:
            require(principal, Role.ONCALL, "override the roster", Role.OPERATOR)
            self._check(people, instead_of, rotation)
            starts_at = starts_at or now
            if ends_at <= max(now, starts_at):
                raise InvalidInput("ends_at is over already, or not after starts_at", field="ends_at")
            if ends_at - starts_at > LONGEST_OVERRIDE:
                raise InvalidInput(
                    f"an override lasts at most {LONGEST_OVERRIDE.days} days; what is longer belongs in "
                    "policies/roster.yaml",
                    field="ends_at",
                )
        except OpsloopError as error:
            await self._trail.refused("roster.override.refused", principal, str(error))
            raise
        wanted = Override(
            rotation=rotation,
            starts_at=starts_at,
            ends_at=ends_at,
            people=tuple(dict.fromkeys(people)),
            instead_of=tuple(dict.fromkeys(instead_of)),
            by=principal.id,
            why=why,
        )
        return await asyncio.to_thread(self._overrides.add, wanted)

    async def withdraw(self, override_id: str, *, why: str, principal: Principal) -> Override:
        """Ends an override now. Raises `NotPermitted`, `NotFound`, `Conflict` and `StoreUnavailable`."""
        try:
            require(principal, Role.ONCALL, "override the roster", Role.OPERATOR)
        except NotPermitted as error:
            await self._trail.refused("roster.override.refused", principal, str(error))
            raise
        return await asyncio.to_thread(self._overrides.withdraw, override_id, by=principal.id, why=why)

    async def sheet(self, group: str = "") -> HandoverSheet:
        """What the next shift has to know, of the shift in charge. Raises `StoreUnavailable`."""
        at = self._trail.now()
        roster, given = self._rulebook().roster, await self._given(at)
        rotation = roster.rotation_for(group)
        shift = in_charge(roster, at, group=group)
        handover = next_handover(roster, at, group=group, overrides=given)
        coming = duties(roster, rotation, at, at + 2 * _DAY) if rotation else ()
        since = shift.starts_at if shift else at - _DAY / 3
        groups = rotation.groups if rotation else ()
        lines, left_out = await asyncio.to_thread(
            self._shifts.lines, since, at, groups=groups, most=_SHEET_LINES
        )
        open_pages = await asyncio.to_thread(self._pages.pages, open_only=True, limit=_SHEET_LINES)
        every = (*roster.overrides, *given)
        return HandoverSheet(
            rotation=rotation.name if rotation else "",
            shift=shift.shift if shift else "",
            since=since,
            at=at,
            outgoing=on_call(roster, at, group=group, overrides=given),
            incoming=handover.incoming if handover else "",
            handover_at=handover.at if handover else None,
            next_shift=next((each for each in coming if each.starts_at > at), None),
            **lines,
            pages=tuple(each for each in open_pages if not groups or each.page.group in groups),
            overrides=tuple(each for each in every if at < each.ends_at and each.starts_at < at + _DAY),
            left_out=left_out,
        )

    async def _given(self, since: datetime) -> tuple[Override, ...]:
        return tuple(await asyncio.to_thread(self._overrides.in_force, since))

    def _check(self, people: Sequence[str], instead_of: Sequence[str], rotation: str) -> None:
        book = self._rulebook()
        ids = [each.id for each in book.directory.principals]
        if not people and not instead_of:
            raise InvalidInput("name people, or whom they are instead of", field="people")
        for field, names in (("people", people), ("instead_of", instead_of)):
            for name in names:
                person = book.directory.principal(name)
                if person is None:
                    raise InvalidInput(f"unknown person {name!r}{suggestion(name, ids)}", field=field)
                if field == "people" and not person.may(Role.ONCALL):
                    raise InvalidInput(f"{name} does not hold the role oncall", field=field)
        rotations = [each.name for each in book.roster.rotations]
        if rotation and rotation not in rotations:
            raise InvalidInput(
                f"there is no rotation {rotation!r}; expected one of: {', '.join(rotations)}",
                field="rotation",
            )
