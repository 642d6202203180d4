"""`opsloop sop`: what can be done with SOPs without running them."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import typer

from definitions.finding_pages import explained
from definitions.findings import Finding, Severity, has_errors, suggestion
from definitions.json_schema import sop_schema_text
from definitions.loader import check_sop_files, load_rulebook
from definitions.policy_schema import SCHEMAS, policy_schema_text
from domain.errors import InvalidInput, NotFound
from workers.cli import graph, simulate

_SOP: Final = "sop"

app = typer.Typer(help="SOPs: check them before they serve a ticket.", no_args_is_help=True)

app.command("graph")(graph.sop_graph)
app.command("simulate")(simulate.simulate)
app.command("test")(simulate.test)


@app.callback()
def sop() -> None:
    """SOPs: check them before they serve a ticket."""


@app.command()
def check(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="SOP files; without any, all SOPs and policies of the definitions folder."),
    ] = None,
    definitions: Annotated[
        Path | None,
        typer.Option(help="Definitions folder; default: OPSLOOP_DEFINITIONS_DIR.", metavar="DIR"),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a list of {file, line, column, code, severity, …}.")
    ] = False,
    strict: Annotated[bool, typer.Option(help="Warnings count as errors.")] = False,
    explain: Annotated[
        str | None, typer.Option(help="Explain one code, such as OPS201, with an example.", metavar="CODE")
    ] = None,
) -> None:
    """Says all that is wrong with SOPs: `file:line:column: error CODE: what is wrong; expected what`.

    Exits 1 when there is an error. `--explain CODE` says more about one; docs/findings has a page for each.
    """
    if explain is not None:
        page = explained(explain)
        typer.echo(json.dumps({"code": explain.upper(), "page": page}) if as_json else page)
        return
    # Imported here: the other commands of the CLI need neither activities nor settings to start.
    from workers.activity_set import handler_specs  # noqa: PLC0415
    from workers.settings import Settings  # noqa: PLC0415

    folder = _near(definitions or Settings().definitions_dir)
    handlers = handler_specs()
    if files:
        findings = check_sop_files(files, folder, handlers)
        subject = f"{len(files)} file{'s' if len(files) > 1 else ''}"
    else:
        _, findings = load_rulebook(folder, handlers)
        subject = str(folder)
    typer.echo(_as_json(findings) if as_json else _as_text(findings, subject))
    if has_errors(findings) or (strict and findings):
        raise typer.Exit(1)


@app.command()
def schema(
    name: Annotated[
        str, typer.Argument(metavar="[POLICY]", help="A policy such as duty or rules; default: the SOPs.")
    ] = _SOP,
    write: Annotated[
        Path | None,
        typer.Option(
            help="Write it to this file instead, such as definitions/sop.schema.json.", metavar="FILE"
        ),
    ] = None,
) -> None:
    """Prints the JSON Schema of SOPs or of a policy, with which editors complete and check them.

    An SOP whose first line is `# yaml-language-server: $schema=../sop.schema.json` uses it in VS Code, and
    `policies/duty.yaml` with `$schema=../schemas/duty.schema.json`.
    """
    text = _schema_text(name)
    if write is None:
        typer.echo(text, nl=False)
        return
    try:
        write.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"cannot write {write}: {error.strerror}", field="--write") from error


def _schema_text(name: str) -> str:
    if name == _SOP:
        return sop_schema_text()
    if name not in SCHEMAS:
        known = (_SOP, *SCHEMAS)
        raise NotFound(
            f"there is no schema {name!r}{suggestion(name, known)}; expected one of: {', '.join(known)}"
        )
    return policy_schema_text(name)


def _as_json(findings: Sequence[Finding]) -> str:
    return json.dumps([asdict(finding) for finding in findings], ensure_ascii=False, indent=2)


def _as_text(findings: Sequence[Finding], subject: str) -> str:
    errors = sum(finding.severity is Severity.ERROR for finding in findings)
    warnings = len(findings) - errors
    summary = f"{subject}: {_count(errors, 'error')}, {_count(warnings, 'warning')}"
    return "\n".join([*(str(finding) for finding in findings), summary])


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}" if number else f"no {noun}s"


def _near(folder: Path) -> Path:
    """The folder as seen from here, when it lies below."""
    here = Path.cwd()
    return folder.relative_to(here) if folder.is_absolute() and folder.is_relative_to(here) else folder
