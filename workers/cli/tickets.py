"""`opsloop ticket …`: show, list and command tickets."""

from typing import Annotated, Any

import typer

from workers.cli.output import console, facts, print_json, table, when
from workers.cli.session import ApiOption, AsOption, JsonOption, connect

app = typer.Typer(no_args_is_help=True, help="Show, list and command tickets.")

TaskArgument = Annotated[str, typer.Argument(metavar="TASK_ID", help="the ticket's id")]
ReasonOption = Annotated[str, typer.Option("--reason", help="why; it is kept in the timeline")]


@app.command()
def show(
    task_id: TaskArgument, principal: AsOption = None, api: ApiOption = None, as_json: JsonOption = False
) -> None:
    """Show a ticket: where it stands, why, and what it waits for."""
    shown = connect(api, principal).get("tickets", task_id)
    if as_json:
        print_json(shown)
        return
    console().print(facts(_facts(shown)))


@app.command("list")
def list_tickets(
    *,
    state: Annotated[str | None, typer.Option(help="only tickets in this state")] = None,
    group: Annotated[str | None, typer.Option(help="only tickets of this group")] = None,
    category: Annotated[str | None, typer.Option(help="only tickets of this category")] = None,
    open_only: Annotated[bool, typer.Option("--open", help="only tickets that have not ended")] = False,
    limit: Annotated[int, typer.Option(min=1, max=500, help="how many at most")] = 50,
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """List tickets, the most urgent first."""
    listed = connect(api, principal).get(
        "tickets", state=state, group=group, category=category, open_only=open_only, limit=limit
    )
    if as_json:
        print_json(listed)
        return
    rows = [
        (
            each["task_id"],
            each["state"] + (" (held)" if each["held"] else ""),
            each["priority"],
            each["risk"],
            each["group"],
            each["waiting_for"],
            when(each["deadline_at"]),
            each["title"],
        )
        for each in listed["tickets"]
    ]
    columns = ("ticket", "state", "priority", "risk", "group", "waits for", "deadline", "title")
    console().print(table(columns, rows) if rows else "no tickets")


@app.command()
def timeline(
    task_id: TaskArgument, principal: AsOption = None, api: ApiOption = None, as_json: JsonOption = False
) -> None:
    """Show what happened to a ticket, in order."""
    shown = connect(api, principal).get("tickets", task_id, "timeline")
    if as_json:
        print_json(shown)
        return
    rows = [
        (each["seq"], when(each["at"]), each["kind"], each["actor"], each["summary"])
        for each in shown["events"]
    ]
    console().print(table(("#", "bank time", "what", "who", "summary"), rows, fold_last=True))


@app.command()
def hold(
    task_id: TaskArgument,
    reason: ReasonOption,
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """Hold a ticket: its service clock stands still."""
    _command("hold", task_id, {"reason": reason}, principal, api, as_json=as_json)


@app.command()
def resume(
    task_id: TaskArgument,
    reason: ReasonOption,
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """Resume a ticket on hold."""
    _command("resume", task_id, {"reason": reason}, principal, api, as_json=as_json)


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
    _command("reassign", task_id, {"reason": reason, "group": group}, principal, api, as_json=as_json)


@app.command()
def retry(
    task_id: TaskArgument,
    reason: ReasonOption,
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """Retry the step that failed."""
    _command("retry", task_id, {"reason": reason}, principal, api, as_json=as_json)


@app.command()
def skip(
    task_id: TaskArgument,
    reason: ReasonOption,
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """Skip the step that failed. Skipping a control makes the ticket high risk."""
    _command("skip", task_id, {"reason": reason}, principal, api, as_json=as_json)


@app.command()
def cancel(
    task_id: TaskArgument,
    reason: ReasonOption,
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """Cancel a ticket."""
    _command("cancel", task_id, {"reason": reason}, principal, api, as_json=as_json)


def _command(
    verb: str, task_id: str, body: dict[str, str], principal: str | None, api: str | None, *, as_json: bool
) -> None:
    outcome = connect(api, principal).post("tickets", task_id, verb, body=body)
    if as_json:
        print_json(outcome)
    else:
        console().print(f"{task_id}: {outcome['message']}")


def _facts(shown: dict[str, Any]) -> list[tuple[str, Any]]:
    view = shown["view"]
    task, dispatch = view["task"], view["dispatch"] or {}
    reviews = [f"{each['review_id']}: {each['question']} ({each['group']})" for each in view["open_reviews"]]
    return [
        ("ticket", task["task_id"]),
        ("title", task["title"]),
        ("state", view["state"] + (" (held)" if view["held"] else "")),
        ("waits for", view["waiting_for"]),
        ("result", view["result"]),
        ("group", task["assigned_group"]),
        ("priority", task["priority"]),
        ("risk", task["risk_level"]),
        ("risk because", "\n".join(view["risk_reasons"])),
        ("dispatched by", dispatch.get("layer")),
        ("because", dispatch.get("evidence", {}).get("reason")),
        ("procedure", f"{view['sop']} {view['sop_version']}".strip()),
        ("step", view["current_step"]),
        ("steps done", ", ".join(view["steps_done"])),
        ("deadline", when(view["deadline_at"])),
        ("SLA level", view["sla_level"]),
        ("open reviews", "\n".join(reviews)),
        ("handed in by", view["maker"]),
        ("opened", when(view["opened_at"])),
        ("closed", when(view["closed_at"])),
        ("as of", shown["as_of"]),
        ("Temporal", shown["links"]["temporal_ui"]),
    ]
