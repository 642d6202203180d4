"""What the patrol needs of the outside world."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from domain.patrol import Finding, OpenTicket, PatrolReport


class PatrolStore(Protocol):
    """The read model as an auditor reads it. Every method raises `StoreUnavailable`."""

    def overdue(self, before: datetime, *, most: int) -> Sequence[OpenTicket]:
        """Open tickets whose next deadline was before this instant, the longest ago first."""

    def open_tickets(self, after: str, *, most: int) -> Sequence[OpenTicket]:
        """Open tickets by id, those behind `after`."""

    def open_among(self, task_ids: Collection[str]) -> set[str]:
        """Those of these tickets that the store has as open."""

    def open_by_group(self) -> Mapping[str, int]:
        """How many tickets are open in each group."""

    def keep(self, report: PatrolReport) -> None:
        """Keeps a report; the oldest ones give way."""

    def reports(self, *, limit: int = 20) -> Sequence[PatrolReport]:
        """The last reports, the latest first."""


class PatrolEngine(Protocol):
    """Temporal as an auditor sees it.."""

    def running_tickets(self) -> AsyncIterator[tuple[str, datetime]]:
        """Ids of tickets whose workflow runs, with its real start."""

    async def is_running(self, task_id: str) -> bool:
        """Whether a ticket's workflow runs, asked of the workflow itself: lists lag behind."""

    async def why_stuck(self, task_id: str) -> str:
        """Why a ticket's workflow stands still, in words; empty when it does not."""

    async def silent_queues(self) -> Sequence[Finding]:
        """The queues that no worker has asked lately."""

    async def review_terms(self, task_id: str) -> bool | None:
        """Has a ticket hold its terms against the policies in force; whether something changed.

        None: it did not answer.
        """


class Heartbeat(Protocol):
    """Somebody outside who notices silence."""

    async def beat(self) -> str:
        """Says that all is well; what went wrong with saying so, or nothing."""
