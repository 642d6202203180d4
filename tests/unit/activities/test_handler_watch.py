"""What the watch makes of each end of an attempt."""

import dataclasses
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.activity import ActivityCancellationDetails
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError, CancelledError
from temporalio.testing import ActivityEnvironment
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from activities.handler_watch import HandlerWatch
from activities.ports.handler_health import Change
from domain.errors import ChannelFailed, StoreUnavailable
from domain.handler_health import HandlerHealth, HandlerPolicy, HealthState
from domain.handlers import Effect, HandlerSpec, Queue
from domain.steps import StepInput, StepOutput
from domain.task import OpsTask, RiskLevel

NAME = "core_system_freeze"
NOW = datetime(2026, 11, 23, 19, 7, tzinfo=UTC)
SPEC = HandlerSpec(name=NAME, summary="x", effect=Effect.BANK, queue=Queue.CORE_BANK)
Ending = Callable[[], Any]


class Book:
    """The port in memory; `down = True` makes every call fail."""

    def __init__(self) -> None:
        self.health: dict[str, HandlerHealth] = {}
        self.changes = 0
        self.down = False

    def of(self, handler: str) -> HandlerHealth:
        if self.down:
            raise StoreUnavailable("away")
        return self.health.get(handler, HandlerHealth(handler=handler))

    def all(self) -> Sequence[HandlerHealth]:
        return list(self.health.values())

    def change(self, handler: str, change: Change, *, by: str = "opsloop", reason: str = "") -> HandlerHealth:
        self.health[handler] = change(self.of(handler))
        self.changes += 1
        return self.health[handler]


class News:
    """Keeps what is told; fails as often as it is told to."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.told: list[tuple[str, int]] = []

    async def tell(self, health: HandlerHealth, group: str) -> None:
        if self.failures:
            self.failures -= 1
            raise ChannelFailed("nobody")
        self.told.append((health.to_tell, health.episode))


class Handler(ActivityInboundInterceptor):
    """Stands where the handler would."""

    def __init__(self, ending: Ending) -> None:
        self.ending = ending
        self.ran = False

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        self.ran = True
        return self.ending()


class Watched:
    def __init__(self, failures: int = 3, news: News | None = None) -> None:
        self.book = Book()
        policy = HandlerPolicy(failures=failures)
        self.watch = HandlerWatch(self.book, {NAME: SPEC}, lambda: policy, lambda: NOW, news)

    @property
    def health(self) -> HandlerHealth:
        return self.book.health.get(NAME, HandlerHealth(handler=NAME))

    async def call(
        self, ending: Ending, number: int = 1, *, attempt: int = 1, of: int = 1, **more: Any
    ) -> bool:
        """One attempt of the call of ticket T<number>; whether the handler was tried."""
        details = more.pop("details", ())
        kind = more.pop("kind", NAME)
        step = StepInput(
            task=OpsTask(task_id=f"T{number}", title="x", source="desk", external_id="1"),
            step_id="freeze",
            step_name="Freeze",
            handler=NAME,
            risk=RiskLevel.LOW,
            now=NOW,
            **{"has_fallback": True, **more},
        )
        env = ActivityEnvironment()
        env.info = dataclasses.replace(
            env.info,
            activity_type=kind,
            attempt=attempt,
            heartbeat_details=details,
            retry_policy=RetryPolicy(maximum_attempts=of),
        )
        handler = Handler(ending)
        watched = self.watch.intercept_activity(handler)
        given = ExecuteActivityInput(fn=lambda: None, args=[step], executor=None, headers={})
        if ending is no_answer:
            # As a worker does it for activities in threads: `env.cancel` would cancel the watch as well.
            env._cancellation_details.details = ActivityCancellationDetails(timed_out=True)
        try:
            await env.run(watched.execute_activity, given)
        except (ApplicationError, CancelledError) as error:
            self.error: BaseException = error
        return handler.ran


def fails(code: str, *, retryable: bool = True) -> Ending:
    def end() -> Any:
        raise ApplicationError("the words", type=code, non_retryable=not retryable)

    return end


def no_answer() -> Any:
    raise CancelledError("cancelled")


def done() -> StepOutput:
    return StepOutput()


async def test_only_the_last_attempt_of_a_call_counts() -> None:
    each = Watched()
    for attempt in (1, 2, 3):
        await each.call(fails("outcome_unknown"), attempt=attempt, of=3)
        assert len(each.health.failed_calls) == (attempt == 3)


async def test_a_failure_that_is_not_tried_again_counts_at_once() -> None:
    each = Watched()
    await each.call(fails("outcome_unknown", retryable=False), of=4)
    assert each.health.failed_calls == ("T1/freeze/1",)


@pytest.mark.parametrize("code", ["input_invalid", "handler_broken", "order_refused", "store_unavailable"])
async def test_what_is_not_the_system_s_fault_does_not_count(code: str) -> None:
    each = Watched(failures=1)
    await each.call(fails(code, retryable=False))
    assert not each.health.is_degraded


async def test_no_answer_in_the_step_s_time_counts() -> None:
    each = Watched(failures=1)
    await each.call(no_answer)
    assert each.health.state is HealthState.DEGRADED
    assert each.health.reason == "outcome_unknown: no answer in the step's time"


async def test_a_handler_that_works_costs_no_write() -> None:
    each = Watched()
    assert await each.call(done)
    assert each.book.changes == 0


async def test_a_degraded_handler_is_not_tried_where_something_can_stand_in() -> None:
    each = Watched(failures=1)
    await each.call(fails("bank_unavailable"))
    assert not await each.call(done, 2)
    assert isinstance(each.error, ApplicationError)
    assert (each.error.type, each.error.non_retryable) == ("handler_degraded", True)
    assert await each.call(done, 3, has_fallback=False)
    assert not each.health.is_degraded, "what succeeds without a fallback restores it"


@pytest.mark.parametrize(("details", "tried"), [((), True), ([1], False), ([0], True)])
async def test_in_doubt_the_handler_is_asked_before_a_fallback(details: Any, tried: bool) -> None:
    each = Watched(failures=1)
    await each.call(fails("bank_unavailable"))
    assert await each.call(fails("bank_unavailable"), 2, attempt=2, of=4, details=details) is tried


async def test_other_activities_are_left_alone() -> None:
    each = Watched(failures=1)
    await each.call(fails("bank_unavailable"), kind="resolve_order")
    assert each.book.health == {}


async def test_while_the_store_is_away_every_call_is_tried() -> None:
    each = Watched(failures=1)
    await each.call(fails("bank_unavailable"))
    each.book.down = True
    assert await each.call(fails("bank_unavailable"), 2)
    assert await each.call(done, 3)


async def test_on_call_is_told_until_somebody_was_and_then_no_more() -> None:
    news = News(failures=1)
    each = Watched(failures=1, news=news)
    await each.call(fails("bank_unavailable"))
    assert (news.told, each.health.to_tell) == ([], "degraded")
    await each.call(done, 2)
    await each.call(done, 3)
    assert news.told == [("degraded", 1)]
    due = timedelta(minutes=2)
    each.book.health[NAME] = each.health.model_copy(update={"probe_at": NOW - due})
    await each.call(done, 4)
    assert news.told == [("degraded", 1), ("restored", 1)]
    assert each.health.to_tell == ""
