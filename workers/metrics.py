"""What the API says to Prometheus: how the store stands, read at each scrape.

What happens (counters, durations) is said by the workers: `workers/telemetry.py`. docs/metrics.md lists both.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from activities.adapters.store.figures import Counted, Figures
from domain.errors import StoreUnavailable

STORE_UP: Final = "opsloop_store_up"
_log = structlog.get_logger(__name__)


class StoreCollector(Collector):
    """The store's figures as gauges. A store that does not answer is a figure, too."""

    def __init__(self, read: Callable[[], Figures]) -> None:
        self._read = read

    def describe(self) -> Iterable[Metric]:
        """Nothing: the registry must not read the store when it starts."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """All gauges, or with a store that is away only that it is."""
        try:
            figures = self._read()
        except StoreUnavailable as error:
            _log.warning("metrics.store_unavailable", error=str(error))
            yield _one(STORE_UP, "1 when the store answers", 0)
            return
        yield _one(STORE_UP, "1 when the store answers", 1)
        yield _one("opsloop_bank_time_seconds", "bank time as a Unix timestamp", figures.at.timestamp())
        yield _many(
            "opsloop_open_tickets",
            "open tickets, by state, group and SLA level reached",
            ("state", "group", "sla_level"),
            figures.tickets,
        )
        yield _one("opsloop_held_tickets", "open tickets on hold", figures.held)
        yield _one("opsloop_overdue_tickets", "open tickets past the deadline of their SLA", figures.overdue)
        yield _many(
            "opsloop_open_reviews", "reviews that wait for a person, by kind", ("kind",), figures.reviews
        )
        yield _one(
            "opsloop_oldest_review_seconds",
            "bank seconds for which the oldest review has waited; 0 without one",
            figures.oldest_review.total_seconds(),
        )
        yield _many(
            "opsloop_open_desk_alerts", "alerts that nobody has, by level", ("level",), figures.desk_alerts
        )
        yield _many("opsloop_open_pages", "pages that are not over, by phase", ("phase",), figures.pages)
        yield _one(
            "opsloop_oldest_ringing_page_seconds",
            "bank seconds since the beginning of the oldest page that rings; 0 without one",
            figures.oldest_ringing_page.total_seconds(),
        )
        yield _many(
            "opsloop_provider_failures",
            "failures in a row of a provider, by channel",
            ("channel", "provider"),
            figures.providers,
        )


def exposition(read: Callable[[], Figures]) -> bytes:
    """The text that a scrape gets."""
    registry = CollectorRegistry()
    registry.register(StoreCollector(read))
    return generate_latest(registry)


def _one(name: str, meaning: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, meaning, value=value)


def _many(name: str, meaning: str, labels: tuple[str, ...], counted: Counted) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, meaning, labels=labels)
    for values, number in counted:
        family.add_metric(values, number)
    return family
