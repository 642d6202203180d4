"""`opsloop sop simulate` and `opsloop sop test`: SOPs on a virtual clock, before they serve a ticket."""

import asyncio
import json
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from zoneinfo import ZoneInfo

import typer

from definitions.findings import Finding, has_errors, suggestion
from definitions.policy_files import read_document
from definitions.sources import CASES
from definitions.validation import validated
from domain.errors import DefinitionError, InvalidInput
from workers.cli.output import print_json
from workers.cli.session import JsonOption, load_settings

if TYPE_CHECKING:
    from definitions.book import Rulebook
    from workers.simulation.cases import CaseTicket
    from workers.simulation.run import Play, Played
    from workers.simulation.suite import SuiteResult

_PATIENCE: Final = timedelta(minutes=10)
"""After which people answer, where no case says so."""

DefinitionsOption = Annotated[
    Path | None,
    typer.Option(help="Definitions folder; default: OPSLOOP_DEFINITIONS_DIR.", metavar="DIR"),
]


def simulate(
    sop: Annotated[Path, typer.Argument(help="The SOP's file, in the definitions folder or elsewhere.")],
    *,
    case: Annotated[
        str | None, typer.Option(help="The name of a case; all its people and mocks play.")
    ] = None,
    cases: Annotated[
        Path | None, typer.Option(help="Its file; default: NAME.test.yaml beside the SOP.", metavar="FILE")
    ] = None,
    ticket: Annotated[
        Path | None, typer.Option(help="A ticket (YAML or JSON) in place of a case.", metavar="FILE")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="A field of the ticket.", metavar="FIELD=VALUE")
    ] = None,
    at: Annotated[
        datetime | None,
        typer.Option(
            help="When the ticket is received, such as 2026-11-23T22:00:00+08:00; default: now.",
            formats=["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M%z"],
        ),
    ] = None,
    definitions: DefinitionsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run one SOP on a virtual clock and print what happens, hour by hour. Nothing leaves this process.

    Without a case, checks run for real, other handlers answer their first outcome, and everybody who is asked
    approves after ten minutes.
    """
    from workers.simulation.files import rulebook_with, sop_file_of  # noqa: PLC0415
    from workers.simulation.timeline import as_json as document  # noqa: PLC0415
    from workers.simulation.timeline import as_text  # noqa: PLC0415

    if sop.name.endswith(CASES) and cases is None:
        # The case file itself was named: what it tests is meant.
        cases, sop = sop, sop_file_of(sop)
    rulebook = _good(*rulebook_with(_folder(definitions), [sop]))
    if case is not None or cases is not None:
        plays = _plays_of(cases or sop.with_name(f"{sop.stem}.test.yaml"), case, rulebook)
    else:
        plays = [_play_by_hand(sop, ticket, set_ or [], at, rulebook)]
    _quiet()
    runs = asyncio.run(_play(plays, rulebook))
    zone = ZoneInfo(rulebook.duty.timezone)
    if as_json:
        documents = [document(run, zone) for run in runs]
        print_json(documents[0] if len(documents) == 1 else documents)
    else:
        for run in runs:
            print(f"{run.case.name}\n{as_text(run, zone)}\n")
    if _complain_of(runs):
        raise typer.Exit(1)


def test(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Case files; without any, all of the definitions folder.", metavar="[FILES…]"),
    ] = None,
    definitions: DefinitionsOption = None,
    junit: Annotated[Path | None, typer.Option(help="Write JUnit XML here too.", metavar="FILE")] = None,
    min_coverage: Annotated[
        int, typer.Option(help="Fail when an SOP is covered less, in percent.", min=0, max=100)
    ] = 0,
    as_json: JsonOption = False,
) -> None:
    """Play every case of `*.test.yaml` on a virtual clock and say what is not as it should be.

    Exits 1 when a case fails, when a file is wrong, or when an SOP is covered too little.
    """
    from workers.simulation.files import case_files, read_cases, rulebook_with, sop_file_of  # noqa: PLC0415
    from workers.simulation.suite import play_all  # noqa: PLC0415

    folder = _folder(definitions)
    paths = files or case_files(folder)
    if not paths:
        raise InvalidInput(
            f"there is no case file in {folder}/sops: write one, named like its SOP, *.test.yaml"
        )
    beside = [each for each in map(sop_file_of, paths) if each.is_file()]
    rulebook = _good(*rulebook_with(folder, beside))
    read = [read_cases(path, rulebook) for path in paths]
    _refuse_errors([finding for _, findings in read for finding in findings])
    _quiet()
    result = asyncio.run(play_all([each for each, _ in read if each is not None], rulebook))
    if junit is not None:
        junit.write_text(result.junit(), encoding="utf-8")
    if as_json:
        print_json(result.document())
    else:
        print(_report(result))
    thin = [each for each in result.coverage if each.percent < min_coverage]
    for each in thin:
        print(f"{each.sop.id}: {each.percent} % covered, expected {min_coverage} %", file=sys.stderr)
    if result.failed or thin:
        raise typer.Exit(1)


def _report(result: "SuiteResult") -> str:
    lines: list[str] = []
    sop = ""
    for each in result.results:
        if each.played.sop.id != sop:
            sop = each.played.sop.id
            lines.append(f"{sop} ({each.path})")
        lines.append(f"  {'FAILED' if each.differences else 'ok':<8}{each.played.case.name}")
        lines += [f"          {difference}" for difference in each.differences]
    lines += ["", "coverage"]
    for coverage in result.coverage:
        missed = f"; never: {', '.join(coverage.missed)}" if coverage.missed else ""
        lines.append(f"  {coverage.percent:>3} %   {coverage.sop.id}{missed}")
    failed = f"{len(result.failed)} failed" if result.failed else "all as expected"
    number = len(result.results)
    return "\n".join([*lines, "", f"{number} case{'' if number == 1 else 's'}, {failed}"])


async def _play(plays: Sequence["Play"], rulebook: "Rulebook") -> list["Played"]:
    from workers.simulation.run import stage  # noqa: PLC0415

    async with stage(rulebook, [plays[0].sop]) as place:
        return list(await asyncio.gather(*(place.play(play) for play in plays)))


def _plays_of(path: Path, case: str | None, rulebook: "Rulebook") -> list["Play"]:
    from workers.simulation.files import read_cases  # noqa: PLC0415

    read, findings = read_cases(path, rulebook)
    _refuse_errors(findings)
    plays = list(read.plays) if read else []
    if case is None:
        return plays
    names = [play.case.name for play in plays]
    chosen = [play for play in plays if play.case.name == case] or [
        play for play in plays if case.lower() in play.case.name.lower()
    ]
    if len(chosen) != 1:
        problem = "several cases are" if chosen else "no case is"
        near = suggestion(case, names)
        raise InvalidInput(f"{problem} called {case!r} in {path}{near}; it has: {'; '.join(names)}")
    return chosen


def _play_by_hand(
    path: Path, ticket: Path | None, fields: Sequence[str], at: datetime | None, rulebook: "Rulebook"
) -> "Play":
    from definitions.loader import read_sop  # noqa: PLC0415
    from workers.simulation.cases import Answer, Case, CaseTicket  # noqa: PLC0415
    from workers.simulation.run import Play  # noqa: PLC0415

    draft, findings = read_sop(path, None)
    _refuse_errors(findings)
    sop = next(each for each in rulebook.sops if draft is not None and each.id == draft.id)
    given = CaseTicket(fields=dict(_field(each) for each in fields))
    if ticket is not None:
        given = given.over(_ticket_in(ticket))
    case: Case = Case(
        name=sop.name, at=at or datetime.now(UTC), ticket=given, everybody=Answer(after=_PATIENCE)
    )
    return Play(case, sop)


def _ticket_in(path: Path) -> "CaseTicket":
    from workers.simulation.cases import CaseTicket  # noqa: PLC0415

    document, findings = read_document(path)
    _refuse_errors(findings)
    if document is None:
        raise InvalidInput(f"{path}: cannot be read")
    ticket, findings = validated(document, CaseTicket)
    _refuse_errors(findings)
    return ticket or CaseTicket()


def _field(text: str) -> tuple[str, Any]:
    """`officers=2` is a number, `vip=true` a flag; everything else, amounts with decimals too, is text."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise InvalidInput(f"--set {text!r}: expected FIELD=VALUE")
    try:
        read = json.loads(value)
    except ValueError:
        return name, value
    return name, value if isinstance(read, float) else read


