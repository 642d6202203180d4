"""A Temporal client whose server is a dictionary: it answers and fails as the real one does."""

from collections.abc import Callable
from typing import Any

from temporalio.client import WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from workflows.contract import TicketInput

Answer = Callable[[Any], Any]


def rpc_error(status: RPCStatusCode) -> RPCError:
    return RPCError(status.name.lower(), status, b"")


class FakeTemporal:
    """Stands for `temporalio.client.Client`. `down` is an absent server, `no_worker` an idle task queue."""

    def __init__(self) -> None:
        self.started: dict[str, TicketInput] = {}
        self.ended: set[str] = set()
        self.starts: list[dict[str, Any]] = []
        self.updates: list[tuple[str, str, Any]] = []
        self.on_update: dict[str, Answer] = {}
        self.on_query: dict[str, Answer] = {}
        self.on_workflow: dict[str, Answer] = {}
        self.queries: list[str] = []
        self.down = False
        self.no_worker = False
        self.service_client = self

    async def start_workflow(self, workflow: str, argument: TicketInput, **options: Any) -> None:
        self._answer()
        self.starts.append({"workflow": workflow, **options})
        if options["id"] in self.ended:
            raise WorkflowAlreadyStartedError(options["id"], workflow)
        self.started.setdefault(options["id"], argument)

    async def execute_workflow(self, workflow: str, argument: Any, **_: Any) -> Any:
        self._answer()
        if self.no_worker:
            raise TimeoutError
        return self.on_workflow[workflow](argument)

    def get_workflow_handle(self, workflow_id: str) -> "FakeHandle":
        return FakeHandle(self, workflow_id)

    async def check_health(self, **_: Any) -> bool:
        self._answer()
        return True

    def _answer(self) -> None:
        if self.down:
            raise rpc_error(RPCStatusCode.UNAVAILABLE)


class FakeHandle:
    """Stands for a workflow's handle."""

    def __init__(self, server: FakeTemporal, workflow_id: str) -> None:
        self._server = server
        self._id = workflow_id

    async def execute_update(self, name: str, argument: Any, **_: Any) -> Any:
        self._server._answer()
        if self._id not in self._server.started or self._id in self._server.ended:
            raise rpc_error(RPCStatusCode.NOT_FOUND)
        if self._server.no_worker:
            raise WorkflowUpdateRPCTimeoutOrCancelledError
        self._server.updates.append((self._id, name, argument))
        try:
            return self._server.on_update[name](argument)
        except ApplicationError as error:
            raise WorkflowUpdateFailedError(error) from error

    async def query(self, name: str, **_: Any) -> Any:
        self._server._answer()
        if self._id not in self._server.started:
            raise rpc_error(RPCStatusCode.NOT_FOUND)
        self._server.queries.append(name)
        if self._server.no_worker or name not in self._server.on_query:
            raise rpc_error(RPCStatusCode.DEADLINE_EXCEEDED)
        return self._server.on_query[name](self._id)
