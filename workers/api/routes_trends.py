"""Routes of trends: which kinds of tickets come more often than usual."""

import asyncio

from fastapi import APIRouter, Depends
from pydantic import Field

from activities.ports.trends import TrendBook
from domain.model import Instant, Record
from domain.trend import Trend
from workers.api.signin import SignedIn


class ShownTrend(Record):
    """Similar tickets, and where they stand."""

    name: str
    kind: str = Field(description="category/action")
    group: str = Field(description="where the policy tells groups apart; else empty")
    source: str = Field(description="where the policy tells sources apart; else empty")
    state: str = Field(description="quiet or surging")
    count: int = Field(description="tickets in the window that ended at `looked_at`")
    baseline: float = Field(description="what is usual at these hours, or the floor")
    ratio: float = Field(description="count over baseline")
    days: int = Field(description="past days that made the baseline; 0: there is no history")
    looked_at: Instant
    since: Instant | None = Field(description="of the surge")
    calm_since: Instant | None = Field(description="since when the surge is below what keeps it going")
    peak: int = Field(description="the highest count of the surge, or of the last one")
    ended_at: Instant | None = Field(description="when the last surge ended")
    desk: str = Field(description="the group whose desk heard of the surge, or of the last one")
    surge_id: str = Field(description="what stands in the alert log where a ticket's id would")


class TrendList(Record):
    """Those that surge first, then the others by how far they are above what is usual."""

    trends: tuple[ShownTrend, ...]


def trend_routes(book: TrendBook, staff: SignedIn) -> APIRouter:
    """The route `/alerts/trends`. Staff read."""
    router = APIRouter(tags=["alerts"])

    @router.get("/alerts/trends", summary="What comes more often than usual?", dependencies=[Depends(staff)])
    async def trends() -> TrendList:
        """Each kind of ticket that came lately or at these hours of past days, as of the last look."""
        found = await asyncio.to_thread(book.trends)
        ordered = sorted(found, key=lambda each: (each.surging_since is None, -each.ratio, each.name))
        return TrendList(trends=tuple(_shown(each) for each in ordered))

    return router


def _shown(trend: Trend) -> ShownTrend:
    return ShownTrend(
        name=trend.name,
        kind=trend.similar.kind,
        group=trend.similar.group,
        source=trend.similar.source,
        state="surging" if trend.surging_since else "quiet",
        count=trend.count,
        baseline=trend.baseline,
        ratio=round(trend.ratio, 2),
        days=trend.days,
        looked_at=trend.looked_at,
        since=trend.surging_since,
        calm_since=trend.calm_since,
        peak=trend.peak,
        ended_at=trend.ended_at,
        desk=trend.desk,
        surge_id=trend.surge_id,
    )
