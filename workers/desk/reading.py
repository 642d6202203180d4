"""Reading tickets and reviews: the store's copy, else live from the workflow."""

import asyncio
from collections.abc import Callable
from typing import Literal

import structlog

from activities.ports import TicketReader
from definitions.book import PinnedSop
from domain.errors import NotFound, StoreUnavailable
from domain.lifecycle import ENDS
from domain.model import Record
from domain.review import ReviewRequest
from domain.ticket import TicketEvent, TicketView
from workers.ticket_workflows import TicketWorkflows
from workflows.contract import JOURNAL_QUERY, SOP_QUERY, TIMELINE_QUERY, VIEW_QUERY, JournalView

_log = structlog.get_logger(__name__)


class TicketAsOf(Record):
    """A ticket's state, and how fresh it is."""

    view: TicketView
    as_of: Literal["live", "recorded"]
    """live: the workflow answered just now; recorded: the store's last copy."""


class TimelineAsOf(Record):
    """A ticket's events in order, and how fresh they are."""

    events: tuple[TicketEvent, ...]
    as_of: Literal["live", "recorded"]


class Reading:
    """Shows tickets and reviews."""

    def __init__(
        self,
        workflows: TicketWorkflows,
        reader: TicketReader,
        archived: Callable[[str, str], PinnedSop | None],
    ) -> None:
        """`archived` finds an SOP by its name and digest, without Temporal."""
        self._workflows = workflows
        self._reader = reader
        self._archived = archived

    async def view(self, task_id: str) -> TicketAsOf:
        """A ticket's state: the store's copy, or its workflow's answer where the store has none or is away.

        The workflow records what happened before it waits or orders anything, so that the copy is never
        behind by more than what is under way. A query would ask more of it than it should: one that meets a
        local activity under way can change where that activity's result stands when the run is replayed.

        Raises `NotFound`, and `EngineUnavailable` when neither can tell.
        """
        try:
            recorded = await self.recorded(task_id)
        except StoreUnavailable as error:
            _log.warning("store.unavailable", task_id=task_id, error=str(error))
            recorded = None
        if recorded is not None:
            return TicketAsOf(view=recorded, as_of="recorded")
        live = await self._workflows.query(task_id, VIEW_QUERY, TicketView)
        if live is None:
            raise NotFound(f"there is no ticket {task_id}")
        return TicketAsOf(view=live, as_of="live")

    async def timeline(self, shown: TicketAsOf) -> TimelineAsOf:
        """The events of a ticket that `view` has shown, from the same place. Raises `StoreUnavailable`.

        A run that was continued as new knows only its own events: live, they may begin after the first.
        """
        task_id = shown.view.task.task_id
        if shown.as_of == "live":
            live = await self._workflows.query(task_id, TIMELINE_QUERY, list[TicketEvent])
            if live is not None:
                return TimelineAsOf(events=tuple(live), as_of="live")
        return TimelineAsOf(events=await self.recorded_events(task_id), as_of="recorded")

    async def sop(self, shown: TicketAsOf) -> PinnedSop:
        """The SOP that a ticket which `view` has shown keeps, also after it has ended.

        From its workflow; where Temporal no longer has its history, from the definitions that are served or
        were published, by the digest that the ticket recorded. Raises `NotFound` before the ticket is open
        and where neither has it, `EngineUnavailable` and `StoreUnavailable`.
        """
        view, task_id = shown.view, shown.view.task.task_id
        # A union is no class, but it is what the payload converter takes.
        answer: type[PinnedSop | None] = PinnedSop | None  # type: ignore[assignment]
        pinned = await self._workflows.query(task_id, SOP_QUERY, answer)
        if pinned is None and not view.sop_digest:
            raise NotFound(f"ticket {task_id} has no SOP to show: it is not open yet")
        if pinned is None:
            pinned = await asyncio.to_thread(self._archived, view.sop, view.sop_digest)
        if pinned is None:
            raise NotFound(
                f"the SOP of ticket {task_id} is not kept any more: Temporal has no history of it, and "
                f"version {view.sop_version} of {view.sop} (digest {view.sop_digest[:12]}) is neither served "
                "nor in the rules library"
            )
        return pinned

    async def journal(self, task_id: str) -> JournalView | None:
        """What a ticket has done under which SOP, live; None before it is open, and for a stranger.

        Raises `EngineUnavailable`.
        """
        # A union is no class, but it is what the payload converter takes.
        answer: type[JournalView | None] = JournalView | None  # type: ignore[assignment]
        return await self._workflows.query(task_id, JOURNAL_QUERY, answer)

    async def review(self, review_id: str) -> ReviewRequest:
        """A review, open or decided. Raises `NotFound`."""
        review = await asyncio.to_thread(self._reader.review, review_id)
        if review is None:
            raise NotFound(f"there is no review {review_id}")
        return review

    async def recorded(self, task_id: str) -> TicketView | None:
        """The store's copy of a ticket. Raises `StoreUnavailable`."""
        return await asyncio.to_thread(self._reader.view, task_id)

    async def recorded_events(self, task_id: str) -> tuple[TicketEvent, ...]:
        """The store's copy of a ticket's events, in order. Raises `StoreUnavailable`."""
        return tuple(await asyncio.to_thread(self._reader.timeline, task_id))

    async def how_it_ended(self, task_id: str, otherwise: str) -> str:
        """How a ticket ended, else `otherwise`. Raises `NotFound` when nobody knows the ticket."""
        recorded = await self.recorded(task_id)
        if recorded is None:
            raise NotFound(f"there is no ticket {task_id}")
        if recorded.state not in ENDS:
            return otherwise
        when = f" at {recorded.closed_at.isoformat(timespec='seconds')}" if recorded.closed_at else ""
        return f"ticket {task_id} ended as {recorded.state}{when}"

    async def check(self) -> None:
        """Raises `EngineUnavailable` or `StoreUnavailable` unless both Temporal and the store answer."""
        await self._workflows.check()
        await asyncio.to_thread(self._reader.tickets, limit=1)
