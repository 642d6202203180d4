"""What the duty gate and spot checks need of the outside world."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from domain.spot_check import CheckOutcome, CheckState, ListedCheck, SpotCheck, SpotCheckPolicy
from domain.standing import DutyOverride, Standing, Withdrawal
from domain.ticket import TicketView


class StandingSource(Protocol):
    """What is in force beside the duty policy."""

    def standing(self, at: datetime) -> Standing:
        """The override and the withdrawals at this instant. It is asked at each decision of the gate.

        Raises `StoreUnavailable`.
        """


class DutyBook(StandingSource, Protocol):
    """Overrides of the duty mode and withdrawn authority, with who and why. Every change is audited.

    Every method raises `StoreUnavailable`.
    """

    def overrides(self, limit: int = 50) -> Sequence[DutyOverride]:
        """The latest overrides, the newest first."""

    def set_override(
        self, *, mode: str, since: datetime, until: datetime, reason: str, by: str
    ) -> DutyOverride:
        """Puts a mode in force; an override that holds at `since` ends there."""

    def clear_override(self, *, at: datetime, reason: str, by: str) -> DutyOverride:
        """Ends the override that holds. Raises `NotFound` when there is none."""

    def withdrawals(self, *, open_only: bool = False) -> Sequence[Withdrawal]:
        """Withdrawals of automatic authority, the newest first."""

    def restore(self, kind: str, *, at: datetime, reason: str, by: str) -> Withdrawal:
        """Gives a kind its automatic authority back. Raises `NotFound` when it is not withdrawn."""


class MarkedTickets(Protocol):
    """Tickets that did something by themselves that is to be checked."""

    def marked(self, *, after: str = "", limit: int = 100) -> Sequence[tuple[TicketView, datetime]]:
        """Those that have ended and that no draw has decided on, by id, each with when it was marked."""

    def hands(self, task_id: str) -> Sequence[str]:
        """Who worked on a ticket: the people among the actors of its events."""


class SpotCheckBook(MarkedTickets, Protocol):
    """The queue of spot checks and their outcomes. Every method raises `StoreUnavailable`."""

    def leave_out(self, check: SpotCheck) -> None:
        """Notes that the share left a ticket out; nothing changes where it was decided on."""

    def open(self, check: SpotCheck) -> None:
        """Puts a check into the queue, with its audit; once, however often it is told."""

    def close(self, outcome: CheckOutcome, policy: SpotCheckPolicy) -> Withdrawal | None:
        """Keeps an outcome, with its audit, and withdraws the kind's authority where that means it.

        The same again changes nothing and answers the same.
        """

    def checks(
        self, *, state: CheckState | None = None, group: str | None = None, limit: int = 200
    ) -> Sequence[ListedCheck]:
        """Checks: open ones first, by when they are due, then the latest others."""

    def check(self, task_id: str) -> ListedCheck | None:
        """The check of a ticket."""
