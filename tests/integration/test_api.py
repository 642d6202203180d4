"""The API over its real parts: a Temporal dev server, a SQLite store, sockets. No worker is needed here."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from temporalio.client import Client, WorkflowExecutionStatus

from activities.adapters.decision_codes import DecisionCodes
from activities.adapters.store import Store, migrations, open_store
from domain.clock import BankClock
from domain.task import task_id_for
from tests.fakes.rulebook import people
from tests.fakes.store import a_task
from tests.support.dev_server import RunningDevServer, running_dev_server
from tests.support.http_server import serving
from workers.api.app import create_app
from workers.identity import Identity
from workers.settings import Settings
from workers.ticket_workflows import LATE, EngineUnavailable, MessageRefused, TicketWorkflows
from workers.tickets import TicketDesk
from workflows.contract import Command, CommandOutcome, TicketInput, workflow_id
from workflows.payloads import data_converter

KEY = "a key of the tests, long enough for HS256"
TICKET = {"title": "Freeze the account", "source": "gateway", "external_id": "X-1"}
TASK_ID = task_id_for("gateway", "X-1")
SOON = timedelta(seconds=1)


@pytest.fixture(scope="module")
def temporal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDevServer]:
    with running_dev_server(tmp_path_factory.mktemp("temporal"), file_backed=True) as server:
        yield server


@pytest.fixture
async def client(temporal: RunningDevServer) -> Client:
    return await temporal.client()


@pytest.fixture
def workflows(client: Client) -> TicketWorkflows:
    return TicketWorkflows(client, start_patience=SOON * 5, update_patience=SOON, query_patience=SOON)


@pytest.fixture
def store(sqlite_url: str) -> Iterator[Store]:
    migrations.upgrade(sqlite_url)
    opened = open_store(sqlite_url)
    yield opened
    opened.close()


@pytest.fixture
async def http(client: Client, store: Store, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """The API behind a socket, signed in as the intake service."""
    identity = Identity(KEY, people)
    desk = TicketDesk(
        client,
        reader=store.reader,
        intake=store.intake,
        audit=store.audit,
        codes=DecisionCodes(KEY, people, timedelta(minutes=5)),
        clock=BankClock(),
        directory=people,
        in_force=dict,
        archived=lambda _name, _digest: None,
    )
    app = create_app(desk, identity, store.reader, store.audit, Settings(data_dir=tmp_path))
    headers = {"Authorization": f"Bearer {identity.issue('intake')}"}
    with serving(app) as url:
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=30, trust_env=False) as opened:
            yield opened


async def test_a_ticket_is_durable_when_it_is_acknowledged_and_repeats_start_nothing(http, client, store):
    answers = await asyncio.gather(*(http.post("/tickets", json=TICKET) for _ in range(8)))
    assert {(each.status_code, each.json()["task_id"]) for each in answers} == {(202, TASK_ID)}
    described = await client.get_workflow_handle(workflow_id(TASK_ID)).describe()
    assert described.status is WorkflowExecutionStatus.RUNNING
    assert await described.static_summary() == f"Ticket {TASK_ID} from gateway"
    assert store.intake.acknowledged(TASK_ID)
    assert (await http.post("/tickets", json=TICKET)).json()["repeated"] is True
    other = await http.post("/tickets", json={**TICKET, "title": "Unfreeze"})
    assert (other.status_code, other.json()["code"]) == (409, "conflict")
    assert [row.action for row in store.audit.entries()] == ["intake.conflict"]


async def test_while_temporal_is_down_nothing_is_half_done_and_the_repeat_completes_it(
    temporal, http, client
):
    ticket = {**TICKET, "external_id": "X-2"}
    temporal.kill()
    try:
        refused = await http.post("/tickets", json=ticket)
        assert (refused.status_code, refused.json()["code"]) == (503, "engine_unavailable")
        assert refused.headers["retry-after"]
        assert (await http.get("/readyz")).status_code == 503
        assert (await http.get("/healthz")).status_code == 200
    finally:
        temporal.start()
    accepted = await http.post("/tickets", json=ticket)
    assert (accepted.status_code, accepted.json()["repeated"]) == (202, False)
    described = await client.get_workflow_handle(accepted.json()["workflow_id"]).describe()
    assert described.status is WorkflowExecutionStatus.RUNNING


async def test_ten_megabytes_are_answered_while_they_are_still_being_sent(http):
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(160):
            yield b" " * 65_536

    headers = {"Content-Type": "application/json"}
    for content in (b" " * 10_000_000, chunks()):
        response = await http.post("/tickets", content=content, headers=headers)
        assert (response.status_code, response.json()["code"]) == (413, "body_too_large")
    assert (await http.get("/healthz")).status_code == 200


async def test_who_asks_before_sending_too_much_is_told_at_once(http):
    address = urlsplit(str(http.base_url))

    def ask() -> bytes:
        with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
            connection.sendall(
                b"POST /tickets HTTP/1.1\r\nHost: api\r\nContent-Type: application/json\r\n"
                b"Content-Length: 10000000\r\nExpect: 100-continue\r\n\r\n"
            )
            return connection.recv(65_536)

    assert (await asyncio.to_thread(ask)).startswith(b"HTTP/1.1 413 ")


async def test_a_workflow_that_ended_is_not_started_again(workflows, client):
    ticket = TicketInput(task=a_task("Tended"))
    assert await workflows.start(ticket) is False
    assert await workflows.start(ticket) is False
    await client.get_workflow_handle("ticket-Tended").terminate()
    assert await workflows.start(ticket) is True


async def test_a_message_to_a_workflow_that_ended_is_late(workflows, client):
    await workflows.start(TicketInput(task=a_task("Tlate")))
    await client.get_workflow_handle("ticket-Tlate").terminate()
    for task_id in ("Tlate", "Tnever"):
        with pytest.raises(MessageRefused) as refused:
            await workflows.update(task_id, "hold", Command(reason="x"), CommandOutcome)
        assert refused.value.refusal == LATE


async def test_without_a_worker_a_message_is_not_promised_and_a_query_gives_up(workflows):
    await workflows.start(TicketInput(task=a_task("Tidle")))
    with pytest.raises(EngineUnavailable, match="may still be taken"):
        await workflows.update("Tidle", "hold", Command(reason="x"), CommandOutcome)
    with pytest.raises(EngineUnavailable):
        await workflows.query("Tidle", "view", dict)
    assert await workflows.query("Tnever", "view", dict) is None


async def test_a_client_that_never_reached_a_server_says_so():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        lazy = await Client.connect(address, lazy=True, data_converter=data_converter)
        workflows = TicketWorkflows(lazy, start_patience=SOON, update_patience=SOON, query_patience=SOON)
        with pytest.raises(EngineUnavailable):
            await workflows.check()
        with pytest.raises(EngineUnavailable):
            await workflows.start(TicketInput(task=a_task("T1")))
        with pytest.raises(EngineUnavailable):
            await workflows.update("T1", "hold", Command(reason="x"), CommandOutcome)
        with pytest.raises(EngineUnavailable):
            await workflows.query("T1", "view", dict)
