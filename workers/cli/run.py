"""Commands that start processes: `up`, `worker`, `api`, `migrate`, and the parts of the embedded run.

What they run is imported inside each, so that `opsloop ticket …` does not wait for a database, a web server
and a workflow engine to be loaded.
"""

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer

from workers.logs import configure_logs
from workers.settings import Settings

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
        from workers.demo.night import play  # noqa: PLC0415

        raise typer.Exit(play(settings))
    from workers.embedded import stay_up  # noqa: PLC0415

    asyncio.run(stay_up(settings))


@app.command()
def worker() -> None:
    """Run one worker until SIGTERM or Ctrl-C. Start as many as the load needs."""
    from workers.worker import serve  # noqa: PLC0415

    settings = Settings()
    configure_logs(settings)
    asyncio.run(serve(settings))


@app.command()
def api() -> None:
    """Serve the HTTP API until SIGTERM or Ctrl-C."""
    from workers.api.server import serve  # noqa: PLC0415

    settings = Settings()
    configure_logs(settings)
    asyncio.run(serve(settings))


@app.command()
def migrate(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Bring the store's tables and Temporal's search attributes to this version. Safe to repeat."""
    from workers.migrate import migrate as bring_up_to_date  # noqa: PLC0415

    settings = Settings()
    configure_logs(settings)
    done = asyncio.run(bring_up_to_date(settings))
    if as_json:
        typer.echo(json.dumps(done.__dict__))
        return
    typer.echo(f"the store is at revision {done.revision}")
    typer.echo(f"search attributes added: {', '.join(done.search_attributes) or 'none, all were there'}")


@app.command("sandbox-bank", hidden=True)
def run_sandbox_bank() -> None:
    """Serve the core-bank sandbox of the embedded run."""
    from workers.sandbox_bank import server  # noqa: PLC0415

    server.serve(Settings())


@app.command("sinks", hidden=True)
def run_sinks(
    smtp_port: Annotated[int, typer.Option()],
    http_port: Annotated[int, typer.Option()],
) -> None:
    """Take the mails, SMS and WeCom messages of the embedded run and keep them to be read."""
    from workers import sinks  # noqa: PLC0415

    sinks.serve(host="127.0.0.1", smtp_port=smtp_port, http_port=http_port, data_dir=Settings().data_dir)
