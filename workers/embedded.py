"""The embedded run: everything on one machine, under one data folder, ended with Ctrl-C.

Temporal dev server and UI, core-bank sandbox, sinks for mail, SMS, WeCom and webhooks, worker, API.
"""

import base64
import contextlib
import fcntl
import json
import os
import secrets
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, ClassVar
from urllib.parse import urlencode

from rich.console import Console
from rich.table import Table

from activities.adapters.store.migrations import upgrade
from definitions.policy_files import read_directory
from domain.errors import OpsloopError
from workers.dev_server import DevServer
from workers.settings import PROJECT, Settings
from workers.supervisor import ChildSpec, Supervisor, free_port, http_ready, port_is_free

RUNTIME_FILE = "runtime.json"
_SINK_PORTS = {"smtp": 8491, "http": 8492}
_METRICS_PORT = 9464


class AlreadyRunning(OpsloopError):
    """Another `opsloop up` holds the data folder."""

    code: ClassVar[str] = "already_running"


@dataclass(frozen=True)
class Endpoints:
    """Where everything listens."""

    temporal_address: str
    temporal_ui_url: str
    api_url: str
    core_bank_url: str
    outbox_url: str
    smtp_port: int
    metrics_url: str
    """Of the worker; the API has its own at `/metrics`."""

    def as_dict(self) -> dict[str, str | int]:
        """For the runtime file, which CLI and demo read."""
        return dict(self.__dict__)


@dataclass(frozen=True)
class Embedded:
    """A running embedded installation."""

    settings: Settings
    endpoints: Endpoints
    supervisor: Supervisor


@contextlib.asynccontextmanager
async def embedded_run(
    settings: Settings, clock_environment: Mapping[str, str] | None = None
) -> AsyncIterator[Embedded]:
    """Starts everything in its order and stops it in reverse.

    Raises `AlreadyRunning`, or `ChildFailed` with the log of the process that did not come up.
    """
    data = settings.data_dir.resolve()
    data.mkdir(parents=True, exist_ok=True)
    with _sole_use_of(data):
        endpoints, ports = _choose_endpoints(settings)
        environment = _environment(settings, endpoints, ports, data, clock_environment or {})
        ours = Settings.model_validate(
            {**settings.model_dump(exclude_unset=True), **_settings_from(environment)}
        )
        upgrade(ours.store_url)
        came_up = False
        async with Supervisor(data / "logs") as supervisor:
            for spec in _children(data, environment, endpoints, ports):
                await supervisor.start(spec)
            runtime = data / RUNTIME_FILE
            runtime.write_text(json.dumps({**endpoints.as_dict(), "pid": os.getpid()}, indent=1))
            came_up = True
            try:
                yield Embedded(settings=ours, endpoints=endpoints, supervisor=supervisor)
            finally:
                runtime.unlink(missing_ok=True)
        if not came_up:
            # The supervisor ended an interrupted start in good order; there is nothing to hand out.
            raise KeyboardInterrupt


