"""The ticket desk: what signed-in people and services can do with tickets, over Temporal and the store.

API, CLI and web desk come through here, so authority, four eyes and the audit of refusals are in one place.
Whatever a workflow refuses it records itself; what is refused at this door is audited here.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, Protocol

import structlog
from temporalio.client import Client

from activities.ports import AuditLog, IntakeRegister, TicketReader
from domain.audit import AuditEntry
from domain.clock import BankClock
from domain.digest import digest_of
from domain.errors import Conflict, InvalidInput, NotFound, NotPermitted, OpsloopError, StoreUnavailable
from domain.lifecycle import ENDS
from domain.model import Instant, Record
from domain.people import Directory, Principal, Role
from domain.review import Decision, DecisionOutcome, ReviewRequest, Verb, objection
from domain.ticket import EventKind, TicketEvent, TicketView
from workers.ticket_request import TicketRequest
from workers.ticket_workflows import LATE, EngineUnavailable, MessageRefused, TicketWorkflows
from workflows.contract import (
    COMMANDS,
    DECIDE_UPDATE,
    TIMELINE_QUERY,
    VIEW_QUERY,
    Command,
    CommandOutcome,
    TicketInput,
    command_content,
    workflow_id,
)

_CLOCK_SKEW: Final = timedelta(seconds=5)

_log = structlog.get_logger(__name__)


class CodeIssuer(Protocol):
    """Gives decision codes to people who are signed in."""

    def issue(self, principal_id: str, purpose: str, subject: str, digest: str) -> str:
        """A short-lived code, bound to the principal, the purpose, the subject and the content."""


class Receipt(Record):
    """What whoever hands a ticket in gets back."""

    task_id: str
    workflow_id: str
    received_at: Instant
    """Bank time from which the SLA runs."""
    repeated: bool = False
    """The same ticket had been handed in before; nothing new was started."""


class TicketAsOf(Record):
    """A ticket's state, and how fresh it is."""

    view: TicketView
    as_of: Literal["live", "recorded"]
    """live: the workflow answered just now; recorded: the store's last copy."""


class TimelineAsOf(Record):
    """A ticket's events in order, and how fresh they are."""

    events: tuple[TicketEvent, ...]
    as_of: Literal["live", "recorded"]


class IssuedCode(Record):
    """A decision code, with the review that it is bound to as it was shown."""

    code: str
    review: ReviewRequest
    digest: str


def require(principal: Principal, role: Role, what: str) -> None:
    """Raises `NotPermitted` unless the principal holds the role or is an administrator."""
    if not (principal.may(role) or principal.may(Role.ADMIN)):
        raise NotPermitted(f"{principal.id} may not {what}: that needs the role {role}")


def reads_all(principal: Principal) -> bool:
    """Whether the principal may read every ticket: everybody but pure intake services."""
    return principal.roles != {Role.INTAKE}


