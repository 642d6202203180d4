"""`opsloop spot-check …`: what ran by itself at night and waits for a person to look at it."""

from typing import Annotated, Any

import typer

from domain.spot_check import CheckState
from workers.cli.output import console, facts, print_json, table, when
from workers.cli.session import ApiOption, AsOption, JsonOption, connect

app = typer.Typer(no_args_is_help=True, help="Look at tickets that ran by themselves last night.")

TaskArgument = Annotated[str, typer.Argument(metavar="TASK_ID", help="the id of the checked ticket")]


@app.command("list")
def list_checks(
    *,
    state: Annotated[CheckState | None, typer.Option("--state", help="only checks in this state")] = None,
    group: Annotated[str | None, typer.Option("--group", help="only checks of this group")] = None,
    mine: Annotated[bool, typer.Option("--mine", help="only checks that I may answer")] = False,
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """List spot checks: open ones first, by when they are due."""
    wanted = state.value if state else None
    listed = connect(api, principal).get("spot-checks", state=wanted, group=group, mine=mine)
    if as_json:
        print_json(listed)
        return
    rows = [_row(each) for each in listed["checks"]]
    columns = ("ticket", "state", "kind", "group", "due", "what came of it")
    console().print(table(columns, rows, fold_last=True) if rows else "nothing waits to be checked")


@app.command()
def show(
    task_id: TaskArgument, principal: AsOption = None, api: ApiOption = None, as_json: JsonOption = False
) -> None:
    """Show a spot check: what is to be looked at, by when, who may not, and what came of it."""
    shown = connect(api, principal).get("spot-checks", task_id)
    if as_json:
        print_json(shown)
        return
    check, outcome = shown["check"], shown["outcome"] or {}
    console().print(
        facts(
            [
                ("ticket", check["task_id"]),
                ("state", shown["state"]),
                ("kind", check["kind"]),
                ("SOP", f"{check['sop']} {check['sop_version']}"),
                ("risk", check["risk"]),
                ("result", check["result"]),
                ("asked of", f"reviewer in {check['group']}"),
                ("not of", ", ".join(check["hands"])),
                ("ran", when(check["marked_at"])),
                ("drawn", when(check["drawn_at"])),
                ("due", when(check["due_at"])),
                ("answered by", outcome.get("by")),
                ("at", when(outcome.get("at"))),
                ("reason", outcome.get("reason")),
                ("put right by", outcome.get("corrective")),
            ]
        )
    )


@app.command("pass")
def pass_check(
    task_id: TaskArgument,
    *,
    reason: Annotated[str, typer.Option("--reason", help="what was looked at; kept")],
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say that everything was done as it should be."""
    _answer(task_id, "pass", reason, principal, api, as_json=as_json)


@app.command("object")
def object_to(
    task_id: TaskArgument,
    *,
    reason: Annotated[
        str, typer.Option("--reason", help="what is wrong; kept, and in the corrective ticket")
    ],
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say that something is wrong. The ticket stays; another one is opened to put it right."""
    _answer(task_id, "object", reason, principal, api, as_json=as_json)


def _answer(
    task_id: str, verb: str, reason: str, principal: str | None, api: str | None, *, as_json: bool
) -> None:
    body = {"verb": verb, "reason": reason}
    reply = connect(api, principal).post("spot-checks", task_id, "answer", body=body)
    if as_json:
        print_json(reply)
    else:
        console().print(f"{task_id}: {reply['message']}")


def _row(listed: dict[str, Any]) -> tuple[object, ...]:
    check, outcome = listed["check"], listed["outcome"]
    came = f"{outcome['by']}: {outcome['reason']}" if outcome else None
    if outcome and outcome["corrective"]:
        came = f"{came} (put right by {outcome['corrective']})"
    return check["task_id"], listed["state"], check["kind"], check["group"], when(check["due_at"]), came
