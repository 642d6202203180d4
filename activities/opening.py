"""Opens a ticket: dispatch, its SOP, its handlers and its SLA, all pinned at this moment."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

import structlog

from activities.catalogue import task
from activities.messages import AgreeAnew, Opening, OpenTicket, ReopenTicket
from activities.ports import RulebookSource
from definitions.book import PinnedSop, Rulebook, pin, with_people
from definitions.rollout import placement, with_candidate
from definitions.schema import ENDINGS, Sop, all_steps, routes_of
from domain.calendar import WorkCalendar
from domain.clock import BankClock
from domain.dispatch.answer import DispatchAnswer
from domain.errors import Conflict, DefinitionError, InvalidInput
from domain.handlers import HandlerSpec
from domain.legal import legal_deadlines
from domain.rollout import Arm, Placement
from domain.sla import SlaPolicy, SlaTerms, agree_terms
from domain.task import OpsTask

_log = structlog.get_logger(__name__)


class _Received(NamedTuple):
    """A ticket, and since when its clocks run."""

    task: OpsTask
    at: datetime


class OpeningActivities:
    """What a ticket is, by the definitions in force when it opens."""

    def __init__(
        self,
        rulebook: RulebookSource,
        handlers: Mapping[str, HandlerSpec],
        clock: BankClock | None = None,
    ) -> None:
        """`clock` is this installation's: a ticket that brought another could choose its own night.

        None takes any clock, for simulations.
        """
        self._rulebook = rulebook
        self._clock = clock
        self._handlers = dict(handlers)

    @task
    def open_ticket(self, request: OpenTicket) -> Opening:
        """Dispatches the ticket and pins the SOP and SLA that hold for it.

        Where a version is rolled out: that one for its share of the tickets, and in shadow for the rest.
        Raises `InvalidInput` for another clock, or without a field that a legal deadline needs;
        `DefinitionError` when no SOP serves it, when its SOP names a handler that nobody has, or when its
        policy names a calendar that is not there: no ticket runs without its clocks.
        """
        if self._clock is not None and request.clock != self._clock:
            raise InvalidInput("clock: is not the clock of this installation; leave it out", field="clock")
        book = self._rulebook.current()
        answer = self._rulebook.dispatch(request.task)
        received = _Received(request.task, request.received_at or request.now)
        rolled_out = self._rolled_out(answer, received, book)
        if rolled_out is None:
            return self._opening(answer, self._sop_for(answer, book), book, received)
        place, candidate = rolled_out
        if place.arm is Arm.CANDIDATE:
            return candidate.model_copy(update={"rollout": place})
        in_force = self._opening(answer, self._sop_for(answer, book), book, received)
        return in_force.model_copy(update={"rollout": place, "shadow": candidate.sop})

    @task
    def reopen_ticket(self, request: ReopenTicket) -> Opening:
        """What a running ticket would pin if it opened now, its dispatch unchanged.

        Raises `Conflict` when another version than the one asked for is in force; `DefinitionError` when
        the SOP is gone.
        """
        before = request.opening
        book = self._rulebook.current()
        sop = next((each for each in book.sops if each.id == before.sop.sop.id), None)
        if sop is None:
            raise DefinitionError(f"there is no SOP {before.sop.sop.id!r} any more")
        opening = self._opening(before.answer, sop, book, _Received(request.task, request.received_at))
        if opening.sop.digest != request.digest:
            raise Conflict(
                f"the version in force is {opening.sop.version} ({opening.sop.digest[:8]}), "
                f"not {request.digest[:8]}"
            )
        return opening

    @task
    def agree_terms_anew(self, request: AgreeAnew) -> SlaTerms:
        """The terms of a running ticket by the policies and calendars in force.

        Its SOP and dispatch are those that it pinned. Raises `DefinitionError` when the policy names a
        calendar that is not there.
        """
        opening, received = request.opening, _Received(request.task, request.received_at)
        return self._terms(opening.answer, opening.sop.sop, self._rulebook.current(), received)

    def _sop_for(self, answer: DispatchAnswer, book: Rulebook) -> Sop:
        try:
            return book.sop_for(answer.category, answer.action)
        except LookupError as error:
            raise DefinitionError(
                f"no SOP serves category {answer.category!r}, action {answer.action!r}: add one to sops/ "
                f"with `trigger: {{category: {answer.category}, action: {answer.action}}}`, "
                "or a general one with `trigger: {category: other}`"
            ) from error

    def _rolled_out(
        self, answer: DispatchAnswer, received: _Received, book: Rulebook
    ) -> tuple[Placement, Opening] | None:
        """The ticket's place in a rollout, and how it would open under the candidate; None for most tickets.

        A candidate that cannot serve the ticket never keeps the version in force from serving it.
        """
        for candidate in book.candidates:
            # One that is in the book is in force already: by its release, or because the folder has it.
            if not candidate.is_for(answer) or candidate.sop in book.sops:
                continue
            with_it = replace(book, sops=with_candidate(book.sops, candidate))
            try:
                if with_it.sop_for(answer.category, answer.action) is not candidate.sop:
                    continue
                opening = self._opening(answer, candidate.sop, with_it, received)
            except LookupError:
                continue
            except (DefinitionError, InvalidInput) as error:
                _log.warning("rollout.cannot_serve", rollout=candidate.rollout, problem=str(error))
                continue
            return placement(candidate, received.task.task_id), opening
        return None

    def _opening(self, answer: DispatchAnswer, sop: Sop, book: Rulebook, received: _Received) -> Opening:
        pinned = pin(sop, with_people(self._handlers, book.human_tasks), book.sops)
        unknown = sorted(set(_unknown_names(pinned)))
        if unknown:
            raise DefinitionError(
                f"SOP {sop.name!r} names {', '.join(unknown)}: expected steps of the SOP, handlers of the "
                "catalogue, entries of policies/human_tasks.yaml, or other SOPs"
            )
        terms = self._terms(answer, sop, book, received)
        return Opening(answer=answer, sop=pinned, sla=terms, timezone=book.duty.timezone)

    def _terms(self, answer: DispatchAnswer, sop: Sop, book: Rulebook, received: _Received) -> SlaTerms:
        policy = book.sla.get(answer.category)
        return agree_terms(
            rule_hours=answer.sla_hours,
            sop_sla=sop.sla,
            policy=policy,
            escalation=sop.escalation,
            calendar=_calendar(policy, book),
            legal=legal_deadlines(
                sop.legal,
                received.task.fields,
                received.at,
                ZoneInfo(book.duty.timezone),
                self._rulebook.is_working_day,
            ),
        )


def _calendar(policy: SlaPolicy | None, book: Rulebook) -> WorkCalendar | None:
    if policy is None or policy.calendar is None:
        return None
    try:
        return book.calendars[policy.calendar]
    except KeyError:
        raise DefinitionError(
            f"the policy for {policy.category} names the calendar {policy.calendar!r}, and there is none: "
            "without it nobody would know when the ticket is late"
        ) from None


def _unknown_names(pinned: PinnedSop) -> Iterator[str]:
    for sop in (pinned.sop, *pinned.called.values()):
        ids = {step.id for _, step in all_steps(sop.steps)} | set(ENDINGS)
        for _, step in all_steps(sop.steps):
            undo = step.compensate.handler if step.compensate else None
            targets = {name for route in routes_of(step).values() for name in route}
            named = {name for name in (step.handler, step.fallback, undo) if name} | (targets - ids)
            yield from named - pinned.handlers.keys()
            if step.call is not None and step.call not in pinned.called:
                yield step.call
