"""`opsloop patrol …`: what the auditor from outside finds."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from workers.cli.entry import FAILED
from workers.cli.output import console, facts, print_json, table, when
from workers.cli.session import ApiOption, AsOption, JsonOption, connect

app = typer.Typer(
    help="The auditor that asks from outside: deadlines, runs, queues, roster, backlog.", no_args_is_help=True
)


@app.command()
def run(principal: AsOption = None, api: ApiOption = None, as_json: JsonOption = False) -> int:
    """Make a round now. Exits with 1 when something is wrong."""
    report = connect(api, principal).post("patrol", "run", body={})
    _print(report, as_json=as_json)
    return FAILED if report["findings"] else 0


@app.command()
def show(
    limit: Annotated[int, typer.Option("--limit", min=1, max=500, help="at most so many rounds")] = 10,
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the last rounds, and what the latest one found."""
    found = connect(api, principal).get("patrol", limit=limit)["reports"]
    if as_json:
        print_json(found)
        return
    if not found:
        console().print("no patrol has made a round yet")
        return
    rows = [
        (
            when(each["at"]),
            "all is well" if not each["findings"] else f"{each['counts'].get('findings', 0)} findings",
            each["counts"].get("open"),
            each["counts"].get("running"),
            f"{each['seconds']:.2f} s",
        )
        for each in found
    ]
    console().print(table(("round", "came to", "open tickets", "running", "took"), rows))
    if found[0]["findings"]:
        _print(found[0], as_json=False)


def _print(report: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(report)
        return
    out = console()
    counts = ", ".join(f"{name} {number}" for name, number in report["counts"].items())
    out.print(
        facts([("round", when(report["at"])), ("counts", counts), ("took", f"{report['seconds']:.2f} s")])
    )
    rows = [
        (each["kind"], each["subject"], each["group"], when(each["since"]), each["words"])
        for each in report["findings"]
    ]
    out.print(
        table(("what", "of", "group", "since", "words"), rows, fold_last=True) if rows else "all is well"
    )
