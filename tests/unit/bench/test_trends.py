"""The trend benchmark finds the surges that it made, and reads a history as it is."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bench.trends import figures, found_of, own_arrivals, read_arrivals, replay
from domain.errors import InvalidInput
from domain.trend import TrendPolicy

ROOT = Path(__file__).resolve().parents[3]
INCIDENTS = ROOT.parent / "shared" / "data" / "incidents" / "incidents_summary.csv"
HOUR, MONDAY = timedelta(hours=1), datetime(2026, 11, 2, tzinfo=UTC)
POLICY, ZONE = TrendPolicy(), ZoneInfo("UTC")


def test_it_prints_one_flat_object_with_the_agreed_names() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench.trends", "--json"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    printed = json.loads(done.stdout)
    assert not any(isinstance(each, (dict, list)) for each in printed.values())
    assert {"surges", "surges_a_week", "alerts_without_memory", "known_surges_found"} <= printed.keys()
    assert printed["surges"] <= printed["alerts_without_memory"]


def test_each_surge_that_was_made_is_found_within_the_hour() -> None:
    arrivals, surges = own_arrivals()
    found = found_of(surges, replay(arrivals, POLICY, timedelta(minutes=30), ZONE).raised)
    assert (found["known_surges"], found["known_surges_found"]) == (3, 3)


def test_one_surge_is_one_however_many_looks_see_it() -> None:
    instants = [
        MONDAY + hour * HOUR + minute * timedelta(minutes=20) for hour in range(500) for minute in (0, 1)
    ]
    instants += [MONDAY + 490 * HOUR + each * timedelta(minutes=2) for each in range(60)]
    shown = figures({"freeze": sorted(instants)}, POLICY, timedelta(minutes=10), ZONE)
    assert (shown["surges"], shown["surges_ended"]) == (1, 1)
    assert int(str(shown["alerts_without_memory"])) > 5


def test_a_history_without_surges_has_none() -> None:
    even = [MONDAY + each * timedelta(minutes=15) for each in range(3000)]
    assert replay({"freeze": even}, POLICY, HOUR, ZONE).raised == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("opened_at,category\n", "no column first_group"),
        ("opened_at,category,first_group\n", "no tickets"),
        ("opened_at,category,first_group\nsoon,1,2\n", "history.csv:2"),
    ],
)
def test_a_history_that_cannot_be_read_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "history.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidInput, match=said):
        read_arrivals(path)


@pytest.mark.skipif(not INCIDENTS.exists(), reason="the incidents of a real service desk are not here")
def test_real_arrivals_come_to_a_few_surges_a_week() -> None:
    shown = figures(read_arrivals(INCIDENTS), POLICY, HOUR, ZONE)
    assert shown["surges"] == shown["surges_ended"]
    assert 0 < float(str(shown["surges_a_week"])) < 10
