"""Whether roster and paging make sense, and fit the directory.

A roster has no hole in any week: its hours are laid over one week of the calendar. What overrides and shifts
with dates make of a certain week is for `opsloop roster gaps`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from definitions.findings import Finding, found, listed, suggestion
from definitions.policy_files import Policies
from definitions.yaml_source import Document, Path
from domain.handlers import HandlerSpec
from domain.people import Role
from domain.roster import Gap, Roster, Rotation, Shift, gaps, overlaps

_WEEK_BEGINS: Final = datetime(2026, 1, 5, tzinfo=UTC)
"""A Monday of a week in which hardly any zone changes its clocks."""
_WEEK: Final = timedelta(days=7)
_DAY: Final = timedelta(days=1)
_LONGEST: Final = timedelta(days=92)
"""How far shifts with dates are compared."""

Handlers = Mapping[str, HandlerSpec]
RosterCheck = Callable[[Policies, Handlers], Iterator[Finding]]


def roster_has_people(policies: Policies, _: Handlers) -> Iterator[Finding]:
    """Every shift has somebody, who is known and may be on call."""
    if (document := policies.documents.get("roster")) is None or policies.roster is None:
        return
    if not policies.roster.rotations:
        yield found(
            document.file,
            document.value_at("rotations"),
            "OPS521",
            "the roster has no rotation",
            "a rotation with shifts; without this file the directory's on_call order holds",
        )
    for index, rotation in enumerate(policies.roster.rotations):
        place: Path = ("rotations", index)
        if not rotation.shifts:
            yield _nobody(document, (*place, "shifts"), f"rotation {rotation.name!r} has no shifts")
        for number, shift in enumerate(rotation.shifts):
            if not shift.people:
                yield _nobody(document, (*place, "shifts", number, "people"), f"shift {shift.name!r}")
    if policies.directory is None:
        return
    ids = [principal.id for principal in policies.directory.principals]
    for path, name in _named_people(policies.roster):
        principal = policies.directory.principal(name)
        if principal is None:
            yield found(
                document.file,
                document.value_at(*path),
                "OPS522",
                f"unknown person {name!r}{suggestion(name, ids)}",
                "the id of a principal",
            )
        elif not principal.may(Role.ONCALL):
            yield found(
                document.file,
                document.value_at(*path),
                "OPS523",
                f"{name!r} is on call without the role oncall",
                "`oncall` among the roles of this person in policies/directory.yaml",
            )


def roster_names_are_unique(policies: Policies, _: Handlers) -> Iterator[Finding]:
    """Rotations, and the shifts of one, are told apart by their names; a group has one rotation."""
    if (document := policies.documents.get("roster")) is None or policies.roster is None:
        return
    rotations = policies.roster.rotations
    names = [each.name for each in rotations]
    for index, rotation in enumerate(rotations):
        if rotation.name in names[:index]:
            yield _twice(document, ("rotations", index, "name"), f"rotation {rotation.name!r}")
        shifts = [each.name for each in rotation.shifts]
        for number, name in enumerate(shifts):
            if name in shifts[:number]:
                yield _twice(document, ("rotations", index, "shifts", number, "name"), f"shift {name!r}")
    taken: dict[str, str] = {}
    for index, rotation in enumerate(rotations):
        for number, group in enumerate(rotation.groups):
            path: Path = ("rotations", index, "groups", number)
            if policies.directory is not None and policies.directory.group(group) is None:
                known = [each.name for each in policies.directory.groups]
                message = f"unknown group {group!r}{suggestion(group, known)}"
                yield found(document.file, document.value_at(*path), "OPS529", message, listed(known))
            elif group in taken:
                message = f"the pages of {group!r} go to the rotation {taken[group]!r} already"
                yield found(document.file, document.value_at(*path), "OPS529", message, "each group once")
            taken.setdefault(group, rotation.name)
    for_all = [index for index, each in enumerate(rotations) if not each.groups]
    if rotations and len(for_all) != 1:
        problem = (
            f"{len(for_all)} rotations take the pages of all other groups"
            if for_all
            else "no rotation takes the pages of all other groups"
        )
        at = document.value_at("rotations", for_all[1] if for_all else 0, "name")
        yield found(document.file, at, "OPS529", problem, "one rotation without `groups`")


def roster_zones_exist(policies: Policies, _: Handlers) -> Iterator[Finding]:
    """Hours hang on clocks that there are."""
    if (document := policies.documents.get("roster")) is None or policies.roster is None:
        return
    named: list[tuple[Path, str | None]] = [(("timezone",), policies.roster.timezone)]
    for index, rotation in enumerate(policies.roster.rotations):
        named.append((("rotations", index, "timezone"), rotation.timezone))
    for path, zone in named:
        if zone is not None and not _is_zone(zone):
            yield found(
                document.file,
                document.value_at(*path),
                "OPS524",
                f"{zone!r} is not a time zone",
                "a name of the tz database such as Asia/Shanghai or Europe/London",
            )


def roster_covers_the_week(policies: Policies, _: Handlers) -> Iterator[Finding]:
    """No overlap but for the hand-over, no hole, no shift that never comes, and somebody to fall back on."""
    roster, document = policies.roster, policies.documents.get("roster")
    if document is None or roster is None or not _zones_are_known(roster):
        return
    has_hole = False
    for index, rotation in enumerate(roster.rotations):
        place: Path = ("rotations", index)
        yield from _overlapping(document, place, roster, rotation)
        for number, shift in enumerate(rotation.shifts):
            if not _takes_place(shift):
                yield found(
                    document.file,
                    document.value_at(*place, "shifts", number, "name"),
                    "OPS530",
                    f"shift {shift.name!r} never takes place",
                    "days that lie between first_on and last_on",
                )
        weekly = _weekly(rotation)
        if not weekly.shifts or not all(each.people for each in weekly.shifts):
            # A rotation without people has findings of its own.
            has_hole = True
            continue
        monday = _WEEK_BEGINS.replace(tzinfo=roster.zone_of(rotation))
        holes = gaps(_alone(roster, weekly), monday, monday + _WEEK)
        if holes:
            has_hole = True
            yield _hole(document, place, roster, rotation, holes)
    if not roster.fallback and not has_hole:
        yield found(
            document.file,
            document.key_at("fallback"),
            "OPS526",
            "the roster has no fallback",
            "`fallback: [person]`: who is paged where a shift has nobody",
        )


def paging_climbs_to_somebody(policies: Policies, _: Handlers) -> Iterator[Finding]:
    """The supervisor's group is known and has a lead."""
    if (document := policies.documents.get("paging")) is None or policies.paging is None:
        return
    name = policies.paging.supervisor
    if policies.directory is None or not name:
        return
    group = policies.directory.group(name)
    if group is None or not group.lead:
        known = [each.name for each in policies.directory.groups if each.lead]
        problem = (
            f"unknown group {name!r}{suggestion(name, known)}" if group is None else f"{name!r} has no lead"
        )
        yield found(document.file, document.value_at("supervisor"), "OPS531", problem, listed(known))


