"""How many surges the trend alert finds in real arrivals, and how few alerts that comes to.

    python -m bench.trends [--json] [--history SUMMARY.csv] [--every 5] [--zone UTC]

Replays the arrivals of a service desk look by look through `domain/trend.py`, as the workflow drives it:
similar tickets have the same category, and groups of them the same category and first group. Compared with
a bound without memory, which says so at each look at which there is three times the baseline. A history is a
CSV with opened_at, category and first_group. Without one it makes six weeks of its own, with three surges
that it knows of.
"""

import argparse
import csv
import json
import sys
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from statistics import median
from time import perf_counter
from zoneinfo import ZoneInfo

from domain.errors import InvalidInput
from domain.trend import Seen, Similar, Trend, TrendPolicy, Window, look, told, windows

_COLUMNS = {"opened_at", "category", "first_group"}
_WEEK = timedelta(days=7)
_LEAST_SHARE = 0.05
"""Of the busiest week: at the ends of a history there are weeks with a handful of tickets."""
Arrivals = Mapping[str, Sequence[datetime]]


@dataclass
class Replay:
    """What looks came to."""

    raised: list[Trend] = field(default_factory=list)
    ended: list[Trend] = field(default_factory=list)
    looks: int = 0
    looks_above: int = 0
    """Looks at one kind with three times the baseline and the minimum: alerts without a memory."""


def read_arrivals(path: Path, *, by_group: bool = False) -> Arrivals:
    """When tickets of each kind came, in order.

    Raises `InvalidInput` naming file and line, and what was expected.
    """
    found: dict[str, list[datetime]] = defaultdict(list)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = _COLUMNS - set(reader.fieldnames or ())
            if missing:
                raise InvalidInput(f"{path}:1: no column {', '.join(sorted(missing))}")
            for row in reader:
                kind = row["category"] or "unknown"
                name = f"{kind}/{row['first_group'] or 'nobody'}" if by_group else kind
                found[name].append(_instant(row["opened_at"], f"{path}:{reader.line_num}"))
    except OSError as error:
        raise InvalidInput(f"{path}: cannot be read ({error.strerror})") from error
    if not found:
        raise InvalidInput(f"{path}: no tickets; expected a row for each")
    return {name: sorted(instants) for name, instants in found.items()}


def own_arrivals() -> tuple[Arrivals, list[tuple[str, datetime]]]:
    """Six weeks of four kinds, by day more than by night, and three surges with when each begins."""
    random = Random(7)  # noqa: S311 - reproducible, nothing secret
    monday = datetime(2026, 10, 12, tzinfo=UTC)
    made: dict[str, list[datetime]] = {}
    for kind, an_hour in (("freeze", 12.0), ("limit", 6.0), ("statement", 3.0), ("complaint", 1.0)):
        instants = []
        for hour in range(6 * 7 * 24):
            at = monday + timedelta(hours=hour)
            share = (1.0 if 8 <= at.hour < 18 else 0.2) * (1.0 if at.weekday() < 5 else 0.3)
            coming = _draw(random, an_hour * share)
            instants += [at + timedelta(minutes=random.uniform(0, 60)) for _ in range(coming)]
        made[kind] = instants
    surges = [
        ("freeze", monday + timedelta(days=36, hours=10)),
        ("complaint", monday + timedelta(days=38, hours=22)),
        ("limit", monday + timedelta(days=40, hours=14)),
    ]
    for kind, begins in surges:
        made[kind] += [begins + timedelta(minutes=random.uniform(0, 90)) for _ in range(120)]
    return {kind: sorted(instants) for kind, instants in made.items()}, surges


def replay(arrivals: Arrivals, policy: TrendPolicy, every: timedelta, zone: ZoneInfo) -> Replay:
    """All looks from the first whole hour to the last arrival; each surge is told of at once."""
    begin = min(each[0] for each in arrivals.values()).replace(minute=0, second=0, microsecond=0)
    end = max(each[-1] for each in arrivals.values())
    found = Replay()
    trends: tuple[Trend, ...] = ()
    now = begin + policy.window
    while now <= end + policy.calm_for + policy.window:
        asked = windows(policy, now, zone, lambda day: day.weekday() < 5, begin)
        # A kind of which nothing came lately is quiet, whatever is usual.
        seen = [_seen(name, each, asked) for name, each in arrivals.items() if _count(each, asked[0])]
        trends = look(trends, seen, policy, now)
        for trend in trends:
            kind = trend.similar.kind
            above = trend.count >= policy.ratio_of(kind) * trend.baseline
            found.looks_above += above and trend.count >= policy.minimum_of(kind)
            if trend.to_tell:
                (found.raised if trend.to_tell == "raised" else found.ended).append(trend)
        trends = tuple(told(each, each.surge_id, each.to_tell) for each in trends)
        found.looks += 1
        now += every
    return found


