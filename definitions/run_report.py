"""The run report: what a rollout showed, who let it go on, and how it ended. The last paper of a go-live."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from definitions.rollout import Rollout, RolloutMove
from domain.model import Instant, Record
from domain.outcomes import TicketOutcome, VersionCounts, counts_by_version
from domain.rollout import Stage
from domain.shadow import Agreement, ShadowReport, ShadowTally

MOST_DIFFERENCES: Final = 200


class Difference(Record):
    """A shadow run that did not agree with what was done."""

    task_id: str
    agreement: Agreement
    reasons: tuple[str, ...]


class RunReport(Record):
    """Everything about one rollout that somebody has to sign or to check."""

    rollout: int
    sop_id: str
    sop: str
    description: str
    path: str
    version: int
    """In the rules library."""
    digest: str
    scenario: str
    """Which tickets it was about."""
    stage: Stage
    percent: int
    published_by: str
    published_at: Instant
    started_at: Instant
    ended_at: Instant | None = None
    made_at: Instant
    moves: tuple[RolloutMove, ...]
    versions: tuple[VersionCounts, ...]
    """Tickets opened since the rollout began, by the version that served them."""
    shadow: ShadowTally
    differences: tuple[Difference, ...] = ()
    differences_left_out: int = 0
    troubles: dict[str, int] = {}
    """How often steps failed in shadow, by `step: code`."""
    assumed: dict[str, int] = {}
    """Questions that nobody had answered in the real runs, how often, by `group/role: step`."""
    signed_off_by: tuple[str, ...] = ()
    """Releasers who let the candidate serve tickets."""

    @property
    def is_final(self) -> bool:
        """Whether the rollout has ended."""
        return not self.stage.is_open


def run_report(
    rollout: Rollout,
    *,
    outcomes: Iterable[TicketOutcome],
    tally: ShadowTally,
    differing: Sequence[ShadowReport],
    sample: Iterable[ShadowReport],
    now: datetime,
) -> RunReport:
    """The report as of now. `differing` are shadow runs that did not agree, `sample` the first of all."""
    candidate, first = rollout.candidate, rollout.moves[0]
    ended = None if rollout.is_open else rollout.moves[-1].at
    counted = [each for each in outcomes if each.opened_at >= first.at]
    troubles = Counter(
        f"{trouble.key}: {trouble.code}" for each in differing for trouble in each.troubles if trouble.stops
    )
    assumed = Counter(
        f"{asked.of}: {asked.key}" for each in sample for asked in each.asked if not asked.answered
    )
    shown = differing[:MOST_DIFFERENCES]
    return RunReport(
        rollout=rollout.number,
        sop_id=candidate.sop.id,
        sop=candidate.sop.name,
        description=candidate.sop.description,
        path=candidate.path,
        version=candidate.version,
        digest=candidate.digest,
        scenario=scenario_of(rollout),
        stage=candidate.stage,
        percent=candidate.percent,
        published_by=rollout.published_by,
        published_at=rollout.published_at,
        started_at=first.at,
        ended_at=ended,
        made_at=now,
        moves=rollout.moves,
        versions=tuple(counts_by_version(counted, now, rollout.number)),
        shadow=tally,
        differences=tuple(
            Difference(task_id=each.task_id, agreement=each.agreement, reasons=each.reasons) for each in shown
        ),
        differences_left_out=max(0, tally.differs + tally.failed - len(shown)),
        troubles=dict(sorted(troubles.items())),
        assumed=dict(sorted(assumed.items())),
        signed_off_by=tuple(
            dict.fromkeys(each.by for each in rollout.moves if each.stage in (Stage.PERCENTAGE, Stage.FULL))
        ),
    )


def scenario_of(rollout: Rollout) -> str:
    """Which tickets a rollout is about, in words."""
    candidate = rollout.candidate
    trigger = candidate.sop.trigger
    categories = candidate.categories or ((trigger.category,) if trigger else ())
    actions = candidate.actions or ((trigger.action,) if trigger and trigger.action else ())
    return f"{', '.join(categories)} / {', '.join(actions) or 'any action'}"


def as_markdown(report: RunReport) -> str:
    """The report as a page."""
    state = "final" if report.is_final else "not final: the rollout is open"
    parts = [
        f"# Run report: rollout {report.rollout} of {_cell(report.sop)}",
        f"As of {_instant(report.made_at)}, {state}.",
        _facts(report),
        "## Stages",
        _table(
            ("from", "to", "by", "when", "why"),
            [
                (
                    _stage(each.was, each.was_percent),
                    _stage(each.stage, each.percent),
                    each.by,
                    _instant(each.at),
                    _why(each),
                )
                for each in report.moves
            ],
        ),
        "## Outcomes by version",
        "Tickets that were opened since the rollout began.",
        _versions(report.versions),
        "## Shadow runs",
        *_shadow(report),
        "## Signed off",
        ", ".join(report.signed_off_by) or "Nobody: the candidate never served a ticket.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _facts(report: RunReport) -> str:
    return _table(
        ("", ""),
        [
            ("scenario", report.scenario),
            ("what it is for", report.description),
            ("candidate", f"version {report.version} of {report.path}, digest {report.digest[:12]}"),
            ("published by", f"{report.published_by}, {_instant(report.published_at)}"),
            ("began", _instant(report.started_at)),
            ("ended", _instant(report.ended_at) if report.ended_at else "open"),
            ("stands at", _stage(report.stage, report.percent)),
        ],
    )


def _versions(versions: Sequence[VersionCounts]) -> str:
    if not versions:
        return "None."
    names = [f"{each.version}{' (candidate)' if each.is_candidate else ''}" for each in versions]
    rows: list[tuple[str, ...]] = [
        (name, *(value(each) for each in versions))
        for name, value in (
            ("SOP", lambda each: each.sop_id),
            ("digest", lambda each: each.digest[:8]),
            ("tickets", lambda each: str(each.tickets)),
            ("completed", lambda each: str(each.completed)),
            ("rejected", lambda each: str(each.rejected)),
            ("cancelled", lambda each: str(each.cancelled)),
            ("failed now", lambda each: str(each.failed_now)),
            ("running", lambda each: str(each.running)),
            ("human touches per ticket", lambda each: f"{each.touches_per_ticket:.2f}"),
            ("median duration", lambda each: duration(each.median_seconds)),
            ("SLA met", lambda each: per_cent(each.sla_share)),
            ("spot checks", lambda each: str(each.spot_checks)),
        )
    ]
    return _table(("", *names), rows)


def _shadow(report: RunReport) -> list[str]:
    tally = report.shadow
    if not tally.runs:
        return ["None."]
    words = (
        f"{tally.runs} tickets were also run in shadow: {tally.same} agree with what was done "
        f"({per_cent(tally.agreement)}), {tally.differs} differ, {tally.failed} would have come to a stop. "
        f"The candidate would have needed {abs(tally.saved_touches)} human touches "
        f"{'fewer' if tally.saved_touches >= 0 else 'more'} than there were."
    )
    rows = [(each.task_id, each.agreement.value, "; ".join(each.reasons)) for each in report.differences]
    left_out = f"{report.differences_left_out} more are in the store." if report.differences_left_out else ""
    troubles = [(name, str(number)) for name, number in report.troubles.items()]
    assumed = [(name, str(number)) for name, number in report.assumed.items()]
    return [
        words,
        _table(("ticket", "", "what differs"), rows) if rows else "",
        left_out,
        _table(("steps that failed in shadow", "times"), troubles) if troubles else "",
        _table(("would ask, and a yes was assumed", "times"), assumed) if assumed else "",
    ]


def per_cent(share: float | None) -> str:
    """A share for people; a dash where there is none."""
    return "–" if share is None else f"{100 * share:.1f} %"


def duration(seconds: float | None) -> str:
    """A duration for people: `1 h 05 min`; a dash where there is none."""
    if seconds is None:
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def _stage(stage: Stage | None, percent: int) -> str:
    if stage is None:
        return "–"
    return f"{percent} %" if stage is Stage.PERCENTAGE else stage.value


def _why(move: RolloutMove) -> str:
    return (
        f"{move.why}{'; ' if move.why else ''}despite the shadow runs: {move.despite}"
        if move.despite
        else move.why
    )


def _instant(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(_cell(each) for each in line) + " |" for line in lines)


def _cell(text: str) -> str:
    """What people wrote, as one cell of a table."""
    return " ".join(text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").split()) or " "