@contextlib.contextmanager
def _sole_use_of(data: Path) -> Iterator[IO[str]]:
    with (data / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(f"`opsloop up` already runs on {data}; end it first (Ctrl-C)") from None
        yield lock


def _choose_endpoints(settings: Settings) -> tuple[Endpoints, dict[str, int]]:
    """The usual ports, or free ones where something else listens there."""
    usual = {
        "temporal": int(settings.temporal_address.rpartition(":")[2]),
        "ui": int(settings.temporal_ui_url.rpartition(":")[2].strip("/")),
        "api": settings.api_port,
        "bank": int(settings.core_bank_url.rpartition(":")[2].strip("/")),
        **_SINK_PORTS,
        "metrics": _METRICS_PORT,
    }
    ports: dict[str, int] = {}
    for name, port in usual.items():
        usable = port and port not in ports.values() and port_is_free(port)
        ports[name] = port if usable else free_port()
    local = "http://127.0.0.1"
    endpoints = Endpoints(
        temporal_address=f"127.0.0.1:{ports['temporal']}",
        temporal_ui_url=f"{local}:{ports['ui']}",
        api_url=f"{local}:{ports['api']}",
        core_bank_url=f"{local}:{ports['bank']}",
        outbox_url=f"{local}:{ports['http']}",
        smtp_port=ports["smtp"],
        metrics_url=f"{local}:{ports['metrics']}/metrics",
    )
    return endpoints, ports


def _environment(
    settings: Settings,
    endpoints: Endpoints,
    ports: Mapping[str, int],
    data: Path,
    clock: Mapping[str, str],
) -> dict[str, str]:
    """The settings that all children share, as their environment."""
    outside = sink_settings(endpoints.smtp_port, ports["http"], _robots(settings.definitions_dir))
    return {
        "OPSLOOP_DATA_DIR": str(data),
        "OPSLOOP_DEFINITIONS_DIR": str(settings.definitions_dir.resolve()),
        "OPSLOOP_TEMPORAL_ADDRESS": endpoints.temporal_address,
        "OPSLOOP_TEMPORAL_UI_URL": endpoints.temporal_ui_url,
        "OPSLOOP_API_HOST": "127.0.0.1",
        "OPSLOOP_API_PORT": str(ports["api"]),
        "OPSLOOP_API_URL": endpoints.api_url,
        "OPSLOOP_CORE_BANK_URL": endpoints.core_bank_url,
        "OPSLOOP_METRICS_ADDRESS": f"127.0.0.1:{ports['metrics']}",
        **{name: value for name, value in outside.items() if name not in os.environ},
        **clock,
    }


def sink_settings(smtp_port: int, http_port: int, robots: Sequence[str]) -> dict[str, str]:
    """The settings that lead to sinks on these ports; `robots` are the WeCom addresses of groups."""
    origin = f"http://127.0.0.1:{http_port}"
    sms = {"to": "mobile", "id": "uid", "expect": "code:0"}
    gateways = [
        f"{origin}/gateways/{name}/send#{urlencode({'name': name, **sms}, safe=':')}"
        for name in ("first", "second")
    ]
    at = {"at": origin}
    wecom = ["wechat://opsloop:sandbox@1000001/{address}#" + urlencode({"name": "application", **at})]
    if robots:
        groups = {"name": "robots", "for": ",".join(robots), **at}
        wecom.insert(0, "wecombot://{address}#" + urlencode(groups))
    return {
        "OPSLOOP_EMAIL_URL": f"smtp://127.0.0.1:{smtp_port}",
        "OPSLOOP_SMS_URL": " ".join(gateways),
        "OPSLOOP_WECOM_URL": " ".join(wecom),
        "OPSLOOP_WEBHOOK_URL": f"{origin}/webhook",
        "OPSLOOP_WEBHOOK_SECRET": f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}",
    }


def _robots(definitions: Path) -> list[str]:
    """The groups' WeCom addresses; none while the directory cannot be read, which the worker reports."""
    with contextlib.suppress(OpsloopError):
        return [each.wecom for each in read_directory(definitions).groups if each.wecom]
    return []


def _settings_from(environment: Mapping[str, str]) -> dict[str, str]:
    return {name.removeprefix("OPSLOOP_").lower(): value for name, value in environment.items()}


def _children(
    data: Path, environment: Mapping[str, str], endpoints: Endpoints, ports: Mapping[str, int]
) -> Iterator[ChildSpec]:
    def opsloop(name: str, *arguments: str, ready_url: str = "") -> ChildSpec:
        return ChildSpec(
            name=name,
            command=[sys.executable, "-m", "workers.cli", *arguments],
            environment=environment,
            ready=http_ready(ready_url) if ready_url else None,
            cwd=PROJECT,
        )

    yield DevServer(ports["temporal"], ports["ui"], data / "temporal.db").child()
    yield opsloop("core-bank", "sandbox-bank", ready_url=f"{endpoints.core_bank_url}/healthz")
    yield opsloop(
        "sinks",
        "sinks",
        "--smtp-port",
        str(ports["smtp"]),
        "--http-port",
        str(ports["http"]),
        ready_url=f"{endpoints.outbox_url}/healthz",
    )
    yield opsloop("worker", "worker")
    yield opsloop("api", "api", ready_url=f"{endpoints.api_url}/healthz")


async def stay_up(settings: Settings) -> None:
    """`opsloop up`: starts everything, says where it is, and stays until Ctrl-C."""
    console = Console()
    async with contextlib.AsyncExitStack() as stack:
        with console.status("starting Temporal, the sandbox bank, worker and API …"):
            embedded = await stack.enter_async_context(embedded_run(settings))
        table = Table(title="opsloop is up", show_header=False)
        for name, value in (
            ("Temporal UI", embedded.endpoints.temporal_ui_url),
            ("API", f"{embedded.endpoints.api_url}/docs"),
            ("core-bank sandbox", f"{embedded.endpoints.core_bank_url}/ledger"),
            ("messages sent", f"{embedded.endpoints.outbox_url}/"),
            ("metrics", f"{embedded.endpoints.metrics_url} and {embedded.endpoints.api_url}/metrics"),
            ("logs", str(embedded.settings.data_dir / "logs")),
        ):
            table.add_row(name, value)
        console.print(table)
        console.print("Ctrl-C stops everything.")
        await embedded.supervisor.forever()
