"""Attempts of an order as a real Temporal server counts them: what one leaves behind for the next."""

from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.catalogue import activities_of
from activities.core_bank import CoreBankActivities
from domain.orders import BankOrder, OrderReceipt
from domain.steps import StepInput, StepOutput
from domain.task import OpsTask, RiskLevel
from tests.fakes.core_bank import Failure, FakeCoreBank
from tests.support.dev_server import RunningDevServer, running_dev_server

QUEUE = "orders-under-test"


@workflow.defn
class OneOrder:
    """Runs one handler with four attempts and answers with its outcome or its error's code."""

    @workflow.run
    async def run(self, step: StepInput) -> str:
        try:
            output = await workflow.execute_activity(
                step.handler,
                step,
                result_type=StepOutput,
                start_to_close_timeout=timedelta(seconds=30),
                retry_policy=RetryPolicy(maximum_attempts=4, initial_interval=timedelta(milliseconds=20)),
            )
        except ActivityError as error:
            cause = error.cause
            return (cause.type or "") if isinstance(cause, ApplicationError) else repr(cause)
        outcome: str = output.outcome
        return outcome


class BankThatGoesDown(FakeCoreBank):
    """Goes down after the first order that it receives."""

    def place(self, order: BankOrder) -> OrderReceipt:
        try:
            return super().place(order)
        finally:
            self.down = True


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDevServer]:
    folder: Path = tmp_path_factory.mktemp("temporal")
    with running_dev_server(folder) as server:
        yield server


@asynccontextmanager
async def an_order(server: RunningDevServer, bank: FakeCoreBank) -> AsyncIterator[tuple[str, str]]:
    """The outcome of one freeze at this bank, and its key."""
    step = StepInput(
        task=OpsTask(
            task_id="T1",
            title="Freeze",
            source="desk",
            external_id="1",
            account_ref="6222020299991234",
            fields={"amount": "10.00"},
        ),
        step_id="execute_freeze",
        step_name="Execute Freeze",
        handler="core_system_freeze",
        risk=RiskLevel.LOW,
        now=datetime(2026, 11, 23, 19, 7, tzinfo=UTC),
    )
    client = await server.client()
    with ThreadPoolExecutor(2) as pool:
        async with Worker(
            client,
            task_queue=QUEUE,
            workflows=[OneOrder],
            activities=activities_of(CoreBankActivities(bank)),
            activity_executor=pool,
            workflow_runner=UnsandboxedWorkflowRunner(),
        ):
            name = f"order-{id(bank)}"
            yield (
                await client.execute_workflow(OneOrder.run, step, id=name, task_queue=QUEUE),
                step.idempotency_key,
            )


async def test_a_bank_that_never_took_the_order_is_unavailable_after_all_attempts(
    server: RunningDevServer,
) -> None:
    bank = FakeCoreBank()
    bank.down = True
    async with an_order(server, bank) as (outcome, _):
        assert outcome == "bank_unavailable"


async def test_a_bank_that_goes_down_after_a_lost_answer_leaves_the_outcome_unknown(
    server: RunningDevServer,
) -> None:
    bank = BankThatGoesDown()
    bank.fail_next(Failure.LOST_AFTER_COMMIT)
    async with an_order(server, bank) as (outcome, key):
        assert outcome == "outcome_unknown"
        assert (bank.attempts[key], bank.effects[key]) == (1, 1)


async def test_a_lost_answer_is_found_by_the_next_attempt(server: RunningDevServer) -> None:
    bank = FakeCoreBank()
    bank.fail_next(Failure.LOST_AFTER_COMMIT)
    async with an_order(server, bank) as (outcome, key):
        assert outcome == "done"
        assert (bank.attempts[key], bank.effects[key]) == (1, 1)
