"""A small process supervisor for the embedded run: starts children, restarts them, leaves none behind.

    async with Supervisor(log_dir) as supervisor:
        await supervisor.start(ChildSpec("api", command, ready=http_ready(url)))
        await supervisor.forever()

SIGINT or SIGTERM ends the block wherever it waits; children are then stopped in the reverse of their order.
A second signal kills them at once. Production has an orchestrator for this.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

import httpx
import structlog

from domain.errors import OpsloopError

_log = structlog.get_logger(__name__)

_PROBE_S = 0.1
_SETTLED_S = 20.0
"""A child that lived this long is not in a crash loop."""
_BACK_OFF_S = (0.2, 0.5, 1.0, 2.0, 4.0)
"""The pause before each quick restart; after the last one the supervisor gives up."""
_LOG_TAIL_BYTES = 4_000
_LOG_TAIL_LINES = 15

ReadyCheck = Callable[[], Awaitable[bool]]


class ChildFailed(OpsloopError):
    """A child did not come up, or keeps dying. The message carries its last log lines."""

    code: ClassVar[str] = "child_failed"


@dataclass(frozen=True)
class ChildSpec:
    """One process to keep running."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    """Added to the supervisor's own environment."""
    ready: ReadyCheck | None = None
    """Whether it can do its work; asked again and again until it says yes. None: ready once started."""
    ready_timeout_s: float = 60.0
    grace_s: float = 15.0
    """How long it may take to end after SIGTERM before it gets SIGKILL."""
    cwd: Path | None = None


class _Child:
    """A spec and the process that runs it now."""

    def __init__(self, spec: ChildSpec, log_path: Path) -> None:
        self.spec = spec
        self.log_path = log_path
        self.log_offset = 0
        self.process: asyncio.subprocess.Process | None = None
        self.ready = asyncio.Event()
        self.restarts = 0
        self.keeper: asyncio.Task[None] | None = None

    @property
    def exit_code(self) -> int | None:
        """How the process ended; None while it runs."""
        return self.process.returncode if self.process else None

    async def launch(self) -> None:
        """Starts the process in a group of its own, which ends with the supervisor on Linux."""
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        with self.log_path.open("ab") as log:
            self.log_offset = log.tell()
            try:
                self.process = await asyncio.create_subprocess_exec(
                    *self.spec.command,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=self.spec.cwd,
                    env={**os.environ, **self.spec.environment},
                    process_group=0,
                    preexec_fn=die_with_parent(os.getpid()),
                )
            except OSError as error:
                raise ChildFailed(f"{self.spec.name} cannot be started: {error}") from error

    async def become_ready(self) -> None:
        """Returns when the child is ready. Raises `ChildFailed` when it ends first or takes too long."""
        check = self.spec.ready
        until = time.monotonic() + self.spec.ready_timeout_s
        while check is not None and not await check():
            if self.exit_code is not None:
                raise ChildFailed(self.obituary("ended before it was ready"))
            if time.monotonic() > until:
                raise ChildFailed(self.obituary(f"was not ready after {self.spec.ready_timeout_s:.0f} s"))
            await asyncio.sleep(_PROBE_S)
        self.ready.set()

    async def live(self) -> float:
        """Returns when the process has ended: the seconds for which it was ready."""
        if not self.ready.is_set():
            try:
                await self.become_ready()
            except ChildFailed:
                await self.end()
                return 0.0
        since = time.monotonic()
        if self.process is not None:
            await self.process.wait()
            _signal_group(self.process.pid, signal.SIGKILL)
        self.ready.clear()
        return time.monotonic() - since

    def obituary(self, what: str) -> str:
        """What happened, with exit code and last log lines."""
        exit_text = "" if self.exit_code is None else f" (exit code {self.exit_code})"
        return f"{self.spec.name} {what}{exit_text}; {self.log_path}:\n{self.last_lines()}"

    def last_lines(self) -> str:
        """The end of what the process wrote since its last start."""
        with self.log_path.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(self.log_offset, size - _LOG_TAIL_BYTES))
            lines = deque(log.read().decode(errors="replace").splitlines(), maxlen=_LOG_TAIL_LINES)
        return "\n".join(f"  {line}" for line in lines) or "  (it wrote nothing)"

    async def end(self) -> None:
        """SIGTERM, then SIGKILL after the grace; afterwards nothing of its group is left."""
        process = self.process
        if process is None:
            return
        if process.returncode is None:
            _signal_group(process.pid, signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), self.spec.grace_s)
        _signal_group(process.pid, signal.SIGKILL)
        await process.wait()
        self.ready.clear()

    def kill(self) -> None:
        """SIGKILL to its group, at once."""
        if self.process is not None and self.exit_code is None:
            _signal_group(self.process.pid, signal.SIGKILL)


