"""Spot checks: what ran by itself at night is looked at by a person the next working morning.

A share of last night's marked tickets is drawn by a digest of their ids, so that everybody can compute again
who was drawn and nobody can choose. Objections beyond a bound withdraw the kind's automatic authority.
"""

import hashlib
from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from pydantic import Field

from domain.digest import digest_of
from domain.duration import Duration
from domain.duty import DutyConfig
from domain.model import Instant, Model, Record
from domain.people import Principal, Role
from domain.standing import Withdrawal
from domain.task import Identifier, RiskLevel

SOURCE: Final = "spot_check"
"""The source of corrective tickets. With the checked ticket's id as external id there is one at most."""
CORRECT: Final = "correct"
"""Their action: no SOP of ours has it as trigger, so that a person reads them."""

_FAR: Final = 366
"""Days ahead in which a bank works at least once."""
_SCALE: Final = 2**64

Share = Annotated[float, Field(ge=0, le=1)]


class SpotCheckPolicy(Model):
    """`policies/spot_checks.yaml`."""

    share: Share = Field(default=1.0, description="share of the marked tickets that is drawn, 0 to 1")
    shares: dict[Identifier, Share] = Field(
        default_factory=dict, description="by category, where it is another one"
    )
    sla: Duration = Field(
        default=timedelta(hours=8),
        description="how long a check may take after it is drawn, by the clock",
        json_schema_extra={"default": "8h"},
    )
    error_bound: Share = Field(
        default=0.1, description="share of objections above which a kind loses its automatic authority"
    )
    window: Duration = Field(
        default=timedelta(days=30),
        description="how far back checks count towards the bound",
        json_schema_extra={"default": "30d"},
    )
    least: int = Field(
        default=5, ge=1, le=10_000, strict=True, description="checks below which no share means anything"
    )

    def share_of(self, category: str) -> float:
        """The share of a category that is drawn."""
        return self.shares.get(category, self.share)


class SpotCheck(Record):
    """One ticket to be looked at: all that is shown to the person. Its digest binds the answer."""

    task_id: str
    kind: str
    category: str
    group: str
    """Whose reviewers are asked."""
    sop: str
    sop_version: str
    sop_digest: str
    risk: RiskLevel
    result: str
    maker: str
    hands: tuple[str, ...]
    """Who made or worked on the ticket, and so cannot check it."""
    marked_at: Instant
    """When it first did something by itself that is to be checked."""
    drawn_at: Instant
    due_at: Instant

    @property
    def digest(self) -> str:
        """SHA-256 of all that is decided on."""
        return digest_of(self)


class CheckVerb(StrEnum):
    """What a person can answer."""

    PASS = "pass"  # noqa: S105 - no password
    OBJECT = "object"


class CheckAnswer(Model):
    """A person's answer, with the code that proves whose it is."""

    verb: CheckVerb
    reason: str = Field(min_length=1, max_length=2000)
    code: str = Field(default="", max_length=4096)


class CheckOutcome(Record):
    """A check that is over."""

    task_id: str
    kind: str
    verb: CheckVerb
    by: str
    reason: str
    at: Instant
    late: bool = False
    """It came after `due_at`."""
    corrective: str = ""
    """The ticket that an objection opened."""


class CheckReply(Record):
    """What the person who answered learns."""

    task_id: str
    accepted: bool
    code: str
    """A stable word: accepted, not_permitted, four_eyes, decision_code_invalid, late …"""
    message: str
    corrective: str = ""


class CheckState(StrEnum):
    """Where a marked ticket stands."""

    OPEN = "open"
    PASSED = "passed"
    OBJECTED = "objected"
    NOT_DRAWN = "not_drawn"
    """The share left it out."""


class ListedCheck(Record):
    """One line of the queue."""

    check: SpotCheck
    state: CheckState
    outcome: CheckOutcome | None = None


def is_drawn(task_id: str, share: float) -> bool:
    """Whether this ticket belongs to the share. A larger share only ever adds tickets."""
    digest = hashlib.sha256(f"spot-check\x00{task_id}".encode()).digest()
    return int.from_bytes(digest[:8]) < share * _SCALE


def draw_hour(config: DutyConfig) -> time:
    """The local time at which people come to their desks; midnight where no mode has them there."""
    starts = [
        time(0) if mode.covers(time(0)) else mode.hours[0]
        for mode in config.modes.values()
        if mode.human_confirm
    ]
    return min(starts, default=time(0))


def next_draw(config: DutyConfig, now: datetime, is_working_day: Callable[[date], bool]) -> datetime:
    """The first start of a working daytime after `now`; a year ahead where nobody ever works."""
    zone, hour = ZoneInfo(config.timezone), draw_hour(config)
    today = now.astimezone(zone).date()
    for days in range(_FAR):
        day = today + timedelta(days=days)
        at = datetime.combine(day, hour, zone)
        if is_working_day(day) and at.timestamp() > now.timestamp():
            return at
    return now + timedelta(days=_FAR)


def is_draw_day(config: DutyConfig, now: datetime, is_working_day: Callable[[date], bool]) -> bool:
    """Whether people are there today, and their day has begun."""
    local = now.astimezone(ZoneInfo(config.timezone))
    return is_working_day(local.date()) and local.timetz().replace(tzinfo=None) >= draw_hour(config)


def exceeds(policy: SpotCheckPolicy, checks: int, objections: int) -> bool:
    """Whether so many objections among so many checks withdraw a kind's authority."""
    # As written, 0.29 of 100 is 29; in binary it is a little less, and 29 would be too many.
    return checks >= policy.least and objections > Decimal(str(policy.error_bound)) * checks


def errors_found(
    policy: SpotCheckPolicy, outcomes: Iterable[CheckOutcome], now: datetime, since: datetime | None = None
) -> tuple[int, int]:
    """Checks and objections within the window, and after authority was last given back (`since`)."""
    start = now - policy.window
    counted = [each for each in outcomes if start < each.at <= now and (since is None or each.at > since)]
    return len(counted), sum(each.verb is CheckVerb.OBJECT for each in counted)


def withdrawal_after(
    policy: SpotCheckPolicy,
    check: SpotCheck,
    outcomes: Iterable[CheckOutcome],
    now: datetime,
    since: datetime | None = None,
) -> Withdrawal | None:
    """The withdrawal that these outcomes of the kind mean, or None while they are within the bound."""
    checks, objections = errors_found(policy, outcomes, now, since)
    if not exceeds(policy, checks, objections):
        return None
    return Withdrawal(
        number=0,
        kind=check.kind,
        group=check.group,
        since=now,
        reason=(
            f"{objections} of {checks} spot checks of {check.kind} objected, "
            f"more than {policy.error_bound:.0%}; the last was {check.task_id}"
        ),
    )


def refusal(check: SpotCheck, principal: Principal) -> tuple[str, str] | None:
    """Why this principal's answer does not count, as (code, message), or None when it does."""
    if not principal.may(Role.REVIEWER):
        return "not_permitted", f"{principal.id} does not hold the role {Role.REVIEWER}"
    if check.group and check.group not in principal.groups and not principal.may(Role.ADMIN):
        return "not_permitted", f"{principal.id} is not in the group {check.group}"
    if principal.id == check.maker or principal.id in check.hands:
        return (
            "four_eyes",
            f"{principal.id} made or worked on this ticket and cannot also check it: four eyes",
        )
    return None
