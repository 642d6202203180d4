"""`opsloop page …`: see pages, acknowledge them, rehearse one."""

import time
from datetime import datetime
from typing import Annotated, Any, Final

import typer

from domain.duration import format_duration
from domain.errors import InvalidInput, NotFound
from workers.cli.entry import FAILED
from workers.cli.output import console, facts, print_json, table, when
from workers.cli.session import Api, ApiOption, AsOption, JsonOption, connect

app = typer.Typer(no_args_is_help=True, help="See pages, acknowledge them, rehearse one.")

PageArgument = Annotated[str, typer.Argument(metavar="PAGE_ID", help="the page's id")]
_LOOK_EVERY_S: Final = 1.0


@app.command("list")
def list_pages(
    *,
    open_only: Annotated[bool, typer.Option("--open", help="only pages that are not over")] = False,
    limit: Annotated[int, typer.Option(min=1, max=500, help="how many at most")] = 50,
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """List pages, the latest first."""
    listed = connect(api, principal).get("on-call", "pages", open_only=open_only, limit=limit)
    if as_json:
        print_json(listed)
        return
    rows = [
        (
            each["page"]["page_id"],
            each["state"]["outcome"] or each["state"]["phase"],
            each["page"]["priority"],
            each["page"]["group"],
            each["state"]["acknowledged_by"],
            when(each["page"]["opened_at"]),
            ("DRILL " if each["page"]["drill"] else "") + each["page"]["subject"],
        )
        for each in listed["pages"]
    ]
    columns = ("page", "state", "priority", "group", "acknowledged by", "opened", "subject")
    console().print(table(columns, rows) if rows else "no pages")


@app.command()
def show(
    page_id: PageArgument, principal: AsOption = None, api: ApiOption = None, as_json: JsonOption = False
) -> None:
    """Show a page: what it says, where it stands, who was told when and how."""
    shown = connect(api, principal).get("on-call", "pages", page_id)
    if as_json:
        print_json(shown)
        return
    console().print(facts(_facts(shown)))
    steps = shown["view"]["steps"]
    if steps:
        console().print(
            table(("#", "bank time", "told", "because", "came to"), [_step(each) for each in steps])
        )


@app.command()
def ack(
    page_id: Annotated[
        str, typer.Argument(metavar="[PAGE_ID]", help="the page [default: the one that rings you]")
    ] = "",
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """Acknowledge a page: I am looking at it. The calls stop; nothing is approved."""
    connection = connect(api, principal)
    page_id = page_id or _ringing(connection)
    outcome = connection.post("on-call", "pages", page_id, "acknowledge", body={})
    if as_json:
        print_json(outcome)
    else:
        console().print(f"{page_id}: {outcome['message']}")


def _ringing(connection: Api) -> str:
    """The one page that rings whoever asks, or else the only one that rings at all.

    Raises `NotFound` where none rings, and `InvalidInput` for several.
    """
    me = connection.get("whoami")["id"]
    listed = connection.get("on-call", "pages", open_only=True, limit=200)["pages"]
    ringing = [each for each in listed if each["state"]["phase"] == "ringing"]
    mine = [each for each in ringing if me in each["state"]["rung"]] or ringing
    names = [str(each["page"]["page_id"]) for each in mine]
    if not names:
        raise NotFound("no page rings; `opsloop page list --open` shows all that are not over")
    if len(names) > 1:
        raise InvalidInput(f"{len(names)} pages ring: say which of {', '.join(names)}", field="PAGE_ID")
    return names[0]


@app.command()
def drill(
    to: Annotated[str, typer.Option("--to", metavar="GROUP", help="whose rotation is paged")] = "",
    wait: Annotated[
        float, typer.Option("--wait", min=0, metavar="MINUTES", help="how long to wait for an answer")
    ] = 60,
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """Page whoever is on call, marked as a drill, and wait until somebody acknowledges.

    The whole path is real: roster, channels, link. Exits with 1 when nobody answers.
    """
    connection = connect(api, principal)
    started = connection.post("on-call", "drills", body={"group": to})
    shown = _watched(connection, started["page_id"], wait * 60, quiet=as_json)
    result = _result(started, shown)
    if as_json:
        print_json(result)
    else:
        console().print(f"{result['page_id']}: {result['message']}")
    if not result["acknowledged_by"]:
        raise typer.Exit(FAILED)


def _watched(connection: Api, page_id: str, seconds: float, *, quiet: bool) -> dict[str, Any] | None:
    """The page when it is over or the patience is; tells each notification as it happens."""
    told: set[tuple[int, str]] = set()
    shown: dict[str, Any] | None = None
    until = time.monotonic() + seconds
    if not quiet:
        console().print(f"{page_id}: paging …")
    while True:
        # A page is in the store a moment after it began to ring.
        listed = connection.get("on-call", "pages", open_only=False, limit=50)["pages"]
        if any(each["page"]["page_id"] == page_id for each in listed):
            shown = connection.get("on-call", "pages", page_id)
            for each in shown["view"]["steps"]:
                line = (each["step"], each["fate"])
                if line not in told and not quiet:
                    console().print(f"  {when(each['at'])}  {_told(each)}")
                told.add(line)
            if shown["view"]["state"]["phase"] == "over":
                return shown
        if time.monotonic() >= until:
            return shown
        time.sleep(_LOOK_EVERY_S)


def _result(started: dict[str, Any], shown: dict[str, Any] | None) -> dict[str, Any]:
    state = shown["view"]["state"] if shown else {}
    by, at = state.get("acknowledged_by") or "", state.get("acknowledged_at")
    after = None
    if by and at:
        after = datetime.fromisoformat(at) - datetime.fromisoformat(started["opened_at"])
    if after is not None:
        message = f"{by} answered after {format_duration(after)} (bank time), notification {state['step']}"
    elif state.get("phase") == "over":
        message = f"nobody answered; {state['step']} notifications went out"
    else:
        message = "nobody has answered so far, and it rings on: `opsloop page show` tells"
    return {
        "page_id": started["page_id"],
        "group": started["group"],
        "acknowledged_by": by,
        "after_s": after.total_seconds() if after is not None else None,
        "notifications": state.get("step", 0),
        "message": message,
    }


def _facts(shown: dict[str, Any]) -> list[tuple[str, Any]]:
    page, state = shown["view"]["page"], shown["view"]["state"]
    acknowledged = state["acknowledged_by"]
    if acknowledged:
        acknowledged += f", {when(state['acknowledged_at'])}"
    return [
        ("page", page["page_id"]),
        ("drill", page["drill"] or None),
        ("subject", page["subject"]),
        ("ticket", page["task_id"]),
        ("group", page["group"]),
        ("priority", page["priority"]),
        ("state", state["phase"]),
        ("acknowledged by", acknowledged),
        ("outcome", state["outcome"]),
        ("until", when(page["deadline_at"])),
        ("you can", ", ".join(page["choices"])),
        ("if nobody answers", page["silence"]),
        ("paged", ", ".join(state["line"])),
        ("opened", when(page["opened_at"])),
        ("closed", when(state["closed_at"])),
        ("digest", shown["digest"]),
    ]


def _step(step: dict[str, Any]) -> tuple[Any, ...]:
    return (step["step"], when(step["at"]), step["to"], step["reason"], _fate(step))


def _told(step: dict[str, Any]) -> str:
    return f"{step['to']} ({step['reason']}): {_fate(step)}"


def _fate(step: dict[str, Any]) -> str:
    ways = [f"{step['fate']} {', '.join(step['sent'])}".strip(), *step["failed"]]
    return "; ".join(ways)
