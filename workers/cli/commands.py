"""`opsloop ticket hold …`: an operator's commands on one ticket."""

from collections.abc import Mapping
from typing import Annotated

import typer

from workers.cli.output import console, print_json
from workers.cli.session import ApiOption, AsOption, JsonOption, connect

app = typer.Typer()

TaskArgument = Annotated[str, typer.Argument(metavar="TASK_ID", help="the ticket's id")]
ReasonOption = Annotated[str, typer.Option("--reason", help="why; it is kept in the timeline")]
StepOption = Annotated[
    str | None, typer.Option("--step", help="which failed step; needed where several have failed")
]


@app.command()
def hold(
    task_id: TaskArgument,
    reason: ReasonOption,
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """Hold a ticket: its service clock stands still."""
    _give("hold", task_id, {"reason": reason}, principal, api, as_json=as_json)


@app.command()
def resume(
    task_id: TaskArgument,
    reason: ReasonOption,
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """Resume a ticket on hold."""
    _give("resume", task_id, {"reason": reason}, principal, api, as_json=as_json)


@app.command()
def reassign(
    task_id: TaskArgument,
    *,
    group: Annotated[str, typer.Option("--group", help="the new group")],
    reason: ReasonOption,
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a ticket to another group."""
    _give("reassign", task_id, {"reason": reason, "group": group}, principal, api, as_json=as_json)


@app.command()
def retry(
    task_id: TaskArgument,
    *,
    reason: ReasonOption,
    step: StepOption = None,
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """Retry a step that failed."""
    _give("retry", task_id, {"reason": reason, "step": step}, principal, api, as_json=as_json)


@app.command()
def skip(
    task_id: TaskArgument,
    *,
    reason: ReasonOption,
    step: StepOption = None,
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """Skip a step that failed. Skipping a control makes the ticket high risk."""
    _give("skip", task_id, {"reason": reason, "step": step}, principal, api, as_json=as_json)


@app.command()
def cancel(
    task_id: TaskArgument,
    reason: ReasonOption,
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """Cancel a ticket."""
    _give("cancel", task_id, {"reason": reason}, principal, api, as_json=as_json)


@app.command()
def migrate(
    task_id: TaskArgument,
    reason: ReasonOption,
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """Move a ticket to the version of its SOP that is in force, if its finished steps still stand."""
    _give("migrate", task_id, {"reason": reason}, principal, api, as_json=as_json)


def _give(
    verb: str,
    task_id: str,
    body: Mapping[str, str | None],
    principal: str | None,
    api: str | None,
    *,
    as_json: bool,
) -> None:
    outcome = connect(api, principal).post("tickets", task_id, verb, body=body)
    if as_json:
        print_json(outcome)
    else:
        console().print(f"{task_id}: {outcome['message']}")
