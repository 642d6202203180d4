"""Watches the calls of handlers: counts their failures, and answers for those that are degraded.

It stands around a handler's activity, so that it costs a ticket no event of its history. A degraded handler's
call ends at once with `handler_degraded`, where the step has something to fall back on and no earlier attempt
of the call can have been carried out.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError, CancelledError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from activities.attempts import earlier_attempts_were_not_taken
from activities.catalogue import translated
from activities.ports.handler_health import Change, HandlerHealthBook, HandlerNews
from domain.errors import HandlerDegraded, OpsloopError, OutcomeUnknown, StoreUnavailable
from domain.handler_health import (
    Admission,
    HandlerHealth,
    HandlerPolicy,
    admit,
    failed,
    is_watched,
    subject_of,
    succeeded,
    told,
    verdict_of,
)
from domain.handlers import Effect, HandlerSpec
from domain.steps import StepInput

_LOG = logging.getLogger(__name__)


class HandlerWatch(Interceptor):
    """The watch of one worker; what it counts stands in the store, for all of them."""

    def __init__(
        self,
        book: HandlerHealthBook,
        handlers: Mapping[str, HandlerSpec],
        policy: Callable[[], HandlerPolicy],
        now: Callable[[], datetime],
        news: HandlerNews | None = None,
    ) -> None:
        """`now` tells bank time; without `news` nobody is told."""
        self.book = book
        self.handlers = {name: spec for name, spec in handlers.items() if is_watched(spec)}
        self.policy = policy
        self.now = now
        self.news = news

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """Around each activity; only those of handlers are watched."""
        return _Watched(next, self)


class _Watched(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, watch: HandlerWatch) -> None:
        super().__init__(next)
        self._watch = watch

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        """Runs the handler, or answers for it. Raises `handler_degraded`."""
        spec = self._watch.handlers.get(activity.info().activity_type)
        step = input.args[0] if input.args else None
        if spec is None or not isinstance(step, StepInput):
            return await super().execute_activity(input)
        call = _Call(self._watch, spec, step)
        await call.begin()
        try:
            output = await super().execute_activity(input)
        except ApplicationError as error:
            await call.ended(error.type or "", str(error), final=error.non_retryable)
            raise
        except (CancelledError, asyncio.CancelledError):
            cancelled = activity.cancellation_details()
            if cancelled is not None and cancelled.timed_out:
                await call.ended(OutcomeUnknown.code, "no answer in the step's time")
            raise
        await call.succeeded()
        return output


class _Call:
    """One attempt of one call."""

    def __init__(self, watch: HandlerWatch, spec: HandlerSpec, step: StepInput) -> None:
        self._watch = watch
        self._spec = spec
        self._step = step
        self._subject = subject_of(spec.name, step.inputs)
        self._key = step.idempotency_key
        self._health = HandlerHealth(handler=self._subject)

    async def begin(self) -> None:
        """Lets the attempt pass, or raises `handler_degraded` for it."""
        try:
            self._health = await asyncio.to_thread(self._watch.book.of, self._subject)
            admission = Admission.TRY
            if self._health.is_degraded and self._can_be_replaced():
                admission = await self._admission()
        except StoreUnavailable as error:
            # Whoever cannot ask tries: a handler that works must not wait for the store.
            _LOG.warning("how %s fares cannot be read: %s", self._subject, error)
            return
        await self._tell()
        if admission is Admission.FALLBACK:
            since = f"{self._health.since:%Y-%m-%d %H:%M} UTC" if self._health.since else "before"
            raise translated(HandlerDegraded(f"{self._subject} is degraded since {since}; it was not tried"))

    async def succeeded(self) -> None:
        """The handler answered."""
        # Read again: since the attempt began another worker may have counted.
        await self._keep(lambda health: succeeded(health, self._watch.now()), unless=_is_clean)

    async def ended(self, code: str, message: str, *, final: bool = False) -> None:
        """The attempt failed."""
        verdict = verdict_of(code)
        if verdict == "well":
            await self.succeeded()
        elif verdict == "unwell":
            count = partial(
                failed,
                policy=self._watch.policy(),
                call=self._key,
                reason=message if message.startswith(code) else f"{code}: {message}",
                now=self._watch.now(),
                final=final or _is_last_attempt(),
            )
            await self._keep(count)

    async def _admission(self) -> Admission:
        given: list[Admission] = []

        def decide(health: HandlerHealth) -> HandlerHealth:
            changed, admission = admit(health, self._watch.policy(), self._key, self._watch.now())
            given.append(admission)
            return changed

        self._health = await asyncio.to_thread(self._watch.book.change, self._subject, decide)
        return given[-1]

    def _can_be_replaced(self) -> bool:
        """Whether the fallback may act: what may have been carried out is asked about first."""
        harmless = self._spec.called_with(self._step.inputs).effect is Effect.NONE
        return self._step.has_fallback and (harmless or earlier_attempts_were_not_taken())

    async def _keep(self, change: Change, unless: Callable[[HandlerHealth], bool] | None = None) -> None:
        try:
            if unless is not None:
                self._health = await asyncio.to_thread(self._watch.book.of, self._subject)
                if unless(self._health):
                    return
            self._health = await asyncio.to_thread(self._watch.book.change, self._subject, change)
        except StoreUnavailable as error:
            _LOG.warning("how %s fares cannot be kept: %s", self._subject, error)
            return
        await self._tell()

    async def _tell(self) -> None:
        """Tells on-call what nobody has been told; what fails here is told at the next call."""
        health, news = self._health, self._watch.news
        if not health.to_tell or news is None:
            return
        try:
            await news.tell(health, self._step.task.assigned_group)
            done = partial(told, what=health.to_tell, episode=health.episode)
            self._health = await asyncio.to_thread(self._watch.book.change, self._subject, done)
        except (OpsloopError, ApplicationError, RuntimeError) as error:
            _LOG.warning("on-call was not told of %s: %s", self._subject, error)


def _is_clean(health: HandlerHealth) -> bool:
    return not health.is_degraded and not health.failed_calls


def _is_last_attempt() -> bool:
    info = activity.info()
    most = info.retry_policy.maximum_attempts if info.retry_policy else 0
    return 0 < most <= info.attempt
