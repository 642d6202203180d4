"""`opsloop dispatch …`: why a ticket goes where it goes. It needs no server."""

import sys
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from domain.errors import InvalidInput
from domain.task import OpsTask, Priority, RiskLevel
from workers.cli.output import console, facts, print_json
from workers.cli.session import JsonOption, load_settings

app = typer.Typer(no_args_is_help=True, help="See why a ticket goes where it goes.")

_LONGEST_TITLE: Final = 300


@app.callback()
def _dispatch() -> None:
    """See why a ticket goes where it goes."""


@app.command()
def explain(
    text: Annotated[
        list[str], typer.Argument(metavar="TEXT…", help="the ticket's text; `-` reads standard input")
    ],
    risk: Annotated[RiskLevel, typer.Option(help="what the source takes the risk for")] = RiskLevel.MEDIUM,
    definitions: Annotated[Path | None, typer.Option(help="folder of the definitions to ask")] = None,
    as_json: JsonOption = False,
) -> None:
    """Dispatch a text with the definitions in force and show the evidence."""
    # Every adapter comes with these; commands that talk to the API start faster without them.
    from workers.activity_set import handler_specs  # noqa: PLC0415
    from workers.rulebook import RulebookFiles  # noqa: PLC0415

    words = sys.stdin.read() if text == ["-"] else " ".join(text)
    rulebook = RulebookFiles(definitions or load_settings().definitions_dir, handler_specs())
    answer = rulebook.dispatch(_task(words, risk)).model_dump(mode="json")
    if as_json:
        print_json(answer)
    else:
        console().print(facts(_facts(answer)))


def _task(words: str, risk: RiskLevel) -> OpsTask:
    """The words as a ticket: the first line is the title, cut where a title must end."""
    title, _, description = words.strip().partition("\n")
    if not title:
        raise InvalidInput("there is no text to dispatch")
    if len(title) > _LONGEST_TITLE:
        cut = title.rfind(" ", 0, _LONGEST_TITLE + 1)
        cut = cut if cut > 0 else _LONGEST_TITLE
        title, description = title[:cut], f"{title[cut:].lstrip()}\n{description}"
    return OpsTask(
        task_id="explain",
        title=title,
        description=description[:50_000],
        source="cli",
        external_id="explain",
        priority=Priority.P4,
        risk_level=risk,
    )


def _facts(answer: dict[str, Any]) -> list[tuple[str, Any]]:
    evidence = answer["evidence"]
    return [
        ("group", answer["group"]),
        ("because", evidence["reason"]),
        ("layer", answer["layer"]),
        ("rule", evidence["rule"]),
        ("matched text", evidence["matched_text"]),
        ("words", ", ".join(f"{word} {weight:g}" for word, weight in evidence["words"].items())),
        ("scores", ", ".join(f"{group} {score:g}" for group, score in evidence["scores"].items())),
        ("runner-up", evidence["runner_up"]),
        ("category", answer["category"]),
        ("action", answer["action"]),
        ("priority", answer["priority"]),
        ("risk (estimate)", answer["risk"]),
        ("SLA hours", answer["sla_hours"]),
        ("tables", answer["tables_digest"][:12]),
    ]
