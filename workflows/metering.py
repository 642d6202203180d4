"""Metrics that workflows count themselves. They are no commands: nothing is counted twice on a replay.

Labels have few values each and name no ticket and no person. Durations are bank seconds.
"""

from typing import Final

from temporalio import workflow

TICKETS_CLOSED: Final = "opsloop_tickets_closed"
SLA_LEVELS: Final = "opsloop_sla_levels"
LATENESS: Final = "opsloop_sla_lateness_seconds"
STEP_FAILURES: Final = "opsloop_step_failures"
EVENTS: Final = "opsloop_ticket_events"
ALERTS: Final = "opsloop_alerts"
NOTIFICATIONS: Final = "opsloop_notifications"
PAGE_NOTIFICATIONS: Final = "opsloop_page_notifications"
PAGE_LATENCY: Final = "opsloop_page_latency_seconds"
PAGES_OVER: Final = "opsloop_pages_over"

MEANINGS: Final = {
    TICKETS_CLOSED: "tickets that came to an end, by the end's state and the risk",
    SLA_LEVELS: "thresholds of the SLA that fired, by level",
    LATENESS: "bank seconds between the computed instant of a threshold and its alert, by level",
    STEP_FAILURES: "steps that failed, by error code",
    EVENTS: "events in the timelines of tickets, by kind",
    ALERTS: "alerts that reached a desk, by level and by what became of them",
    NOTIFICATIONS: "notifications of alert desks, by level and outcome",
    PAGE_NOTIFICATIONS: "notifications of pages, by why a person was told and what became of it",
    PAGE_LATENCY: "bank seconds from when a page began to ring to its acknowledgement",
    PAGES_OVER: "pages that are over, by how they ended",
}


def count(metric: str, **labels: str) -> None:
    """One more."""
    workflow.metric_meter().create_counter(metric, MEANINGS[metric]).add(1, labels)


def observe_seconds(metric: str, seconds: float, **labels: str) -> None:
    """A duration, never below 0."""
    meter = workflow.metric_meter()
    meter.create_histogram_float(metric, MEANINGS[metric]).record(max(seconds, 0.0), labels)