class Supervisor:
    """Keeps named children running. One event loop, in the main thread."""

    def __init__(self, log_dir: Path) -> None:
        self._log_dir = log_dir
        self._children: dict[str, _Child] = {}
        self._stopping = False
        self._failure: ChildFailed | None = None
        self._owner: asyncio.Task[object] | None = None
        self._interrupted = False

    async def start(self, spec: ChildSpec) -> None:
        """Starts a child and waits until it is ready; from then on it is restarted when it dies.

        Raises `ChildFailed` when it cannot be started, ends early or is not ready in time.
        """
        if spec.name in self._children:
            raise ValueError(f"there is a child named {spec.name} already")
        child = _Child(spec, self._log_dir / f"{spec.name}.log")
        await child.launch()
        self._children[spec.name] = child
        try:
            await child.become_ready()
        except ChildFailed:
            await child.end()
            del self._children[spec.name]
            raise
        child.keeper = asyncio.create_task(self._keep(child), name=f"keep {spec.name}")

    def pid(self, name: str) -> int:
        """The process id of a child as it runs now."""
        process = self._children[name].process
        if process is None:
            raise ChildFailed(f"{name} is not running")
        return process.pid

    def restarts(self, name: str) -> int:
        """How often a child has been started again."""
        return self._children[name].restarts

    async def restart(self, name: str, environment: Mapping[str, str]) -> None:
        """Ends a child in good order and starts it again with these added to its environment.

        Returns when it is ready. It counts as one of its restarts.
        """
        child = self._children[name]
        before = child.restarts
        child.spec = replace(child.spec, environment={**child.spec.environment, **environment})
        await child.end()
        while child.restarts == before:
            await asyncio.sleep(_PROBE_S)
        await child.ready.wait()

    async def ready(self, name: str) -> None:
        """Waits until a child is ready, which it is not between its death and its return."""
        await self._children[name].ready.wait()

    async def forever(self) -> None:
        """Returns after SIGINT or SIGTERM. Raises `ChildFailed` when a child keeps dying."""
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if not self._cancelled_by_us():
                raise

    async def stop(self) -> None:
        """Ends all children, the last one first. A second call does nothing."""
        self._stopping = True
        while self._children:
            name, child = self._children.popitem()
            if child.keeper is not None:
                child.keeper.cancel()
                await asyncio.gather(child.keeper, return_exceptions=True)
            await child.end()
            _log.info("child.stopped", child=name)

    async def _keep(self, child: _Child) -> None:
        quick_deaths = 0
        try:
            while True:
                lived_s = await child.live()
                quick_deaths = 1 if lived_s >= _SETTLED_S else quick_deaths + 1
                if quick_deaths > len(_BACK_OFF_S):
                    raise ChildFailed(child.obituary(f"died {quick_deaths} times in quick succession"))
                _log.warning("child.died", child=child.spec.name, exit_code=child.exit_code)
                await asyncio.sleep(_BACK_OFF_S[quick_deaths - 1])
                await child.launch()
                child.restarts += 1
        except ChildFailed as failure:
            self._give_up(failure)

    def _give_up(self, failure: ChildFailed) -> None:
        self._failure = failure
        if self._owner is not None and not self._stopping:
            self._owner.cancel()

    async def __aenter__(self) -> Self:
        self._owner = asyncio.current_task()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._on_signal)
        return self

    def _on_signal(self) -> None:
        if self._interrupted or self._stopping:
            for child in self._children.values():
                child.kill()
            return
        self._interrupted = True
        if self._owner is not None:
            self._owner.cancel()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        try:
            await self.stop()
        finally:
            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)
        return isinstance(error, asyncio.CancelledError) and self._cancelled_by_us()

    def _cancelled_by_us(self) -> bool:
        """Takes back our own cancellation of the block. Raises the failure where that was the reason."""
        if self._failure is None and not self._interrupted:
            return False
        if self._owner is not None:
            self._owner.uncancel()
        if self._failure is not None:
            raise self._failure from None
        return True


def http_ready(url: str) -> ReadyCheck:
    """Ready when a GET of this URL answers with 2xx."""

    async def check() -> bool:
        try:
            async with httpx.AsyncClient(trust_env=False, timeout=2.0) as client:
                return (await client.get(url)).is_success
        except httpx.HTTPError:
            return False

    return check


def tcp_ready(host: str, port: int) -> ReadyCheck:
    """Ready when this address takes connections."""

    async def check() -> bool:
        try:
            async with asyncio.timeout(2.0):
                _, writer = await asyncio.open_connection(host, port)
        except (OSError, TimeoutError):
            return False
        writer.close()
        return True

    return check


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def port_is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen there."""
    with socket.socket() as listener:
        # As servers do: an address that only waits for old connections to fade counts as free.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError:
            return False
    return True


def _signal_group(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def die_with_parent(parent: int) -> Callable[[], None] | None:
    """On Linux: the child gets SIGKILL when the supervisor is gone, even by SIGKILL."""
    if not sys.platform.startswith("linux"):
        return None
    # Loaded before the fork: between fork and exec no lock may be taken.
    prctl = ctypes.CDLL(None).prctl
    set_parent_death_signal = 1
    sigkill = int(signal.SIGKILL)

    def run() -> None:
        prctl(set_parent_death_signal, sigkill)
        if os.getppid() != parent:
            os._exit(1)

    return run
