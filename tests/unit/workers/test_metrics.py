"""What the API says to Prometheus."""

from datetime import UTC, datetime, timedelta

from prometheus_client.parser import text_string_to_metric_families

from activities.adapters.store.figures import Figures
from domain.errors import StoreUnavailable
from workers.metrics import exposition

AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
FIGURES = Figures(
    at=AT,
    tickets=[(("processing", "Account Operations", "orange"), 3), (("created", "", ""), 1)],
    held=1,
    overdue=2,
    reviews=[(("gate",), 4)],
    oldest_review=timedelta(minutes=5),
    desk_alerts=[(("red",), 1)],
    pages=[],
    oldest_ringing_page=timedelta(0),
    providers=[(("sms", "first"), 2)],
)


def said(text: bytes) -> dict[str, float]:
    """By name and labels, as `name{value,value}` in the order of the labels' names."""
    found = {}
    for family in text_string_to_metric_families(text.decode()):
        for name, labels, value, *_ in family.samples:
            values = ",".join(labels[each] for each in sorted(labels))
            found[f"{name}{{{values}}}" if labels else name] = value
    return found


def test_every_figure_is_a_gauge() -> None:
    assert said(exposition(lambda: FIGURES)) == {
        "opsloop_store_up": 1,
        "opsloop_bank_time_seconds": AT.timestamp(),
        "opsloop_open_tickets{Account Operations,orange,processing}": 3,
        "opsloop_open_tickets{,,created}": 1,
        "opsloop_held_tickets": 1,
        "opsloop_overdue_tickets": 2,
        "opsloop_open_reviews{gate}": 4,
        "opsloop_oldest_review_seconds": 300,
        "opsloop_open_desk_alerts{red}": 1,
        "opsloop_oldest_ringing_page_seconds": 0,
        "opsloop_provider_failures{sms,first}": 2,
    }


def test_a_store_that_is_away_is_a_figure_too() -> None:
    def away() -> Figures:
        raise StoreUnavailable("the disk is full")

    assert said(exposition(away)) == {"opsloop_store_up": 0}


def test_names_that_hold_quotes_and_line_ends_stay_one_line() -> None:
    odd = Figures(**{**FIGURES.__dict__, "tickets": [(('a "group"\n', "x\\y", ""), 1)]})
    assert said(exposition(lambda: odd))['opsloop_open_tickets{x\\y,,a "group"\n}'] == 1
