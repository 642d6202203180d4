"""Faults of the sandbox, switched on and off over HTTP while it runs.

All of them are real at the socket: a reset is an RST, silence is a connection that stays open.
"""

import asyncio
import random
import socket
import struct
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from enum import StrEnum
from typing import Self

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from pydantic import Field, model_validator

from domain.model import Model, Record
from domain.orders import BankOrder, OrderKind


class FaultKind(StrEnum):
    """What goes wrong."""

    SLOW = "slow"
    """Waits `delay_s`, then does what was asked, even when the client has gone."""
    ERROR_500 = "error_500"
    """Answers 500 and changes nothing."""
    RESET = "reset"
    """Resets the connection before anything is changed."""
    COMMIT_THEN_TIMEOUT = "commit_then_timeout"
    """Does what was asked and never answers; resets when the client gave up, or after `delay_s`."""
    DOWN = "down"
    """Answers 503 and changes nothing."""


class Operation(StrEnum):
    """A request that faults can hit."""

    PLACE = "place"
    FIND = "find"
    REVOKE = "revoke"
    CONTACT = "contact"


class Fault(Model):
    """One fault. Without `probability` and `count` it hits every matching request."""

    kind: FaultKind
    on: frozenset[Operation] = Field(default=frozenset(), description="empty: place; for down: all of them")
    probability: float | None = Field(default=None, gt=0, le=1)
    count: int | None = Field(default=None, ge=1, description="hits the next so many matching requests")
    order_kind: OrderKind | None = Field(default=None, description="hits orders of this kind only")
    account: str | None = Field(default=None, max_length=64, description="hits orders on this account only")
    delay_s: float = Field(default=60.0, ge=0, le=600, description="real seconds; of slow and of silence")

    @model_validator(mode="after")
    def _one_measure(self) -> Self:
        if self.probability is not None and self.count is not None:
            raise ValueError("give probability or count, not both")
        if (self.order_kind or self.account) and self.on - {Operation.PLACE}:
            raise ValueError("order_kind and account filter orders, so `on` can only be place")
        return self

    def matches(self, operation: Operation, order: BankOrder | None) -> bool:
        """Whether this request is one that the fault may hit."""
        if self.order_kind or self.account:
            return (
                order is not None
                and self.order_kind in (None, order.kind)
                and self.account in (None, order.account)
            )
        everywhere = self.kind is FaultKind.DOWN
        return operation in (self.on or (frozenset(Operation) if everywhere else {Operation.PLACE}))


class FaultState(Record):
    """A fault that is switched on, and how often it has hit."""

    fault: Fault
    hits: int = 0

    @property
    def spent(self) -> bool:
        """Whether its count is used up."""
        return self.fault.count is not None and self.hits >= self.fault.count


class FaultError(Exception):
    """Ends a request with the fault's own answer. After a reset nobody hears it."""

    def __init__(self, response: Response) -> None:
        super().__init__("fault")
        self.response = response


class FaultBoard:
    """The faults that are switched on. They are forgotten when the process ends."""

    def __init__(self, seed: int | None = None) -> None:
        self._random = random.Random(seed)  # noqa: S311 - chooses victims, guards nothing
        self._lock = threading.Lock()
        self._states: list[FaultState] = []

    def switch(self, faults: Sequence[Fault]) -> list[FaultState]:
        """Puts these faults in place of all others."""
        with self._lock:
            self._states = [FaultState(fault=fault) for fault in faults]
            return list(self._states)

    def show(self) -> list[FaultState]:
        """All faults and their hits."""
        with self._lock:
            return list(self._states)

    def draw(self, operation: Operation, order: BankOrder | None = None) -> Fault | None:
        """The first fault that hits this request."""
        with self._lock:
            for place, state in enumerate(self._states):
                fault = state.fault
                if state.spent or not fault.matches(operation, order):
                    continue
                if fault.probability is None or self._random.random() < fault.probability:
                    self._states[place] = state.model_copy(update={"hits": state.hits + 1})
                    return fault
        return None

    @asynccontextmanager
    async def around(
        self, request: Request, operation: Operation, order: BankOrder | None = None
    ) -> AsyncIterator[None]:
        """Runs the request under the fault that hits it, if any. Raises `FaultError`."""
        fault = self.draw(operation, order)
        if fault is not None:
            await _before(fault, request)
        try:
            yield
        finally:
            if fault is not None and fault.kind is FaultKind.COMMIT_THEN_TIMEOUT:
                await _stay_silent(request, fault.delay_s)
                _reset(request)
                raise FaultError(Response(status_code=500))


async def _before(fault: Fault, request: Request) -> None:
    match fault.kind:
        case FaultKind.SLOW:
            await asyncio.sleep(fault.delay_s)
        case FaultKind.ERROR_500:
            raise FaultError(_problem(500, "internal_error", "the core bank failed"))
        case FaultKind.DOWN:
            raise FaultError(_problem(503, "unavailable", "the core bank is down"))
        case FaultKind.RESET:
            _reset(request)
            raise FaultError(Response(status_code=500))
        case FaultKind.COMMIT_THEN_TIMEOUT:
            pass


async def _stay_silent(request: Request, longest_s: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(longest_s):
            while (await request.receive())["type"] != "http.disconnect":
                pass


def _reset(request: Request) -> None:
    """Drops the connection at once. Without linger the kernel sends RST instead of an orderly close."""
    transport: asyncio.Transport = request.state.transport
    connection = transport.get_extra_info("socket")
    if connection is not None and not transport.is_closing():
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def _problem(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse({"code": code, "message": message}, status_code=status)
