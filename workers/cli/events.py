"""`opsloop ticket event`: tell a ticket what happened outside."""

from pathlib import Path
from typing import Annotated, Any

import typer

from domain.digest import digest_of
from domain.errors import InvalidInput, NotFound
from workers.api.strict_json import read_json
from workers.cli.assignments import assignments
from workers.cli.commands import TaskArgument
from workers.cli.output import console, print_json
from workers.cli.session import ApiOption, AsOption, JsonOption, connect

app = typer.Typer()


@app.command()
def event(
    task_id: TaskArgument,
    name: Annotated[str, typer.Argument(metavar="NAME", help="what happened, as the SOP's `wait` names it")],
    *,
    data: Annotated[
        list[str] | None, typer.Option("--data", metavar="NAME=TEXT", help="a fact; may be given again")
    ] = None,
    json_data: Annotated[
        Path | None, typer.Option("--json-data", metavar="FILE", help="facts as one JSON object")
    ] = None,
    event_id: Annotated[
        str | None,
        typer.Option(
            "--id", help="its id at the source [default: made of name and facts, so repeats count once]"
        ),
    ] = None,
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell a ticket what happened outside. It counts once for each id, and is kept when it comes early."""
    facts = _facts(data or [], json_data)
    body = {"name": name, "event_id": event_id or digest_of([name, facts])[:32], "data": facts}
    outcome = connect(api, principal).post("tickets", task_id, "events", body=body)
    if as_json:
        print_json(outcome)
        return
    hint = "; if it happened once more, give another --id" if outcome["repeated"] else ""
    console().print(f"{task_id}: {outcome['message']} (event {outcome['event_id']}){hint}")


def _facts(data: list[str], file: Path | None) -> dict[str, Any]:
    typed = assignments(data, "--data")
    if file is None:
        return typed
    try:
        content = read_json(file.read_bytes())
    except OSError as error:
        raise NotFound(f"{file}: cannot be read ({error.strerror})") from error
    except InvalidInput as error:
        raise InvalidInput(f"{file}: {error}") from error
    if not isinstance(content, dict):
        raise InvalidInput(f"{file}: expected one JSON object")
    twice = sorted(content.keys() & typed.keys())
    if twice:
        raise InvalidInput(f"--data: {', '.join(twice)} is in {file} as well; expected each name once")
    return {**content, **typed}
