"""Rollouts for tests: a candidate in the store, and the same behind a rulebook that is a fake."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from activities.adapters.store import Store
from definitions.rollout import Candidate, Rollout, RolloutMove, candidate_digest
from definitions.schema import Sop
from domain.clock import BankClock
from domain.lifecycle import TicketState
from domain.rollout import Arm, Placement, Stage
from domain.shadow import Agreement, RunAccount, ShadowReport
from domain.task import RiskLevel
from tests.fakes.catalogue import CODE
from tests.fakes.rulebook import FakeRulebook
from tests.support.rules_library import FREEZE, LibraryOffice, library_office, person
from workers.candidates import RulebookWithCandidates
from workers.rollout import RolloutDesk, RolloutDone
from workers.rulebook import RulebookFiles

START = datetime(2026, 11, 23, 9, tzinfo=UTC)


def a_candidate(sop: Sop | Mapping[str, Any], **changes: Any) -> Candidate:
    """Version 1 of an SOP, in shadow."""
    made = sop if isinstance(sop, Sop) else Sop.model_validate(sop)
    given = {
        "rollout": 1,
        "path": f"sops/{made.id}.yaml",
        "version": 1,
        "sop": made,
        "digest": candidate_digest(made),
        "since": START,
        "by": "author",
    }
    return Candidate.model_validate(given | changes)


def begun(store: Store, sop: Sop | Mapping[str, Any], **changes: Any) -> Rollout:
    """A rollout of a version that was published in the store's library."""
    candidate = a_candidate(sop, **changes)
    text = yaml.safe_dump(candidate.sop.model_dump(mode="json"))
    onto = store.library.last_release()
    store.library.publish({candidate.path: text}, note="", by="author", onto=onto)
    version = store.library.versions(candidate.path)[-1]
    return store.rollouts.start(
        candidate.model_copy(update={"version": version.number}), version, "to be tried"
    )


def moved(store: Store, rollout: Rollout, stage: Stage, percent: int = 0, by: str = "releaser") -> Rollout:
    """The rollout at another stage."""
    was = rollout.candidate
    move = RolloutMove(
        number=len(rollout.moves) + 1,
        by=by,
        at=START,
        was=was.stage,
        was_percent=was.percent,
        stage=stage,
        percent=percent,
        why="in the test",
    )
    return store.rollouts.move(rollout, move, None if stage.is_open else {"report": "of the test"})


def served_with(rulebook: FakeRulebook, store: Store) -> None:
    """The rulebook with the store's candidates, as the next second brings them."""
    rulebook.book = replace(rulebook.book, candidates=tuple(store.rollouts.candidates()))


@dataclass(frozen=True)
class RolloutOffice:
    """A bank that releases its definitions, and rolls them out."""

    library: LibraryOffice
    served: RulebookWithCandidates
    desk: RolloutDesk

    @property
    def store(self) -> Store:
        """The store behind both."""
        return self.library.store

    def publish(self, text: str, by: str = "author", path: str = FREEZE) -> int:
        """Publishes a file alone; its version."""
        change = self.library.publish({path: text}, by).change_set
        assert change is not None
        return change.files[0].version

    def start(self, target: str = FREEZE, version: int = 2, by: str = "author", **more: Any) -> RolloutDone:
        return self.desk.start(target, version, principal=person(by), **more)

    def serve(
        self, percent: int, sop: str = "freeze", by: str = "releaser", despite: str = ""
    ) -> RolloutDone:
        return self.desk.serve(sop, percent, despite=despite, principal=person(by))

    def complete(self, sop: str = "freeze", by: str = "releaser", despite: str = "") -> RolloutDone:
        return self.desk.complete(sop, despite=despite, principal=person(by))

    def withdraw(self, sop: str = "freeze", by: str = "bob", reason: str = "it was wrong") -> RolloutDone:
        return self.desk.withdraw(sop, reason=reason, principal=person(by))

    def shadow_runs(self, same: int, differs: int = 0, rollout: int = 1) -> None:
        """Writes down shadow runs."""
        run = RunAccount(
            sop="freeze", version="1", digest="d", state=TicketState.COMPLETED, risk=RiskLevel.LOW
        )
        for number in range(same + differs):
            self.store.rollouts.record_shadow(
                ShadowReport(
                    placement=Placement(
                        rollout=rollout, arm=Arm.IN_FORCE, stage=Stage.SHADOW, percent=0, version=2
                    ),
                    task_id=f"T{number}",
                    category="accounts",
                    action="freeze",
                    at=START,
                    agreement=Agreement.SAME if number < same else Agreement.DIFFERS,
                    reasons=() if number < same else ("it ended completed",),
                    real=run,
                    shadow=run,
                )
            )


@contextmanager
def rollout_office(folder: Path, store_url: str, *, from_folder: bool = False) -> Iterator[RolloutOffice]:
    """An office whose whole folder is in force. `from_folder` serves the folder, as the embedded run does."""
    with library_office(folder, store_url) as library:
        library.put_in_force(library.everything())
        library.served.reload()
        source = RulebookFiles(folder, CODE) if from_folder else library.served
        served = RulebookWithCandidates(source, library.store.rollouts)
        desk = RolloutDesk(
            library.store.rollouts,
            library.store.library,
            library.desk,
            audit=library.store.audit,
            handlers=CODE,
            serving=served.serving,
            reload=served.reload,
            folder=folder,
            clock=BankClock(),
        )
        yield RolloutOffice(library, served, desk)