def _complain_of(runs: Iterable["Played"]) -> bool:
    """Says on standard error what is not as it should be; whether anything is."""
    from workers.simulation.expectations import differences  # noqa: PLC0415

    wrong = [(run.case.name, each) for run in runs for each in differences(run)]
    for name, difference in wrong:
        print(f"{name}: {difference}", file=sys.stderr)
    return bool(wrong)


def _good(rulebook: "Rulebook | None", findings: Sequence[Finding]) -> "Rulebook":
    _refuse_errors(findings)
    if rulebook is None:
        raise DefinitionError("the definitions cannot be used")
    return rulebook


def _refuse_errors(findings: Sequence[Finding]) -> None:
    """Prints what is wrong, one a line, and ends the command."""
    errors = [finding for finding in findings if has_errors([finding])]
    for finding in errors:
        print(finding, file=sys.stderr)
    if errors:
        raise typer.Exit(1)


def _folder(definitions: Path | None) -> Path:
    """The definitions folder, as seen from here when it lies below."""
    folder, here = definitions or load_settings().definitions_dir, Path.cwd()
    return folder.relative_to(here) if folder.is_absolute() and folder.is_relative_to(here) else folder


def _quiet() -> None:
    """Only what goes wrong is logged, on standard error: the timeline is what people came for."""
    from workers.logs import configure_logs  # noqa: PLC0415
    from workers.settings import Settings  # noqa: PLC0415

    configure_logs(Settings(log_level="ERROR"))
