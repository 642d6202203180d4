"""The alert benchmark counts what it says, and its watch over hidden worsenings does see one."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bench.alerts import (
    Crossing,
    Ledger,
    hidden_worsenings,
    patrol_alerts,
    replay,
    surge_figures,
    week_figures,
)
from bench.incident_history import NEVER, SLA_HOURS, Ticket, own_history, read_history
from domain.errors import InvalidInput
from domain.task import Priority

ROOT = Path(__file__).resolve().parents[3]
INCIDENTS = ROOT.parent / "shared" / "data" / "incidents" / "incidents_summary.csv"
NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)
HEADER = "number,opened_at,resolved_at,closed_at,priority_first,first_group\n"


def a_ticket(number: str = "T1", *, runs: timedelta | None = None) -> Ticket:
    return Ticket(
        number=number,
        opened_at=NINE,
        ended_at=NINE + runs if runs else NEVER,
        priority=Priority.P2,
        held_by=((NINE, "Accounts"),),
    )


def crossings_of(*tickets: Ticket) -> list[Crossing]:
    return [Crossing(at, each, level) for each in tickets for at, level in each.crossings(SLA_HOURS)]


def test_it_prints_one_flat_object_with_the_agreed_names() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench.alerts", "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    figures = json.loads(done.stdout)
    assert {"raised", "merged", "suppressed", "sent", "each_crossing_once", "patrol"} <= figures.keys()
    assert figures["hidden_worsenings"] == 0
    assert figures["sent"] <= figures["patrol"] / 10


def test_a_ticket_crosses_what_it_reaches_before_its_end() -> None:
    levels = [each.level.value for each in crossings_of(a_ticket(runs=timedelta(hours=3.7)))]
    assert levels == ["pre_alert", "orange", "red"]


def test_the_patrol_alerts_every_five_minutes_from_orange_on() -> None:
    ticket = a_ticket(runs=timedelta(hours=6))
    week = NINE + timedelta(days=7)
    assert patrol_alerts([ticket], SLA_HOURS, NINE, week, to_breach=False) == 36
    assert patrol_alerts([ticket], SLA_HOURS, NINE, week, to_breach=True) == 12


def test_every_raised_alert_has_its_fate() -> None:
    figures = week_figures(own_history(), SLA_HOURS)
    fates = ("dashboard", "notified_at_once", "merged", "suppressed", "withdrawn")
    assert sum(int(str(figures[each])) for each in fates) == figures["raised"]


def test_a_worsening_that_nobody_is_told_of_is_seen() -> None:
    crossings = crossings_of(a_ticket())
    ledger = replay(crossings, SLA_HOURS)
    assert hidden_worsenings(crossings, ledger) == []
    del ledger.told_at["T1/sla-critical"]
    assert hidden_worsenings(crossings, ledger) == ["T1/sla-critical"]
    ledger.told_at["T1/sla-critical"] = NINE + timedelta(days=1)
    assert hidden_worsenings(crossings, ledger) == ["T1/sla-critical"]
    assert len(hidden_worsenings(crossings, Ledger())) == 3


def test_two_hundred_tickets_at_once_are_at_most_three_notifications_a_level() -> None:
    figures = surge_figures()
    assert figures["surge_tickets"] == 200
    assert figures["surge_sent"] == 3
    assert figures["surge_hidden_worsenings"] == 0


def test_hand_overs_beside_a_history_say_whose_desk_it_is(tmp_path: Path) -> None:
    summary = tmp_path / "summary.csv"
    summary.write_text(HEADER + "T1,2026-11-23T09:00,,2026-11-24T09:00,2,A\n")
    (tmp_path / "incidents_event_log.csv").write_text(
        "number,event_at,assignment_group\nT1,2026-11-23T09:00,A\nT1,2026-11-23T11:00,B\n"
    )
    [ticket] = read_history(summary)
    assert [ticket.group_at(NINE + timedelta(hours=each)) for each in (0, 1, 3)] == ["A", "A", "B"]
    assert ticket.ended_at == NINE + timedelta(days=1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("number\nT1\n", r"summary.csv:1: no column closed_at, first_group"),
        (HEADER, "no tickets"),
        (HEADER + "T1,yesterday,,,2,A\n", r"summary.csv:2: .*expected ISO instants"),
        (HEADER + "T1,2026-11-23T09:00,,,9,A\n", r"summary.csv:2: .*priority of 1 to 4"),
    ],
)
def test_a_history_that_cannot_be_read_says_where(tmp_path: Path, text: str, words: str) -> None:
    summary = tmp_path / "summary.csv"
    summary.write_text(text)
    with pytest.raises(InvalidInput, match=words):
        read_history(summary)


def test_the_busiest_week_of_a_real_service_desk_is_at_most_a_tenth_of_the_patrol() -> None:
    if not INCIDENTS.exists():
        pytest.skip("the incident history is not here")
    figures = week_figures(read_history(INCIDENTS), SLA_HOURS)
    assert figures["hidden_worsenings"] == 0
    assert int(str(figures["sent"])) <= int(str(figures["patrol"])) / 10
    assert figures["tickets_opened"] == 2174
