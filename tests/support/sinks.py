"""Starts the mail, SMS, WeCom and webhook sinks as a process of their own, for tests that send for real."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from workers.embedded import sink_settings

_ROOT = Path(__file__).resolve().parents[2]
_CODE = (
    "import sys; from pathlib import Path; from workers.sinks import serve; "
    "serve('127.0.0.1', int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))"
)


@dataclass(frozen=True)
class Sinks:
    """Running sinks: the settings that lead to them, and what they received."""

    smtp_port: int
    http_port: int
    data_dir: Path
    pid: int

    @property
    def email_url(self) -> str:
        """Fits OPSLOOP_EMAIL_URL."""
        return f"smtp://127.0.0.1:{self.smtp_port}"

    @property
    def sms_url(self) -> str:
        """Fits OPSLOOP_SMS_URL."""
        return self.settings["OPSLOOP_SMS_URL"]

    @property
    def wecom_url(self) -> str:
        """Fits OPSLOOP_WECOM_URL."""
        return self.settings["OPSLOOP_WECOM_URL"]

    @property
    def settings(self) -> dict[str, str]:
        """All settings of channels, as the embedded run makes them; `robot-…` and `accounts` have robots."""
        return sink_settings(self.smtp_port, self.http_port, ["accounts", "robot-key-1", "robot-key-2"])

    @property
    def http_url(self) -> str:
        """Where messages are listed and faults are switched."""
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def outbox(self) -> Path:
        """The messages as lines of JSON."""
        return self.data_dir / "outbox.jsonl"

    def messages(self, **query: str | int) -> list[dict[str, Any]]:
        """The messages received, the oldest first."""
        answer = httpx.get(f"{self.http_url}/messages", params=query, trust_env=False)
        answer.raise_for_status()
        found: list[dict[str, Any]] = answer.json()
        return found

    def fail(
        self, channel: str, kind: str, count: int = 1, *, delay_s: float = 30.0, provider: str = ""
    ) -> None:
        """Makes the next messages of a channel fail, or those by one provider."""
        fault = {"channel": channel, "kind": kind, "count": count, "delay_s": delay_s, "provider": provider}
        httpx.put(f"{self.http_url}/faults", json=fault, trust_env=False).raise_for_status()

    def heal(self) -> None:
        """Ends all faults."""
        httpx.delete(f"{self.http_url}/faults", trust_env=False).raise_for_status()


@contextmanager
def running_sinks(folder: Path) -> Iterator[Sinks]:
    """Sinks that keep their outbox in this folder."""
    smtp_port, http_port = free_ports(2)
    log = folder / "sinks.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", _CODE, str(smtp_port), str(http_port), str(folder)],
            cwd=_ROOT,
            env={**os.environ, "PYTHONPATH": str(_ROOT)},
            stdout=output,
            stderr=output,
        )
    sinks = Sinks(smtp_port, http_port, folder, process.pid)
    try:
        _wait_until_ready(sinks, process, log)
        yield sinks
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_ports(count: int) -> list[int]:
    """Ports of the loopback interface that nobody listens on now."""
    listeners = [socket.socket() for _ in range(count)]
    try:
        for each in listeners:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in listeners]
    finally:
        for each in listeners:
            each.close()


def _wait_until_ready(sinks: Sinks, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 60
    with httpx.Client(trust_env=False) as client:
        while time.monotonic() < until and process.poll() is None:
            try:
                client.get(f"{sinks.http_url}/healthz")
            except httpx.TransportError:
                time.sleep(0.05)
            else:
                return
    raise RuntimeError(f"the sinks did not start: {log.read_text()[-2000:]}")
