"""Terms of a running ticket that change: why its deadlines move, in the words of its timeline."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from domain.calendar import ALWAYS, changes_between
from domain.duration import format_duration
from domain.sla import SlaTerms


def words_of_move(
    before: datetime | None, after: datetime | None, reasons: Sequence[str], timezone: str
) -> str:
    """What moved and why. A deadline is None while its clock stands."""
    zone = ZoneInfo(timezone)
    was, now = (f"{at.astimezone(zone):%Y-%m-%d %H:%M}" if at else "open on hold" for at in (before, after))
    moved = f"deadline stays at {now}" if before == after else f"deadline moved from {was} to {now}"
    return f"{moved} because {' / '.join(reasons) or 'more of the calendar is known'}"


def changes_of_terms(before: SlaTerms, after: SlaTerms, now: datetime) -> tuple[str, ...]:
    """Why deadlines move, in words; empty where nothing moves that lies ahead."""
    told = []
    if before.target != after.target:
        was, is_now = format_duration(before.target), format_duration(after.target)
        if before.source == after.source:
            told.append(f"{after.source} changed from {was} to {is_now}")
        else:
            told.append(f"{after.source} ({is_now}) holds instead of {before.source} ({was})")
    was_on, now_on = before.calendar or ALWAYS, after.calendar or ALWAYS
    if was_on.name != now_on.name:
        told.append(f"calendar {now_on.name} holds instead of {was_on.name}")
    else:
        told += [f"calendar {now_on.name}: {each}" for each in changes_between(was_on, now_on, now)]
    if not told and before.rungs != after.rungs:
        told.append("the shares of the SLA at which people are told changed")
    if before.legal != after.legal:
        told.append("the legal deadlines changed")
    return tuple(told)