class TicketDesk:
    """Starts, shows, decides and commands tickets on behalf of a principal."""

    def __init__(
        self,
        client: Client,
        *,
        reader: TicketReader,
        intake: IntakeRegister,
        audit: AuditLog,
        codes: CodeIssuer,
        clock: BankClock,
        directory: Callable[[], Directory],
    ) -> None:
        self._workflows = TicketWorkflows(client)
        self._reader = reader
        self._intake = intake
        self._audit = audit
        self._codes = codes
        self._clock = clock
        self._directory = directory

    async def submit(self, request: TicketRequest, principal: Principal) -> Receipt:
        """Hands a ticket in, once: its place is reserved, its workflow is started, the start is noted.

        Where the start fails the place stays reserved, so that the repeat goes on from there. Raises
        `NotPermitted`, `InvalidInput` (a future `created_at`), `Conflict` (the same source and external
        id with other content), `EngineUnavailable` and `StoreUnavailable`.
        """
        task = request.task()
        now = self._now()
        try:
            require(principal, Role.INTAKE, "hand in tickets")
            if task.created_at and task.created_at > now + _CLOCK_SKEW:
                raise InvalidInput(
                    f"created_at {task.created_at.isoformat()} is in the future "
                    f"(the bank's clock shows {now.isoformat(timespec='seconds')})",
                    field="created_at",
                )
        except OpsloopError as error:
            await self._refuse("intake.refused", principal, str(error))
            raise
        try:
            received_at = await asyncio.to_thread(
                self._intake.reserve,
                task=task,
                maker=principal.id,
                # With the principal in it, no repeat can change the maker that four eyes rely on.
                body_digest=digest_of([principal.id, request.digest]),
                received_at=min(task.created_at or now, now),
            )
        except Conflict as error:
            message = (
                f"this source and external_id were handed in before with other content, or by somebody else, "
                f"as {task.task_id}; "
                "nothing was changed"
            )
            await self._refuse("intake.conflict", principal, message, task_id=task.task_id)
            raise Conflict(message) from error
        repeated = await asyncio.to_thread(self._intake.acknowledged, task.task_id)
        if not repeated:
            ticket = TicketInput(task=task, maker=principal.id, received_at=received_at, clock=self._clock)
            repeated = await self._workflows.start(ticket)
            await self._note_start(task.task_id)
        return Receipt(
            task_id=task.task_id,
            workflow_id=workflow_id(task.task_id),
            received_at=received_at,
            repeated=repeated,
        )

    async def decide(
        self,
        review_id: str,
        *,
        verb: Verb,
        choice: str | None,
        reason: str,
        digest: str,
        principal: Principal,
    ) -> DecisionOutcome:
        """Answers a review; `digest` is that of what the person was shown.

        A refusal is an outcome with `accepted` false and a stable code (`not_permitted`, `four_eyes`,
        `content_changed`, `late`, `choice_missing`, `reason_missing` …). Raises `NotFound`,
        `EngineUnavailable` and `StoreUnavailable`.
        """
        review = await self.review(review_id)
        decision = Decision(review_id=review_id, verb=verb, choice=choice, reason=reason)
        refusal = await self._objection(review, decision, principal)
        if refusal is None and digest != review.digest:
            refusal = (
                "content_changed",
                "the review is not what was shown (its digest differs): read it again, then decide",
            )
        if refusal is None:
            code = self._codes.issue(principal.id, "decide", review_id, review.digest)
            signed = decision.model_copy(update={"code": code})
            try:
                return await self._workflows.update(review.task_id, DECIDE_UPDATE, signed, DecisionOutcome)
            except MessageRefused as error:
                late = error.refusal == LATE
                refusal = (error.refusal, await self._late(review, str(error)) if late else str(error))
        await self._refuse(
            "decision.refused",
            principal,
            refusal[1],
            task_id=review.task_id,
            review_id=review_id,
            verb=verb.value,
            code=refusal[0],
        )
        return DecisionOutcome(
            review_id=review_id,
            accepted=False,
            code=refusal[0],
            message=refusal[1],
            decided_by=principal.id,
        )

    async def decision_code(self, review_id: str, principal: Principal) -> IssuedCode:
        """A code with which this principal can answer the review from elsewhere (the Temporal UI).

        Raises `NotFound`, and `NotPermitted` when the principal's answer could not count.
        """
        review = await self.review(review_id)
        probe = Decision(
            review_id=review_id, verb=Verb.APPROVE, choice=review.choices[0] if review.choices else None
        )
        refusal = await self._objection(review, probe, principal)
        if refusal:
            await self._refuse(
                "code.refused", principal, refusal[1], task_id=review.task_id, review_id=review_id
            )
            raise NotPermitted(refusal[1])
        await self._write(
            AuditEntry(
                at=self._now(),
                actor=principal.id,
                action="code.issued",
                task_id=review.task_id,
                detail={"review_id": review_id, "digest": review.digest},
            )
        )
        code = self._codes.issue(principal.id, "decide", review_id, review.digest)
        return IssuedCode(code=code, review=review, digest=review.digest)

    async def command(
        self, verb: str, task_id: str, *, reason: str, group: str | None, principal: Principal
    ) -> CommandOutcome:
        """Gives an operator's command (`workflows.contract.COMMANDS`) to a ticket.

        The workflow's own refusal is an outcome with `accepted` false. Raises `NotPermitted`,
        `InvalidInput` (an unknown verb or group), `NotFound`, `Conflict` (the ticket has ended),
        `EngineUnavailable` and `StoreUnavailable`.
        """
        try:
            require(principal, Role.OPERATOR, f"{verb.replace('_', ' ')} tickets")
            self._check_command(verb, group)
            command = Command(reason=reason, group=group)
            digest = digest_of(command_content(verb, task_id, command))
            code = self._codes.issue(principal.id, f"command:{verb}", task_id, digest)
            signed = command.model_copy(update={"code": code})
            return await self._workflows.update(task_id, verb, signed, CommandOutcome)
        except MessageRefused as error:
            late = error.refusal == LATE
            message = await self._ended(task_id, str(error)) if late else str(error)
            await self._refuse(f"command.{verb}.refused", principal, message, task_id=task_id)
            if error.refusal == NotPermitted.code:
                raise NotPermitted(message) from error
            raise Conflict(message) from error
        except (NotPermitted, InvalidInput) as error:
            await self._refuse(f"command.{verb}.refused", principal, str(error), task_id=task_id)
            raise

    async def view(self, task_id: str) -> TicketAsOf:
        """A ticket's state: from its workflow, or the store's copy where that is final or all there is.

        Raises `NotFound`, and `EngineUnavailable` when neither can tell.
        """
        recorded = await self._recorded(task_id)
        if recorded and recorded.state in ENDS:
            return TicketAsOf(view=recorded, as_of="recorded")
        try:
            live = await self._workflows.query(task_id, VIEW_QUERY, TicketView)
        except EngineUnavailable:
            if recorded is None:
                raise
            live = None
        if live is not None:
            return TicketAsOf(view=live, as_of="live")
        if recorded is None:
            raise NotFound(f"there is no ticket {task_id}")
        return TicketAsOf(view=recorded, as_of="recorded")

    async def timeline(self, shown: TicketAsOf) -> TimelineAsOf:
        """The events of a ticket that `view` has shown, from the same place. Raises `StoreUnavailable`."""
        task_id = shown.view.task.task_id
        if shown.as_of == "live":
            try:
                live = await self._workflows.query(task_id, TIMELINE_QUERY, list[TicketEvent])
            except EngineUnavailable:
                live = None
            if live is not None:
                return TimelineAsOf(events=tuple(live), as_of="live")
        events = await asyncio.to_thread(self._reader.timeline, task_id)
        return TimelineAsOf(events=tuple(events), as_of="recorded")

    async def review(self, review_id: str) -> ReviewRequest:
        """A review, open or decided. Raises `NotFound`."""
        review = await asyncio.to_thread(self._reader.review, review_id)
        if review is None:
            raise NotFound(f"there is no review {review_id}")
        return review

    async def check(self) -> None:
        """Raises `EngineUnavailable` or `StoreUnavailable` unless both Temporal and the store answer."""
        await self._workflows.check()
        await asyncio.to_thread(self._reader.tickets, limit=1)

    def _now(self) -> datetime:
        return self._clock.to_bank(datetime.now(UTC))

    async def _note_start(self, task_id: str) -> None:
        """Notes that the workflow is durable. It is so even when the note fails; a repeat mends the note."""
        try:
            await asyncio.to_thread(self._intake.acknowledge, task_id)
        except StoreUnavailable as error:
            _log.warning("intake.acknowledge_failed", task_id=task_id, error=str(error))

    async def _recorded(self, task_id: str) -> TicketView | None:
        """The store's copy; a store that does not answer counts as having none, for the workflow may."""
        try:
            return await asyncio.to_thread(self._reader.view, task_id)
        except StoreUnavailable as error:
            _log.warning("store.unavailable", task_id=task_id, error=str(error))
            return None

    async def _objection(
        self, review: ReviewRequest, decision: Decision, principal: Principal
    ) -> tuple[str, str] | None:
        """What can be seen from here against this answer; the workflow knows more hands and checks again."""
        recorded = await asyncio.to_thread(self._reader.view, review.task_id)
        makers = {recorded.maker} if recorded else set()
        if principal.may(Role.ADMIN) and principal.id in makers:
            return "four_eyes", f"{principal.id} handed this ticket in and cannot also approve it: four eyes"
        return objection(review, decision, principal, makers)

    def _check_command(self, verb: str, group: str | None) -> None:
        if verb not in COMMANDS:
            raise InvalidInput(f"{verb!r} is not a command; expected one of {', '.join(COMMANDS)}")
        if verb != "reassign":
            if group is not None:
                raise InvalidInput("group belongs to reassign only", field="group")
            return
        directory = self._directory()
        if group is None or directory.group(group) is None:
            names = ", ".join(each.name for each in directory.groups)
            problem = "reassign needs a group" if group is None else f"there is no group {group!r}"
            raise InvalidInput(f"{problem}; expected one of: {names}", field="group")

    async def _late(self, review: ReviewRequest, otherwise: str) -> str:
        """What became of a review whose ticket no longer runs."""
        events = await asyncio.to_thread(self._reader.timeline, review.task_id)
        decided = next(
            (
                event.data
                for event in events
                if event.kind is EventKind.REVIEW_DECIDED and event.data.get("review_id") == review.review_id
            ),
            None,
        )
        ended = await self._ended(review.task_id, otherwise)
        if decided is None:
            return f"too late: {ended}"
        return f"too late: it was decided before ({decided.get('verb')} by {decided.get('by')}), and {ended}"

    async def _ended(self, task_id: str, otherwise: str) -> str:
        """How a ticket ended. Raises `NotFound` when nobody knows the ticket."""
        recorded = await asyncio.to_thread(self._reader.view, task_id)
        if recorded is None:
            raise NotFound(f"there is no ticket {task_id}")
        if recorded.state not in ENDS:
            return otherwise
        when = f" at {recorded.closed_at.isoformat(timespec='seconds')}" if recorded.closed_at else ""
        return f"ticket {task_id} ended as {recorded.state}{when}"

    async def _refuse(
        self, action: str, principal: Principal, reason: str, task_id: str = "", **detail: str
    ) -> None:
        await self._write(
            AuditEntry(
                at=self._now(),
                actor=principal.id,
                action=action,
                task_id=task_id,
                accepted=False,
                reason=reason,
                detail=detail,
            )
        )

    async def _write(self, entry: AuditEntry) -> None:
        await asyncio.to_thread(self._audit.write, entry)
