"""What a worker says of itself to Prometheus: the Temporal SDK's metrics and those that workflows count.

`workflows/metering.py` has the workflows' own; docs/metrics.md lists all of them.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig

from domain.errors import InvalidInput
from workflows.metering import LATENESS, PAGE_LATENCY

BUCKETS: Final[Mapping[str, Sequence[float]]] = {
    LATENESS: (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
    PAGE_LATENCY: (15, 30, 60, 120, 180, 300, 600, 900, 1_800, 2_700, 3_600),
}
"""Upper bounds of histograms, in bank seconds."""


def runtime_for(address: str) -> Runtime | None:
    """A runtime whose metrics are scraped at `host:port`; None without an address.

    Raises `InvalidInput` where nothing can listen there.
    """
    if not address:
        return None
    exporter = PrometheusConfig(
        bind_address=address,
        counters_total_suffix=True,
        unit_suffix=True,
        durations_as_seconds=True,
        histogram_bucket_overrides={name: list(bounds) for name, bounds in BUCKETS.items()},
    )
    try:
        return Runtime(telemetry=TelemetryConfig(metrics=exporter))
    except (ValueError, RuntimeError) as error:
        raise InvalidInput(
            f"metrics cannot be served at {address!r}: {error}; expected host:port that nobody listens on",
            field="OPSLOOP_METRICS_ADDRESS",
        ) from error
