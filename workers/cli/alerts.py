"""`opsloop alert …`: what the alert desks told whom, what they did not and why, and who has it."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer

from domain.alerts import AlertLevel, why_not_acknowledge
from domain.errors import InvalidInput, NotFound
from domain.people import Principal
from workers.cli.output import console, facts, print_json, table, when
from workers.cli.session import Api, ApiOption, AsOption, JsonOption, connect

_MOST_NAMED: Final = 10

app = typer.Typer(no_args_is_help=True, help="See why you were alerted or not, and acknowledge alerts.")


@app.command("list")
def list_alerts(
    *,
    group: Annotated[str | None, typer.Option("--group", help="only alerts of this group")] = None,
    level: Annotated[AlertLevel | None, typer.Option("--level", help="only alerts of this level")] = None,
    open_only: Annotated[
        bool, typer.Option("--open", help="only those that nobody has acknowledged and whose tickets run")
    ] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=500, help="how many at most")] = 50,
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what the desks made of the alerts, the latest first."""
    listed = connect(api, principal).get(
        "alerts", group=group, level=level.value if level else None, open_only=open_only, limit=limit
    )
    if as_json:
        print_json(listed)
        return
    rows = [
        (
            each["desk_alert_id"],
            each["level"],
            each["group"],
            each["tickets"],
            each["notifications"],
            when(each["last_sent_at"]),
            _stands(each),
            each["subject"],
        )
        for each in listed["alerts"]
    ]
    columns = ("alert", "level", "group", "tickets", "sent", "last sent", "stands", "most urgent")
    console().print(table(columns, rows, fold_last=True) if rows else "no alerts")


@app.command()
def why(
    task_id: Annotated[str, typer.Argument(metavar="TASK_ID", help="the ticket's id")],
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """Why was I alerted, or not: each alert of a ticket, who was told, and the reason where nobody was."""
    found = connect(api, principal).get("tickets", task_id, "alerts")
    if as_json:
        print_json(found)
        return
    out = console()
    if not found["alerts"]:
        out.print(f"{task_id} has raised no alert")
    for number, each in enumerate(found["alerts"]):
        if number:
            out.print()
        out.print(facts(_why(each)))


@app.command()
def ack(
    desk_alert_id: Annotated[
        str, typer.Argument(metavar="[ID]", help="the alert, such as A7KQ2XMZ4P [default: the open one]")
    ] = "",
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """Acknowledge: you have its tickets. They alert again only when they get worse. It approves nothing."""
    connection = connect(api, principal)
    desk_alert_id = desk_alert_id or _open_one(connection)
    outcome = connection.post("alerts", desk_alert_id, "ack", body={})
    if as_json:
        print_json(outcome)
    else:
        console().print(f"{desk_alert_id}: {outcome['message']}")


def _open_one(connection: Api) -> str:
    """The only open alert that somebody was told of and that whoever asks may acknowledge.

    Raises `NotFound` where there is none, and `InvalidInput` for several.
    """
    me = Principal.model_validate(connection.get("whoami"))
    listed = connection.get("alerts", open_only=True, limit=500)["alerts"]
    mine = [each for each in listed if each["notifications"] and not why_not_acknowledge(me, each["group"])]
    names = [f"{each['desk_alert_id']} ({each['level']}, {each['group']})" for each in mine]
    if not names:
        raise NotFound("no open alert is yours to acknowledge; `opsloop alert list --open` shows all")
    if len(names) > 1:
        shown = ", ".join(names[:_MOST_NAMED]) + (", …" if len(names) > _MOST_NAMED else "")
        raise InvalidInput(f"{len(names)} alerts are open: say which of {shown}", field="ID")
    return str(mine[0]["desk_alert_id"])


def _why(alert: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [
        ("alert", f"{alert['level']} at {when(alert['at'])}, desk of {alert['group']}"),
        ("fate", alert["fate"]),
        ("why", alert["reason"]),
        ("consolidated as", alert["desk_alert_id"]),
        ("notification", alert["notification_id"]),
        ("sent", when(alert["sent_at"])),
        ("told", ", ".join(alert["told"])),
        ("failed", ", ".join(alert["failed"])),
        ("not delivered", alert["undelivered"]),
    ]


def _stands(alert: Mapping[str, Any]) -> str:
    if alert["acknowledged_at"]:
        return f"{alert['acknowledged_by']} has it"
    if alert["over_at"]:
        return "over"
    if alert["next_at"]:
        return f"next {when(alert['next_at'])}"
    return "open"
