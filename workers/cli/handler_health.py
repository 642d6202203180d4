"""`opsloop handlers health|degrade|restore`: how handlers fare, and what on-call decides."""

from typing import Annotated, Any

import typer

from workers.cli.output import console, print_json, table, when
from workers.cli.session import ApiOption, AsOption, JsonOption, connect

_Name = Annotated[str, typer.Argument(metavar="NAME", help="a handler, or http/SERVICE")]


def health(principal: AsOption = None, api: ApiOption = None, as_json: JsonOption = False) -> None:
    """Show how the handlers fare: which are degraded, since when and why, and when they are probed."""
    shown = connect(api, principal).get("handlers", "health")
    if as_json:
        print_json(shown)
        return
    rows = [
        (
            each["health"]["handler"],
            each["health"]["state"],
            f"{len(each['health']['failed_calls'])} of {each['failures']}",
            when(each["health"]["since"]),
            _next(each["health"]),
            each["health"]["reason"],
        )
        for each in shown["handlers"]
    ]
    columns = ("handler", "state", "failed in a row", "degraded since", "next", "last failure, or why")
    console().print(table(columns, rows, fold_last=True))


def degrade(
    name: _Name,
    *,
    until: Annotated[
        str | None, typer.Option("--until", metavar="INSTANT", help="when it ends: ISO 8601 with a zone")
    ] = None,
    lasts: Annotated[
        str | None, typer.Option("--for", metavar="DURATION", help="instead: how long it holds, such as 2h")
    ] = None,
    reason: Annotated[str, typer.Option("--reason", "--why", help="why; everybody sees it")],
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """Keep a handler degraded for at most 7 days: steps with a fallback take it. Role oncall or admin."""
    body = {"handler": name, "until": until, "lasts": lasts, "reason": reason}
    given = {field: value for field, value in body.items() if value is not None}
    made = connect(api, principal).post("handlers", "degrade", body=given)
    if as_json:
        print_json(made)
    else:
        console().print(f"{name} is degraded until {when(made['until'])}; nothing is probed meanwhile")


def restore(
    name: _Name,
    *,
    reason: Annotated[str, typer.Option("--reason", help="why; kept")],
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a degraded handler be tried again; its failures count anew. Role oncall or admin."""
    made = connect(api, principal).post("handlers", "restore", body={"handler": name, "reason": reason})
    if as_json:
        print_json(made)
    else:
        console().print(f"{name} is tried again from the next call on")


def _next(health: dict[str, Any]) -> str | None:
    if health["until"]:
        return f"held by {health['by']} until {when(health['until'])}"
    if health["state"] == "probing":
        return "a call is being tried"
    return f"probe from {when(health['probe_at'])}" if health["probe_at"] else None
