"""The sandbox as a process of its own."""

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from domain.clock import BankClock
from domain.errors import InvalidInput
from workers.sandbox_bank.app import create_app
from workers.settings import Settings


class FaultyProtocol(H11Protocol):
    """HTTP that hands each request its connection, so that a fault can reset it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begins a connection."""
        self.app_state = {**self.app_state, "transport": transport}
        super().connection_made(transport)


def run(db_path: Path, *, host: str = "127.0.0.1", port: int, clock: BankClock | None = None) -> None:
    """Serves the sandbox until SIGINT or SIGTERM. Makes the folder of the file where it is missing."""
    db_path.parent.mkdir(parents=True, exist_ok=True)
    uvicorn.run(
        create_app(db_path, clock),
        host=host,
        port=port,
        http=FaultyProtocol,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=2,
    )


def serve(settings: Settings) -> None:
    """Serves the sandbox where `core_bank_url` points, on `core_bank.db` in the data folder.

    Raises `InvalidInput` in production, and for an address that is not plain HTTP with a port.
    """
    if settings.environment == "production":
        raise InvalidInput("the core-bank sandbox is for the embedded run only", field="environment")
    address = urlsplit(settings.core_bank_url)
    if address.scheme != "http" or not address.hostname or not address.port:
        raise InvalidInput(
            "the sandbox needs a core_bank_url such as http://127.0.0.1:8490", field="core_bank_url"
        )
    run(settings.data_dir / "core_bank.db", host=address.hostname, port=address.port, clock=settings.clock)
