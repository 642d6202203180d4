"""`opsloop sop migrate`: running tickets, and the version of their SOP that is in force."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from domain.errors import InvalidInput
from workers.cli.output import console, print_json, table
from workers.cli.session import Api, ApiOption, ApiRefusedError, AsOption, JsonOption, connect


def migrate(
    sop: Annotated[
        str | None, typer.Argument(metavar="SOP", help="only tickets of this SOP, by id or name")
    ] = None,
    *,
    apply: Annotated[
        list[str] | None,
        typer.Option("--apply", metavar="TASK_ID", help="moves this ticket; may be given again"),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="moves every ticket that can be moved")] = False,
    reason: Annotated[str, typer.Option("--reason", help="why; kept in each timeline; needed to move")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="how many tickets to ask at most")] = 200,
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show which running tickets could move to the SOP in force, and move those that you name.

    Without `--apply` and `--all` nothing is changed. Exits 1 when a ticket was not moved.
    """
    if (apply or everything) and not reason.strip():
        raise InvalidInput("--reason: say why the tickets are moved")
    if apply and everything:
        raise InvalidInput("--apply names tickets and --all takes every one: expected one of them")
    connection = connect(api, principal)
    plan = connection.get("migrations", sop=sop, limit=limit)
    names = apply or [each["task_id"] for each in plan["candidates"] if everything and each["stands"]]
    moved = [_move(connection, task_id, reason) for task_id in names]
    if as_json:
        print_json({**plan, "moved": moved})
    else:
        _show(plan, moved)
    if any("error" in each for each in moved):
        raise typer.Exit(1)


def _move(connection: Api, task_id: str, reason: str) -> dict[str, Any]:
    """What became of it. One that is refused does not keep the others from moving."""
    try:
        outcome = connection.post("tickets", task_id, "migrate", body={"reason": reason})
    except ApiRefusedError as error:
        return {"task_id": task_id, "error": {"code": error.refusal, "message": str(error)}}
    return {"task_id": task_id, "message": outcome["message"]}


def _show(plan: dict[str, Any], moved: Sequence[dict[str, Any]]) -> None:
    out = console()
    rows = [
        (
            each["task_id"],
            each["state"],
            each["sop"],
            (each["pinned"] or {}).get("version"),
            (each["target"] or {}).get("version"),
            ", ".join(step["key"] for step in each["finished"]),
            "yes" if each["stands"] else "no: " + "; ".join(each["objections"]),
        )
        for each in plan["candidates"]
    ]
    columns = ("ticket", "state", "SOP", "runs", "in force", "finished", "stands")
    out.print(table(columns, rows, fold_last=True) if rows else "no running ticket is on an older version")
    out.print(f"{plan['current']} on the version in force already")
    if plan["left_out"]:
        out.print(f"{plan['left_out']} more were not asked: raise --limit")
    for each in moved:
        out.print(f"{each['task_id']}: {each['error']['message'] if 'error' in each else each['message']}")
