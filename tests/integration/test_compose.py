"""Production's services, as docker-compose.yml starts them, against PostgreSQL and a real Temporal server.

Containers cannot be built where the tests run: each service's `command`, `environment` and `healthcheck` are
run as local processes, with the addresses of this test in place of those of the containers.
"""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from temporalio.api.operatorservice.v1 import RemoveSearchAttributesRequest

from definitions.policy_files import read_directory
from tests.support.dev_server import RunningDevServer, running_dev_server
from workers.dev_server import missing_search_attributes
from workers.health import polling_workers
from workers.identity import Identity
from workers.supervisor import free_port
from workflows import search_attributes

_ROOT = Path(__file__).resolve().parents[2]
_COMPOSE = yaml.safe_load((_ROOT / "docker-compose.yml").read_text())
_NAMESPACE = "opsloop"

# What the file .env of an installation holds.
_DOT_ENV = {
    "TEMPORAL_DATABASE_PASSWORD": "temporal-password-of-this-test",
    "OPSLOOP_DATABASE_PASSWORD": "store-password-of-this-test",
    "OPSLOOP_IDENTITY_KEY": "identity-key-of-this-test-with-40-letters",
    "OPSLOOP_DECISION_KEY": "decision-key-of-this-test-with-40-letters",
    "OPSLOOP_CORE_BANK_URL": "http://127.0.0.1:9",
    "OPSLOOP_EMAIL_URL": "smtp://127.0.0.1:9",
    "OPSLOOP_EMAIL_FROM": "opsloop@bank.example",
    "OPSLOOP_SMS_URL": "json://127.0.0.1:9/sms/{address}",
    "OPSLOOP_WECOM_URL": "json://127.0.0.1:9/wecom/{address}",
}


def interpolated(value: str, variables: Mapping[str, str]) -> str:
    """`${NAME:-default}`, `${NAME:?message}` and `$$`, as compose reads them."""

    def one(match: re.Match[str]) -> str:
        if match["name"] is None:
            return "$"
        found = variables.get(match["name"], "")
        if not found and match["sort"] == "?":
            raise KeyError(f"{match['name']}: {match['rest']}")
        return found or match["rest"] or ""

    return re.sub(r"\$(?:\$|\{(?P<name>\w+)(?::(?P<sort>[-?])(?P<rest>[^}]*))?\})", one, value)


class Service:
    """One service of the compose file as a local process."""

    def __init__(self, name: str, addresses: Mapping[str, str], folder: Path) -> None:
        self._spec: dict[str, Any] = _COMPOSE["services"][name]
        self._log_path = folder / f"{name}-{free_port()}.log"
        settings = {key: interpolated(value, _DOT_ENV) for key, value in self._spec["environment"].items()}
        ours = {key: value for key, value in os.environ.items() if not key.startswith("OPSLOOP_")}
        replaced = {key: value for key, value in addresses.items() if key in settings}
        self._environment = {**ours, **settings, **replaced, "PYTHONPATH": str(_ROOT)}
        self._folder = folder
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        return self._log_path.read_text(errors="replace")

    @property
    def identity(self) -> str:
        """How Temporal knows this process."""
        assert self.process is not None
        return f"{self.process.pid}@{socket.gethostname()}"

    def start(self) -> None:
        # Not in the project's folder: nothing may depend on where a process is started.
        with self._log_path.open("wb") as log:
            self.process = subprocess.Popen(
                local(self._spec["command"]),
                env=self._environment,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def finish(self) -> int:
        """Waits for its end."""
        assert self.process is not None
        return self.process.wait(timeout=90)

    def check_health(self) -> subprocess.CompletedProcess[str]:
        """Runs the service's own health check once."""
        kind, *check = self._spec["healthcheck"]["test"]
        assert kind == "CMD"
        return subprocess.run(
            local(check), env=self._environment, cwd=self._folder, capture_output=True, text=True, check=False
        )

    async def healthy(self) -> None:
        """Returns when the health check says so."""
        while (await asyncio.to_thread(self.check_health)).returncode != 0:
            assert self.process is not None
            assert self.process.poll() is None, f"it ended: {self.log}"
            await asyncio.sleep(0.3)

    def stop(self) -> int:
        """SIGTERM, as compose sends it; the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.finish()

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


def local(command: list[str]) -> list[str]:
    """A container's command with the programs of this environment."""
    program, *arguments = command
    if program == "opsloop":
        return [sys.executable, "-m", "workers.cli", *arguments]
    if program == "python":
        return [sys.executable, *arguments]
    raise ValueError(f"{program}: expected opsloop or python")


@contextmanager
def ended(service: Service) -> Iterator[Service]:
    """Whatever happens, the process does not outlive the test."""
    try:
        yield service
    finally:
        service.kill()


@pytest.fixture(scope="module")
def temporal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDevServer]:
    with running_dev_server(tmp_path_factory.mktemp("temporal"), namespace=_NAMESPACE) as server:
        yield server


@pytest.fixture
def addresses(temporal: RunningDevServer, postgres_url: str, tmp_path: Path) -> dict[str, str]:
    """Where this test keeps what the containers have elsewhere."""
    return {
        "OPSLOOP_DATABASE_URL": postgres_url,
        "OPSLOOP_TEMPORAL_ADDRESS": temporal.address,
        "OPSLOOP_DATA_DIR": str(tmp_path / "not-to-be-made"),
        "OPSLOOP_API_HOST": "127.0.0.1",
        "OPSLOOP_API_PORT": str(free_port()),
    }


def migrated(addresses: Mapping[str, str], folder: Path) -> None:
    with ended(Service("migrate", addresses, folder)) as migrate:
        migrate.start()
        assert migrate.finish() == 0, migrate.log


