"""Heartbeats beside a long call."""

import asyncio
import dataclasses
from datetime import timedelta
from typing import Any, cast

from temporalio.activity import Info
from temporalio.testing import ActivityEnvironment
from temporalio.worker import ActivityInboundInterceptor, ActivityOutboundInterceptor, ExecuteActivityInput

from activities.heartbeats import Heartbeats


class Server(ActivityOutboundInterceptor):
    """Keeps every heartbeat."""

    def __init__(self, timeout: timedelta | None) -> None:
        self.beats: list[tuple[Any, ...]] = []
        self.beaten = asyncio.Event()
        info = ActivityEnvironment().info
        self._info = dataclasses.replace(info, heartbeat_timeout=timeout, heartbeat_details=["before"])

    def info(self) -> Info:
        return self._info

    def heartbeat(self, *details: Any) -> None:
        self.beats.append(details)
        self.beaten.set()

    async def next_beat(self) -> None:
        self.beaten.clear()
        await self.beaten.wait()


class Call(ActivityInboundInterceptor):
    """A long call, which leaves a heartbeat of its own in the middle."""

    def __init__(self, server: Server, beats: bool) -> None:
        self.server = server
        self.beats = beats

    def init(self, outbound: ActivityOutboundInterceptor) -> None:
        self.outbound = outbound

    async def execute_activity(self, input: ExecuteActivityInput) -> str:
        if self.beats:
            await self.server.next_beat()
            self.outbound.heartbeat("not taken")
            await self.server.next_beat()
        return "done"


async def run(server: Server, *, beats: bool) -> None:
    call = Call(server, beats)
    around = Heartbeats().intercept_activity(call)
    around.init(server)
    assert await around.execute_activity(cast(ExecuteActivityInput, None)) == "done"


async def test_a_long_call_beats_and_keeps_what_was_left() -> None:
    server = Server(timedelta(milliseconds=3))
    async with asyncio.timeout(20):
        await run(server, beats=True)
    assert server.beats[0] == ("before",), "what the attempt before left"
    assert server.beats[-1] == ("not taken",), "a beat takes nothing away"
    assert server.beats.index(("not taken",)) < len(server.beats) - 1


async def test_without_a_time_out_nothing_beats() -> None:
    server = Server(None)
    await run(server, beats=False)
    assert server.beats == []
