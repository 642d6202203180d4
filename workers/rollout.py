"""The rollout desk: who may bring a version of an SOP into force step by step, and take it back at once.

What is refused here is audited here; what is done, the store audits itself.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from activities.adapters.store.audit import mask_digits
from activities.ports import AuditLog, RolloutStore, RulesLibrary
from definitions.findings import has_errors, suggestion
from definitions.loader import load_rulebook, parse_sop
from definitions.releases import ChangeSet, Version
from definitions.rollout import ALL, Candidate, Rollout, RolloutMove, candidate_digest
from definitions.schema import Sop
from definitions.sources import DefinitionFiles
from domain.audit import AuditEntry
from domain.clock import BankClock
from domain.errors import Conflict, DefinitionError, DefinitionsMissing, InvalidInput, NotFound, NotPermitted
from domain.handlers import HandlerSpec
from domain.model import Record
from domain.people import Principal, Role
from domain.rollout import Stage
from workers.desk.authority import require
from workers.library_reading import definitions_of
from workers.releases import DefinitionsRefused, ReleaseDesk
from workers.rollout_reading import LEAST_AGREEMENT, LEAST_RUNS, RolloutReading, RolloutShown
from workers.rulebook import NOTHING_RELEASED, Serving

_LONGEST_REASON: Final = 2000
_GENERAL: Final = "other"


class RolloutDone(Record):
    """What a command came to."""

    shown: RolloutShown
    repeated: bool = False
    """It stood there before; nothing was changed."""


class RolloutDesk:
    """Starts, moves and ends rollouts on behalf of a principal. Any thread may use it.

    Every method raises `StoreUnavailable`; those that change something raise `NotPermitted` for who may not.
    """

    def __init__(
        self,
        rollouts: RolloutStore,
        library: RulesLibrary,
        releases: ReleaseDesk,
        *,
        audit: AuditLog,
        handlers: Mapping[str, HandlerSpec],
        serving: Callable[[], Serving],
        reload: Callable[[], object],
        folder: Path,
        clock: BankClock,
        least_runs: int = LEAST_RUNS,
        least_agreement: float = LEAST_AGREEMENT,
    ) -> None:
        """`reload` brings a change into this process at once; the others see it within a second."""
        self._rollouts = rollouts
        self._library = library
        self._releases = releases
        self._audit = audit
        self._handlers = dict(handlers)
        self._serving = serving
        self._reload = reload
        self._folder = folder
        self._clock = clock
        self.reading = RolloutReading(
            rollouts, now=self._now, least_runs=least_runs, least_agreement=least_agreement
        )

    def start(
        self,
        target: str,
        version: int,
        *,
        categories: Sequence[str] = (),
        actions: Sequence[str] = (),
        why: str = "",
        principal: Principal,
    ) -> RolloutDone:
        """Puts a published version of an SOP (its path, id or name) in shadow.

        Raises `NotFound`, `InvalidInput` for one that could serve no ticket, `Conflict` when the version is
        in force or another rollout of the SOP is open, `DefinitionsRefused` when it does not fit the others.
        """
        with self._refusals("rollout.start.refused", principal, target=target[:200], version=version):
            require(principal, Role.AUTHOR, "start rollouts")
            _check_text(why, "why")
            published = self._version(target, version)
            holding = self._holding(published.path, published.number)
            sop, in_force = self._checked(published.path, published.number)
            if sop in in_force:
                raise Conflict(f"version {version} of {published.path} is in force already")
            _check_scope(sop, categories, actions)
            if self._serving().source == "library":
                _alone(published.path, published.number, holding)
            candidate = Candidate(
                rollout=0,
                path=published.path,
                version=published.number,
                sop=sop,
                digest=candidate_digest(sop),
                categories=tuple(dict.fromkeys(categories)),
                actions=tuple(dict.fromkeys(actions)),
                since=self._now(),
                by=principal.id,
            )
            return self._done(self._rollouts.start(candidate, published, why))

    def serve(self, sop: str, percent: int, *, despite: str = "", principal: Principal) -> RolloutDone:
        """Lets the candidate serve this share of its tickets; 0 takes it back into shadow.

        Raises `InvalidInput`, `NotFound`, `NotPermitted` for its publisher (four eyes), `Conflict` while the
        shadow runs do not suffice for a larger share and nothing is said in `despite`, `DefinitionsRefused`.
        """
        with self._refusals("rollout.move.refused", principal, sop=sop[:200], percent=percent):
            require(principal, Role.RELEASER, "let a candidate serve tickets")
            if not 0 <= percent <= ALL:
                raise InvalidInput(f"{percent} is no share; expected 0 to {ALL}", field="percent")
            _check_text(despite, "despite")
            rollout = self._open(sop)
            candidate = rollout.candidate
            self._check_four_eyes(rollout, principal)
            if percent == candidate.share:
                return self._done(rollout, repeated=True)
            ignored = ""
            if percent > candidate.share:
                ignored = self._ignored(rollout, despite)
                self._checked(candidate.path, candidate.version)
            stage = Stage.PERCENTAGE if percent else Stage.SHADOW
            return self._done(self._moved(rollout, stage, percent, principal, despite=ignored))

    def complete(self, sop: str, *, despite: str = "", principal: Principal) -> RolloutDone:
        """Releases the candidate, and ends the rollout with its run report.

        Where a folder is served, the folder has to have this version: it is what tickets are served by.
        Raises as `serve` does, and `Conflict` when another version came into force meanwhile.
        """
        with self._refusals("rollout.complete.refused", principal, sop=sop[:200]):
            require(principal, Role.RELEASER, "bring a candidate into force")
            _check_text(despite, "despite")
            last = self.reading.last(sop)
            if last.candidate.stage is Stage.FULL:
                return self._done(last, repeated=True)
            rollout = self._open(sop)
            self._check_four_eyes(rollout, principal)
            ignored = self._ignored(rollout, despite)
            candidate = rollout.candidate
            if self._serving().source == "library":
                path, number = candidate.path, candidate.version
                change = _alone(path, number, self._holding(path, number))
                released = self._releases.release(change.number, principal=principal)
                if released.repeated:
                    # It was in force once and was rolled back: it comes back the same way.
                    self._releases.roll_back(
                        candidate.path,
                        to=candidate.version,
                        reason="the rollout is complete",
                        principal=principal,
                    )
            else:
                self._check_folder(candidate)
            return self._done(self._moved(rollout, Stage.FULL, ALL, principal, despite=ignored))

    def withdraw(self, sop: str, *, reason: str, principal: Principal) -> RolloutDone:
        """Takes the candidate back: no new ticket runs under it, running ones keep it. Ends the rollout.

        Raises `InvalidInput` without a reason, `NotFound`, `Conflict` when it has ended.
        """
        with self._refusals("rollout.withdraw.refused", principal, sop=sop[:200]):
            require(principal, Role.OPERATOR, "take a candidate back", Role.AUTHOR, Role.RELEASER)
            _check_text(reason, "reason", needed=True)
            return self._done(self._moved(self._open(sop), Stage.WITHDRAWN, 0, principal, why=reason))

    def _moved(
        self,
        rollout: Rollout,
        stage: Stage,
        percent: int,
        principal: Principal,
        *,
        why: str = "",
        despite: str = "",
    ) -> Rollout:
        was = rollout.candidate
        move = RolloutMove(
            number=len(rollout.moves) + 1,
            by=principal.id,
            at=self._now(),
            was=was.stage,
            was_percent=was.percent,
            stage=stage,
            percent=percent,
            why=why,
            despite=despite,
        )
        report = None
        if not stage.is_open:
            report = self.reading.reported(rollout.moved(move)).model_dump(mode="json")
        return self._rollouts.move(rollout, move, report)

    def _done(self, rollout: Rollout, *, repeated: bool = False) -> RolloutDone:
        self._reload()
        return RolloutDone(shown=self.reading.shown(rollout), repeated=repeated)

    def _ignored(self, rollout: Rollout, despite: str) -> str:
        """The reason to go on although the shadow runs do not suffice; empty where they do."""
        objection = self.reading.objection(rollout)
        if objection and not despite.strip():
            raise Conflict(f"{objection}; --despite REASON goes on all the same, and is kept")
        return despite if objection else ""

    def _check_four_eyes(self, rollout: Rollout, principal: Principal) -> None:
        candidate = rollout.candidate
        if principal.id == rollout.published_by:
            raise NotPermitted(
                f"{principal.id} published version {candidate.version} of {candidate.path} "
                "and cannot also let it serve tickets: four eyes"
            )

    def _checked(self, path: str, version: int) -> tuple[Sop, Sequence[Sop]]:
        """The SOP of a version that fits what is in force, and the SOPs in force."""
        files = self._in_force()
        content = self._library.content(path, version)
        if content is None:
            raise InvalidInput(f"version {version} of {path} removes the file", field="version")
        before, _ = load_rulebook(files, self._handlers)
        book, findings = load_rulebook(files.with_changes({path: content.encode()}), self._handlers)
        sop, _ = parse_sop(content, None, file=path)
        if book is None or sop is None:
            errors = [each for each in findings if has_errors([each])]
            raise DefinitionsRefused(
                f"version {version} of {path} does not fit what is in force: " + "; ".join(map(str, errors)),
                errors,
            )
        return sop, before.sops if before else ()

    def _in_force(self) -> DefinitionFiles:
        if self._serving().source == "folder":
            return definitions_of(self._folder)
        in_force = self._library.in_force()
        if not in_force.release:
            raise DefinitionsMissing(NOTHING_RELEASED)
        return in_force.files

    def _check_folder(self, candidate: Candidate) -> None:
        book, _ = load_rulebook(self._in_force(), self._handlers)
        if book is None or candidate.sop not in book.sops:
            raise Conflict(
                f"tickets are served by the folder here: put version {candidate.version} there first "
                f"(`opsloop sop diff {candidate.path} in_force {candidate.version}` shows it), or serve "
                f"{ALL} % from the library"
            )

    def _version(self, target: str, number: int) -> Version:
        path = self._path(target)
        found = next((each for each in self._library.versions(path) if each.number == number), None)
        if found is None:
            raise NotFound(f"the rules library has no version {number} of {path}")
        return found

    def _path(self, target: str) -> str:
        """The file of an SOP, by its path, id or name."""
        latest = {each.path: each for each in self._library.versions() if each.path.startswith("sops/")}
        if target in latest:
            return target
        names: dict[str, str] = {}
        for path, version in latest.items():
            content = self._library.content(path, version.number)
            sop = parse_sop(content, None, file=path)[0] if content is not None else None
            if sop is not None:
                names |= {sop.id: path, sop.name: path}
        if target not in names:
            raise NotFound(
                f"the rules library has no SOP {target[:100]!r}{suggestion(target, [*names, *latest])}; "
                "a rollout begins with `opsloop sop publish`"
            )
        return names[target]

    def _holding(self, path: str, version: int) -> list[ChangeSet]:
        """The change sets with this version. Raises `Conflict` when all of them were withdrawn."""
        published = [
            each
            for each in self._library.change_sets()
            if any((file.path, file.version) == (path, version) for file in each.files)
        ]
        standing = [each for each in published if each.withdrawal is None]
        if not standing:
            raise Conflict(f"version {version} of {path} was withdrawn: publish it again")
        return standing

    def _open(self, sop: str) -> Rollout:
        """The open rollout of an SOP. Raises `Conflict` when it has ended."""
        last = self.reading.last(sop)
        candidate = last.candidate
        if candidate.stage is Stage.FULL:
            raise Conflict(
                f"rollout {last.number} of {candidate.sop.name} has ended, its version is in force: "
                f"`opsloop sop rollback {candidate.path}` goes back"
            )
        if not last.is_open:
            raise Conflict(f"rollout {last.number} of {candidate.sop.name} was withdrawn by {candidate.by}")
        return last

    def _now(self) -> datetime:
        return self._clock.to_bank(datetime.now(UTC))

    @contextlib.contextmanager
    def _refusals(self, action: str, principal: Principal, **detail: object) -> Iterator[None]:
        """Audits what is refused inside."""
        try:
            yield
        except (NotPermitted, InvalidInput, NotFound, Conflict, DefinitionError, DefinitionsMissing) as error:
            self._audit.write(
                AuditEntry(
                    at=self._now(),
                    actor=principal.id,
                    action=action,
                    accepted=False,
                    reason=mask_digits(str(error))[:_LONGEST_REASON],
                    detail=dict(detail),
                )
            )
            raise


def _alone(path: str, version: int, holding: Sequence[ChangeSet]) -> ChangeSet:
    """The change set whose release puts this version, and nothing else, in force."""
    alone = [each for each in holding if len(each.files) == 1]
    if alone:
        return alone[-1]
    raise Conflict(
        f"version {version} of {path} was published together with other files "
        f"(change set {holding[-1].number}): publish it alone, so that it comes into force alone"
    )


def _check_scope(sop: Sop, categories: Sequence[str], actions: Sequence[str]) -> None:
    """Raises `InvalidInput` where a rollout could never serve a ticket."""
    trigger = sop.trigger
    if trigger is None:
        raise InvalidInput(
            f"{sop.name} serves no tickets of its own: roll out an SOP that calls it", field="target"
        )
    if trigger.category == _GENERAL:
        return
    for name, given, served in (
        ("categories", categories, trigger.category),
        ("actions", actions, trigger.action),
    ):
        foreign = [each for each in given if served is not None and each != served]
        if foreign:
            raise InvalidInput(
                f"{sop.name} serves {served} only, not {', '.join(foreign)}: expected {served}, or nothing",
                field=name,
            )


def _check_text(text: str, field: str, *, needed: bool = False) -> None:
    if needed and not text.strip():
        raise InvalidInput(f"{field}: say why", field=field)
    if len(text) > _LONGEST_REASON:
        raise InvalidInput(f"{field}: longer than {_LONGEST_REASON} characters", field=field)
