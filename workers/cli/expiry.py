"""`opsloop expiry …`: what outlives its ticket, and when it ends."""

from typing import Annotated, Any

import typer

from workers.cli.output import console, facts, print_json, table, when
from workers.cli.session import ApiOption, AsOption, JsonOption, connect

app = typer.Typer(no_args_is_help=True, help="See stops and freezes that end, renew them, close them.")

MeasureArgument = Annotated[
    str, typer.Argument(metavar="MEASURE_ID", help="the measure's id, as `expiry list` shows it")
]


@app.command("list")
def list_expiries(
    *,
    every: Annotated[bool, typer.Option("--all", help="those that are over too")] = False,
    days: Annotated[
        int | None, typer.Option("--days", min=1, max=3660, help="only those that end within these days")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=500, help="how many at most")] = 50,
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """List stops and freezes that end, the next end first."""
    listed = connect(api, principal).get("expiries", open_only=not every, days=days, limit=limit)
    if as_json:
        print_json(listed)
        return
    rows = [
        (
            each["measure"]["measure_id"],
            each["measure"]["kind"],
            each["measure"]["authority"],
            each["measure"]["reference"],
            each["measure"]["group"],
            when(each["state"]["ends_at"]),
            each["state"]["outcome"] or each["state"]["phase"],
            each["measure"]["term"]["on_end"],
        )
        for each in listed["expiries"]
    ]
    columns = ("measure", "kind", "authority", "account", "group", "ends", "state", "then")
    console().print(table(columns, rows) if rows else "nothing ends")


@app.command()
def show(
    measure_id: MeasureArgument,
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a measure: its law, its end, what happens then, and where it stands."""
    shown = connect(api, principal).get("expiries", measure_id)
    if as_json:
        print_json(shown)
    else:
        console().print(facts(_facts(shown)))


@app.command()
def renew(
    measure_id: MeasureArgument,
    *,
    until: Annotated[str, typer.Option("--until", metavar="INSTANT", help="the new end, with its zone")],
    document: Annotated[str, typer.Option("--document", help="number of the order that renews it")],
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """Renew a measure on a new order, before its end and within what the law allows."""
    body = {"ends_at": until, "document_no": document}
    _tell(connect(api, principal).post("expiries", measure_id, "renew", body=body), as_json=as_json)


@app.command()
def close(
    measure_id: MeasureArgument,
    *,
    why: Annotated[str, typer.Option("--why", help="why; it is kept")],
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """Watch a measure no more, because it is over or was dealt with by hand. Releases nothing."""
    body = {"why": why}
    _tell(connect(api, principal).post("expiries", measure_id, "close", body=body), as_json=as_json)


def _tell(reply: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(reply)
    else:
        console().print(f"{reply['measure_id']}: {reply['message']}")


def _facts(shown: dict[str, Any]) -> list[tuple[str, Any]]:
    measure, state = shown["measure"], shown["state"]
    term = measure["term"]
    then = "opsloop releases it" if term["on_end"] == "release" else f"a person acts: {term['then']}"
    return [
        ("measure", measure["measure_id"]),
        ("ticket", measure["task_id"]),
        ("kind", measure["kind"]),
        ("authority", measure["authority"]),
        ("law", term["law"]),
        ("document", state["document_no"]),
        ("account", measure["reference"]),
        ("group", measure["group"]),
        ("began", when(measure["began_at"])),
        ("ends", when(state["ends_at"])),
        ("then", then),
        ("renewals", f"{state['renewals']} of {'any' if term['renewals'] is None else term['renewals']}"),
        ("warned", ", ".join(state["reached"])),
        ("state", state["phase"]),
        ("problem", state["problem"]),
        ("outcome", state["outcome"]),
        ("closed", when(state["closed_at"])),
        ("by", state["closed_by"]),
        ("why", state["why"]),
    ]
