"""Commands that start processes: `up`, `worker`, `api`, `migrate`, and the parts of the embedded run."""

import asyncio
import json
import signal
from pathlib import Path
from typing import Annotated

import typer
import uvicorn
from rich.console import Console
from rich.table import Table

from activities.adapters.store import migrations
from workers.api.app import create_app
from workers.composition import connect, install
from workers.dev_server import register_search_attributes
from workers.embedded import Embedded, embedded_run
from workers.logs import configure_logs
from workers.sandbox_bank import server as sandbox_bank
from workers.settings import Settings
from workers.worker import serve_until

app = typer.Typer()


@app.command()
def up(
    demo: Annotated[bool, typer.Option("--demo", help="Play one bank night, 19:55 to 08:30.")] = False,
    data_dir: Annotated[
        Path | None, typer.Option(help="Where everything is kept (default: OPSLOOP_DATA_DIR).")
    ] = None,
) -> None:
    """Run everything on this machine until Ctrl-C: Temporal and its UI, worker, API, sandbox bank, sinks."""
    settings = Settings() if data_dir is None else Settings(data_dir=data_dir)
    logs = settings.data_dir / "logs" / "up.log"
    logs.parent.mkdir(parents=True, exist_ok=True)
    configure_logs(settings, logs.open("a", encoding="utf-8", buffering=1))
    if demo:
        from workers.demo.night import play  # noqa: PLC0415 - the demo is not loaded by every command

        raise typer.Exit(play(settings))
    asyncio.run(_stay_up(settings))


async def _stay_up(settings: Settings) -> None:
    console = Console()
    with console.status("starting Temporal, the sandbox bank, worker and API …"):
        run = embedded_run(settings)
        embedded = await run.__aenter__()
    try:
        show_endpoints(console, embedded)
        console.print("Ctrl-C stops everything.")
        await embedded.supervisor.forever()
    finally:
        await run.__aexit__(None, None, None)


def show_endpoints(console: Console, embedded: Embedded) -> None:
    """A table of where everything is."""
    table = Table(title="opsloop is up", show_header=False)
    for name, value in (
        ("Temporal UI", embedded.endpoints.temporal_ui_url),
        ("API", f"{embedded.endpoints.api_url}/docs"),
        ("core-bank sandbox", f"{embedded.endpoints.core_bank_url}/ledger"),
        ("messages sent", f"{embedded.endpoints.outbox_url}/messages"),
        ("logs", str(embedded.settings.data_dir / "logs")),
    ):
        table.add_row(name, value)
    console.print(table)


@app.command()
def worker() -> None:
    """Run one worker until SIGTERM or Ctrl-C. Start as many as the load needs."""
    settings = Settings()
    configure_logs(settings)

    async def main() -> None:
        installation = install(settings)
        client = await connect(settings)
        await register_search_attributes(client)
        await serve_until(_stop_event(), client, installation.activities(), settings)

    asyncio.run(main())


@app.command()
def api() -> None:
    """Serve the HTTP API until SIGTERM or Ctrl-C."""
    settings = Settings()
    configure_logs(settings)

    async def main() -> None:
        installation = install(settings)
        client = await connect(settings, lazy=True)
        application = create_app(
            installation.desk(client),
            installation.identity(),
            installation.store.reader,
            installation.store.audit,
            settings,
        )
        await uvicorn.Server(
            uvicorn.Config(
                application,
                host=settings.api_host,
                port=settings.api_port,
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=10,
            )
        ).serve()

    asyncio.run(main())


@app.command()
def migrate(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Bring the store's tables to this version. Safe to run from several processes at once."""
    settings = Settings()
    configure_logs(settings)
    migrations.upgrade(settings.store_url)
    revision = migrations.current(settings.store_url)
    typer.echo(json.dumps({"revision": revision}) if as_json else f"the store is at revision {revision}")


@app.command("sandbox-bank", hidden=True)
def run_sandbox_bank() -> None:
    """Serve the core-bank sandbox of the embedded run."""
    sandbox_bank.serve(Settings())


@app.command("sinks", hidden=True)
def run_sinks(
    smtp_port: Annotated[int, typer.Option()],
    http_port: Annotated[int, typer.Option()],
) -> None:
    """Take the mails, SMS and WeCom messages of the embedded run and keep them to be read."""
    from workers import sinks  # noqa: PLC0415 - only this process needs the SMTP server

    sinks.serve(
        host="127.0.0.1", smtp_port=smtp_port, http_port=http_port, data_dir=Settings().data_dir
    )


def _stop_event() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return stop


