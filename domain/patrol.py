"""The patrol's judgement: what is wrong, seen from outside the tickets. Pure rules over what was found.

A ticket arms its own timers. The patrol asks every few minutes whether all of that still works: deadlines
that passed without an alert, runs that are not there, queues that nobody serves, hours with nobody on call.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from pydantic import Field

from domain.digest import digest_of
from domain.duration import Duration, format_duration
from domain.model import Instant, Model, Record

_MOST_NAMED: Final = 20
_MOST_KNOWN: Final = 1_000


class PatrolPolicy(Model):
    """`patrol.yaml`. Durations are bank time."""

    every: Duration = Field(default=timedelta(minutes=5), description="between two patrols")
    grace: Duration = Field(
        default=timedelta(minutes=2),
        description="how late a threshold may fire before the patrol calls it overdue",
    )
    group: str = Field(
        default="",
        description="whose alert desk hears of findings; empty: that of unknown tickets of high risk",
    )
    backlog: dict[str, int] = Field(
        default={}, description="by group: most open tickets before it counts as a backlog"
    )
    most_open: int = Field(default=500, ge=1, description="the same for every other group")
    roster_ahead: Duration = Field(
        default=timedelta(hours=12), description="how far ahead hours without anybody on call are a finding"
    )
    heartbeat: bool = Field(
        default=True, description="whether OPSLOOP_HEARTBEAT_URL hears of each patrol that found nothing"
    )


class Kind(StrEnum):
    """What can be wrong."""

    OVERDUE = "overdue"
    """A threshold or a legal deadline has passed, and its ticket did not say so."""
    MISSING_RUN = "missing_run"
    """Open in the store, and no workflow runs for it: it was terminated, or the server was restored."""
    UNKNOWN_RUN = "unknown_run"
    """A workflow runs for a ticket that the store does not know, or has as closed."""
    STUCK = "stuck"
    """A workflow task fails again and again: the ticket stands still."""
    SILENT_QUEUE = "silent_queue"
    """No worker asks for its work."""
    ROSTER_GAP = "roster_gap"
    """Nobody but the fallback is on call in hours to come."""
    BACKLOG = "backlog"
    """More open tickets than a group can take."""


class Finding(Record):
    """One thing that is wrong."""

    kind: Kind
    subject: str
    """A ticket's id, a queue, a group, an hour."""
    words: str
    since: Instant | None = None
    """Since when it is so, as far as known."""
    group: str = ""


class OpenTicket(Record):
    """What the store has of an open ticket."""

    task_id: str
    group: str
    next_deadline_at: Instant | None
    opened_at: Instant
    updated_at: Instant
    """Real time of the last record."""


class Episode(Record):
    """A kind of finding that goes on from patrol to patrol: it is told of once, and again for what is new."""

    kind: Kind
    since: Instant
    number: int = 1
    """How often it was told of."""
    subjects: tuple[str, ...] = ()
    """Whom or what it was told of; the latest ones."""


class PatrolReport(Record):
    """What one patrol found."""

    at: Instant
    findings: tuple[Finding, ...] = ()
    counts: dict[str, int] = {}
    """open tickets, running workflows, queues asked, terms reviewed …"""
    episodes: tuple[Episode, ...] = ()
    terms_digest: str = ""
    """Of the SLA policies and calendars that open tickets were last held against."""
    seconds: float = 0

    @property
    def all_well(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings


def overdue(tickets: Iterable[OpenTicket], now: datetime, grace: timedelta) -> list[Finding]:
    """Deadlines that passed longer than the grace ago and did not fire."""
    return [
        Finding(
            kind=Kind.OVERDUE,
            subject=each.task_id,
            words=f"its next deadline passed {_ago(now - each.next_deadline_at)} ago",
            since=each.next_deadline_at,
            group=each.group,
        )
        for each in tickets
        if each.next_deadline_at is not None and each.next_deadline_at + grace < now
    ]


def backlogs(by_group: Mapping[str, int], policy: PatrolPolicy) -> list[Finding]:
    """Groups with more open tickets than they can take."""
    found = []
    for group, count in sorted(by_group.items()):
        most = policy.backlog.get(group, policy.most_open)
        if count > most:
            words = f"{count} open tickets, {most} are the most"
            found.append(Finding(kind=Kind.BACKLOG, subject=group or "no group", words=words, group=group))
    return found


def episodes(
    before: Sequence[Episode], findings: Sequence[Finding], at: datetime
) -> tuple[tuple[Episode, ...], tuple[Episode, ...]]:
    """The episodes that go on or begin, and those of them that people are told of now.

    A kind is told of when it begins, and again when it has a subject that nobody was told of: what is new is
    never hidden, and what stays does not ring every five minutes.
    """
    known = {each.kind: each for each in before}
    now: list[Episode] = []
    tell: list[Episode] = []
    for kind in Kind:
        subjects = tuple(dict.fromkeys(each.subject for each in findings if each.kind is kind))
        if not subjects:
            continue
        episode = known.get(kind)
        if episode is None:
            episode = Episode(kind=kind, since=at, subjects=subjects[:_MOST_KNOWN])
            tell.append(episode)
        elif new := [each for each in subjects if each not in episode.subjects]:
            told = (*episode.subjects, *new)[-_MOST_KNOWN:]
            episode = episode.model_copy(update={"number": episode.number + 1, "subjects": told})
            tell.append(episode)
        now.append(episode)
    return tuple(now), tuple(tell)


def alert_key(episode: Episode) -> str:
    """The same for every attempt to tell of it, another for each time that it is told of."""
    return f"patrol/{episode.kind}-{digest_of([episode.since.isoformat(), episode.number])[:8]}"


def words_of(findings: Sequence[Finding], kind: Kind) -> str:
    """What people read of all findings of a kind."""
    mine = [each for each in findings if each.kind is kind]
    named = "; ".join(f"{each.subject}: {each.words}" for each in mine[:_MOST_NAMED])
    more = len(mine) - _MOST_NAMED
    return f"{named}; and {more} more" if more > 0 else named


def _ago(duration: timedelta) -> str:
    return format_duration(timedelta(seconds=int(duration.total_seconds())))