def figures(arrivals: Arrivals, policy: TrendPolicy, every: timedelta, zone: ZoneInfo) -> dict[str, object]:
    """Everything about one way to tell what is similar."""
    began = perf_counter()
    found = replay(arrivals, policy, every, zone)
    took = perf_counter() - began
    weeks = _weeks(each for instants in arrivals.values() for each in instants)
    busy = {week for week, number in weeks.items() if number >= _LEAST_SHARE * max(weeks.values())}
    learning = min(weeks) + policy.weeks * _WEEK
    later = [each for each in found.raised if each.looked_at >= learning]
    weeks_later = sum(week >= learning for week in busy)
    lasted = [
        (each.ended_at - since).total_seconds() / 3600
        for each in found.ended
        if each.ended_at and (since := _began(each, found.raised))
    ]
    return {
        "tickets": sum(map(len, arrivals.values())),
        "kinds": len(arrivals),
        "weeks": len(busy),
        "looks": found.looks,
        "surges": len(found.raised),
        "surges_ended": len(found.ended),
        "surges_a_week": round(len(found.raised) / max(len(busy), 1), 2),
        "surges_after_learning": len(later),
        "surges_a_week_after_learning": round(len(later) / max(weeks_later, 1), 2),
        "share_at_three_times": _share(sum(each.ratio >= 3 for each in found.raised), len(found.raised)),
        "share_without_history": _share(sum(not each.days for each in found.raised), len(found.raised)),
        "share_on_the_floor": _share(
            sum(each.baseline == policy.floor for each in found.raised), len(found.raised)
        ),
        "median_ratio_when_raised": round(median([each.ratio for each in found.raised] or [0]), 2),
        "highest_peak": max((each.peak for each in found.ended), default=0),
        "median_hours": round(median(lasted or [0]), 2),
        "alerts_without_memory": found.looks_above,
        "share_of_alerts_without_memory": _share(len(found.raised), found.looks_above),
        "ms_a_look": round(1000 * took / max(found.looks, 1), 3),
    }


def found_of(surges: Sequence[tuple[str, datetime]], raised: Sequence[Trend]) -> dict[str, object]:
    """How many of the surges that are known were raised within the hour, and what else was."""
    delays = []
    for kind, begins in surges:
        hits = [each.looked_at - begins for each in raised if each.similar.kind == kind]
        hits = [each for each in hits if timedelta(0) <= each <= timedelta(hours=1)]
        delays += [min(hits).total_seconds() / 60] if hits else []
    return {
        "known_surges": len(surges),
        "known_surges_found": len(delays),
        "longest_minutes_until_found": round(max(delays, default=0)),
        "others": len(raised) - len(delays),
    }


def _seen(name: str, instants: Sequence[datetime], asked: Sequence[Window]) -> Seen:
    present, *past = (_count(instants, each) for each in asked)
    return Seen(similar=Similar(kind=name), count=present, past=tuple(past))


def _count(instants: Sequence[datetime], window: Window) -> int:
    return bisect_left(instants, window.end) - bisect_left(instants, window.start)


def _began(ended: Trend, raised: Iterable[Trend]) -> datetime | None:
    return next((each.surging_since for each in raised if each.surge_id == ended.surge_id), None)


def _weeks(instants: Iterable[datetime]) -> Counter[datetime]:
    return Counter(
        (each - timedelta(days=each.weekday())).replace(hour=0, minute=0, second=0, microsecond=0)
        for each in instants
    )


def _draw(random: Random, mean: float) -> int:
    """How many come where so many do on average, independently of each other."""
    number, left = 0, random.expovariate(1)
    while left < mean:
        number, left = number + 1, left + random.expovariate(1)
    return number


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0


def _instant(text: str, place: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(f"{place}: {error}; expected an ISO instant") from None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description="Surges that the trend alert finds in a history.")
    parser.add_argument("--json", action="store_true", help="print one flat object")
    parser.add_argument("--history", type=Path, help="CSV of tickets; default: arrivals of its own")
    parser.add_argument("--every", type=int, default=60, help="minutes between two looks")
    parser.add_argument("--zone", type=ZoneInfo, default=ZoneInfo("UTC"), help="whose hours are compared")
    given = parser.parse_args(arguments)
    policy, every = TrendPolicy(), timedelta(minutes=given.every)
    try:
        if given.history:
            by_kind = figures(read_arrivals(given.history), policy, every, given.zone)
            grouped = read_arrivals(given.history, by_group=True)
            by_group = figures(grouped, policy, every, given.zone)
            shown = {**by_kind, **{f"by_group_{name}": value for name, value in by_group.items()}}
        else:
            arrivals, surges = own_arrivals()
            raised = replay(arrivals, policy, every, given.zone).raised
            shown = {**figures(arrivals, policy, every, given.zone), **found_of(surges, raised)}
    except InvalidInput as error:
        sys.exit(str(error))
    if given.json:
        print(json.dumps(shown))
        return
    for name, value in shown.items():
        print(f"{name:40} {value}")


if __name__ == "__main__":
    main()
