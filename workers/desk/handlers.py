"""The desk of handlers: how each fares, one kept degraded for a while, one given back."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime, timedelta
from functools import partial

from activities.ports.handler_health import Change, HandlerHealthBook
from definitions.findings import suggestion
from domain.errors import Conflict, InvalidInput, NotFound, NotPermitted
from domain.handler_health import HandlerHealth, HandlerPolicy, degrade, is_watched, restore
from domain.handlers import HandlerSpec
from domain.model import Record
from domain.people import Principal, Role
from workers.desk.authority import Trail, require


class HandlerStatus(Record):
    """One handler, and what it takes to become degraded."""

    health: HandlerHealth
    failures: int
    """Failed calls in a row that make it degraded."""
    probe_every: timedelta


class HandlerDesk:
    """Shows to staff how handlers fare, and lets on-call decide otherwise."""

    def __init__(
        self,
        book: HandlerHealthBook,
        *,
        handlers: Callable[[], Mapping[str, HandlerSpec]],
        policy: Callable[[], HandlerPolicy],
        trail: Trail,
    ) -> None:
        self._book = book
        self._handlers = handlers
        self._policy = policy
        self._trail = trail

    def status(self) -> tuple[HandlerStatus, ...]:
        """Every handler that can become degraded, the degraded first. Raises `StoreUnavailable`."""
        known = {each.handler: each for each in self._book.all()}
        names = {name for name, spec in self._handlers().items() if is_watched(spec)} | set(known)
        shown = [known.get(name, HandlerHealth(handler=name)) for name in sorted(names)]
        policy = self._policy()
        return tuple(
            HandlerStatus(
                health=each,
                failures=policy.failures_of(each.handler),
                probe_every=policy.probe_every_of(each.handler),
            )
            for each in sorted(shown, key=lambda each: not each.is_degraded)
        )

    async def degrade(
        self,
        handler: str,
        *,
        until: datetime | None = None,
        lasts: timedelta | None = None,
        reason: str,
        principal: Principal,
    ) -> HandlerHealth:
        """Keeps a handler degraded until an instant, or for a time: nothing probes it meanwhile.

        Raises `NotPermitted`, `NotFound`, and `InvalidInput` without one end within 7 days or a reason.
        """
        async with self._refusals("handler.degrade.refused", handler, principal):
            require(principal, Role.ONCALL, "degrade handlers")
            self._check_known(handler)
            now = self._trail.now()
            if (until is None) == (lasts is None):
                raise InvalidInput("it has one end: give `until`, or how long it `lasts`", field="until")
            end = until if until is not None else now + (lasts or timedelta(0))
            change = partial(degrade, by=principal.id, why=reason, until=end, now=now)
            return await self._changed(handler, change, principal, reason)

    async def restore(self, handler: str, *, reason: str, principal: Principal) -> HandlerHealth:
        """Lets the next call be tried as if nothing had failed.

        Raises `NotPermitted`, `NotFound`, `Conflict` where it is not degraded, `InvalidInput` without a
        reason.
        """

        def change(health: HandlerHealth) -> HandlerHealth:
            if not health.is_degraded:
                raise Conflict(f"{handler} is not degraded")
            return restore(health)

        async with self._refusals("handler.restore.refused", handler, principal):
            require(principal, Role.ONCALL, "restore handlers")
            self._check_known(handler)
            if not reason.strip():
                raise InvalidInput("reason: say why", field="reason")
            return await self._changed(handler, change, principal, reason)

    async def _changed(
        self, handler: str, change: Change, principal: Principal, reason: str
    ) -> HandlerHealth:
        return await asyncio.to_thread(self._book.change, handler, change, by=principal.id, reason=reason)

    @contextlib.asynccontextmanager
    async def _refusals(self, action: str, handler: str, principal: Principal) -> AsyncIterator[None]:
        """Audits what is refused inside."""
        try:
            yield
        except (NotPermitted, InvalidInput, NotFound, Conflict) as error:
            await self._trail.refused(action, principal, str(error), handler=handler[:100])
            raise

    def _check_known(self, handler: str) -> None:
        watched = {name for name, spec in self._handlers().items() if is_watched(spec)}
        name, _, service = handler.partition("/")
        if name not in watched or (service and name != "http"):
            raise NotFound(
                f"no handler that can become degraded is called {handler!r}{suggestion(handler, watched)}"
            )
