"""`opsloop ticket hold …`: an operator's commands on one ticket."""

from typing import Annotated

import typer

from workers.cli.output import console, print_json
from workers.cli.session import ApiOption, AsOption, JsonOption, connect

app = typer.Typer()

TaskArgument = Annotated[str, typer.Argument(metavar="TASK_ID", help="the ticket's id")]
ReasonOption = Annotated[str, typer.Option("--reason", help="why; it is kept in the timeline")]


@app.command("hold", help="Hold a ticket: its service clock stands still.")
@app.command("resume", help="Resume a ticket on hold.")
@app.command("cancel", help="Cancel a ticket.")
@app.command("claim", help="Claim a ticket: you work on it. What gets no worse alerts nobody again.")
@app.command("unclaim", help="Give a claimed ticket back.")
@app.command(
    "migrate",
    help="Move a ticket to the version of its SOP that is in force, if its finished steps still stand.",
)
def command_ticket(
    context: typer.Context,
    task_id: TaskArgument,
    *,
    reason: ReasonOption,
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """A command on the ticket as a whole, by the name that it was called by."""
    _give(context, task_id, {"reason": reason}, principal, api, as_json=as_json)


@app.command("retry", help="Retry a step that failed.")
@app.command("skip", help="Skip a step that failed. Skipping a control makes the ticket high risk.")
def command_step(
    context: typer.Context,
    task_id: TaskArgument,
    *,
    reason: ReasonOption,
    step: Annotated[
        str | None, typer.Option("--step", help="which failed step; needed where several have failed")
    ] = None,
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """A command on a step that failed, by the name that it was called by."""
    _give(context, task_id, {"reason": reason, "step": step}, principal, api, as_json=as_json)


@app.command()
def reassign(
    context: typer.Context,
    task_id: TaskArgument,
    *,
    group: Annotated[str, typer.Option("--group", help="the new group")],
    reason: ReasonOption,
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a ticket to another group."""
    _give(context, task_id, {"reason": reason, "group": group}, principal, api, as_json=as_json)


def _give(
    context: typer.Context,
    task_id: str,
    body: dict[str, str | None],
    principal: str | None,
    api: str | None,
    *,
    as_json: bool,
) -> None:
    """Posts to the route that is named like the command."""
    outcome = connect(api, principal).post("tickets", task_id, str(context.command.name), body=body)
    if as_json:
        print_json(outcome)
    else:
        console().print(f"{task_id}: {outcome['message']}")
