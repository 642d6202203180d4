"""A Temporal dev server of the test's own, as a process that can be killed and started again."""

import asyncio
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from temporalio.client import Client

from tests.support.databases import absent
from workers.dev_server import DevServer, TemporalNotInstalled, temporal_command
from workers.supervisor import free_port
from workflows.payloads import data_converter

_BOOT_S = 60.0
_POLL_S = 0.05


class RunningDevServer:
    """A server process and how to reach it."""

    def __init__(self, server: DevServer, log_path: Path) -> None:
        self._server = server
        self._log_path = log_path
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return self._server.address

    @property
    def ui_url(self) -> str:
        return self._server.ui_url

    @property
    def pid(self) -> int:
        assert self._process is not None, "the server is not running"
        return self._process.pid

    async def client(self) -> Client:
        """A client with opsloop's payload format."""
        return await Client.connect(
            self.address, namespace=self._server.namespace, data_converter=data_converter
        )

    def start(self) -> None:
        """Starts the process and waits until it serves; may be called inside a running event loop."""
        with self._log_path.open("ab") as log:
            self._process = subprocess.Popen(
                self._server.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        answered: list[bool] = []
        waiting = threading.Thread(target=lambda: answered.append(asyncio.run(self._answers())))
        waiting.start()
        waiting.join()
        if not (answered and answered[0]):
            self.kill()
            raise RuntimeError(f"the dev server did not start: {self._log_path.read_text()[-2000:]}")

    def stop(self) -> None:
        """Ends it with SIGTERM."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._process.wait()
        self._process = None

    def kill(self) -> None:
        """Ends it with SIGKILL, as a crash would; a file-backed one can be started again."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    async def _answers(self) -> bool:
        until = time.monotonic() + _BOOT_S
        while time.monotonic() < until and self._process is not None and self._process.poll() is None:
            if await self._server.answers():
                return True
            await asyncio.sleep(_POLL_S)
        return False


@contextmanager
def running_dev_server(
    folder: Path,
    *,
    file_backed: bool = False,
    ui: bool = False,
    namespace: str = "default",
    dynamic_config: tuple[str, ...] = (),
) -> Iterator[RunningDevServer]:
    """A server on free ports, ended with the context. Skips the test where `temporal` is not installed."""
    try:
        temporal_command()
    except TemporalNotInstalled as reason:
        absent(str(reason))
    server = RunningDevServer(
        DevServer(
            port=free_port(),
            ui_port=free_port() if ui else None,
            db_path=folder / "temporal.db" if file_backed else None,
            namespace=namespace,
            dynamic_config=dynamic_config,
        ),
        folder / "temporal.log",
    )
    server.start()
    try:
        yield server
    finally:
        server.stop()
