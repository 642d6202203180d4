"""The legal clock: deadlines that a law sets. No hold stops them, and no calendar of ours."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Final, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from domain.digest import digest_of
from domain.duration import Duration
from domain.errors import InvalidInput
from domain.model import Instant, Model, Record

RUNGS: Final = {"75": 0.75, "90": 0.9, "due": 1.0}
"""The shares of the time at which people hear of a legal deadline."""

_FIELD = "fields."
_TicketField = Annotated[str, StringConstraints(pattern=r"^fields\.[A-Za-z_][A-Za-z0-9_]{0,63}$")]
_Start = Annotated[str, StringConstraints(pattern=r"^(opened|fields\.[A-Za-z_][A-Za-z0-9_]{0,63})$")]
_MOST_WORKING_DAYS = 250


class LegalClock(Model):
    """A deadline that a law sets for an SOP's tickets: exactly one of within, working_days and until."""

    model_config = ConfigDict(serialize_by_alias=True)

    law: str = Field(min_length=1, max_length=200, description="its name, as people cite it")
    article: str = Field(min_length=1, max_length=100, description="and paragraph")
    within: Duration | None = Field(default=None, description="real time, nights and holidays too")
    working_days: int | None = Field(
        default=None,
        ge=1,
        le=_MOST_WORKING_DAYS,
        strict=True,
        description="to the end of this working day of the bank after the day it begins on",
    )
    until: _TicketField | None = Field(
        default=None, description="a field of the ticket that has the instant or the last day"
    )
    begins: _Start = Field(
        default="opened",
        alias="from",
        description="`opened`, or a field of the ticket with an instant or a day, such as `fields.served_at`",
    )
    on_due: Literal["page", "lead", "group"] = Field(
        default="page", description="who is told at the deadline, besides whom the critical level names"
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = [name for name in ("within", "working_days", "until") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                "a legal deadline has exactly one of within, working_days and until; this one has "
                + (" and ".join(given) or "none")
            )
        return self


class LegalDeadline(Record):
    """A deadline of one ticket, pinned when it opens."""

    law: str
    article: str
    since: Instant
    due_at: Instant
    on_due: Literal["page", "lead", "group"] = "page"

    @property
    def key(self) -> str:
        """Names the deadline within its ticket; one that moves is another one, which warns anew."""
        return f"legal-{digest_of([self.law, self.article, self.due_at.isoformat()])[:8]}"

    @property
    def named(self) -> str:
        """The law and the article, as people read them."""
        return f"{self.law}, {self.article}"

    def at(self, rung: str) -> datetime:
        """When a rung of `RUNGS` is reached."""
        return self.since + (self.due_at - self.since) * RUNGS[rung]

    def keys(self) -> dict[str, str]:
        """Rung → its key: the same alert has the same key for ever."""
        return {rung: f"{self.key}-{rung}" for rung in RUNGS}


class LegalCrossing(Record):
    """The rung to act on, and those that are only recorded as skipped."""

    rung: str
    key: str
    skipped: tuple[str, ...] = ()


def legal_crossed(deadline: LegalDeadline, now: datetime, fired: frozenset[str]) -> LegalCrossing | None:
    """The crossing to act on, or None. After a jump only the highest rung fires."""
    due = [(rung, key) for rung, key in deadline.keys().items() if deadline.at(rung) <= now]
    if not due or due[-1][1] in fired:
        return None
    rung, key = due[-1]
    return LegalCrossing(rung=rung, key=key, skipped=tuple(each for _, each in due[:-1] if each not in fired))


def next_legal_rung(deadline: LegalDeadline, fired: frozenset[str]) -> str | None:
    """The lowest rung above all that have fired, or None."""
    keys = deadline.keys()
    open_rungs: list[str] = []
    for rung in reversed(keys):
        if keys[rung] in fired:
            break
        open_rungs.append(rung)
    return open_rungs[-1] if open_rungs else None


def legal_deadlines(
    clocks: tuple[LegalClock, ...],
    fields: Mapping[str, Any],
    opened_at: datetime,
    zone: ZoneInfo,
    is_working_day: Callable[[date], bool],
) -> tuple[LegalDeadline, ...]:
    """The deadlines of a ticket with these fields; days and local times are those of `zone`.

    Raises `InvalidInput` naming the field that is missing or has no instant: a ticket never runs without a
    deadline that a law sets.
    """
    return tuple(_deadline(clock, fields, opened_at, zone, is_working_day) for clock in clocks)


def _deadline(
    clock: LegalClock,
    fields: Mapping[str, Any],
    opened_at: datetime,
    zone: ZoneInfo,
    is_working_day: Callable[[date], bool],
) -> LegalDeadline:
    since = opened_at
    if clock.begins != "opened":
        since = _instant(clock, clock.begins, fields, zone, last=False)
    try:
        if clock.within is not None:
            due_at = since + clock.within
        elif clock.working_days is not None:
            due_at = _end_of(_working_day(since.astimezone(zone).date(), clock, is_working_day), zone)
        else:
            due_at = _instant(clock, clock.until or "", fields, zone, last=True)
    except OverflowError:
        raise InvalidInput(f"{clock.begins}: is too far in the future", field=clock.begins) from None
    return LegalDeadline(
        law=clock.law, article=clock.article, since=min(since, due_at), due_at=due_at, on_due=clock.on_due
    )


def _instant(
    clock: LegalClock, path: str, fields: Mapping[str, Any], zone: ZoneInfo, *, last: bool
) -> datetime:
    """The instant that a field names; of a day its begin, or its end where it is the `last` one."""
    value = fields.get(path.removeprefix(_FIELD))
    text = value.strip() if isinstance(value, str) else ""
    try:
        if len(text) == len("2026-10-01"):
            day = date.fromisoformat(text)
            return _end_of(day, zone) if last else _begin_of(day, zone)
        at = datetime.fromisoformat(text)
        # Added to in UTC: in a zone of its own Python would count what clocks show, not what passes.
        return (at if at.tzinfo is not None else at.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidInput(
            f"{path}: the deadline of {clock.law}, {clock.article} needs an instant such as "
            "2026-10-01T09:00:00+08:00, or a day such as 2026-10-01",
            field=path,
        ) from None


def _working_day(day: date, clock: LegalClock, is_working_day: Callable[[date], bool]) -> date:
    left = clock.working_days or 0
    while left:
        day += timedelta(days=1)
        left -= is_working_day(day)
    return day


def _begin_of(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(0), zone).astimezone(UTC)


def _end_of(day: date, zone: ZoneInfo) -> datetime:
    return _begin_of(day + timedelta(days=1), zone)


def legal_words(deadline: LegalDeadline, rung: str, timezone: str) -> str:
    """What people are told at a rung."""
    due = f"{deadline.due_at.astimezone(ZoneInfo(timezone)):%Y-%m-%d %H:%M}"
    if rung == "due":
        return f"the legal deadline of {deadline.named} has come: {due}"
    return f"{RUNGS[rung]:.0%} of the time that {deadline.named} allows is gone: due {due}"
