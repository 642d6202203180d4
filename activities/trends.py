"""The watch over trends: counts what came, decides what surges, and keeps what a desk has still to hear."""

from collections.abc import Sequence
from functools import partial
from zoneinfo import ZoneInfo

from activities.catalogue import task
from activities.ports import RulebookSource
from activities.ports.trends import TrendBook
from activities.trend_messages import EndedSurge, TrendLook, TrendOrder
from domain.task import RiskLevel
from domain.trend import Trend, alert_of, look, seen_in, told, windows


class TrendActivities:
    """What the watch reads and keeps."""

    def __init__(self, rulebook: RulebookSource, book: TrendBook) -> None:
        self._rulebook = rulebook
        self._book = book

    @task
    def look_at_trends(self, order: TrendOrder) -> TrendLook:
        """Holds what came lately against what is usual at these hours, by the policy and calendar in force.

        A surge is kept before anybody is told of it, and stays to be told until `trend_told`.
        """
        rulebook = self._rulebook.current()
        policy = rulebook.trends
        asked = windows(
            policy,
            order.at,
            ZoneInfo(rulebook.duty.timezone),
            self._rulebook.is_working_day,
            self._book.known_since(),
        )
        arrivals = self._book.arrivals(asked, by_source="source" in policy.by)
        seen = seen_in(policy, arrivals, len(asked))
        after = self._book.review(partial(look, seen=seen, policy=policy, now=order.at))
        fallback = rulebook.dispatch.escalation.groups[RiskLevel.HIGH]
        return TrendLook(
            at=order.at,
            similar=len(after),
            surging=tuple(each.name for each in after if each.surging_since),
            raised=tuple(alert_of(each, policy, fallback) for each in after if each.to_tell == "raised"),
            ended=tuple(
                EndedSurge(surge_id=each.surge_id, desk=each.desk or fallback)
                for each in after
                if each.to_tell == "ended"
            ),
            every=policy.every,
        )

    @task
    def trend_told(self, surge_id: str, what: str) -> None:
        """Notes that a desk has heard that a surge began (`raised`) or is over (`ended`)."""

        def heard(trends: Sequence[Trend]) -> Sequence[Trend]:
            return [told(each, surge_id, what) for each in trends]

        self._book.review(heard)
