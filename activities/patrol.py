"""The patrol: asks from outside, over store and Temporal, whether tickets still do what they promise.

One activity makes the round, page by page, with a heartbeat after each: a worker that dies loses the round,
and the next try begins anew. Findings go to an alert desk; only a round without any sends the heartbeat.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from temporalio import activity

from activities.alert_messages import RaisedAlert
from activities.on_call import overrides_in_force
from activities.patrol_messages import PatrolOrder
from activities.ports import RulebookSource
from activities.ports.alerts import AlertDesks
from activities.ports.pages import RosterOverrides
from activities.ports.patrol import Heartbeat, PatrolEngine, PatrolStore
from definitions.book import Rulebook
from domain.alert_pages import pages_on_call
from domain.alerts import Addressee, Alert, AlertLevel
from domain.digest import digest_of
from domain.patrol import (
    Episode,
    Finding,
    Kind,
    PatrolReport,
    alert_key,
    backlogs,
    episodes,
    overdue,
    words_of,
)
from domain.roster import gaps
from domain.task import Priority, RiskLevel

_LOG = logging.getLogger(__name__)
_PAGE: Final = 1_000
_MOST: Final = 200
"""Of one kind that are looked into one by one; more say nothing new."""
_FRESH: Final = timedelta(seconds=60)
"""Real time that lists of Temporal and the store may lag behind each other."""
_AT_ONCE: Final = 20
_CALLS_ON_CALL: Final = frozenset({Kind.OVERDUE, Kind.MISSING_RUN, Kind.STUCK, Kind.SILENT_QUEUE})


class PatrolActivities:
    """The round. `real_now` gives real time; the order brings bank time."""

    def __init__(
        self,
        rulebook: RulebookSource,
        store: PatrolStore,
        engine: PatrolEngine,
        *,
        overrides: RosterOverrides,
        desks: AlertDesks | None,
        heartbeat: Heartbeat | None = None,
        real_now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._rulebook = rulebook
        self._store = store
        self._engine = engine
        self._overrides = overrides
        self._desks = desks
        self._heartbeat = heartbeat
        self._real_now = real_now

    @activity.defn
    async def patrol(self, order: PatrolOrder) -> PatrolReport:
        """Makes one round, tells of what is wrong, keeps the report."""
        began = time.monotonic()
        book = self._rulebook.current()
        last = next(iter(await asyncio.to_thread(self._store.reports, limit=1)), None)
        counts: dict[str, int] = {}
        findings = [
            *await self._deadlines(book, order.at, counts),
            *await self._runs(counts),
            *await self._engine.silent_queues(),
            *self._roster(book, order.at),
            *backlogs(await asyncio.to_thread(self._store.open_by_group), book.patrol),
        ]
        terms = terms_digest(book)
        if last is not None and last.terms_digest not in ("", terms):
            reviewed, changed, unanswered = await self._review_terms()
            counts |= {"terms_reviewed": reviewed, "terms_changed": changed, "terms_unanswered": unanswered}
            if unanswered:
                # Asked again in the next round: a ticket whose terms are those in force changes nothing.
                terms = last.terms_digest
        going_on, tell = episodes(last.episodes if last else (), findings, order.at)
        for episode in tell:
            await self._tell(book, episode, findings, order.at)
        report = PatrolReport(
            at=order.at,
            findings=tuple(findings[:_MOST]),
            counts={**counts, "findings": len(findings)},
            episodes=going_on,
            terms_digest=terms,
            seconds=round(time.monotonic() - began, 3),
        )
        await asyncio.to_thread(self._store.keep, report)
        if report.all_well and book.patrol.heartbeat and self._heartbeat is not None:
            problem = await self._heartbeat.beat()
            if problem:
                _LOG.warning("the heartbeat was not taken: %s", problem)
        return report

    async def _deadlines(self, book: Rulebook, at: datetime, counts: dict[str, int]) -> list[Finding]:
        grace = book.patrol.grace
        late = await asyncio.to_thread(self._store.overdue, at - grace, most=_MOST)
        counts["overdue"] = len(late)
        found = overdue(late, at, grace)
        for number, each in enumerate(late):
            activity.heartbeat("deadlines", number)
            why = await self._engine.why_stuck(each.task_id)
            if why:
                found.append(Finding(kind=Kind.STUCK, subject=each.task_id, words=why, group=each.group))
        return found

    async def _runs(self, counts: dict[str, int]) -> list[Finding]:
        """Holds the store's open tickets against Temporal's running workflows, both page by page."""
        running: dict[str, datetime] = {}
        async for task_id, started_at in self._engine.running_tickets():
            running[task_id] = started_at
            if len(running) % _PAGE == 0:
                activity.heartbeat("running", len(running))
        settled = self._real_now() - _FRESH
        unknown = {task_id for task_id, started_at in running.items() if started_at < settled}
        missing: list[Finding] = []
        after, open_count = "", 0
        while page := await asyncio.to_thread(self._store.open_tickets, after, most=_PAGE):
            activity.heartbeat("open", after)
            after, open_count = page[-1].task_id, open_count + len(page)
            for each in page:
                unknown.discard(each.task_id)
                if each.task_id in running or each.updated_at > settled or len(missing) >= _MOST:
                    continue
                if not await self._engine.is_running(each.task_id):
                    words = "open in the store, and no workflow runs for it"
                    missing.append(
                        Finding(
                            kind=Kind.MISSING_RUN,
                            subject=each.task_id,
                            words=words,
                            since=each.updated_at,
                            group=each.group,
                        )
                    )
        counts |= {"open": open_count, "running": len(running)}
        return [*missing, *await self._strangers(sorted(unknown)[:_MOST])]

    async def _strangers(self, unknown: list[str]) -> list[Finding]:
        open_now = await asyncio.to_thread(self._store.open_among, unknown)
        return [
            Finding(kind=Kind.UNKNOWN_RUN, subject=task_id, words="it runs, and the store has no open ticket")
            for task_id in unknown
            if task_id not in open_now and await self._engine.is_running(task_id)
        ]

    def _roster(self, book: Rulebook, at: datetime) -> list[Finding]:
        until = at + book.patrol.roster_ahead
        stored = overrides_in_force(self._overrides, at)
        return [
            Finding(
                kind=Kind.ROSTER_GAP,
                subject=each.rotation or "roster",
                words=f"only the fallback is on call from {each.starts_at:%m-%d %H:%M} "
                f"to {each.ends_at:%m-%d %H:%M} UTC",
                since=each.starts_at,
            )
            for each in gaps(book.roster, at, until, overrides=stored)
        ]

    async def _review_terms(self) -> tuple[int, int, int]:
        """Has every open ticket hold its terms against the policies in force.

        How many did, how many deadlines moved, how many did not answer.
        """
        reviewed = changed = unanswered = 0
        after = ""
        while page := await asyncio.to_thread(self._store.open_tickets, after, most=_PAGE):
            after = page[-1].task_id
            for start in range(0, len(page), _AT_ONCE):
                activity.heartbeat("terms", reviewed)
                some = page[start : start + _AT_ONCE]
                moved = await asyncio.gather(*(self._engine.review_terms(each.task_id) for each in some))
                reviewed, changed = reviewed + len(some), changed + moved.count(True)
                unanswered += moved.count(None)
        return reviewed, changed, unanswered

    async def _tell(self, book: Rulebook, episode: Episode, findings: list[Finding], at: datetime) -> None:
        if self._desks is None:
            return
        count = sum(each.kind is episode.kind for each in findings)
        group = book.patrol.group or book.dispatch.escalation.groups[RiskLevel.HIGH]
        alert = Alert(
            alert_id=alert_key(episode),
            task_id=f"patrol-{episode.kind}",
            level=AlertLevel.FAILURE,
            group=group,
            subject=f"patrol: {_TITLES[episode.kind].format(count=count)}",
            body=words_of(findings, episode.kind),
            action="opsloop patrol show",
            also=Addressee(to="on_call") if episode.kind in _CALLS_ON_CALL else None,
            raised_at=at,
            priority=Priority.P1 if episode.kind in _CALLS_ON_CALL else Priority.P3,
            silence="what it names stays as it is",
        )
        raised = RaisedAlert(alert=alert, pages=pages_on_call(alert, book.alerts))
        await self._desks.hand_over(raised, timezone=book.duty.timezone)


def terms_digest(book: Rulebook) -> str:
    """Of all that deadlines of open tickets come from: SLA policies and calendars."""
    return digest_of(
        {
            "sla": {name: each.model_dump(mode="json") for name, each in book.sla.items()},
            "calendars": {name: each.model_dump(mode="json") for name, each in book.calendars.items()},
            "country": book.country,
        }
    )


_TITLES: Final[Mapping[Kind, str]] = {
    Kind.OVERDUE: "{count} deadlines passed without a word",
    Kind.MISSING_RUN: "{count} open tickets have no workflow",
    Kind.UNKNOWN_RUN: "{count} workflows run for no open ticket",
    Kind.STUCK: "{count} tickets stand still",
    Kind.SILENT_QUEUE: "{count} queues have no worker",
    Kind.ROSTER_GAP: "{count} stretches without anybody on call",
    Kind.BACKLOG: "{count} groups have a backlog",
}
