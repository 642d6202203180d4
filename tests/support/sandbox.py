"""Starts the core-bank sandbox as a process of its own, for tests that talk to it over HTTP."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from workers.supervisor import free_port

_ROOT = Path(__file__).resolve().parents[2]
_CODE = (
    "import sys; from pathlib import Path; from workers.sandbox_bank.server import run; "
    "run(Path(sys.argv[1]), port=int(sys.argv[2]))"
)


class Sandbox:
    """A running sandbox. It can be killed and started again on the same file and port."""

    def __init__(self, folder: Path) -> None:
        self.db_path = folder / "core_bank.db"
        self._log = folder / "core_bank.log"
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Starts the process and waits until it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _CODE, str(self.db_path), str(self._port)],
                cwd=_ROOT,
                env={**os.environ, "PYTHONPATH": str(_ROOT)},
                stdout=log,
                stderr=log,
            )
        until = time.monotonic() + 60
        with httpx.Client(trust_env=False) as client:
            while time.monotonic() < until and self._process.poll() is None:
                try:
                    client.get(f"{self.base_url}/healthz")
                except httpx.TransportError:
                    time.sleep(0.05)
                else:
                    return
        self.kill()
        raise RuntimeError(f"the sandbox did not start: {self._log.read_text()[-2000:]}")

    def kill(self) -> None:
        """Ends the process with SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> int:
        """Ends the process with SIGTERM and returns its exit code."""
        if self._process is None:
            return 0
        self._process.terminate()
        try:
            return self._process.wait(timeout=20)
        finally:
            self.kill()


@contextmanager
def sandbox_in(folder: Path) -> Iterator[Sandbox]:
    """A sandbox on a file in this folder."""
    sandbox = Sandbox(folder)
    sandbox.start()
    try:
        yield sandbox
    finally:
        sandbox.kill()


@contextmanager
def running_sandbox(folder: Path) -> Iterator[str]:
    """The base URL of a sandbox on a file in this folder."""
    with sandbox_in(folder) as sandbox:
        yield sandbox.base_url
