"""`opsloop rescue …`: why a late ticket went where it went, and who could take the next one over."""

from typing import Annotated

import typer

from workers.cli.output import console, facts, print_json, table, when
from workers.cli.session import ApiOption, AsOption, JsonOption, connect

app = typer.Typer(
    no_args_is_help=True, help="Late tickets: who took them over and why, and which groups have room."
)
_WAYS = {"idle_group": "handed over", "fast_track": "fast track", "on_call": "on-call paged"}


@app.command()
def show(
    ticket: Annotated[str, typer.Argument(metavar="TICKET")],
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what was decided about a ticket at 95 % of its SLA, and how each group was judged."""
    found = connect(api, principal).get("rescue", "tickets", ticket)["rescues"]
    if as_json:
        print_json(found)
        return
    out = console()
    for each in found:
        rescue = each["rescue"]
        out.print(
            facts(
                [
                    ("at", when(each["at"])),
                    ("from", each["from_group"]),
                    ("decided", " to ".join(filter(None, (_WAYS[rescue["way"]], rescue["to"])))),
                    ("why", rescue["why"]),
                ]
            )
        )
        rows = [
            (judged["group"], f"{judged['load']} / {judged['room']} of {judged['capacity']}", judged["why"])
            for judged in rescue["candidates"]
        ]
        if rows:
            out.print(table(("group", "load / filled to", "judged"), rows, fold_last=True))


@app.command()
def groups(principal: AsOption = None, api: ApiOption = None, as_json: JsonOption = False) -> None:
    """Show the load of each group that takes late tickets over, against its capacity."""
    state = connect(api, principal).get("rescue", "groups")
    if as_json:
        print_json(state)
        return
    out = console()
    rows = [
        (
            each["group"],
            each["open"],
            each["promised"],
            f"{each['room']} of {each['capacity']}",
            f"{'yes' if each['on_shift'] else 'no'} ({each['hours']})",
            ", ".join(each["skills"]),
        )
        for each in state["groups"]
    ]
    columns = ("group", "open", "on their way", "filled to", "on shift", "knows")
    out.print(table(columns, rows, fold_last=True) if rows else "no group takes late tickets over")
    enabled = f"{state['on_fast_track']} of at most {state['fast_track_at_most']} tickets"
    out.print(facts([("fast track", enabled if state["fast_track_enabled"] else "switched off")]))
