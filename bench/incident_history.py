"""Histories of tickets for benchmarks: read from files, or made up, the same in every run.

A history is a CSV with number, opened_at, resolved_at, closed_at, priority_first (1 to 4) and first_group; an
`incidents_event_log.csv` beside it (number, event_at, assignment_group) tells of hand-overs.
"""

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from domain.alerts import AlertLevel
from domain.errors import InvalidInput
from domain.sla import SlaPolicy, build_rungs
from domain.task import Priority

SLA_HOURS = (1.0, 4.0, 8.0, 24.0)
"""P1 to P4."""
NEVER = datetime.max.replace(tzinfo=UTC)
RATIOS = SlaPolicy(category="other", sla_hours=24).ratios
_COLUMNS = {"number", "opened_at", "resolved_at", "closed_at", "priority_first", "first_group"}


@dataclass(frozen=True)
class Ticket:
    """One ticket of a history. `held_by` are the groups that had it, each from an instant on."""

    number: str
    opened_at: datetime
    ended_at: datetime
    priority: Priority
    held_by: tuple[tuple[datetime, str], ...]

    def group_at(self, at: datetime) -> str:
        """Who has it at this instant."""
        return next((name for since, name in reversed(self.held_by) if since <= at), self.held_by[0][1])

    def crossings(self, hours: Sequence[float]) -> Iterator[tuple[datetime, AlertLevel]]:
        """When which level of its SLA is reached, as long as it runs."""
        target = timedelta(hours=hours[self.priority.rank - 1])
        for rung in build_rungs(target, RATIOS, None):
            at = self.opened_at + rung.after
            if rung.level is not None and at < self.ended_at:
                yield at, AlertLevel(rung.level)


def own_history() -> list[Ticket]:
    """Three weeks of 2,000 tickets, by day more than by night; a third is late, some change hands."""
    random = Random(11)  # noqa: S311 - reproducible, nothing secret
    monday = datetime(2026, 11, 2, tzinfo=UTC)
    tickets = []
    for number in range(2000):
        day = monday + timedelta(days=random.choices(range(21), [3, 3, 3, 3, 3, 1, 1] * 3)[0])
        opened_at = day + timedelta(hours=random.choice([random.gauss(11, 3), random.uniform(0, 24)]))
        rank = random.choices((1, 2, 3, 4), (1, 3, 80, 16))[0]
        target = timedelta(hours=SLA_HOURS[rank - 1])
        group = f"group {min(int(random.expovariate(0.5)), 9)}"
        held_by = [(opened_at, group)]
        if random.random() < 0.3:
            held_by.append((opened_at + target * random.random(), f"group {random.randrange(10)}"))
        tickets.append(
            Ticket(
                number=f"T{number}",
                opened_at=opened_at,
                ended_at=opened_at + target * random.lognormvariate(-0.4, 1.0),
                priority=Priority(f"P{rank}"),
                held_by=tuple(held_by),
            )
        )
    return tickets


def read_history(path: Path) -> list[Ticket]:
    """Tickets of a summary file, with the hand-overs of the event log beside it.

    Raises `InvalidInput` naming file and line, and what was expected.
    """
    groups = _hand_overs(path.with_name("incidents_event_log.csv"))
    tickets = []
    for line, row in _rows(path, _COLUMNS):
        try:
            opened_at = _instant(row["opened_at"])
            ended = row["resolved_at"] or row["closed_at"]
            tickets.append(
                Ticket(
                    number=row["number"],
                    opened_at=opened_at,
                    ended_at=_instant(ended) if ended else NEVER,
                    priority=Priority(f"P{row['priority_first']}"),
                    held_by=groups.get(row["number"]) or ((opened_at, row["first_group"] or "nobody"),),
                )
            )
        except ValueError as error:
            raise InvalidInput(
                f"{path}:{line}: {error}; expected ISO instants and a priority of 1 to 4"
            ) from None
    if not tickets:
        raise InvalidInput(f"{path}: no tickets; expected a row for each")
    return tickets


def _hand_overs(path: Path) -> Mapping[str, tuple[tuple[datetime, str], ...]]:
    held: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
    if not path.exists():
        return {}
    for line, row in _rows(path, {"number", "event_at", "assignment_group"}):
        name = row["assignment_group"] or "nobody"
        history = held[row["number"]]
        try:
            if not history or history[-1][1] != name:
                history.append((_instant(row["event_at"]), name))
        except ValueError as error:
            raise InvalidInput(f"{path}:{line}: {error}; expected an ISO instant") from None
    return {number: tuple(history) for number, history in held.items()}


def _rows(path: Path, columns: set[str]) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = columns - set(reader.fieldnames or ())
            if missing:
                raise InvalidInput(f"{path}:1: no column {', '.join(sorted(missing))}")
            for row in reader:
                yield reader.line_num, row
    except OSError as error:
        raise InvalidInput(f"{path}: cannot be read ({error.strerror})") from error


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
