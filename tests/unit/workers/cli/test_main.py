"""The console script as a process: what it flushes, and the exit code that it leaves with."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from workers.settings import PROJECT


def opsloop(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OPSLOOP_")}
    return subprocess.run(
        [sys.executable, "-m", "workers.cli", *arguments],
        cwd=PROJECT,
        env={**environment, "OPSLOOP_DATA_DIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_every_command_of_the_loop_is_there(tmp_path):
    ran = opsloop("--help", folder=tmp_path)
    assert ran.returncode == 0
    for name in ("up", "worker", "api", "submit", "ticket", "review", "sop", "dispatch", "token", "settings"):
        assert f" {name} " in ran.stdout


@pytest.mark.parametrize(("arguments", "code"), [((), 2), (("bogus",), 2), (("ticket", "list"), 1)])
def test_the_exit_code_tells_what_happened(tmp_path, arguments, code):
    ran = opsloop(*arguments, folder=tmp_path)
    assert ran.returncode == code
    assert "Traceback" not in ran.stderr


def test_all_output_arrives_before_the_process_leaves(tmp_path):
    ran = opsloop("settings", "--json", folder=tmp_path)
    assert ran.returncode == 0
    assert any(each["name"] == "api_port" for each in json.loads(ran.stdout))
