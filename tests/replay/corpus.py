"""The replay corpus: recorded histories, what each of them came to, and how one is lived through again.

histories/<release>/<name>.json            the history, as `temporal workflow show` or the UI read it
histories/<release>/<name>.outcome.json    what the ticket came to: result and timeline
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
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

from domain.model import Record
from domain.ticket import TicketEvent
from workflows.contract import TicketResult
from workflows.payloads import data_converter
from workflows.sandbox import workflow_runner
from workflows.ticket import TicketWorkflow

HISTORIES = Path(__file__).parent / "histories"
_SUFFIX = ".outcome.json"
_HIDDEN = {"identity": "recorder", "stackTrace": ""}
_LEFT_OUT = frozenset({"taskId", "requestId", "workerVersion", "meteringMetadata", "historySizeBytes"})


class Outcome(Record):
    """What a ticket came to."""

    about: str = ""
    definitions: str = ""
    """The set whose SOP it ran: `definitions`, `definitions/seed` or `mixed`."""
    result: TicketResult
    timeline: tuple[str, ...]
    """One line an event: number, kind, step, actor, summary. Without times, so that it can be read."""


@dataclass(frozen=True)
class Recording:
    """One history of the corpus."""

    path: Path
    outcome: Outcome

    @property
    def name(self) -> str:
        """Release and scenario."""
        return f"{self.path.parent.name}/{self.path.stem}"

    def document(self) -> dict[str, Any]:
        """The history as JSON."""
        document: dict[str, Any] = json.loads(self.path.read_text(encoding="utf-8"))
        return document


def recordings() -> list[Recording]:
    """The whole corpus, by release and name."""
    outcomes = sorted(HISTORIES.glob(f"*/*{_SUFFIX}"))
    return [
        Recording(
            path=each.with_name(each.name.removesuffix(_SUFFIX) + ".json"),
            outcome=Outcome.model_validate_json(each.read_text(encoding="utf-8")),
        )
        for each in outcomes
    ]


def keep(folder: Path, name: str, history: WorkflowHistory, outcome: Outcome) -> None:
    """Writes a recording, without what tells of the machine that it was made on."""
    folder.mkdir(parents=True, exist_ok=True)
    document = scrubbed(json.loads(history.to_json()))
    # An event a line: a change of one shows as one in a comparison.
    events = ",\n".join(
        json.dumps(event, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        for event in document["events"]
    )
    (folder / f"{name}.json").write_text(f'{{"events": [\n{events}\n]}}\n', encoding="utf-8")
    told = json.dumps(outcome.model_dump(mode="json"), ensure_ascii=False, indent=1)
    (folder / f"{name}{_SUFFIX}").write_text(f"{told}\n", encoding="utf-8")


def scrubbed(node: Any) -> Any:
    """The history's JSON without process names, host names and paths, which replays do not read."""
    if isinstance(node, list):
        return [scrubbed(each) for each in node]
    if not isinstance(node, dict):
        return node
    if node.get("kind") == "TASK_QUEUE_KIND_STICKY":
        return {**node, "name": "sticky"}
    return {
        key: _HIDDEN[key] if key in _HIDDEN else scrubbed(value)
        for key, value in node.items()
        if key not in _LEFT_OUT
    }


def lines_of(events: Iterable[TicketEvent]) -> tuple[str, ...]:
    """A timeline for an outcome."""
    return tuple(
        f"{event.seq} {event.kind} {event.step_id or '-'} ({event.actor}): {event.summary}"
        for event in events
    )


async def replay(document: dict[str, Any], name: str = "replayed") -> Outcome:
    """Lives through a history with today's code and tells what the ticket comes to.

    Raises `workflow.NondeterminismError` when today's code would have acted differently.
    """
    watcher = _Watcher()
    replayer = Replayer(
        workflows=[TicketWorkflow],
        workflow_runner=workflow_runner(),
        data_converter=data_converter,
        interceptors=[watcher],
    )
    started = document["events"][0]["workflowExecutionStartedEventAttributes"]
    await replayer.replay_workflow(WorkflowHistory.from_json(started["workflowId"], document))
    assert watcher.seen, "the replay ended without a result: the history is cut short"
    return watcher.seen[-1]


class _Watcher(Interceptor):
    """Sees what a replayed ticket comes to. The replayer itself compares commands, never what they carry."""

    def __init__(self) -> None:
        self.seen: list[Outcome] = []

    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,
    ) -> type[WorkflowInboundInterceptor]:
        return _watching(self.seen)


def _watching(seen: list[Outcome]) -> type[WorkflowInboundInterceptor]:
    class Watching(WorkflowInboundInterceptor):
        async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:
            result = await super().execute_workflow(input)
            events: Sequence[TicketEvent] = workflow.instance().timeline()
            seen.append(Outcome(result=result.model_dump(), timeline=lines_of(events)))
            return result

    return Watching
