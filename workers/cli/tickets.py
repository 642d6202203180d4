"""`opsloop ticket …`: show, list and command tickets."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

import typer

from workers.cli import commands, events, graph
from workers.cli.commands import TaskArgument
from workers.cli.output import console, facts, print_json, table, when
from workers.cli.session import ApiOption, AsOption, JsonOption, connect

app = typer.Typer(no_args_is_help=True, help="Show, list and command tickets.")

_OVER: Final = ("step_done", "step_failed", "step_skipped")


@app.command()
def show(
    task_id: TaskArgument, principal: AsOption = None, api: ApiOption = None, as_json: JsonOption = False
) -> None:
    """Show a ticket: where it stands, why, and what it waits for."""
    connection = connect(api, principal)
    shown = connection.get("tickets", task_id)
    if as_json:
        print_json(shown)
        return
    happened = connection.get("tickets", task_id, "timeline")["events"]
    console().print(facts(_facts(shown, happened)))


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


app.add_typer(commands.app)
app.add_typer(events.app)
app.command("graph")(graph.ticket_graph)


def _facts(shown: dict[str, Any], happened: Sequence[dict[str, Any]]) -> list[tuple[str, Any]]:
    view = shown["view"]
    task, dispatch = view["task"], view["dispatch"] or {}
    reviews = [f"{each['review_id']}: {each['question']} ({each['group']})" for each in view["open_reviews"]]
    return [
        ("ticket", task["task_id"]),
        ("title", task["title"]),
        (
            "state",
            view["state"]
            + (" (held)" if view["held"] else "")
            + (" (fast track)" if view.get("fast_track") else ""),
        ),
        ("waits for", view["waiting_for"]),
        (
            "worked on by",
            f"{view['worked_by']} since {when(view['worked_since'])}" if view["worked_by"] else None,
        ),
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
        ("steps failed", "\n".join(_failures(view["steps_failed"], happened))),
        ("steps waiting", "\n".join(_waits(happened)) if view["closed_at"] is None else ""),
        ("steps skipped", ", ".join(view["steps_skipped"])),
        ("not needed", ", ".join(_steps(happened, "step_not_needed"))),
        ("undone", ", ".join(_steps(happened, "compensated"))),
        ("could not be undone", ", ".join(_steps(happened, "compensation_failed"))),
        ("deadline", when(view["deadline_at"])),
        ("SLA level", view["sla_level"]),
        ("open reviews", "\n".join(reviews)),
        ("handed in by", view["maker"]),
        ("opened", when(view["opened_at"])),
        ("closed", when(view["closed_at"])),
        ("as of", shown["as_of"]),
        ("Temporal", shown["links"]["temporal_ui"]),
    ]


def _steps(happened: Sequence[dict[str, Any]], kind: str) -> list[str]:
    """The steps of the events of this kind, each once, in order."""
    return list(dict.fromkeys(each["step_id"] for each in happened if each["kind"] == kind))


def _failures(failed: Sequence[str], happened: Sequence[dict[str, Any]]) -> list[str]:
    """The steps that wait for an operator, each with what was said of it last."""
    said = {each["step_id"]: each["summary"] for each in happened if each["kind"] == "step_failed"}
    return [f"{step}: {said[step]}" if step in said else step for step in failed]


def _waits(happened: Sequence[dict[str, Any]]) -> list[str]:
    """What steps wait for now: their last word on it, unless something came of the step since."""
    waits: dict[str, str] = {}
    for each in happened:
        if each["kind"] == "waiting":
            waits[each["step_id"]] = each["summary"]
        elif each["kind"] in _OVER:
            waits.pop(each["step_id"], None)
    return [f"{step}: {summary}" for step, summary in waits.items()]
