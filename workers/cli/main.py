"""The command `opsloop`: every sub-command in one place."""

import contextlib
import logging
import os
import sys
import traceback
from typing import NoReturn

import typer

from workers.cli import (
    access,
    alerts,
    channels,
    dispatch,
    duty,
    expiry,
    handlers,
    metrics,
    migration,
    pages,
    patrol,
    releases,
    rescue,
    reviews,
    rollout,
    roster,
    sop,
    spot_checks,
    submit,
    tickets,
    trends,
)
from workers.cli import run as processes
from workers.cli.entry import FAILED, execute

app = typer.Typer(
    name="opsloop",
    no_args_is_help=True,
    add_completion=False,
    help="Durable, unmanned operations for a bank: every ticket a Temporal workflow that runs its procedure.",
)
app.add_typer(processes.app)
app.command("submit")(submit.submit)
app.add_typer(tickets.app, name="ticket")
app.add_typer(reviews.app, name="review")
app.add_typer(pages.app, name="page")
app.add_typer(roster.app, name="roster")
app.add_typer(expiry.app, name="expiry")
app.add_typer(alerts.app, name="alert")
alerts.app.command("trends")(trends.trends)
app.add_typer(sop.app, name="sop")
sop.app.add_typer(releases.app)
sop.app.add_typer(rollout.app, name="rollout")
sop.app.command("migrate")(migration.migrate)
app.add_typer(dispatch.app, name="dispatch")
app.add_typer(duty.app, name="duty")
app.add_typer(spot_checks.app, name="spot-check")
app.add_typer(channels.app, name="channel")
app.add_typer(patrol.app, name="patrol")
app.add_typer(rescue.app, name="rescue")
app.command("outbox")(channels.outbox)
app.add_typer(handlers.app, name="handlers")
app.command("metrics")(metrics.metrics)
app.command("token")(access.token)
app.command("settings")(access.settings)


def run() -> NoReturn:
    """The console script.

    Leaves without the interpreter's own shutdown, in which Temporal's core may abort after all is done.
    """
    try:
        code = execute(app, sys.argv[1:])
    except Exception:
        traceback.print_exc()
        code = FAILED
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
