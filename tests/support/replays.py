"""Lives through a ticket's history with today's code, as a worker does that lost it from memory."""

from dataclasses import dataclass
from typing import Any

from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.worker import (
    ExecuteWorkflowInput,
    Interceptor,
    Replayer,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)

from domain.ticket import TicketEvent
from workflows.contract import TicketResult
from workflows.payloads import data_converter
from workflows.sandbox import workflow_runner
from workflows.ticket import TicketWorkflow


@dataclass
class Replayed:
    """What a replayed ticket came to. The replayer itself compares commands, never what they carry."""

    result: TicketResult
    timeline: list[TicketEvent]


async def replayed(history: WorkflowHistory) -> Replayed:
    """Raises `workflow.NondeterminismError` where today's code would act differently."""
    watcher = _Watcher()
    replayer = Replayer(
        workflows=[TicketWorkflow],
        workflow_runner=workflow_runner(),
        data_converter=data_converter,
        interceptors=[watcher],
    )
    await replayer.replay_workflow(history)
    return watcher.seen[-1]


class _Watcher(Interceptor):
    def __init__(self) -> None:
        self.seen: list[Replayed] = []

    def workflow_interceptor_class(
        self, input: WorkflowInterceptorClassInput
    ) -> type[WorkflowInboundInterceptor]:
        seen = self.seen

        class Watching(WorkflowInboundInterceptor):
            async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:
                result = await super().execute_workflow(input)
                told = TicketResult.model_validate(result.model_dump())
                events = [
                    TicketEvent.model_validate(each.model_dump()) for each in workflow.instance().timeline()
                ]
                seen.append(Replayed(told, events))
                return result

        return Watching
