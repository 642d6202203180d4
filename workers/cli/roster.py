"""`opsloop roster …`: who is on call, holes ahead, overrides, the hand-over sheet."""

from typing import Annotated, Any

import typer

from workers.cli.output import console, facts, print_json, table, when
from workers.cli.session import ApiOption, AsOption, JsonOption, connect

app = typer.Typer(no_args_is_help=True, help="See who is on call, override it, hand over a shift.")

GroupOption = Annotated[
    str | None, typer.Option("--group", help="of this group's rotation; default: the general one")
]
WhyOption = Annotated[str, typer.Option("--why", help="why; it is kept")]


@app.command()
def show(
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="INSTANT", help="such as 2027-02-06T03:00:00+08:00; default: now"),
    ] = None,
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show who is on call, in the order in which they are paged, and who comes next."""
    shown = connect(api, principal).get("on-call", "roster", at=at)
    if as_json:
        print_json(shown)
        return
    console().print(f"at {when(shown['at'])}")
    rows = [
        (
            each["rotation"],
            each["shift"]["shift"] if each["shift"] else "(no shift)",
            ", ".join(each["line"]),
            _handover(each["next_handover"]),
            ", ".join(each["groups"]) or "all others",
        )
        for each in shown["rotations"]
    ]
    columns = ("rotation", "shift", "on call", "next hand-over", "groups")
    console().print(table(columns, rows) if rows else "no rotation: nobody is on call")
    if shown["overrides"]:
        console().print(table(_OVERRIDE, [_override_row(each) for each in shown["overrides"]]))


@app.command()
def gaps(
    days: Annotated[int, typer.Option("--days", min=1, max=92, help="how far to look")] = 14,
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the hours ahead in which only the fallback would be paged. Exits with 1 when there are any."""
    shown = connect(api, principal).get("on-call", "roster", "gaps", days=days)
    if as_json:
        print_json(shown)
    else:
        rows = [(each["rotation"], when(each["starts_at"]), when(each["ends_at"])) for each in shown["gaps"]]
        console().print(table(("rotation", "from", "to"), rows) if rows else f"no gap in {days} days")
    if shown["gaps"]:
        raise typer.Exit(1)


@app.command()
def override(
    people: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PERSON]...", help="paged before everybody else, in this order"),
    ] = None,
    *,
    instead_of: Annotated[
        list[str] | None,
        typer.Option("--instead-of", metavar="PERSON", help="not paged meanwhile; again for each"),
    ] = None,
    since: Annotated[
        str | None, typer.Option("--from", metavar="INSTANT", help="with its zone; default: now")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="INSTANT", help="with its zone")] = None,
    lasts: Annotated[
        str | None, typer.Option("--for", metavar="DURATION", help="such as 8h, instead of --until")
    ] = None,
    rotation: Annotated[str, typer.Option("--rotation", help="only this one; default: all")] = "",
    why: WhyOption,
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put people on call for a while, or take some off it. Goes before the roster's file; audited."""
    body = {
        "people": people or [],
        "instead_of": instead_of or [],
        "starts_at": since,
        "ends_at": until,
        "lasts": lasts,
        "rotation": rotation,
        "why": why,
    }
    kept = connect(api, principal).post("on-call", "roster", "overrides", body=body)
    if as_json:
        print_json(kept)
    else:
        console().print(table(_OVERRIDE, [_override_row(kept)]))


@app.command()
def withdraw(
    override_id: Annotated[str, typer.Argument(metavar="OVERRIDE_ID", help="as `roster show` lists it")],
    *,
    why: WhyOption,
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """End an override now."""
    ended = connect(api, principal).post(
        "on-call", "roster", "overrides", override_id, "withdraw", body={"why": why}
    )
    if as_json:
        print_json(ended)
    else:
        console().print(f"{override_id} has ended")


@app.command()
def handover(
    group: GroupOption = None,
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the hand-over sheet of the shift: what ran alone, what waits, holds, expiries, open pages."""
    sheet = connect(api, principal).get("on-call", "roster", "handover", group=group)
    if as_json:
        print_json(sheet)
        return
    out = console()
    out.print(facts(_sheet_facts(sheet)))
    for name, title, columns in _LISTS:
        more = sheet["left_out"].get(name)
        out.print(f"\n{title}: {len(sheet[name])}" + (f" and {more} more" if more else ""))
        if sheet[name]:
            out.print(table(columns, [_line(each) for each in sheet[name]]))
    pages = [
        (
            each["page"]["page_id"],
            each["state"]["phase"],
            each["state"]["acknowledged_by"],
            each["page"]["subject"],
        )
        for each in sheet["pages"]
    ]
    out.print(f"\nopen pages: {len(pages)}")
    if pages:
        out.print(table(("page", "state", "acknowledged by", "subject"), pages))
    if sheet["overrides"]:
        out.print("\noverrides:")
        out.print(table(_OVERRIDE, [_override_row(each) for each in sheet["overrides"]]))


_OVERRIDE = ("override", "from", "to", "on call", "instead of", "rotation", "by", "why")
_LISTS = (
    ("ran_alone", "ran alone in this shift", ("ticket", "group", "ended", "procedure", "title")),
    ("waiting", "waiting for a decision", ("review", "group", "until", "kind", "title")),
    ("holds", "on hold", ("ticket", "group", "deadline", "waits for", "title")),
    ("expiries", "due within a day", ("ticket", "group", "deadline", "waits for", "title")),
    ("measures", "stops and freezes that end within 3 days", ("measure", "group", "ends", "state", "title")),
)


def _override_row(each: dict[str, Any]) -> tuple[Any, ...]:
    return (
        each["override_id"] or "(file)",
        when(each["starts_at"]),
        when(each["ends_at"]),
        ", ".join(each["people"]),
        ", ".join(each["instead_of"]),
        each["rotation"] or "all",
        each["by"],
        each["why"],
    )


def _handover(each: dict[str, Any] | None) -> str | None:
    if each is None:
        return None
    return f"{when(each['at'])} to {each['incoming'] or 'nobody'}"


def _sheet_facts(sheet: dict[str, Any]) -> list[tuple[str, Any]]:
    coming = sheet["next_shift"]
    return [
        ("rotation", sheet["rotation"]),
        ("shift", f"{sheet['shift'] or '(none)'}, since {when(sheet['since'])}"),
        ("on call", ", ".join(sheet["outgoing"])),
        ("hands over", when(sheet["handover_at"])),
        ("to", sheet["incoming"]),
        ("next shift", f"{coming['shift']}, {when(coming['starts_at'])}" if coming else None),
        ("as of", when(sheet["at"])),
    ]


def _line(each: dict[str, Any]) -> tuple[Any, ...]:
    return (each["id"], each["group"], when(each["at"]), each["why"], each["title"])
