"""`opsloop duty …`: which mode holds and why, an override with an end, and authority that was withdrawn."""

from typing import Annotated, Any

import typer

from workers.cli.output import console, facts, print_json, table, when
from workers.cli.session import ApiOption, AsOption, JsonOption, connect

app = typer.Typer(no_args_is_help=True, help="See and set the duty mode: what may run by itself now.")
authority = typer.Typer(no_args_is_help=True, help="Kinds of tickets of which nothing runs by itself.")
app.add_typer(authority, name="authority")

_VERDICTS = {
    "automatic": "runs by itself",
    "spot_check": "runs by itself, spot-checked the next day",
    "ask": "a person is asked",
}
_TOLD = {"lead": ", the group's lead is told", "on_call": ", on-call is paged"}


@app.command()
def show(
    at: Annotated[
        str | None, typer.Option("--at", metavar="INSTANT", help="ISO 8601 with a zone [default: now]")
    ] = None,
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the mode, why it holds, until when, and what each risk does in it."""
    shown = connect(api, principal).get("duty", at=at)
    if as_json:
        print_json(shown)
        return
    now, out = shown["now"], console()
    override = now["override"]
    out.print(
        facts(
            [
                ("at", when(now["at"])),
                ("mode", now["mode"]),
                ("why", f"{now['why']}: {now['explanation']}"),
                ("by the clock", now["by_clock"] if override else None),
                ("next change", when(now["next_change"])),
                *[(f"{each['risk']} risk", _does(each)) for each in now["risks"]],
                ("runs by itself no more", ", ".join(each["kind"] for each in shown["withdrawn"])),
            ]
        )
    )


@app.command("set")
def set_mode(
    mode: Annotated[str, typer.Argument(metavar="MODE", help="a mode of policies/duty.yaml")],
    *,
    until: Annotated[
        str | None, typer.Option("--until", metavar="INSTANT", help="when it ends: ISO 8601 with a zone")
    ] = None,
    lasts: Annotated[
        str | None, typer.Option("--for", metavar="DURATION", help="instead: how long it holds, such as 4h")
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="why; everybody sees it")],
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """Set another mode than the clock's, for at most 7 days. Role oncall or admin."""
    body = {"mode": mode, "until": until, "lasts": lasts, "reason": reason}
    given = {name: value for name, value in body.items() if value is not None}
    _print_override(connect(api, principal).post("duty", "override", body=given), as_json=as_json)


@app.command()
def clear(
    *,
    reason: Annotated[str, typer.Option("--reason", help="why; kept")],
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """End the override: the clock's mode holds again. Role oncall or admin."""
    _print_override(connect(api, principal).post("duty", "clear", body={"reason": reason}), as_json=as_json)


@authority.command("list")
def list_authority(
    everything: Annotated[bool, typer.Option("--all", help="also what was given back")] = False,
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the kinds that spot checks found wrong too often: a person is asked before each effect."""
    listed = connect(api, principal).get("duty", "authority", all=everything)
    if as_json:
        print_json(listed)
        return
    rows = [
        (each["kind"], when(each["since"]), each["group"], _restored(each), each["reason"])
        for each in listed["withdrawals"]
    ]
    columns = ("kind", "withdrawn", "group", "given back", "reason")
    console().print(table(columns, rows, fold_last=True) if rows else "no authority is withdrawn")


@authority.command()
def restore(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="category/action, as the list names it")],
    *,
    reason: Annotated[str, typer.Option("--reason", help="why; kept")],
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a kind its automatic authority back. Role releaser or admin."""
    body = {"kind": kind, "reason": reason}
    restored = connect(api, principal).post("duty", "authority", "restore", body=body)
    if as_json:
        print_json(restored)
    else:
        console().print(f"{restored['kind']} runs by itself again; its spot checks count anew")


def _does(verdict: dict[str, Any]) -> str:
    return f"{_VERDICTS[verdict['verdict']]}{_TOLD.get(verdict['tell'], '')}"


def _restored(withdrawal: dict[str, Any]) -> str | None:
    if not withdrawal["restored_at"]:
        return None
    return f"{when(withdrawal['restored_at'])} by {withdrawal['restored_by']}"


def _print_override(override: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(override)
        return
    console().print(
        facts(
            [
                ("override", override["number"]),
                ("mode", override["mode"]),
                ("since", when(override["since"])),
                ("until", when(override["until"])),
                ("by", override["by"]),
                ("reason", override["reason"]),
                ("ended", when(override["ended_at"])),
                ("ended by", override["ended_by"]),
            ]
        )
    )
