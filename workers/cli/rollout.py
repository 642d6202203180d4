"""`opsloop sop rollout …`: a version of an SOP comes into force step by step, and back with one command."""

from pathlib import Path
from typing import Annotated, Any

import typer

from definitions.run_report import RunReport, as_markdown, duration, per_cent
from domain.errors import InvalidInput
from domain.outcomes import VersionCounts
from domain.shadow import ShadowTally
from workers.cli.output import console, facts, print_json, table, when
from workers.cli.session import ApiOption, AsOption, JsonOption, connect

app = typer.Typer(
    help="Bring a version of an SOP into force step by step: in shadow, for a share, for all.",
    no_args_is_help=True,
)

SopArgument = Annotated[str, typer.Argument(metavar="SOP", help="id, name or path of the SOP")]
DespiteOption = Annotated[
    str,
    typer.Option("--despite", metavar="REASON", help="goes on although the shadow runs do not suffice; kept"),
]


@app.command()
def start(
    sop: Annotated[str, typer.Argument(metavar="PATH|SOP", help="path, id or name of the SOP")],
    *,
    version: Annotated[int, typer.Option("--version", min=1, help="its number in the rules library")],
    category: Annotated[
        list[str] | None,
        typer.Option("--category", help="only tickets of this category; may be given again"),
    ] = None,
    action: Annotated[
        list[str] | None, typer.Option("--action", help="only this action; may be given again")
    ] = None,
    why: Annotated[str, typer.Option("--why", help="what it is to show")] = "",
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a published version in shadow: interpreted beside real tickets, changing nothing."""
    body = {
        "sop": sop,
        "version": version,
        "categories": category or [],
        "actions": action or [],
        "why": why,
    }
    _print_done(connect(api, principal).post("rollouts", "start", body=body), as_json=as_json)


@app.command("to")
def serve(
    sop: SopArgument,
    percent: Annotated[
        int, typer.Argument(min=0, max=100, help="share of its tickets; 0 takes it back into shadow")
    ],
    *,
    despite: DespiteOption = "",
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let the candidate serve a share of its tickets. Its publisher cannot."""
    body = {"sop": sop, "percent": percent, "despite": despite}
    _print_done(connect(api, principal).post("rollouts", "serve", body=body), as_json=as_json)


@app.command()
def full(
    sop: SopArgument,
    despite: DespiteOption = "",
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """Release the candidate, which ends the rollout with its run report. Its publisher cannot."""
    body = {"sop": sop, "despite": despite}
    _print_done(connect(api, principal).post("rollouts", "complete", body=body), as_json=as_json)


@app.command()
def back(
    sop: SopArgument,
    *,
    reason: Annotated[str, typer.Option("--reason", help="why; kept with the rollout")],
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take the candidate back at once. Tickets that run under it keep it."""
    body = {"sop": sop, "reason": reason}
    _print_done(connect(api, principal).post("rollouts", "withdraw", body=body), as_json=as_json)


@app.command()
def status(
    sop: Annotated[
        str | None, typer.Argument(metavar="[SOP]", help="all rollouts of this SOP; default: each SOP's last")
    ] = None,
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show where rollouts stand, with the outcomes of each version side by side."""
    listed = connect(api, principal).get("rollouts", sop=sop)
    if as_json:
        print_json(listed)
        return
    out = console()
    if not listed["rollouts"]:
        out.print("there was no rollout yet: `opsloop sop rollout start` begins one")
    for number, shown in enumerate(listed["rollouts"]):
        if number:
            out.print()
        _print_rollout(shown)


@app.command()
def report(
    sop: Annotated[
        str, typer.Argument(metavar="SOP|NUMBER", help="id, name or path of the SOP, or a rollout's number")
    ],
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE.md", help="writes it there")] = None,
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the run report of a rollout as Markdown: of an open one as of now, else as of its end."""
    found = connect(api, principal).get("rollouts", "report", sop=sop)
    page = as_markdown(RunReport.model_validate(found))
    if out is not None:
        try:
            out.write_text(page, encoding="utf-8")
        except OSError as error:
            raise InvalidInput(f"cannot write {out}: {error.strerror}", field="--out") from error
    if as_json:
        print_json(found)
    else:
        typer.echo(page if out is None else f"written to {out}", nl=out is not None)


def _print_done(done: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(done)
        return
    if done["repeated"]:
        console().print("it stands there already; nothing was changed\n")
    _print_rollout(done["shown"])


def _print_rollout(shown: dict[str, Any]) -> None:
    out = console()
    rollout, candidate = shown["rollout"], shown["rollout"]["candidate"]
    tally = ShadowTally.model_validate(shown["shadow"])
    out.print(
        facts(
            [
                ("rollout", f"{candidate['rollout']} of {candidate['sop']['name']}"),
                ("candidate", f"version {candidate['version']} of {candidate['path']}"),
                ("published by", rollout["published_by"]),
                ("tickets", shown["scenario"]),
                ("stage", _stage(candidate["stage"], candidate["percent"])),
                ("since", f"{when(candidate['since'])} by {candidate['by']}"),
                ("shadow runs", _tally(tally)),
                ("not yet", shown["objection"]),
            ]
        )
    )
    versions = [VersionCounts.model_validate(each) for each in shown["versions"]]
    if versions:
        out.print()
        out.print(table(_COLUMNS, [_row(each) for each in versions]))


_COLUMNS = (
    "version",
    "digest",
    "tickets",
    "completed",
    "rejected",
    "cancelled",
    "failed now",
    "running",
    "touches each",
    "median",
    "SLA met",
    "spot checks",
)


def _row(counts: VersionCounts) -> tuple[object, ...]:
    return (
        f"{counts.sop_id} {counts.version}{' (candidate)' if counts.is_candidate else ''}",
        counts.digest[:8],
        counts.tickets,
        counts.completed,
        counts.rejected,
        counts.cancelled,
        counts.failed_now,
        counts.running,
        f"{counts.touches_per_ticket:.2f}",
        duration(counts.median_seconds),
        per_cent(counts.sla_share),
        counts.spot_checks,
    )


def _stage(stage: str, percent: int) -> str:
    return f"{percent} %" if stage == "percentage" else stage


def _tally(tally: ShadowTally) -> str:
    if not tally.runs:
        return "none yet"
    touches = "1 touch" if tally.saved_touches == 1 else f"{tally.saved_touches} touches"
    return (
        f"{tally.runs}, {per_cent(tally.agreement)} agree with what was done "
        f"({tally.differs} differ, {tally.failed} failed, {touches} saved)"
    )
