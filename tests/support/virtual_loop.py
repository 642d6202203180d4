"""An event loop whose clock jumps: nothing waits, and a program that can never go on is noticed."""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, TypeVar

_Result = TypeVar("_Result")


class StuckError(AssertionError):
    """Everything waits for something that never comes, or the run goes round for ever."""


class VirtualLoop(asyncio.AbstractEventLoop):
    """Runs one coroutine on virtual seconds. When nothing is ready, the clock jumps to the next timer."""

    def __init__(self, most_turns: int = 200_000) -> None:
        self.broken: list[BaseException | str] = []
        """What tasks raised that nobody waited for."""
        self._ready: deque[asyncio.Handle] = deque()
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._time = 0.0
        self._turns = 0
        self._most_turns = most_turns
        self._tasks: list[asyncio.Task[Any]] = []

    def play(
        self, main: Coroutine[Any, Any, _Result], until: Callable[[], bool] = lambda: False
    ) -> _Result | None:
        """The coroutine's result; None when `until` held at a moment at which nothing was ready.

        Raises `StuckError`, and whatever the coroutine or a task beside it raises.
        """
        asyncio._set_running_loop(self)
        try:
            task = self.create_task(main)
            while not task.done():
                self._turn_all()
                if self.broken:
                    raise StuckError(f"a task was lost: {self.broken[0]!r}")
                if task.done():
                    break
                if until():
                    return None
                if not self._timers:
                    raise StuckError("nothing is ready, and no timer is set")
                self._jump()
            self._turn_all()
            return task.result()
        finally:
            self._abandon_all()
            asyncio._set_running_loop(None)

    def _turn_all(self) -> None:
        while self._ready:
            self._turns += 1
            if self._turns > self._most_turns:
                raise StuckError(f"no end after {self._turns} turns")
            handle = self._ready.popleft()
            if not handle.cancelled():
                handle._run()

    def _jump(self) -> None:
        self._time = max(self._time, self._timers[0][0])
        while self._timers and self._timers[0][0] <= self._time:
            self._ready.append(heapq.heappop(self._timers)[2])

    def _abandon_all(self) -> None:
        """What still waits goes no further, as in a process that dies."""
        for task in self._tasks:
            if not task.done():
                task._log_destroy_pending = False  # type: ignore[attr-defined]
                task.get_coro().close()  # type: ignore[union-attr]

    def time(self) -> float:
        return self._time

    def start_at(self, seconds: float) -> None:
        """Sets the clock before anything runs."""
        self._time = seconds

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def call_soon(
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self._time + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        self._turns += 1
        heapq.heappush(self._timers, (when, self._turns, handle))
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """A cancelled timer is passed over when its time comes."""

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, **options: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(coro, loop=self, **options)
        self._tasks.append(task)
        return task

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.broken.append(context.get("exception") or str(context.get("message")))
