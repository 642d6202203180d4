"""What can be told of rollouts: where each stands, its versions side by side, its run report."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from activities.ports import RolloutStore
from definitions.findings import suggestion
from definitions.rollout import Rollout, objection_to_serving
from definitions.run_report import MOST_DIFFERENCES, RunReport, run_report, scenario_of
from domain.errors import NotFound
from domain.model import Record
from domain.outcomes import VersionCounts, counts_by_version
from domain.shadow import ShadowTally

LEAST_RUNS: Final = 20
LEAST_AGREEMENT: Final = 0.95
_SAMPLE: Final = 1000


class RolloutShown(Record):
    """Where a rollout stands, and what became of the tickets of each version of its SOP."""

    rollout: Rollout
    scenario: str
    shadow: ShadowTally
    agreement: float | None
    """Share of the shadow runs that agree; None before the first."""
    objection: str
    """Why the shadow runs do not suffice for more; empty when they do."""
    versions: tuple[VersionCounts, ...]
    """Of all tickets of the SOP, and of those that the rollout placed."""


class RolloutReading:
    """Answers questions about rollouts; changes nothing. Every method raises `StoreUnavailable`."""

    def __init__(
        self,
        rollouts: RolloutStore,
        *,
        now: Callable[[], datetime],
        least_runs: int = LEAST_RUNS,
        least_agreement: float = LEAST_AGREEMENT,
    ) -> None:
        """`now` gives bank time. The shadow runs suffice when so many are there, and such a share agrees."""
        self._rollouts = rollouts
        self._now = now
        self._least_runs = least_runs
        self._least_agreement = least_agreement

    def status(self, sop: str | None = None) -> list[RolloutShown]:
        """The rollouts of one SOP, the latest first, or of every SOP the latest one. Raises `NotFound`."""
        if sop is not None:
            return [self.shown(each) for each in reversed(self._all(sop))]
        latest = {each.candidate.sop.id: each for each in self._rollouts.rollouts()}
        return [self.shown(each) for each in latest.values()]

    def report(self, sop: str) -> RunReport:
        """The run report of the SOP's latest rollout, or of rollout number `sop`.

        That of one that has ended is the one that was made then. Raises `NotFound`.
        """
        rollout = self.last(sop)
        kept = self._rollouts.report(rollout.number)
        return RunReport.model_validate(kept) if kept is not None else self.reported(rollout)

    def shown(self, rollout: Rollout) -> RolloutShown:
        """A rollout with all that is counted of it."""
        tally = self._rollouts.shadow_tally(rollout.number)
        outcomes = self._rollouts.outcomes(rollout.candidate.sop.id, rollout=rollout.number)
        return RolloutShown(
            rollout=rollout,
            scenario=scenario_of(rollout),
            shadow=tally,
            agreement=tally.agreement,
            objection=self._objection(tally) if rollout.is_open else "",
            versions=tuple(counts_by_version(outcomes, self._now(), rollout.number)),
        )

    def reported(self, rollout: Rollout) -> RunReport:
        """The run report as of now."""
        number = rollout.number
        return run_report(
            rollout,
            outcomes=self._rollouts.outcomes(rollout.candidate.sop.id, rollout=number),
            tally=self._rollouts.shadow_tally(number),
            differing=self._rollouts.shadows(number, differing=True, limit=MOST_DIFFERENCES),
            sample=self._rollouts.shadows(number, limit=_SAMPLE),
            now=self._now(),
        )

    def objection(self, rollout: Rollout) -> str:
        """Why the shadow runs do not suffice for the candidate to serve more; empty when they do."""
        return self._objection(self._rollouts.shadow_tally(rollout.number))

    def last(self, sop: str) -> Rollout:
        """The latest rollout of an SOP (id, name or path), or the one with this number. Raises `NotFound`."""
        return self._all(sop)[-1]

    def _objection(self, tally: ShadowTally) -> str:
        return objection_to_serving(tally, least_runs=self._least_runs, least_agreement=self._least_agreement)

    def _all(self, sop: str) -> list[Rollout]:
        every = self._rollouts.rollouts()
        found = [
            each
            for each in every
            if sop in (each.candidate.sop.id, each.candidate.sop.name, each.candidate.path, str(each.number))
        ]
        if not found:
            known = {name for each in every for name in (each.candidate.sop.id, each.candidate.path)}
            raise NotFound(f"there was never a rollout of {sop[:100]!r}{suggestion(sop, known)}")
        return found
