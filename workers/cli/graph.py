"""`opsloop sop graph` and `opsloop ticket graph`: procedures as pictures."""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from definitions.book import called_by, with_people
from definitions.findings import Finding, Severity, suggestion
from definitions.graph import graph_of
from definitions.loader import read_sop
from definitions.policy_files import read_policies
from definitions.schema import Sop
from definitions.sources import CASES
from domain.errors import DefinitionError, InvalidInput, NotFound
from domain.handlers import HandlerSpec
from workers.cli.commands import TaskArgument
from workers.cli.output import print_json
from workers.cli.session import Api, ApiOption, AsOption, JsonOption, connect, load_settings
from workers.pictures.ticket import picture


class PictureFormat(StrEnum):
    """What a picture is written as."""

    MERMAID = "mermaid"
    SVG = "svg"


FormatOption = Annotated[
    PictureFormat | None,
    typer.Option("--format", help="mermaid or svg [default: svg where --out ends so, else mermaid]"),
]
OutOption = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="write it to this file instead of the screen")
]


def sop_graph(
    sop: Annotated[
        str | None, typer.Argument(metavar="[FILE|SOP-ID]", help="a file, or the id of an SOP in use")
    ] = None,
    *,
    wanted: FormatOption = None,
    out: OutOption = None,
    ticket: Annotated[
        str | None,
        typer.Option("--ticket", metavar="TASK_ID", help="the SOP that this ticket pinned, with its path"),
    ] = None,
    definitions: Annotated[
        Path | None,
        typer.Option(help="Definitions folder; default: OPSLOOP_DEFINITIONS_DIR.", metavar="DIR"),
    ] = None,
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """Draw an SOP: every step, every route, what follows a failure and a no.

    Needs no API, but with --ticket. A draft is drawn as long as its form is right.
    """
    if sop is None and ticket is None:
        raise InvalidInput("say what to draw: a file, the id of an SOP, or --ticket TASK_ID")
    form = _format(wanted, out)
    folder = definitions or load_settings().definitions_dir
    drawn = _sop_named(sop, folder) if sop is not None else None
    if ticket is not None:
        connection = connect(api, principal)
        if drawn is not None:
            _same_sop(connection, ticket, drawn)
        _give(_of_ticket(connection, ticket, form), form, out, as_json=as_json)
        return
    assert drawn is not None  # noqa: S101 - one of both was given
    sops = [each for _, each, _ in _sops_in(folder) if each is not None]
    graph = graph_of(drawn, _catalogue(folder), called_by(drawn, [drawn, *sops]))
    _give(picture(graph, form.value, None), form, out, as_json=as_json)


def ticket_graph(
    task_id: TaskArgument,
    *,
    wanted: FormatOption = None,
    out: OutOption = None,
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """Draw the procedure of a ticket, as the ticket pinned it, with the path that it took."""
    form = _format(wanted, out)
    _give(_of_ticket(connect(api, principal), task_id, form), form, out, as_json=as_json)


def _of_ticket(connection: Api, task_id: str, form: PictureFormat) -> str:
    return connection.text("tickets", task_id, "graph", format=form.value)


def _same_sop(connection: Api, task_id: str, sop: Sop) -> None:
    """Raises `InvalidInput` unless the ticket runs this SOP, in whatever version."""
    runs = connection.get("tickets", task_id)["view"]["sop"]
    if runs != sop.name:
        raise InvalidInput(f"ticket {task_id} runs {runs or 'no SOP yet'!r}, not {sop.name!r}")


def _give(text: str, form: PictureFormat, out: Path | None, *, as_json: bool) -> None:
    if out is not None:
        try:
            out.write_text(text, encoding="utf-8")
        except OSError as error:
            raise InvalidInput(f"cannot write {out}: {(error.strerror or str(error)).lower()}") from error
    if as_json:
        where = {"file": str(out)} if out is not None else {"picture": text}
        print_json({"format": form.value, **where})
    elif out is None:
        print(text, end="")


def _format(wanted: PictureFormat | None, out: Path | None) -> PictureFormat:
    if wanted is not None:
        return wanted
    return PictureFormat.SVG if out is not None and out.suffix.lower() == ".svg" else PictureFormat.MERMAID


def _sop_named(name: str, folder: Path) -> Sop:
    """The SOP in a file, or the one of this id in the definitions folder."""
    if name.endswith((".yaml", ".yml")) or Path(name).exists():
        sop, findings = read_sop(Path(name), None)
        if sop is None:
            raise DefinitionError(_errors(findings))
        return sop
    known: list[str] = []
    broken: list[Finding] = []
    for path, each, findings in _sops_in(folder):
        if each is None:
            broken += findings
            if path.stem == name:
                raise DefinitionError(_errors(findings))
            continue
        if each.id == name:
            return each
        known.append(each.id)
    unread = f"; not readable: {_errors(broken)}" if broken else ""
    raise NotFound(
        f"there is no SOP {name!r}{suggestion(name, known)}; known: {', '.join(known) or 'none'}{unread}"
    )


def _sops_in(folder: Path) -> Iterator[tuple[Path, Sop | None, list[Finding]]]:
    for path in sorted((folder / "sops").glob("*.yaml")):
        if not path.name.endswith(CASES):
            yield path, *read_sop(path, None)


def _catalogue(folder: Path) -> dict[str, HandlerSpec]:
    """All handlers; without the people where their policy cannot be read."""
    # Imported here: the other commands of the CLI need no activities to start.
    from workers.activity_set import handler_specs  # noqa: PLC0415

    policies, _ = read_policies(folder / "policies")
    handlers = handler_specs()
    return policies.catalogue(handlers) or with_people(handlers, {})


def _errors(findings: Sequence[Finding]) -> str:
    return "\n".join(str(each) for each in findings if each.severity is Severity.ERROR)
