"""Channels at the desk: how their providers fare, and tests of them."""

import asyncio
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from temporalio.client import Client, WorkflowFailureError
from temporalio.service import RPCError

from activities.ports import AuditLog
from activities.ports.channels import ChannelHealth
from domain.alerts import AlertPolicy
from domain.clock import BankClock
from domain.errors import InvalidInput, NotFound, NotPermitted
from domain.model import Record
from domain.notices import Channel, ChannelTest, ChannelTestResult, ProviderHealth, next_channel
from domain.people import Directory, Principal, Role
from workers.desk.authority import Trail, require
from workers.ticket_workflows import EngineUnavailable
from workflows.channel_test import CHANNEL_TEST_TYPE, PATIENCE
from workflows.contract import TASK_QUEUE

_SLACK: Final = timedelta(seconds=3)


class ChannelStatus(Record):
    """One channel: what stands in for it, and how its providers fare."""

    channel: Channel
    backups: tuple[Channel, ...]
    """Tried when this one fails, in this order."""
    providers: tuple[ProviderHealth, ...]
    """In their order; none: the workers' settings name none."""


class ChannelDesk:
    """Shows channels to staff and tests them for operators and on-call."""

    def __init__(
        self,
        client: Client,
        *,
        health: ChannelHealth,
        audit: AuditLog,
        clock: BankClock,
        directory: Callable[[], Directory],
        policy: Callable[[], AlertPolicy],
    ) -> None:
        self._client = client
        self._health = health
        self._trail = Trail(audit, clock)
        self._directory = directory
        self._policy = policy

    def status(self) -> tuple[ChannelStatus, ...]:
        """Every channel that leaves the system. Raises `StoreUnavailable`."""
        every = self._health.all()
        policy = self._policy()
        return tuple(
            ChannelStatus(
                channel=channel,
                backups=_backups(policy, channel),
                providers=tuple(each for each in every if each.channel is channel),
            )
            for channel in Channel
            if channel is not Channel.DASHBOARD
        )

    async def test(
        self, channel: Channel, to: str, *, provider: str = "", principal: Principal
    ) -> ChannelTestResult:
        """Sends a real message, marked as a test, to a person or group of the directory.

        What the channel says is in the result; both are audited. Raises `NotPermitted`, `InvalidInput` for
        the dashboard, `NotFound` for a stranger, `EngineUnavailable`, `StoreUnavailable`.
        """
        try:
            require(principal, Role.OPERATOR, "test channels", Role.ONCALL)
        except NotPermitted as error:
            await self._trail.refused("channel.test", principal, str(error), channel=channel, to=to)
            raise
        if channel is Channel.DASHBOARD:
            raise InvalidInput("the dashboard sends nothing that could be tested", field="channel")
        directory = self._directory()
        if directory.principal(to) is None and directory.group(to) is None:
            raise NotFound(f"the directory has no person or group {to!r}")
        test = ChannelTest(
            test_id=uuid.uuid4().hex, channel=channel, to=to, provider=provider, by=principal.id
        )
        result = await self._ask(test)
        await self._trail.noted(
            "channel.test",
            principal,
            channel=channel,
            to=to,
            test_id=test.test_id,
            taken=str(result.taken).lower(),
            detail=result.detail,
        )
        return result

    async def _ask(self, test: ChannelTest) -> ChannelTestResult:
        patience = PATIENCE + _SLACK
        try:
            async with asyncio.timeout(patience.total_seconds()):
                result: ChannelTestResult = await self._client.execute_workflow(
                    CHANNEL_TEST_TYPE,
                    test,
                    id=f"channel-test-{test.test_id}",
                    task_queue=TASK_QUEUE,
                    result_type=ChannelTestResult,
                    execution_timeout=patience,
                )
                return result
        except (TimeoutError, RPCError, RuntimeError, WorkflowFailureError) as error:
            raise EngineUnavailable("Temporal, or its workers, did not carry the test out in time") from error


def _backups(policy: AlertPolicy, channel: Channel) -> tuple[Channel, ...]:
    tried = [channel]
    while (following := next_channel(policy, tried)) is not None:
        tried.append(following)
    return tuple(tried[1:])
