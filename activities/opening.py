"""Opens a ticket: dispatch, its SOP, its handlers and its SLA, all pinned at this moment."""

from collections.abc import Iterator, Mapping

from activities.catalogue import task
from activities.messages import Opening, OpenTicket
from activities.ports import RulebookSource
from definitions.book import PinnedSop, pin, with_people
from domain.clock import BankClock
from domain.errors import DefinitionError, InvalidInput
from domain.handlers import HandlerSpec
from domain.sla import agree_terms


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

        Raises `InvalidInput` for another clock; `DefinitionError` when no SOP serves it, or when its
        SOP names a handler that nobody has.
        """
        if self._clock is not None and request.clock != self._clock:
            raise InvalidInput("clock: is not the clock of this installation; leave it out", field="clock")
        book = self._rulebook.current()
        answer = self._rulebook.dispatch(request.task)
        try:
            sop = book.sop_for(answer.category, answer.action)
        except LookupError as error:
            raise DefinitionError(
                f"no SOP serves category {answer.category!r}, action {answer.action!r}: add one to sops/ "
                f"with `trigger: {{category: {answer.category}, action: {answer.action}}}`, "
                "or a general one with `trigger: {category: other}`"
            ) from error
        pinned = pin(sop, with_people(self._handlers, book.human_tasks))
        unknown = sorted(set(_unknown_names(pinned)))
        if unknown:
            raise DefinitionError(
                f"SOP {sop.name!r} names {', '.join(unknown)}: expected steps of the SOP, handlers of the "
                "catalogue, or entries of policies/human_tasks.yaml"
            )
        terms = agree_terms(
            rule_hours=answer.sla_hours,
            sop_sla=sop.sla,
            policy=book.sla.get(answer.category),
            escalation=sop.escalation,
        )
        return Opening(answer=answer, sop=pinned, sla=terms, timezone=book.duty.timezone)


def _unknown_names(pinned: PinnedSop) -> Iterator[str]:
    for step in pinned.sop.steps:
        for name in (step.handler, step.fallback):
            if name is not None and name not in pinned.handlers:
                yield name
        for targets in (step.branch or {}).values():
            for name in targets:
                if name not in pinned.handlers and pinned.sop.step(name) is None:
                    yield name