ROSTER_CHECKS: Final[tuple[RosterCheck, ...]] = (
    roster_has_people,
    roster_names_are_unique,
    roster_zones_exist,
    roster_covers_the_week,
    paging_climbs_to_somebody,
)


def _named_people(roster: Roster) -> Iterator[tuple[Path, str]]:
    for number, name in enumerate(roster.fallback):
        yield ("fallback", number), name
    for index, rotation in enumerate(roster.rotations):
        for number, shift in enumerate(rotation.shifts):
            for place, name in enumerate(shift.people):
                yield ("rotations", index, "shifts", number, "people", place), name
    for index, override in enumerate(roster.overrides):
        for place, name in enumerate(override.people):
            yield ("overrides", index, "people", place), name


def _overlapping(document: Document, place: Path, roster: Roster, rotation: Rotation) -> Iterator[Finding]:
    dated = [each for each in rotation.shifts if each.is_dated]
    spans = [(_WEEK_BEGINS, _WEEK_BEGINS + _WEEK + _DAY, _weekly(rotation))]
    if dated:
        begins = min(each.first_on or each.last_on or date.max for each in dated)
        ends = max(each.last_on or each.first_on or date.min for each in dated)
        since = datetime(begins.year, begins.month, begins.day, tzinfo=UTC) - _DAY
        until = datetime(ends.year, ends.month, ends.day, tzinfo=UTC) + 2 * _DAY
        only = rotation.model_copy(update={"shifts": tuple(dated)})
        spans.append((since, min(until, since + _LONGEST), only))
    for since, until, each in spans:
        told = set()
        for overlap in overlaps(_alone(roster, each), since, until):
            pair = tuple(sorted(overlap.shifts))
            if pair in told:
                continue
            told.add(pair)
            numbers = [number for number, shift in enumerate(rotation.shifts) if shift.name in pair]
            minutes = (overlap.ends_at - overlap.starts_at) // timedelta(minutes=1)
            yield found(
                document.file,
                document.value_at(*place, "shifts", numbers[-1], "hours"),
                "OPS520",
                f"shifts {pair[0]!r} and {pair[1]!r} overlap by {minutes} minutes",
                f"at most the rotation's handover of {rotation.handover // timedelta(minutes=1)} minutes; "
                "several people of one shift stand in its `people`",
            )


def _takes_place(shift: Shift) -> bool:
    if shift.first_on is None or shift.last_on is None:
        return True
    span = min((shift.last_on - shift.first_on).days, 7)
    return any(shift.begins_on(shift.first_on + timedelta(days=each)) for each in range(span + 1))


def _weekly(rotation: Rotation) -> Rotation:
    return rotation.model_copy(
        update={"shifts": tuple(each for each in rotation.shifts if not each.is_dated)}
    )


def _alone(roster: Roster, rotation: Rotation) -> Roster:
    return roster.model_copy(update={"rotations": (rotation,), "overrides": ()})


def _hole(
    document: Document, place: Path, roster: Roster, rotation: Rotation, holes: Sequence[Gap]
) -> Finding:
    zone = roster.zone_of(rotation)
    begin, end = holes[0].starts_at.astimezone(zone), holes[0].ends_at.astimezone(zone)
    more = f", and {len(holes) - 1} more times a week" if len(holes) > 1 else ""
    at = document.value_at(*place, "name")
    hours = f"from {begin:%a %H:%M} to {end:%a %H:%M}{more}"
    expected = "shifts that follow each other"
    if roster.fallback:
        message = f"rotation {rotation.name!r}: only the fallback is paged {hours}"
        return found(document.file, at, "OPS525", message, expected)
    return found(
        document.file, at, "OPS528", f"rotation {rotation.name!r}: nobody is paged {hours}", expected
    )


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        return False
    return True


def _zones_are_known(roster: Roster) -> bool:
    return all(_is_zone(each.timezone or roster.timezone) for each in roster.rotations)


def _nobody(document: Document, path: Path, what: str) -> Finding:
    return found(
        document.file, document.value_at(*path), "OPS521", f"{what}: nobody is on call", "at least one person"
    )


def _twice(document: Document, path: Path, what: str) -> Finding:
    return found(
        document.file, document.value_at(*path), "OPS527", f"the {what} stands here twice", "another name"
    )
