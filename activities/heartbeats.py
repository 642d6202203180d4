"""Says, while an activity runs, that its worker is alive: another one takes over soon where it is not."""

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from temporalio.worker import (
    ActivityInboundInterceptor,
    ActivityOutboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
)

_BEATS: int = 3
"""In a heartbeat time-out."""


class Heartbeats(Interceptor):
    """Beats for every activity that has a heartbeat time-out, also where it is one long call."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """Around each activity."""
        return _Beating(next)


class _Last(ActivityOutboundInterceptor):
    """Remembers what the attempt left as its heartbeat: a beat must not take it away."""

    details: Sequence[Any] | None = None

    def heartbeat(self, *details: Any) -> None:
        """A heartbeat of the activity's own."""
        self.details = details
        super().heartbeat(*details)


class _Beating(ActivityInboundInterceptor):
    _outbound: _Last

    def init(self, outbound: ActivityOutboundInterceptor) -> None:
        """Takes the way to the server: the activity's own heartbeat may be called from its thread only."""
        self._outbound = _Last(outbound)
        super().init(self._outbound)

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        """Runs the activity, with heartbeats beside it."""
        timeout = self._outbound.info().heartbeat_timeout
        if timeout is None:
            return await super().execute_activity(input)
        beating = asyncio.create_task(self._beat(timeout / _BEATS))
        try:
            return await super().execute_activity(input)
        finally:
            beating.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await beating

    async def _beat(self, every: timedelta) -> None:
        while True:
            await asyncio.sleep(every.total_seconds())
            details = self._outbound.details
            self._outbound.heartbeat(
                *(self._outbound.info().heartbeat_details if details is None else details)
            )
