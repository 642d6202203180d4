"""Rollouts: where each stands and how it came there, its shadow runs, and tickets by version."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, func, insert, or_, select, update

from activities.adapters.store.audit import mask_digits
from activities.adapters.store.engine import Database, insert_into
from activities.adapters.store.tables import (
    audit,
    rollout_moves,
    rollouts,
    shadow_reports,
    ticket_events,
    tickets,
)
from definitions.releases import Version
from definitions.rollout import Candidate, Rollout, RolloutMove
from domain.audit import AuditEntry
from domain.errors import Conflict
from domain.outcomes import NO_PERSON, TOUCHES, TicketOutcome
from domain.rollout import Stage
from domain.shadow import Agreement, ShadowReport, ShadowTally

_LOCK = "rollouts"
_MOVE = [rollout_moves.c[name] for name in RolloutMove.model_fields]


class SqlRolloutStore:
    """`RolloutStore` in the store's database. Every method raises `StoreUnavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def candidates(self) -> Sequence[Candidate]:
        """Those of open rollouts, the oldest first."""
        query = select(rollouts.c.candidate).where(rollouts.c.is_open).order_by(rollouts.c.number)
        with self._database.reading() as connection:
            return [Candidate.model_validate(each) for each in connection.scalars(query)]

    def rollouts(self, sop_id: str | None = None) -> Sequence[Rollout]:
        """Every rollout of one SOP or of all, in order."""
        heads = select(rollouts).order_by(rollouts.c.number)
        moves = select(rollout_moves).order_by(rollout_moves.c.rollout, rollout_moves.c.number)
        if sop_id is not None:
            heads = heads.where(rollouts.c.sop_id == sop_id)
        with self._database.reading() as connection:
            found = connection.execute(heads).all()
            made: dict[int, list[RolloutMove]] = {each.number: [] for each in found}
            for row in connection.execute(moves.where(rollout_moves.c.rollout.in_(made))).mappings():
                made[row["rollout"]].append(RolloutMove.model_validate(dict(row)))
        return [
            Rollout(
                candidate=Candidate.model_validate(each.candidate),
                published_by=each.published_by,
                published_at=each.published_at,
                moves=tuple(made[each.number]),
            )
            for each in found
        ]

    def start(self, candidate: Candidate, version: Version, why: str) -> Rollout:
        """Opens a rollout under the next number. Raises `Conflict` when one of this SOP is open."""
        with self._database.writing() as connection:
            _take_turn(connection)
            is_open = (rollouts.c.sop_id == candidate.sop.id) & rollouts.c.is_open
            taken = connection.scalar(select(rollouts.c.number).where(is_open))
            if taken is not None:
                raise Conflict(
                    f"rollout {taken} of {candidate.sop.name} is open: bring it to full, or take it back"
                )
            number = (connection.scalar(select(func.max(rollouts.c.number))) or 0) + 1
            candidate = candidate.model_copy(update={"rollout": number})
            move = RolloutMove(
                number=1, by=candidate.by, at=candidate.since, was=None, stage=candidate.stage, why=why
            )
            made = Rollout(
                candidate=candidate,
                published_by=version.published_by,
                published_at=version.published_at,
                moves=(move,),
            )
            connection.execute(
                insert(rollouts).values(
                    number=number,
                    path=candidate.path,
                    sop_id=candidate.sop.id,
                    version=candidate.version,
                    published_by=version.published_by,
                    published_at=version.published_at,
                    candidate=candidate.model_dump(mode="json"),
                    moves=1,
                    is_open=True,
                )
            )
            _add_move(connection, made, move)
        return made

    def move(self, rollout: Rollout, move: RolloutMove, report: Mapping[str, Any] | None = None) -> Rollout:
        """Adds a move, and the run report where it ends the rollout.

        Raises `Conflict` when somebody else moved it meanwhile, or when it has ended.
        """
        moved = rollout.moved(move)
        with self._database.writing() as connection:
            _take_turn(connection)
            is_as_known = (
                (rollouts.c.number == rollout.number)
                & (rollouts.c.moves == len(rollout.moves))
                & rollouts.c.is_open
            )
            kept = connection.execute(
                update(rollouts)
                .where(is_as_known)
                .values(
                    candidate=moved.candidate.model_dump(mode="json"),
                    moves=move.number,
                    is_open=moved.is_open,
                    report=None if report is None else dict(report),
                )
            )
            if kept.rowcount != 1:
                raise Conflict(f"rollout {rollout.number} was moved meanwhile: look at it again")
            _add_move(connection, moved, move)
        return moved

    def report(self, number: int) -> Mapping[str, Any] | None:
        """The run report that a rollout ended with."""
        with self._database.reading() as connection:
            found: dict[str, Any] | None = connection.scalar(
                select(rollouts.c.report).where(rollouts.c.number == number)
            )
        return found

    def record_shadow(self, report: ShadowReport) -> None:
        """Keeps a shadow run; the same again changes nothing."""
        row = {
            "rollout": report.placement.rollout,
            "task_id": report.task_id,
            "agreement": report.agreement.value,
            "saved_touches": report.saved_touches,
            "at": report.at,
            "report": report.model_dump(mode="json"),
        }
        with self._database.writing() as connection:
            connection.execute(
                insert_into(self._database.dialect, shadow_reports).values(row).on_conflict_do_nothing()
            )

    def shadow_tally(self, number: int) -> ShadowTally:
        """How many shadow runs of a rollout agreed."""
        query = (
            select(shadow_reports.c.agreement, func.count(), func.sum(shadow_reports.c.saved_touches))
            .where(shadow_reports.c.rollout == number)
            .group_by(shadow_reports.c.agreement)
        )
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        counts = {agreement: runs for agreement, runs, _ in rows}
        return ShadowTally(
            same=counts.get(Agreement.SAME, 0),
            differs=counts.get(Agreement.DIFFERS, 0),
            failed=counts.get(Agreement.FAILED, 0),
            saved_touches=sum(saved for *_, saved in rows),
        )

    def shadows(self, number: int, *, differing: bool = False, limit: int = 1000) -> Sequence[ShadowReport]:
        """Shadow runs of a rollout, the oldest first; only those that do not agree, if so wanted."""
        query = select(shadow_reports.c.report).where(shadow_reports.c.rollout == number)
        if differing:
            query = query.where(shadow_reports.c.agreement != Agreement.SAME.value)
        query = query.order_by(shadow_reports.c.at, shadow_reports.c.task_id).limit(limit)
        with self._database.reading() as connection:
            return [ShadowReport.model_validate(each) for each in connection.scalars(query)]

    def outcomes(self, sop_id: str, *, rollout: int | None = None) -> Sequence[TicketOutcome]:
        """All tickets of an SOP, and those that a rollout placed wherever they were served."""
        is_wanted = tickets.c.sop_id == sop_id
        if rollout is not None:
            is_wanted = or_(is_wanted, tickets.c.rollout == rollout)
        touches = (
            select(func.count())
            .where(
                ticket_events.c.task_id == tickets.c.task_id,
                ticket_events.c.kind.in_([each.value for each in TOUCHES]),
                ticket_events.c.actor.not_in(NO_PERSON),
            )
            .scalar_subquery()
        )
        columns = [
            tickets.c[name]
            for name in ("sop_id", "sop_version", "sop_digest", "rollout", "state", "opened_at", "closed_at")
        ]
        query = select(
            *columns,
            tickets.c.rollout_arm.label("arm"),
            tickets.c.deadline_at,
            tickets.c.spot_check,
            touches.label("touches"),
        ).where(is_wanted)
        with self._database.reading() as connection:
            rows = connection.execute(query).mappings().all()
        return [TicketOutcome.model_validate(dict(row)) for row in rows]


def _take_turn(connection: Connection) -> None:
    """One change at a time until the transaction ends; SQLite has one writer at all."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(_LOCK))))


def _add_move(connection: Connection, rollout: Rollout, move: RolloutMove) -> None:
    row = {column.name: getattr(move, column.name) for column in _MOVE}
    connection.execute(insert(rollout_moves).values(rollout=rollout.number, **row))
    candidate = rollout.candidate
    action = "rollout.started" if move.was is None else f"rollout.{_ACTIONS[move.stage]}"
    entry = AuditEntry(
        at=move.at,
        actor=move.by,
        action=action,
        reason=mask_digits(move.despite or move.why),
        detail={
            "rollout": rollout.number,
            "path": candidate.path,
            "version": candidate.version,
            "stage": move.stage.value,
            "percent": move.percent,
            **({"despite_the_shadow_runs": True} if move.despite else {}),
        },
    )
    connection.execute(insert(audit).values(entry.model_dump(mode="python")))


_ACTIONS = {
    Stage.SHADOW: "shadowed",
    Stage.PERCENTAGE: "moved",
    Stage.FULL: "completed",
    Stage.WITHDRAWN: "withdrawn",
}
