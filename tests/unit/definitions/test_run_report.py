"""The run report: everything about a rollout on one page."""

from datetime import timedelta

from definitions.rollout import Rollout, RolloutMove
from definitions.run_report import MOST_DIFFERENCES, RunReport, as_markdown, duration, run_report
from domain.lifecycle import TicketState
from domain.outcomes import TicketOutcome
from domain.review import ReviewKind
from domain.rollout import Arm, Placement, Stage
from domain.shadow import Agreement, Asked, RunAccount, ShadowReport, ShadowTally, Trouble
from domain.task import RiskLevel
from tests.support.rollouts import START, a_candidate

SOP = {
    "name": "Freeze | thaw",
    "id": "freeze",
    "description": "Freezes <accounts>.",
    "trigger": {"category": "accounts", "action": "freeze"},
    "steps": [{"name": "Pay", "handler": "pay"}],
}
NOW = START + timedelta(days=3)


def ended() -> Rollout:
    first = RolloutMove(number=1, by="author", at=START, was=None, stage=Stage.SHADOW, why="try it")
    rollout = Rollout(candidate=a_candidate(SOP), published_by="author", published_at=START, moves=(first,))
    for number, (stage, percent) in enumerate(((Stage.PERCENTAGE, 10), (Stage.FULL, 100)), start=2):
        at = START + timedelta(days=number - 1)
        was, share = rollout.candidate.stage, rollout.candidate.percent
        rollout = rollout.moved(
            RolloutMove(
                number=number,
                by=f"releaser{number}",
                at=at,
                was=was,
                was_percent=share,
                stage=stage,
                percent=percent,
                despite="the pilot ran long enough" if number == 2 else "",
            )
        )
    return rollout


def outcome(version: str, arm: Arm, days: int = 1) -> TicketOutcome:
    opened = START + timedelta(days=days)
    return TicketOutcome(
        sop_id="freeze",
        sop_version=version,
        sop_digest=version * 8,
        rollout=1,
        arm=arm,
        state=TicketState.COMPLETED,
        opened_at=opened,
        closed_at=opened + timedelta(minutes=5),
        deadline_at=opened + timedelta(hours=1),
    )


def differing(task_id: str) -> ShadowReport:
    account = RunAccount(
        sop="freeze", version="1", digest="d", state=TicketState.COMPLETED, risk=RiskLevel.LOW
    )
    return ShadowReport(
        placement=Placement(rollout=1, arm=Arm.IN_FORCE, stage=Stage.SHADOW, percent=0, version=1),
        task_id=task_id,
        category="accounts",
        action="freeze",
        at=START,
        agreement=Agreement.FAILED,
        reasons=("check would have failed: expression_failed",),
        real=account,
        shadow=account,
        asked=(
            Asked(key="look", kind=ReviewKind.STEP, of="Desk/reviewer", answered=False),
            Asked(key="closing", kind=ReviewKind.CLOSING, of="Desk/reviewer", answered=True),
        ),
        troubles=(Trouble(key="check", code="expression_failed"), Trouble(key="b", code="x", stops=False)),
    )


def made(rollout: Rollout | None = None, number: int = 2) -> RunReport:
    return run_report(
        rollout or ended(),
        outcomes=[
            outcome("1", Arm.IN_FORCE),
            outcome("2", Arm.CANDIDATE),
            outcome("1", Arm.IN_FORCE, days=-1),
        ],
        tally=ShadowTally(same=18, failed=number, saved_touches=-3),
        differing=[differing(f"T{each}") for each in range(number)],
        sample=[differing("T1")],
        now=NOW,
    )


def test_it_counts_the_tickets_since_the_rollout_began() -> None:
    report = made()
    assert [(each.version, each.tickets, each.is_candidate) for each in report.versions] == [
        ("1", 1, False),
        ("2", 1, True),
    ]
    assert report.is_final
    assert report.ended_at == START + timedelta(days=2)
    assert report.signed_off_by == ("releaser2", "releaser3")
    assert report.assumed == {"Desk/reviewer: look": 1}
    assert report.troubles == {"check: expression_failed": 2}
    assert RunReport.model_validate_json(report.model_dump_json()) == report


def test_the_list_of_differences_is_bounded_and_says_so() -> None:
    report = made(number=MOST_DIFFERENCES + 5)
    assert (len(report.differences), report.differences_left_out) == (MOST_DIFFERENCES, 5)
    assert "5 more are in the store." in as_markdown(report)


def test_the_page_has_dates_stages_counts_differences_and_signatures() -> None:
    page = as_markdown(made())
    for line in (
        "# Run report: rollout 1 of Freeze \\| thaw",
        "As of 2026-11-26 09:00 UTC, final.",
        "| scenario | accounts / freeze |",
        "| what it is for | Freezes &lt;accounts>. |",
        "| – | shadow | author | 2026-11-23 09:00 UTC | try it |",
        "| shadow | 10 % | releaser2 | 2026-11-24 09:00 UTC "
        "| despite the shadow runs: the pilot ran long enough |",
        "| 10 % | full | releaser3 | 2026-11-25 09:00 UTC |   |",
        "|   | 1 | 2 (candidate) |",
        "| SLA met | 100.0 % | 100.0 % |",
        "| median duration | 5 min 00 s | 5 min 00 s |",
        "| T0 | failed | check would have failed: expression_failed |",
        "| Desk/reviewer: look | 1 |",
        "releaser2, releaser3",
    ):
        assert line in page.splitlines(), (line, page)
    assert "18 agree with what was done (90.0 %), 0 differ, 2 would have come to a stop" in page
    assert "would have needed 3 human touches more" in page


def test_a_rollout_that_showed_nothing_yet_says_so() -> None:
    rollout = ended()
    young = rollout.model_copy(update={"candidate": a_candidate(SOP), "moves": rollout.moves[:1]})
    page = as_markdown(run_report(young, outcomes=[], tally=ShadowTally(), differing=[], sample=[], now=NOW))
    assert "not final: the rollout is open" in page
    assert "Nobody: the candidate never served a ticket." in page
    assert page.count("\nNone.\n") == 2


def test_durations_read_well() -> None:
    assert [duration(each) for each in (None, 7.4, 65, 3_900, 90_000)] == [
        "–",
        "7 s",
        "1 min 05 s",
        "1 h 05 min",
        "25 h 00 min",
    ]
