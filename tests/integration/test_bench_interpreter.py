"""The interpreter's benchmark runs, and interpreting costs no events."""

import json
import subprocess
import sys

from tests.support.requirements import need
from workers.dev_server import TemporalNotInstalled, temporal_command
from workers.settings import PROJECT


def test_the_benchmark_prints_one_object_and_the_interpreter_adds_no_events() -> None:
    try:
        temporal_command()
    except TemporalNotInstalled as absent:
        need(False, str(absent))
    run = subprocess.run(
        [sys.executable, "-m", "bench.interpreter", "--json", "--batches", "1", "--size", "2"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    figures = json.loads(run.stdout)
    assert figures["events_per_ticket"] <= figures["events_handwritten"]
    assert figures["events_per_ticket"] <= 35
    assert figures["ratio"] > 0