async def test_migrate_prepares_the_store_and_the_search_attributes_and_may_be_repeated(
    temporal: RunningDevServer, addresses: dict[str, str], tmp_path: Path
) -> None:
    client = await temporal.client()
    await client.operator_service.remove_search_attributes(
        RemoveSearchAttributesRequest(
            namespace=_NAMESPACE, search_attributes=[search_attributes.SLA_LEVEL.name]
        )
    )
    await asyncio.to_thread(migrated, addresses, tmp_path)
    assert await missing_search_attributes(client) == set()
    await asyncio.to_thread(migrated, addresses, tmp_path)


async def test_worker_and_api_become_healthy_and_stop_cleanly(
    temporal: RunningDevServer, addresses: dict[str, str], tmp_path: Path
) -> None:
    await asyncio.to_thread(migrated, addresses, tmp_path)
    replicas = _COMPOSE["services"]["worker"]["deploy"]["replicas"]
    assert replicas == 2
    with ExitStack() as stack:
        workers = [
            stack.enter_context(ended(Service("worker", addresses, tmp_path))) for _ in range(replicas)
        ]
        api = stack.enter_context(ended(Service("api", addresses, tmp_path)))
        for service in (*workers, api):
            service.start()
        for service in (*workers, api):
            await service.healthy()
        client = await temporal.client()
        while {each.identity for each in workers} - await polling_workers(client, datetime.now(UTC)):
            assert all(each.process and each.process.poll() is None for each in workers)
            await asyncio.sleep(0.2)
        async with httpx.AsyncClient(trust_env=False) as http:
            document = await http.get(f"http://127.0.0.1:{addresses['OPSLOOP_API_PORT']}/openapi.json")
        assert "/tickets" in json.loads(document.text)["paths"]
        # uvicorn ends its work in order, then hands the signal on.
        assert await asyncio.to_thread(api.stop) in (0, -signal.SIGTERM), api.log
        assert "Application shutdown complete" in api.log
        for worker in workers:
            assert await asyncio.to_thread(worker.stop) == 0, worker.log
    assert not (tmp_path / "not-to-be-made").exists(), "the containers' root is read-only"


async def test_an_empty_installation_waits_for_definitions_that_two_people_release(
    temporal: RunningDevServer, addresses: dict[str, str], tmp_path: Path
) -> None:
    await asyncio.to_thread(migrated, addresses, tmp_path)
    url = f"http://127.0.0.1:{addresses['OPSLOOP_API_PORT']}"
    with ExitStack() as stack:
        worker = stack.enter_context(ended(Service("worker", addresses, tmp_path)))
        api = stack.enter_context(ended(Service("api", addresses, tmp_path)))
        for service in (worker, api):
            service.start()
        for service in (worker, api):
            await service.healthy()
        for service in (worker, api):
            assert "opsloop sop publish --all" in service.log, "it says what to do"
        ticket = {"title": "请冻结账户", "source": "gateway", "external_id": "first"}
        async with httpx.AsyncClient(trust_env=False, base_url=url) as http:
            accepted = await http.post("/tickets", json=ticket, headers=bearer("intake"))
            address = accepted.json()["links"]["self"]
            while "DefinitionsMissing" not in worker.log and "definitions_missing" not in worker.log:
                await asyncio.sleep(0.2)
            for command, name in (
                (("publish", "--all", "--note", "the first"), "xu.hong"),
                (("release",), "lin.tao"),
            ):
                done = await asyncio.to_thread(sop_command, url, name, *command)
                assert done.returncode == 0, done.stderr
            shown: dict[str, Any] = {"sop": ""}
            while not shown["sop"]:
                await asyncio.sleep(0.3)
                answer = await http.get(address, headers=bearer("li.wei"))
                shown = answer.json().get("view", shown)
            status = await http.get("/definitions/status", headers=bearer("li.wei"))
        assert status.json()["serving"]["edition"] == "release 1"
        assert worker.process is not None
        assert worker.process.poll() is None


def bearer(name: str) -> dict[str, str]:
    """How a person of the shipped directory signs in at this installation."""
    return {"Authorization": f"Bearer {token(name)}"}


def token(name: str) -> str:
    directory = read_directory(_ROOT / "definitions")
    return Identity(_DOT_ENV["OPSLOOP_IDENTITY_KEY"], lambda: directory).issue(name)


def sop_command(url: str, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`opsloop sop …` on a workstation of the bank, with a token from its identity provider."""
    ours = {key: value for key, value in os.environ.items() if not key.startswith("OPSLOOP_")}
    return subprocess.run(
        [sys.executable, "-m", "workers.cli", "sop", *arguments],
        env={**ours, "OPSLOOP_API_URL": url, "OPSLOOP_TOKEN": token(name)},
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("name", "complaint"),
    [("worker", "no worker on this host polls"), ("api", "/readyz does not answer")],
)
def test_a_health_check_without_its_process_fails_and_says_why(
    name: str, complaint: str, tmp_path: Path
) -> None:
    # A server of its own: for minutes Temporal remembers workers that have gone.
    with running_dev_server(tmp_path, namespace=_NAMESPACE) as temporal:
        addresses = {"OPSLOOP_TEMPORAL_ADDRESS": temporal.address, "OPSLOOP_API_PORT": str(free_port())}
        done = Service(name, addresses, tmp_path).check_health()
    assert done.returncode == 1
    assert complaint in done.stderr


@pytest.mark.parametrize("name", sorted(_DOT_ENV))
def test_a_missing_secret_or_address_stops_compose_with_its_name(name: str) -> None:
    text = (_ROOT / "docker-compose.yml").read_text()
    variables = {key: value for key, value in _DOT_ENV.items() if key != name}
    with pytest.raises(KeyError, match=name):
        interpolated(text, variables)
