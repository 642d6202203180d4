"""What the watch over trends needs of the outside world."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from domain.trend import Arrivals, Trend, Window

Review = Callable[[Sequence[Trend]], Sequence[Trend]]


class TrendBook(Protocol):
    """When tickets came, and where similar ones stand. Every method raises `StoreUnavailable`."""

    def known_since(self) -> datetime | None:
        """When the first ticket came that there is."""

    def arrivals(self, windows: Sequence[Window], *, by_source: bool) -> Sequence[Arrivals]:
        """How many dispatched tickets came in each window; without `by_source` no source is told apart."""

    def review(self, change: Review) -> Sequence[Trend]:
        """Applies a change to all trends, one at a time over all workers; what it leaves out is forgotten.

        The audit log says when a surge begins and ends.
        """

    def trends(self) -> Sequence[Trend]:
        """Where similar tickets stand, by name."""
